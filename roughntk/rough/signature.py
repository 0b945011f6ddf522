"""The signature and log-signature of a piecewise-linear path.

S(X)^{i1...ik} is the iterated integral of dX^{i1}...dX^{ik} over t1 < ... < tk; for a piecewise-linear path
it is the product exp(dx_1) (x) ... (x) exp(dx_n) of Chen. Three backends compute it: "jax" (built in,
differentiable, works under jit, vmap and grad), and the optional packages "esig" and "iisignature". All
return the same layout: one flat vector, levels 1..N in lexicographic word order, no leading 1. Log-signatures
are returned in the Lyndon basis (`tensor.lyndon_words`, `tensor.lyndon_brackets`) or as words (the log
tensor, flat).
"""

import functools
import importlib
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy import sparse

from roughntk import _checks
from roughntk._checks import InputError, MissingBackendError
from roughntk.rough import tensor
from roughntk.rough.path import path_array

BACKENDS = ("jax", "esig", "iisignature")
BASES = ("lyndon", "words")

_INSTALL = {
    "jax": "pip install roughntk",
    "esig": "pip install 'roughntk[esig]'",
    "iisignature": "pip install numpy setuptools && pip install --no-build-isolation 'roughntk[iisignature]'",
}


def backend_install_command(name: str) -> str:
    """The shell command that installs the backend `name`. Raises `InputError` for an unknown name."""
    return _INSTALL[_checks.choice(name, BACKENDS, "backend")]


def available_backends() -> tuple[str, ...]:
    """The backends that can be imported here, "jax" first."""
    return tuple(name for name in BACKENDS if name == "jax" or _importable(name))


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingBackendError(
            f"expected the package {name} for backend={name!r}, got {error}; "
            f"install it with: {backend_install_command(name)}"
        ) from error


def signature(path: Any, level: int, *, backend: str = "jax") -> jax.Array:
    """S(X)^w for all words w of length 1..level, shape (sum_{k=1}^{level} channels^k,).

    `path`: X, shape (points, channels), or a `PiecewiseLinear`; times do not matter (reparametrisation
    invariance).
    `level`: the truncation N >= 1, static. `backend`: "jax", "esig" or "iisignature".
    "jax" is differentiable and accepts tracers; reverse mode keeps points * sum_k channels^k numbers.

    Raises `InputError` (shape, NaN, level, unknown backend, a result above `tensor.MEMORY_LIMIT`, a tracer
    handed to another backend, a size the package cannot do) and `MissingBackendError` (with the install
    command).
    Source: Lyons, Caruana, Levy, Differential Equations Driven by Rough Paths, section 2.2.
    """
    points, level = _validated(path, level, backend)
    channels = points.shape[1]
    if backend == "jax":
        return _jax_signature(jnp.asarray(points), level)
    package = _package(backend)
    if backend == "esig":
        _check_esig(channels, level)
        return jnp.asarray(package.stream2sig(_esig_points(points), level)[1:])
    return jnp.asarray(package.sig(points, level))


def log_signature(path: Any, level: int, *, basis: str = "lyndon", backend: str = "jax") -> jax.Array:
    """log S(X) = sum_w c_w [w] truncated at `level`, for a `path` of shape (points, channels).

    `basis` "lyndon": the coefficients c_w, w over `tensor.lyndon_words(channels, level)` (by length, then
    lexicographically), [w] bracketed by the standard factorisation; Witt's formula gives their number.
    `basis` "words": the log tensor itself, flat, shape (sum_{k=1}^{level} channels^k,).
    `level` and `backend` as for `signature`; the backends' own bases (esig: a Hall basis) are converted.

    Raises as `signature` does, and `InputError` for an unknown basis.
    Source: Reutenauer, Free Lie Algebras, chapters 4 and 5.
    """
    basis = _checks.choice(basis, BASES, "basis")
    points, level = _validated(path, level, backend)
    channels = points.shape[1]
    if backend == "jax":
        return _jax_log_signature(jnp.asarray(points), level, basis)
    package = _package(backend)
    compute = _esig_lyndon if backend == "esig" else _iisignature_lyndon
    coordinates = jnp.asarray(compute(package, points, level))
    if basis == "lyndon":
        return coordinates
    return tensor.flatten(tensor.lyndon_to_tensor(coordinates, channels, level))


def _validated(path: Any, level: Any, backend: str) -> tuple[Any, int]:
    _checks.choice(backend, BACKENDS, "backend")
    points = path_array(path)
    level = _checks.level(level)
    tensor.signature_size(points.shape[1], level)
    if backend != "jax" and _checks.is_traced(points):
        raise InputError(
            f"expected a concrete path for backend={backend!r}, got a JAX tracer; "
            f"use backend='jax' under jit, vmap and grad"
        )
    return points, level


# jax


