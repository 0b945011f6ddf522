"""The random covariance of a network whose depth is a multiple of its width, as a (rough) differential equation.

For N inputs, V the Gram matrix of their hidden states, width n -> infinity and layers = n * time, shaped ReLU networks
of slopes 1 + c_+/sqrt n and 1 + c_-/sqrt n have

    dV = b(V) ds + V^{1/2} dG V^{1/2},    d<V^ab, V^cd> = (V^ac V^bd + V^ad V^bc) ds    (Ito),
    b^ab = kappa (sqrt(1 - rho^2) - rho arccos rho) sqrt(V^aa V^bb),    kappa = (c_+ - c_-)^2/(2 pi);

kappa = 0 are linear networks. It is solved in the triangular gauge of :mod:`roughntk.networks.triangular`, in which the
fields are linear. They do not commute: a scheme that sees the increments of the Brownian motion only is of strong order
1/2, one that sees its Levy area of order 1.

The equation for V is that of LiNicaRoy2022; what is said of the gauge was derived and measured, not proved.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.linalg.definiteness import Spectrum
from roughntk.networks.sampling import normalised
from roughntk.networks.triangular import (
    TriangularField,
    drift,
    flattened,
    noise_scales,
    slopes_of_driver,
    unflattened,
)
from roughntk.networks.unshaped import UnshapedCovariance, unshaped_covariance
from roughntk.rough import RDEError, brownian_lift, solve_rde
from roughntk.rough.paths.gaussian import random_key

SOLVERS = ("diffrax", "rde")
CALCULI = ("ito", "stratonovich")
_DEFAULTS = "diffrax", "ito"

STEPS_PER_TIME = {"diffrax": 128, "rde": 32}
"""Steps for each unit of time where no number of them is asked for; at least half as many in all."""

_CHUNK = 2**27
"""Bytes of what is kept at once for the samples that are solved for together."""

_MOST_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True, repr=False)
class RandomCovariance:
    """Samples of the random covariance.

    Attributes:
        values: V, shape (samples, N, N), or (samples, times, N, N) where several times were asked for.
        factors: M with V = M M^T, lower triangular, same shape.
        time: the time, or the times, shape (times,).
        kappa: the drift's factor; 0 is a linear network.
        steps: how many steps were taken in all.
        solver: "diffrax" or "rde".
        calculus: "ito" or "stratonovich", the form in which the equation was solved.
    """

    values: np.ndarray
    factors: np.ndarray
    time: Any
    kappa: float
    steps: int
    solver: str
    calculus: str

    def __repr__(self) -> str:
        return (
            f"RandomCovariance({len(self.values)} samples of {self.values.shape[-1]} inputs, time={self.time}, "
            f"kappa={self.kappa:.4g}, {self.steps} steps, {self.solver}, {self.calculus})"
        )

    @property
    def log_determinant(self) -> np.ndarray:
        """log det V = 2 sum_i log |M_ii|, shape (samples,) or (samples, times): no digits are lost where V is nearly
        singular."""
        return 2 * np.log(np.abs(np.diagonal(self.factors, axis1=-2, axis2=-1))).sum(axis=-1)

    @property
    def correlations(self) -> np.ndarray:
        """rho^ab = V^ab / sqrt(V^aa V^bb), shape of the values."""
        return normalised(self.values)


def covariance(
    V0: Any,
    time: Any,
    *,
    kappa: float = 0.0,
    unshaped: bool = False,
    width: int | None = None,
    key: jax.Array,
    samples: int = 1,
    steps: int | None = None,
    substeps: int | None = None,
    solver: str = "diffrax",
    calculus: str = "ito",
    progress: Callable[[int, int], None] | None = None,
) -> RandomCovariance | UnshapedCovariance:
    """Samples of V at depth time s = layers/width, from the equation

        dM = M dX + M Psi(M^{-1} b(M M^T) M^{-T}) ds,    V = M M^T,
        dX_ij = dB_ij (i > j),    dX_ii = dB_ii/sqrt 2 - (2i - 1)/4 ds (Ito) = o dB_ii/sqrt 2 - i/2 ds (Stratonovich).

    Both forms have the same solution. Exact for kappa = 0: log V^aa - log V0^aa ~ N(-s, 2s), log det V - log det V0 ~
    N(-N(N+1)s/2, 2Ns), E V = V0, and for two inputs x = artanh rho obeys dx = dB + (1/2) tanh x ds.

    | solver, calculus | scheme | strong order | weak order |
    |---|---|---|---|
    | "diffrax", "ito" | Euler-Maruyama | 1/2 | 1 |
    | "diffrax", "stratonovich" | Euler-Heun | 1/2 | 1 |
    | "rde", "ito" | Davie of level 2 on the Ito lift | 1 | 1 |
    | "rde", "stratonovich" | log-ODE of level 2 on the Stratonovich lift | 1 | 1 |

    (measured: benchmarks/random_covariance.py). One key gives one Brownian motion to all of them, for all numbers of
    steps and substeps that are powers of two, and the same sample i for every number of samples.

    Args:
        V0: the Gram matrix of the inputs, shape (N, N), positive definite.
        time: s > 0, or several increasing ones, shape (times,).
        kappa: (c_+ - c_-)^2/(2 pi), at least 0.
        unshaped: of a plain ReLU network, whose angles are of the order 1/width (`unshaped_covariance`); one time, Ito
            on its own scheme, without kappa, substeps, solver and calculus.
        width: n, of an unshaped network.
        key: a JAX random key.
        samples: how many independent copies.
        steps: of equal length, in all, shared among the intervals between the times; None: the power of two that is
            at least 128 ("rde": 32) for each unit of time, and at least 64 (16).
        substeps: samples of the Brownian motion in each step of "rde", whose area is the one that the step sees; None:
            as many as there are steps, up to 64. With a fixed number the strong order is 1/2 again, if with a small
            factor.
        solver: "diffrax" or "rde" (`rn.rough.solve_rde` along `rn.rough.brownian_lift`).
        calculus: "ito" or "stratonovich".
        progress: called with (samples done, samples in all).

    Returns:
        A :class:`RandomCovariance` of NumPy arrays; an :class:`UnshapedCovariance` for unshaped=True. Both have
        `values` and `correlations`.

    Raises:
        InputError: V0 that is not symmetric or not positive definite (with its smallest eigenvalue), a time that is not
            positive or times that do not increase, kappa below 0, no key, no sample, unknown words; a width without
            unshaped=True, or none with it.
        RDEError: values that are not finite: the steps are too long.
    Source: LiNicaRoy2022; derived and measured, not proved.

    >>> import roughntk as rn
    >>> import jax
    >>> rn.networks.covariance([[1.0, 0.5], [0.5, 1.0]], 0.5, key=jax.random.key(0), samples=3).values.shape
    (3, 2, 2)
    """
    _checks.require_x64("the random covariance")
    factor, _ = gram_factor(V0, "V0")
    times = _times(time)
    kappa = _checks.number(kappa, "kappa", least=0, remedy="it is (c_plus - c_minus)^2/(2 pi), 0 for linear networks")
    key, samples = random_key(key), _checks.integer(samples, "samples", least=1)
    if _checks.flag(unshaped, "unshaped"):
        return _unshaped(V0, time, width, kappa, (substeps, solver, calculus), key, samples, steps, progress)
    if width is not None:
        raise InputError(
            f"expected no width of a shaped network, whose limit has none, got {_checks.shown(width)}; leave it out, "
            f"or take unshaped=True"
        )
    solver = _checks.choice(solver, SOLVERS, "solver")
    calculus = _checks.choice(calculus, CALCULI, "calculus")
    wanted = _default_steps(times[-1], solver) if steps is None else _checks.integer(steps, "steps", least=1)
    grid = _grid(times, wanted)
    if substeps is None:
        substeps = 2 ** min(6, math.ceil(math.log2(wanted)))
    substeps = _checks.integer(substeps, "substeps", least=1)
    size = len(factor) * (len(factor) + 1) // 2
    curved = jnp.asarray(kappa) if kappa > 0 and len(factor) > 1 else None
    field = TriangularField(len(factor), curved)
    solved: Any = _by_diffrax if solver == "diffrax" else functools.partial(_by_rde, substeps=substeps)
    _checks.memory(
        16.0 * samples * len(times) * size, f"{samples} samples at {len(times)} times", "ask for fewer samples"
    )
    at_once = _at_once(samples, field.channels, len(grid) - 1, substeps, solver)
    flat = np.empty((samples, len(times), size))
    for first in range(0, samples, at_once):
        # The last chunk is filled up, so that one compiled function serves all.
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(first, first + at_once))
        part = np.asarray(solved(field, calculus, jnp.asarray(factor), grid, times, keys))[: samples - first]
        flat[first : first + at_once] = part
        if progress is not None:
            progress(min(first + at_once, samples), samples)
    _check_finite(flat, len(grid) - 1)
    factors = unflattened(flat)
    values = factors @ factors.swapaxes(-1, -2)
    kept: Any = times
    if np.ndim(time) == 0:
        values, factors, kept = values[:, 0], factors[:, 0], float(times[0])
    return RandomCovariance(values, factors, kept, kappa, len(grid) - 1, solver, calculus)


def _unshaped(
    V0: Any, time: Any, width: int | None, kappa: float, others: tuple, key: jax.Array, samples: int,
    steps: int | None, progress: Callable[[int, int], None] | None,
) -> UnshapedCovariance:  # fmt: skip
    """Of a plain ReLU network. Raises `InputError` for what only shaped ones have."""
    if width is None:
        raise InputError(
            "expected a width with unshaped=True, whose angles are of the order 1/width, got none; give one"
        )
    if kappa != 0 or others != (None, *_DEFAULTS):
        raise InputError(
            "expected no kappa, substeps, solver or calculus with unshaped=True, which has an equation and a scheme of "
            "its own, got some; leave them out"
        )
    more = {} if steps is None else {"steps": steps}
    return unshaped_covariance(V0, time, width=width, key=key, samples=samples, progress=progress, **more)


def gram_factor(value: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The Cholesky factor of a symmetric positive definite matrix, and the matrix, or an error with its smallest
    eigenvalue."""
    matrix = _checks.real_array(value, name)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise InputError(
            f"expected {name} to be a Gram matrix, shape (inputs, inputs), got shape {matrix.shape}; give X @ X.T"
        )
    gap = np.abs(matrix - matrix.T).max()
    if gap > 1e-12 * np.abs(matrix).max():
        i, j = np.unravel_index(np.argmax(np.abs(matrix - matrix.T)), matrix.shape)
        raise InputError(
            f"expected a symmetric {name}, got {name}[{i}, {j}] - {name}[{j}, {i}] = "
            f"{matrix[i, j] - matrix[j, i]:.3g}; give X @ X.T, or ({name} + {name}.T)/2"
        )
    spectrum = Spectrum((matrix + matrix.T) / 2)
    if not spectrum.positive_definite:
        raise InputError(
            f"expected {name} to be positive definite, got the smallest eigenvalue {spectrum.smallest:.3g} beside the "
            f"largest {spectrum.largest:.3g}; drop inputs that are combinations of others (equal ones among them)"
        )
    return np.linalg.cholesky(spectrum.matrix), spectrum.matrix


