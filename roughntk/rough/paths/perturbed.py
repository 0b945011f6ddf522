"""Lifts that no path has canonically: Brownian (Stratonovich and Ito), of random walks (Ito), pure area, and perturbed
second levels, with a check of who is geometric.

A second-level perturbation adds phi_{s,t} to X^2_{s,t}, which keeps Chen's identity for additive phi. If phi is
antisymmetric the lift stays geometric (an area); a symmetric part (a bracket, as between Ito and Stratonovich)
takes it out of the group, and the result is flagged `geometric=False`.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import operations as algebra
from roughntk.rough.algebra import tensor
from roughntk.rough.paths.lifts import Lift, check_lift_memory, lift, lift_from_steps
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, path_array, sampled
from roughntk.rough.paths.products import in_portions, shifted

KINDS = ("stratonovich", "ito")


def perturb(rough_path: Lift, second_level: Any) -> Lift:
    """The lift with X_{s,t}^2 + phi_{s,t} at level 2: log X_{i,i+1} gains phi_i at level 2 on every step, so that
    higher levels follow coherently (translation of rough paths).

    `second_level`: a matrix F, shape (channels, channels), for phi_{s,t} = (t - s) F in the lift's times, or one
    matrix for each step, shape (points - 1, channels, channels). The result is geometric only if `rough_path`
    is and F is antisymmetric (to 4 eps).
    Raises `InputError` for what is no lift, another shape, NaN, or a lift of level 1.
    Source: FrizVictoir2010, chapter 12 (perturbed driving signals).

    >>> import roughntk as rn
    >>> lift = rn.rough.lift([[0.0], [1.0]], 2)
    >>> rn.rough.perturb(lift, [[-0.5]]).steps.tolist()
    [[1.0, 0.0]]
    """
    rough_path = _checked_lift(rough_path)
    if rough_path.level < 2:
        raise InputError("expected a lift of level at least 2 to perturb its second level, got level 1; lift higher")
    d, count = rough_path.channels, rough_path.points - 1
    traced = _checks.is_traced(second_level)
    second = second_level if traced else _checks.real_array(second_level, "second_level")
    if second.shape not in ((d, d), (count, d, d)):
        raise InputError(
            f"expected second_level of shape ({d}, {d}), a rate per unit of time, or ({count}, {d}, {d}), one matrix "
            f"per step, got shape {second.shape}; reshape it"
        )
    antisymmetric = not traced and np.abs(second + second.swapaxes(-1, -2)).max() <= 1e-15 * np.abs(second).max()
    phi, clock = second, rough_path.times
    if traced or _checks.is_traced(clock):
        phi, clock = jnp.asarray(second, float), jnp.asarray(clock, float)
    if phi.ndim == 2:
        phi = (clock[1:] - clock[:-1])[:, None, None] * phi
    steps = shifted(rough_path.steps, phi.reshape(count, d * d), d, rough_path.level)
    geometric = rough_path.geometric and bool(antisymmetric)
    times = rough_path.times if rough_path.timed else None
    return lift_from_steps(steps, d, rough_path.level, times=times, geometric=geometric)


def brownian_lift(
    path: Any, level: int = 2, *, kind: str = "stratonovich", covariance: Any = None, times: Any = None
) -> Lift:
    """The Stratonovich or Ito lift of a sampled Brownian motion, log-linear between the samples.

    `path`: a `PiecewiseLinear` (its times are the clock) or an array (points, channels) at the given `times`, one
    unit of time per step if left out. "stratonovich": the canonical lift of the interpolation. "ito":
    X^2_Ito = X^2_Strat - (t - s)/2 C, the conditional expectation of the Ito integrals given the samples; flagged
    non-geometric, so that `solve_rde` takes the Davie scheme and gives the Ito solution. `covariance`: C per unit of
    time, shape (channels, channels), symmetric; the identity if left out.
    Raises `InputError` as `lift` and `perturb` do, for an unknown kind, and for a covariance that is not
    symmetric and positive semi-definite, or traced. Source: FrizVictoir2010, chapter 13.

    >>> import roughntk as rn
    >>> ito = rn.rough.brownian_lift([[0.0], [1.0]], kind="ito", covariance=[[1.0]])
    >>> ito.steps.tolist()  # (B^2 - t) / 2 at level 2
    [[1.0, 0.0]]
    """
    kind = _checks.choice(kind, KINDS, "kind")
    level = _checks.integer(level, "level", least=1 if kind == "stratonovich" else 2)
    canonical = lift(path, level, times=times)
    if kind == "stratonovich":
        return canonical
    d = canonical.channels
    return perturb(canonical, -0.5 * (np.eye(d) if covariance is None else _covariance(covariance, d)))


def _covariance(covariance: Any, channels: int) -> np.ndarray:
    """The covariance as a symmetric positive semi-definite array, or an error."""
    if _checks.is_traced(covariance):
        raise InputError(
            "expected a concrete covariance, got a JAX tracer; pass a NumPy array, or take perturb(lift, -C / 2)"
        )
    matrix = _checks.real_array(covariance, "covariance")
    if matrix.shape != (channels, channels) or np.abs(matrix - matrix.T).max() > 1e-12 * np.abs(matrix).max():
        gap = np.abs(matrix - matrix.T).max() if matrix.shape == (channels, channels) else float("nan")
        raise InputError(
            f"expected a symmetric covariance of shape ({channels}, {channels}), got shape {matrix.shape} with "
            f"asymmetry {gap:.2g}; give C per unit time"
        )
    least = np.linalg.eigvalsh(matrix)[0]
    if least < -1e-12 * np.abs(matrix).max():
        raise InputError(
            f"expected a positive semi-definite covariance, got one with the eigenvalue {least:.3g}; give C per unit "
            f"time, or take perturb for a bracket of another sign"
        )
    return matrix


def ito_lift(path: Any, level: int = 2, *, times: Any = None) -> Lift:
    """The Ito lift of a random walk: every step is its increment, with nothing at the higher levels.

    By Chen's identity X^2_{s,t} = sum_{s <= i < j < t} dx_i (x) dx_j, the left-point sums, and the words of length k
    get the sums over i_1 < ... < i_k. It differs from the canonical lift by sum dx_i (x) dx_i / 2 at level 2, the
    quadratic variation that is seen, where `brownian_lift` takes off the expected one. Flagged non-geometric, so that
    `solve_rde` takes the Davie scheme: along every step of the walk Y_{i+1} = Y_i + V(Y_i) dx_i, and on coarser
    partitions the same up to what the level sees.

    Args:
        path: an array (points, channels), a `PiecewiseLinear`, or a path that has a method `piecewise_linear()`.
        level: N >= 1, the highest level.
        times: the sample times, shape (points,), strictly increasing; None: those of a `PiecewiseLinear`, or 0, 1, ...

    Returns:
        A :class:`~roughntk.rough.paths.lifts.Lift`, flagged `geometric=False`.

    Raises:
        InputError: as `lift` does.
    Source: FrizVictoir2010, chapter 13.

    >>> import roughntk as rn
    >>> rn.rough.ito_lift([[0.0], [1.0], [3.0]]).signature.tolist()  # 1 * 2 at level 2
    [3.0, 2.0]
    """
    _checks.require_x64("a lift")
    if isinstance(path, Lift):
        raise InputError(
            f"expected a path, got a Lift of level {path.level}; pass its sample points, whose increments make the walk"
        )
    path, level = sampled(path), _checks.level(level)
    if times is None and isinstance(path, PiecewiseLinear) and path.timed:
        times = path.times
    xp: Any = jnp if _checks.is_traced(points := path_array(path)) else np
    increments = xp.diff(xp.asarray(points), axis=0)
    channels = increments.shape[1]
    size = tensor.signature_size(channels, level)
    check_lift_memory(len(points), channels, level)
    steps = xp.concatenate([increments, xp.zeros((len(increments), size - channels))], axis=1)
    return lift_from_steps(steps, channels, level, times=times, geometric=False)


def pure_area_lift(area: Any, times: Any, level: int = 2) -> Lift:
    """X_{s,t} = exp((t - s) A): no increments, area A per unit of time at level 2.

    `area`: A, shape (channels, channels), antisymmetric; the entry A_12 = a stands for a [e1, e2]. `times`: the
    sample times, shape (points,), increasing. The circles (cos(n^2 t)/n, sin(n^2 t)/n) converge to it with
    A_12 = 1/2. Raises `InputError` for an area that is not antisymmetric (add a bracket by `perturb`).

    >>> import roughntk as rn
    >>> lift = rn.rough.pure_area_lift([[0.0, 1.0], [-1.0, 0.0]], [0.0, 0.5, 2.0])
    >>> lift.steps[:, 3].tolist()
    [0.5, 1.5]
    """
    if _checks.is_traced(area):
        raise InputError("expected a concrete area, got a JAX tracer; pass a NumPy array, or perturb a lift in a trace")
    matrix = _checks.real_array(area, "area")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise InputError(
            f"expected an area of shape (channels, channels), got shape {matrix.shape}; for two channels and an area a "
            f"per unit of time give [[0, a], [-a, 0]]"
        )
    asymmetry = np.abs(matrix + matrix.T).max()
    if asymmetry > 1e-12 * np.abs(matrix).max():
        raise InputError(
            f"expected an antisymmetric area, got a symmetric part of {asymmetry / 2:.3g}; use perturb for brackets"
        )
    level = _checks.integer(level, "level", least=2)
    times = times if _checks.is_traced(times) else _checks.real_array(times, "times")
    path = PiecewiseLinear(np.zeros((np.size(times), len(matrix))), times)
    return perturb(lift(path, level), 0.5 * (matrix - matrix.T))


# The geometric check


def geometric_violation(rough_path: Lift) -> np.ndarray:
    """How far each step is from the group: shape (points - 1, level), the column k - 1 being
    max |D(l_k)/k - l_k| / |l|^k, where l = log X_{i,i+1}, D is the right-normed bracketing of words and
    |l| = max_j |l_j|^{1/j} (entrywise maximum), zero exactly for Lie elements l (Dynkin, Specht, Wever).

    At level 2 it is the symmetric part of log X, the bracket. Scale invariant; about eps for signatures; what underflow
    leaves does not count; NaN where a step has NaN or infinite entries.
    Raises `InputError` for what is no lift, a traced one, and in 32-bit mode.

    >>> import roughntk as rn
    >>> lift = rn.rough.lift([[0.0, 0.0], [1.0, 2.0]], 2)
    >>> bool(rn.rough.geometric_violation(lift).max() < 1e-12)
    True
    """
    _checks.require_x64("the geometric check")
    rough_path = _checked_lift(rough_path)
    if _checks.is_traced(rough_path.steps):
        raise InputError("expected a concrete lift, got a JAX tracer; check it outside jit, vmap and grad")
    with jax.ensure_compile_time_eval():
        steps = np.asarray(rough_path.steps)
        return in_portions(lambda part: _violation(part, rough_path.channels, rough_path.level), steps)


def is_geometric(rough_path: Lift, tolerance: float = 1e-8) -> bool:
    """Whether every step is group-like: `geometric_violation` at most `tolerance` everywhere. (The flag
    `rough_path.geometric` is what its maker claims.)

    >>> import roughntk as rn
    >>> rn.rough.is_geometric(rn.rough.lift([[0.0, 0.0], [1.0, 2.0]], 2))
    True
    """
    return bool((geometric_violation(rough_path) <= tolerance).all())


@functools.partial(jax.jit, static_argnums=(1, 2))
def _violation(steps: jax.Array, channels: int, level: int) -> jax.Array:
    def violation(step: jax.Array) -> jax.Array:
        unit, whole, factor = algebra.normalised(tensor.unflatten(step, channels, level))
        lie = tensor.log(unit)
        whole = jnp.where(jnp.isnan(whole), whole, algebra.size(lie))
        gaps = [jnp.max(jnp.abs(bracketed(part, channels, k) / k - part)) for k, part in enumerate(lie) if k]
        return jnp.stack([algebra.relative(gap, whole, factor, k) for k, gap in enumerate(gaps, start=1)])

    return jax.vmap(violation)(steps)


def _checked_lift(rough_path: Any) -> Lift:
    if not isinstance(rough_path, Lift):
        raise InputError(
            f"expected a Lift, got {type(rough_path).__name__}; make one of a path by lift(path, level), or of steps "
            f"by lift_from_steps"
        )
    return rough_path


def bracketed(part: jax.Array, channels: int, length: int) -> jax.Array:
    """The linear map word i1 ... ik -> [i1, [i2, ... [i_{k-1}, ik]]] on one flat level of the tensor algebra."""
    array = part.reshape((channels,) * length)
    for j in range(2, length + 1):
        array = array - jnp.moveaxis(array, length - j, -1)
    return array.reshape(-1)
