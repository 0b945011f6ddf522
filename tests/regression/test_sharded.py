"""The kernel matrix parted among devices and processes is the matrix itself."""

import json
import os
import pickle
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import InputError
from roughntk.regression.operator import KernelOperator

NTK = rn.kernels.ReluNTK()

EIGHT = """
import json
import jax, numpy as np
import roughntk as rn
X, V = rn.sphere.uniform(101, 5, 0), np.random.default_rng(1).normal(size=(101, 3))
K = rn.kernels.ReluNTK()(X, depth=30)
operator = rn.regression.KernelOperator(rn.kernels.ReluNTK(), X, depth=30, devices=8)
parts = [list(part.data.shape) for part in operator._sharded._there[1].addressable_shards]
solved = rn.regression.solve(rn.kernels.ReluNTK(), X, X[:2] * [[1, 1, 1, 1, -1]], depth=30, devices="all")
right = rn.kernels.ReluNTK()(X, X[:2] * [[1, 1, 1, 1, -1]], depth=30)
print(json.dumps({
    "devices": len(jax.devices()), "parts": parts, "error": float(abs(operator @ V - K @ V).max()),
    "residual": float(abs(K @ solved.coefficients - right).max()),
}))
"""

TWO = """
import sys
import jax
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
import numpy as np
import roughntk as rn
X, V = rn.sphere.uniform(101, 5, 0), np.random.default_rng(1).normal(size=(101, 3))
operator = rn.regression.KernelOperator(rn.kernels.ReluNTK(), X, depth=30, devices="all")
product = operator @ V
try:
    operator @ (V + jax.process_index())
    refused = "not"
except rn.InputError as error:
    refused = str(error)
sys.stderr.write(repr((operator._sharded._there[1].addressable_shards[0].data.shape, product.tolist(), refused)))
"""


def near_points(kind):
    """Points of which many coincide nearly, or are nearly opposite."""
    X = rn.sphere.uniform(60, 4, 0)
    if kind == "near":
        X[30:] = X[:30] + 1e-7 * rn.sphere.uniform(30, 4, 1)
    elif kind == "opposite":
        X[30:33] = -X[:3]
        X[33] = X[20]
    elif kind == "all near":
        X = X[0] + 1e-3 * X
    return X / np.linalg.norm(X, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["apart", "near", "opposite", "all near"])
@pytest.mark.parametrize("depth", [30, np.inf])
def test_products_are_those_of_the_matrix(kind, depth):
    X = near_points(kind)
    V = np.random.default_rng(2).normal(size=(len(X), 3))
    K = np.asarray(NTK(X, depth=depth))
    for entries in (2**22, 420):  # one block, and blocks of seven rows, the last of which has padding
        product = KernelOperator(NTK, X, depth=depth, devices=1, block_entries=entries) @ V
        assert abs(product - K @ V).max() < 1e-12


def test_products_of_two_sets_of_points_and_vectors():
    X, Z = near_points("apart"), near_points("near")[25:40]
    K = np.asarray(NTK(X, Z, depth=7))
    operator = KernelOperator(NTK, X, Z, depth=7, devices=1, block_entries=100)
    told = []
    assert abs(operator.apply(K[0], lambda *rows: told.append(rows)) - K @ K[0]).max() < 1e-12
    assert told == [(60, 60)]
    with pytest.raises(InputError, match="expected 15 rows to multiply"):
        operator @ np.ones(60)


def test_a_model_on_devices_is_that_of_the_host_and_can_be_saved():
    X, x = near_points("apart"), rn.sphere.uniform(3, 4, 5)
    on_device = rn.DeepKernelRegressor(depth=20, devices=1, ridge=1e-3).fit(X, X[:, 0])
    values = on_device.predict(x, return_std=True)
    on_host = rn.DeepKernelRegressor(depth=20, ridge=1e-3).fit(X, X[:, 0]).predict(x, return_std=True)
    assert on_device.solver_ == "iterative"
    assert np.abs(np.subtract(values, on_host)).max() < 1e-11
    again = pickle.loads(pickle.dumps(on_device)).predict(x, return_std=True)
    assert np.array_equal(values, again)


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (9, "expected at most 1 devices, which is what JAX has here"),
        (0, "expected devices at least 1, got 0"),
        ("some", "expected devices to be a number, 'all' or a mesh, got 'some'"),
        (jax.sharding.Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("a", "b")), "expected a mesh with one axis"),
    ],
)
def test_bad_devices_are_refused(devices, message):
    with pytest.raises(InputError, match=message):
        KernelOperator(NTK, near_points("apart"), depth=7, devices=devices)


def test_devices_and_a_stored_matrix_are_refused():
    X = near_points("apart")
    with pytest.raises(InputError, match="expected method='iterative' with devices, got 'cholesky'"):
        rn.regression.solve(NTK, X, X[:1], depth=7, method="cholesky", devices=1)
    with pytest.raises(InputError, match="expected no devices with solver='cholesky' or a finite time"):
        rn.DeepKernelRegressor(devices=1, time=2.0).fit(X, X[:, 0])


def environment(devices):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    return os.environ | {"XLA_FLAGS": flags}


def test_eight_devices_each_hold_an_eighth():
    run = subprocess.run([sys.executable, "-c", EIGHT], env=environment(8), capture_output=True, text=True, check=True)
    told = json.loads(run.stdout)
    assert told["devices"] == 8
    assert told["parts"] == [[13, 5]] * 8
    assert told["error"] < 1e-12
    assert told["residual"] < 1e-11


def test_two_processes_multiply_parts_and_notice_other_vectors():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    run = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, address, str(process)],
            env=environment(1), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for process in range(2)
    ]  # fmt: skip
    told = [process.communicate(timeout=300)[1] for process in run]
    assert [process.returncode for process in run] == [0, 0], told
    shape = "((51, 5), ["
    X, V = rn.sphere.uniform(101, 5, 0), np.random.default_rng(1).normal(size=(101, 3))
    for text in told:
        text = text[text.index(shape) :]
        _, product, refused = eval(text, {})
        assert abs(np.array(product) - np.asarray(NTK(X, depth=30)) @ V).max() < 1e-12
        assert refused.startswith("expected all processes to multiply the same vectors, got others in process 1")