def _times(time: Any) -> np.ndarray:
    """Positive increasing times, shape (times,)."""
    if np.ndim(time) == 0:
        return np.array([_checks.number(time, "time", above=0, remedy="it is layers over width")])
    times = _checks.increasing_times(time) if np.size(time) > 1 else _checks.real_array(time, "time")
    if times.ndim != 1 or not times.size or not times[0] > 0:
        raise InputError(
            f"expected positive times, shape (times,), got {_checks.shown(time)}; time is layers over width, and at 0 "
            f"V is V0"
        )
    return times


def _default_steps(last: float, solver: str) -> int:
    return 2 ** math.ceil(math.log2(STEPS_PER_TIME[solver] * max(last, 0.5)))


def _at_once(samples: int, channels: int, steps: int, substeps: int, solver: str) -> int:
    """How many samples are solved for together."""
    numbers = channels * channels * (1 + (solver == "rde") * 6 * steps * substeps)
    return max(1, min(samples, _MOST_AT_ONCE, _CHUNK // (8 * numbers)))


def _grid(times: np.ndarray, steps: int) -> np.ndarray:
    """Times from 0 on, with `steps` about equal steps in all and an end of a step at each of the times."""
    ends = np.concatenate([[0.0], times])
    counts = np.maximum(1, np.round(steps * np.diff(ends) / times[-1])).astype(int)
    parts = [np.linspace(a, b, count, endpoint=False) for a, b, count in zip(ends, times, counts, strict=False)]
    return np.append(np.concatenate(parts), times[-1])


def _check_finite(flat: np.ndarray, steps: int) -> None:
    bad = np.flatnonzero(~np.isfinite(flat).all(axis=(1, 2)))
    if bad.size:
        raise RDEError(
            f"expected finite values, got NaN or infinity in {bad.size} of {len(flat)} samples, the first of them "
            f"sample {bad[0]}, with {steps} steps; raise steps"
        )


def brownian_tree(key: jax.Array, end: Any, tol: jax.Array, channels: int) -> diffrax.VirtualBrownianTree:
    """The Brownian motion of a key on [0, end]."""
    return diffrax.VirtualBrownianTree(0.0, end, tol=tol, shape=(channels,), key=key)


def _resolution(grid: np.ndarray) -> float:
    """Half the shortest step or less. At the times of the grid the tree's values are then the same for every number of
    steps that is a power of two."""
    levels = math.ceil(math.log2(grid[-1] / np.diff(grid).min()) - 1e-9) + 1
    return float(grid[-1] / 2**levels)


def _by_diffrax(field: Any, calculus: str, factor: Any, grid: np.ndarray, times: np.ndarray, keys: Any) -> jax.Array:
    """M at the times for every key, shape (keys, times, N(N+1)/2), by Euler-Maruyama or Euler-Heun."""
    at = np.searchsorted(grid, times)
    tol = jnp.asarray(_resolution(grid))
    return _diffrax_samples(field, calculus, factor, jnp.asarray(grid), jnp.asarray(grid[at]), tol, keys)


@eqx.filter_jit
def _diffrax_samples(
    field: TriangularField, calculus: str, factor: jax.Array, grid: jax.Array, times: jax.Array, tol: jax.Array,
    keys: jax.Array,
) -> jax.Array:  # fmt: skip
    scales, slopes = noise_scales(field.inputs), slopes_of_driver(field.inputs, calculus)
    linear = TriangularField(field.inputs)

    def ordinary(_: Any, y: jax.Array, __: Any) -> jax.Array:
        change = linear(y) @ slopes
        return change if field.kappa is None else change + flattened(drift(unflattened(y), field.kappa))

    def noisy(_: Any, y: jax.Array, __: Any) -> jax.Array:
        return linear(y) * scales

    def sample(key: jax.Array) -> jax.Array:
        motion = brownian_tree(key, grid[-1], tol, len(scales))
        terms: Any = diffrax.MultiTerm(diffrax.ODETerm(ordinary), diffrax.ControlTerm(noisy, motion))
        solver = diffrax.EulerHeun() if calculus == "stratonovich" else diffrax.Euler()
        return diffrax.diffeqsolve(
            terms, solver, t0=grid[0], t1=grid[-1], dt0=None, y0=flattened(factor), saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.StepTo(ts=grid), max_steps=len(grid), adjoint=diffrax.ForwardMode(),
            throw=False,
        ).ys  # fmt: skip

    return jax.vmap(sample)(keys)


def _by_rde(
    field: Any, calculus: str, factor: Any, grid: np.ndarray, times: np.ndarray, keys: Any, *, substeps: int
) -> jax.Array:
    """The same by `solve_rde` along lifts of the Brownian motion. Time runs from 0 to 1, so that one compiled function
    serves all times: X_s = sqrt(t) X~_{s/t}, where X~ has the bracket of X."""
    unit = grid / grid[-1]
    shares = np.arange(substeps) / substeps
    fine = np.append((unit[:-1, None] + np.diff(unit)[:, None] * shares).ravel(), 1.0)
    at = tuple(np.searchsorted(grid, times).tolist())
    tol = jnp.asarray(_resolution(fine) * grid[-1])
    end = jnp.asarray(grid[-1])
    # Floats, unlike arrays, are static: lifts look their times up.
    return _rde_samples(field, calculus, factor, tuple(unit.tolist()), tuple(fine.tolist()), at, end, tol, keys)


@eqx.filter_jit
def _rde_samples(
    field: TriangularField, calculus: str, factor: jax.Array, unit: tuple[float, ...], fine: tuple[float, ...],
    at: tuple[int, ...], end: jax.Array, tol: jax.Array, keys: jax.Array,
) -> jax.Array:  # fmt: skip
    scales, slopes = noise_scales(field.inputs), slopes_of_driver(field.inputs, calculus)
    bracket, clock = scales**2, np.asarray(fine)
    if field.kappa is not None:
        bracket = np.append(bracket, 0.0)
    scaled = TriangularField(field.inputs, field.kappa, jnp.sqrt(end))

    def sample(key: jax.Array) -> jax.Array:
        motion = jax.vmap(brownian_tree(key, end, tol, len(scales)).evaluate)(end * clock)
        driver = motion * scales + end * clock[:, None] * slopes
        if field.kappa is not None:
            driver = jnp.concatenate([driver, end * clock[:, None]], axis=1)
        lifted = brownian_lift(
            driver / jnp.sqrt(end), 2, kind=calculus, covariance=np.diag(bracket) if calculus == "ito" else None,
            times=clock,
        )  # fmt: skip
        solution = solve_rde(
            scaled, lifted, flattened(factor), partition=np.asarray(unit), throw=False, estimate=False, rtol=1e-6,
            atol=1e-9,
        )  # fmt: skip
        # NaN where an inner solve failed
        values = solution.values[jnp.asarray(at)]
        return jnp.where(solution.converged, values, jnp.nan)

    return jax.vmap(sample)(keys)