@functools.partial(jax.jit, static_argnums=1)
def _jax_signature(points: jax.Array, level: int) -> jax.Array:
    channels = points.shape[1]
    if channels == 1:
        return jnp.cumprod((points[-1] - points[0]) / jnp.arange(1, level + 1, dtype=points.dtype))
    return tensor.flatten(_signature_tensor(points, level))


def _signature_tensor(points: jax.Array, level: int) -> tensor.Tensor:
    def step(state: tensor.Tensor, increment: jax.Array) -> tuple[tensor.Tensor, None]:
        return tensor.multiply_exp(state, increment), None

    start = tuple(part.astype(points.dtype) for part in tensor.identity(points.shape[1], level))
    return lax.scan(step, start, jnp.diff(points, axis=0))[0]


@functools.partial(jax.jit, static_argnums=(1, 2))
def _jax_log_signature(points: jax.Array, level: int, basis: str) -> jax.Array:
    if points.shape[1] == 1:
        increment = points[-1] - points[0]
        return increment if basis == "lyndon" else jnp.pad(increment, (0, level - 1))
    lie = tensor.log(_signature_tensor(points, level))
    return tensor.tensor_to_lyndon(lie) if basis == "lyndon" else tensor.flatten(lie)


# esig. Never called: logsigdim and set_backend, which fail in esig 1.0.0.


def _esig_points(points: np.ndarray) -> np.ndarray:
    """The points with the last one repeated until esig 1.0.0 takes them; repetition leaves the signature
    alone.

    esig labels the n increments by numpy.arange(0, 1, 1/n), which by rounding has n + 1 entries for some n
    (49, 98, ...).
    """
    while len(np.arange(0.0, 1.0, 1.0 / (len(points) - 1))) != len(points) - 1:
        points = np.vstack([points, points[-1:]])
    return points


def _check_esig(channels: int, level: int) -> None:
    if channels > 1 and level > 16:
        # esig 1.0.0 does not return for two channels at level 17.
        raise InputError(
            f"expected level at most 16 for backend='esig', got {level}; use backend='jax' or a lower level"
        )


def _esig_lyndon(package: Any, points: np.ndarray, level: int) -> np.ndarray:
    channels = points.shape[1]
    if channels == 1:
        return points[-1] - points[0]
    _check_esig(channels, level)
    hall = package.stream2logsig(_esig_points(points), level)
    return _hall_to_lyndon(package.logsigkeys(channels, level), channels, level) @ hall


@functools.lru_cache(maxsize=16)
def _hall_to_lyndon(keys: str, channels: int, level: int) -> sparse.csr_matrix:
    """The matrix taking coefficients of the brackets in `keys` (" 1 2 [1,2] [2,[1,2]]") to Lyndon
    coordinates.

    Each bracket is expanded in words; its entries at the Lyndon words give its Lyndon coordinates.
    """
    known: dict[str, tuple[int, dict[int, int]]] = {}
    columns: list[list[dict[int, int]]] = [[] for _ in range(level)]
    for key in keys.split():
        length, expansion = known[key] = _expand(key, known, channels)
        columns[length - 1].append(expansion)
    blocks = []
    for k, projection in enumerate(tensor.lyndon_projection(channels, level), start=1):
        expansion = tensor.sparse_columns(columns[k - 1], channels**k)
        blocks.append(projection @ expansion.tocsr()[tensor.lyndon_positions(channels, k)])
    return sparse.block_diag(blocks, format="csr")


def _expand(key: str, known: dict[str, tuple[int, dict[int, int]]], channels: int) -> tuple[int, dict[int, int]]:
    """The length and the word expansion of a bracket such as "[2,[1,2]]"."""
    if key in known:
        return known[key]
    if re.fullmatch(r"\d+", key):
        return 1, {int(key) - 1: 1}
    nesting = 0
    for place, character in enumerate(key):
        nesting += (character == "[") - (character == "]")
        if character == "," and nesting == 1:
            a, left = _expand(key[1:place], known, channels)
            b, right = _expand(key[place + 1 : -1], known, channels)
            return a + b, tensor.commutator(left, a, right, b, channels)
    raise ValueError(f"esig names a basis element {key!r} that is not a bracket of letters")


# iisignature. Only the method "S" is ever passed to prepare, as other strings can crash Python; its siglength
# overflows and its derivatives are single precision, so neither is used.


def _iisignature_lyndon(package: Any, points: np.ndarray, level: int) -> np.ndarray:
    channels = points.shape[1]
    if channels == 1 or level == 1:
        return points[-1] - points[0]
    if channels > 255:
        raise InputError(
            f"expected at most 255 channels for log-signatures by backend='iisignature', got {channels}; "
            f"use backend='jax'"
        )
    return package.logsig(points, _iisignature_prepared(channels, level), "S")


@functools.lru_cache(maxsize=16)
def _iisignature_prepared(channels: int, level: int) -> Any:
    return _package("iisignature").prepare(channels, level, "S")
