"""Transports of random data, families, depths, solvers, tolerances and clocks, and how far they are from the truth.

The truth is what mpmath makes of the numbers that a certificate speaks of, and for the bias-free ReLU kernels of the
data themselves.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import mpmath as mp
import numpy as np
from digits import exact_angle

import roughntk as rn
from roughntk.transport import TransportResult, across_segment, between_depths, equation, to_depth

DIGITS = 60
SOLVERS = {"Dopri8": diffrax.Dopri8(), "Tsit5": diffrax.Tsit5(), "Heun": diffrax.Heun()}
FAMILIES = {
    "relu-ntk": rn.kernels.ReluNTK(),
    "relu-nngp": rn.kernels.ReluNNGP(),
    "erf-ntk": rn.kernels.ErfNTK(),
    "leaky-relu-ntk": rn.kernels.LeakyReluNTK(0.2),
    "biased-relu-ntk": rn.kernels.BiasedReluNTK(),
    "sigmoid": rn.kernels.SigmoidComposition(),
}
KINDS = ("generic", "nearly equal", "on the data")


class Case(NamedTuple):
    """A call, what it is in words, and the kernel of an angle in many digits at the end, None where it is not known."""

    words: dict[str, Any]
    call: Callable[[], TransportResult]
    points: tuple[np.ndarray, np.ndarray] | None
    kernel: Callable[[mp.mpf], mp.mpf] | None


def relu(depth: int, tangent: bool) -> Callable[[mp.mpf], mp.mpf]:
    """The normalised ReLU kernel, by the recursion of angles."""

    def kernel(theta):
        total = mp.cos(theta)
        for _ in range(depth - 1):
            gap = 2 * mp.sin(theta / 2) ** 2 - (mp.sin(theta) - theta * mp.cos(theta)) / mp.pi
            following = 2 * mp.asin(mp.sqrt(gap / 2))
            total, theta = total * (1 - theta / mp.pi) + mp.cos(following), following
        return total / depth if tangent else mp.cos(theta)

    return kernel


def data(kind: str, n: int, m: int, rng: np.random.Generator, nearest: float = 6) -> tuple[np.ndarray, np.ndarray]:
    """Training and test points; nearly equal ones are 1e-2 to 10^-nearest apart."""
    dim = int(rng.integers(3, 9))
    X, x = rn.sphere.uniform(n, dim, int(rng.integers(2**31))), rn.sphere.uniform(m, dim, int(rng.integers(2**31)))
    if kind == "nearly equal" and n > 1:
        X[1] = rn.sphere.project(X[:1] + 10.0 ** -rng.uniform(2, nearest) * rng.standard_normal((1, dim)))[0]
    if kind == "on the data":
        x[0] = X[0]
    return X, x


def settings(rng: np.random.Generator, solvers) -> dict[str, Any]:
    rtol = 10.0 ** -rng.uniform(3, 11)
    name = str(rng.choice(list(solvers)))
    return {"rtol": rtol, "atol": rtol / 100, "solver": SOLVERS[name], "throw": False}


def whole_depth(rng, n: int, m: int, families, solvers, kinds=KINDS) -> Case:
    """From a whole depth to the next."""
    name, kind, depth = str(rng.choice(list(families))), str(rng.choice(kinds)), int(rng.integers(2, 30))
    X, x = data(kind, n, m, rng)
    ways = {"clock": str(rng.choice(["arc", "psi"])), "rhs": str(rng.choice(["joint", "paper"]))}
    given = settings(rng, solvers)
    known = relu(depth + 1, name.endswith("ntk")) if name in ("relu-ntk", "relu-nngp") else None
    return Case(
        {"call": "between_depths", "family": name, "kind": kind, "n": n, "depth": depth, **ways, **given},
        lambda: between_depths(FAMILIES[name], X, x, depth=depth, **ways, **given), (X, x), known,
    )  # fmt: skip


def along_depth(rng, n: int, m: int, families, solvers, kinds=KINDS) -> Case:
    """Along real depth, between two of a few whole depths and infinity, either way."""
    real = [name for name in families if FAMILIES[name].has_real_depth]
    name, kind = str(rng.choice(real)), str(rng.choice(kinds))
    start, stop = (float(depth) for depth in rng.choice([2.0, 3.0, 5.0, 12.0, 40.0, math.inf], 2, replace=False))
    X, x = data(kind, n, m, rng, 2.5)  # nearer ones need hundreds of panels
    given = settings(rng, solvers)
    known = None
    if name in ("relu-ntk", "relu-nngp") and math.isfinite(stop):
        known = relu(int(stop), name == "relu-ntk")
    return Case(
        {"call": "to_depth", "family": name, "kind": kind, "n": n, "start": start, "stop": stop, **given},
        lambda: to_depth(FAMILIES[name], X, x, start=start, stop=stop, **given), (X, x), known,
    )  # fmt: skip


def given_matrices(rng, n: int, m: int, solvers) -> Case:
    """Between two positive definite matrices with condition numbers up to 1e10, of any scale."""

    def matrix() -> np.ndarray:
        Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
        A = (Q * 10.0 ** -rng.uniform(0, float(rng.choice([1, 4, 10])), n)) @ Q.T
        return (A + A.T) / 2

    scale = 2.0 ** int(rng.integers(-300, 300))
    first = matrix()
    last = (first + matrix() * rng.uniform(0, 1)) * scale
    B0, B1 = rng.standard_normal((2, n, m)) * 10.0 ** rng.uniform(-3, 3)
    ways = {"clock": str(rng.choice(["arc", "psi"])), "rhs": str(rng.choice(["joint", "paper"]))}
    given = settings(rng, solvers)
    return Case(
        {"call": "across_segment", "n": n, **ways, **given},
        lambda: across_segment(first * scale, last, B0, B1, **ways, **given), None, None,
    )  # fmt: skip


class Seen:
    """Keeps the last system of every certificate that is made."""

    def __init__(self):
        self.last, self.genuine = None, equation.certified

    def __call__(self, nodes, *others):
        def kept():
            for node in nodes:
                self.last = node
                yield node

        return self.genuine(kept(), *others)


def solved(matrix: np.ndarray, right: np.ndarray) -> mp.matrix:
    """The solution of these very numbers, in many digits."""
    return mp.inverse(mp.matrix(matrix.tolist())) * mp.matrix(right.tolist())


def distances(u: np.ndarray, exact: mp.matrix) -> np.ndarray:
    """|u - exact|, entry by entry, of as many rows as u has."""
    gaps = [float(abs(mp.mpf(float(value)) - exact[i, k])) for (i, k), value in np.ndenumerate(u)]
    return np.reshape(gaps, u.shape)


def true_errors(case: Case, result: TransportResult, node) -> tuple[np.ndarray, np.ndarray | None]:
    """|u - true u| for each coefficient: for the numbers of the system at the end; for the data, None if not known."""
    condition = max(result.condition_number, 1.0)
    with mp.workdps(DIGITS + 2 * int(math.log10(condition)) + 2):
        of_numbers = distances(result.coefficients, solved(node.matrix, node.right))
        if case.kernel is None:
            return of_numbers, None
        X, x = case.points
        n = len(X)
        K = mp.eye(n)
        for i in range(n):
            for j in range(i):
                K[i, j] = K[j, i] = case.kernel(exact_angle(X[i], X[j]))
        B = mp.matrix([[case.kernel(exact_angle(row, test)) for test in x] for row in X])
        return of_numbers, distances(result.coefficients, mp.inverse(K) * B)
