"""The drivers v of Theorem 3: what pushes the coefficients from one depth to the next.

For A(s) u(s) = b(s) the paper's drivers are, by Cramer's rule and without the solution in them,

    v_ij' = (A^{-1} A')_ij,  j <= n,        v_{i,n+k}' = (A^{-1} b_k')_i,  k = 1 .. m,

and u solves the linear controlled equation du = dv_b - dv_A u. With m test points the driver has n (n + m)
channels: the shared matrix part and one column per test point.

Every driver is a :class:`Driver`: a path by diffrax's contract (`t0`, `t1`, `evaluate`, `derivative`), which can be
the control of a user's own equation, and which `rn.rough` takes as it is (`sample`, `piecewise_linear`).
"""

import abc
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.rough import PiecewiseLinear
from roughntk.transport.clocks import SegmentClock

_NORMS = ("l1", "l2")
_MOST_PIECES = 512
_STEPS, _LEAST_BETWEEN = 64, 8  # of a driver as a piecewise-linear path: in all, and between two knots


class Variation(NamedTuple):
    """1-variation of a path, and an estimate of the error of that number."""

    value: float
    error: float


class Driver(diffrax.AbstractPath):
    """A path v of matrices, v(t0) = 0, by diffrax's contract: `t0`, `t1`, `evaluate`, `derivative`.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
    >>> driver = rn.transport.between_depths(rn.kernels.ReluNTK(), X, x, depth=2).drivers
    >>> driver.derivative(0.5).shape, driver.sample(9).shape, rn.rough.signature(driver, 2).shape
    ((3, 4), (9, 12), (156,))
    """

    @property
    @abc.abstractmethod
    def knots(self) -> Any:
        """Times from t0 to t1, increasing, between which v is smooth, shape (k,)."""

    @property
    def t0(self):  # type: ignore[override]
        """The first time."""
        return self.knots[0]

    @property
    def t1(self):  # type: ignore[override]
        """The last time."""
        return self.knots[-1]

    @abc.abstractmethod
    def value(self, t: Any) -> Array:
        """v(t)."""

    def evaluate(self, t0, t1=None, left=True):
        """v(t0), or the increment v(t1) - v(t0). `left` changes nothing, as v is smooth."""
        del left
        return self.value(t0) if t1 is None else self.value(t1) - self.value(t0)

    @abc.abstractmethod
    def derivative(self, t, left=True):
        """v'(t), of the shape of v."""

    def sample(self, times: Any) -> Any:
        """The values at the times, as a path (points, channels): the entries of v in row-major order.

        Args:
            times: a number of points, at least 2, evenly spaced from t0 to t1; or the times themselves, shape
                (points,), within [t0, t1].

        Returns:
            A NumPy array, or a JAX one under `jax.jit`.

        Raises:
            InputError: fewer than two points, NaN, or a time outside [t0, t1].
        """
        if _checks.is_traced(times, *jax.tree.leaves(self)):
            return _values(self, jnp.asarray(times, float))
        return np.array(_values(self, jnp.asarray(self._times(times))))

    def piecewise_linear(self, points: int | None = None) -> PiecewiseLinear:
        """The polygon through samples of v, with their times: what `rn.rough` makes of a driver by itself.

        Args:
            points: their number, evenly spaced from t0 to t1; by default 65, so that drivers can be compared, with 8
                steps between two knots where these are closer than an eighth of the whole.

        Raises:
            InputError: as `sample`; also under `jax.jit`, where the times have to be chosen outside.
        """
        if _checks.is_traced(*jax.tree.leaves(self)):
            raise InputError(
                "expected a concrete driver, got a JAX tracer; use sample(times) with times chosen outside"
            )
        times = self._default_times() if points is None else self._times(_checks.integer(points, "points", least=2))
        return PiecewiseLinear(self.sample(times), times)

    def _default_times(self) -> np.ndarray:
        """Evenly spaced ones, and finer ones where v changes fast."""
        knots = np.asarray(self.knots, dtype=float)
        even = np.linspace(knots[0], knots[-1], _STEPS + 1)
        least = _LEAST_BETWEEN * (even[1] - even[0]) * (1 - 1e-9)
        close = [(a, b) for a, b in zip(knots[:-1], knots[1:], strict=True) if b - a < least]
        kept = even[~np.any([(a < even) & (even < b) for a, b in close], axis=0)] if close else even
        return np.unique(np.concatenate([kept, *(np.linspace(a, b, _LEAST_BETWEEN + 1) for a, b in close)]))

    def _times(self, times: Any) -> np.ndarray:
        """The times asked for, checked."""
        first, last = float(self.t0), float(self.t1)
        if np.ndim(times) == 0:
            return np.linspace(first, last, _checks.integer(times, "times", least=2))
        array = _checks.real_array(times, "times")
        if array.ndim != 1:
            raise InputError(f"expected times of shape (points,), got shape {array.shape}; flatten them")
        outside = array[(array < first) | (array > last)]
        if outside.size:
            ends = _checks.apart(first, last, outside[0])
            raise InputError(f"expected times within [{ends[0]}, {ends[1]}], got {ends[2]}; a driver ends there")
        return array

    def one_variation(self, norm: str = "l2", *, rtol: float = 1e-7) -> Variation:
        """The 1-variation int |v'| dt, which is the sup of sum |v(t_{i+1}) - v(t_i)| and free of the clock.

        By Gauss-Legendre quadrature on pieces, halved until a piece and its halves agree; the disagreements add
        up to the error estimate. With "l1" the speed has a kink wherever an entry changes its sign, and at many
        entries the estimate stays above `rtol`.

        Args:
            norm: "l1" (sum of absolute values of all entries) or "l2" (root of their sum of squares).
            rtol: wanted relative error, > 0.

        Returns:
            (value, error estimate).

        Raises:
            InputError: unknown norm (with the nearest name), or rtol that is not positive.
        """
        _checks.choice(norm, _NORMS, "norm")
        rtol = _checks.number(rtol, "rtol", above=0, remedy="1e-7 is the default")
        knots = np.asarray(self.knots)
        length = knots[-1] - knots[0]

        def piece(start, stop):
            return start, stop, float(_length(self.derivative, jnp.asarray(start), jnp.asarray(stop), norm))

        waiting = [piece(a, b) for a, b in zip(knots[:-1], knots[1:], strict=True)]
        allowed = max(rtol, 64 * EPS) * sum(part for *_, part in waiting)
        done, error, pieces = [], 0.0, len(waiting)
        while waiting:
            following: list[tuple[float, float, float]] = []
            for start, stop, whole in waiting:
                middle = (start + stop) / 2
                halves = piece(start, middle), piece(middle, stop)
                gap = abs(halves[0][2] + halves[1][2] - whole)
                if gap <= allowed * (stop - start) / length or pieces >= _MOST_PIECES:
                    done += [halves[0][2], halves[1][2]]
                    error += gap
                else:
                    following += halves
                    pieces += 1
            waiting = following
        value = math.fsum(done)
        return Variation(value, error + len(done) * EPS * value)


@eqx.filter_jit
def _values(driver: Driver, times: Array) -> Array:
    # One after the other: the largest arrays of a study are these values, and nothing beside them is as large.
    return jax.lax.map(driver.value, times).reshape(len(times), -1)


@eqx.filter_jit
def _length(speed: Callable[[Array], Array], start: Array, stop: Array, norm: str) -> Array:
    """int |v'| dt from `start` to `stop`, by 10 Gauss-Legendre nodes."""
    nodes, weights = (jnp.asarray(part) for part in np.polynomial.legendre.leggauss(10))
    radius = (stop - start) / 2

    def size(t):
        v = speed(t)
        return jnp.sum(jnp.abs(v)) if norm == "l1" else jnp.sqrt(jnp.sum(v * v))

    return radius * (weights @ jax.lax.map(size, (start + stop) / 2 + radius * nodes))


class QuadratureDriver(Driver):
    """v(t) = int v' from the first knot on: the knots hold the integral up to them, Gauss-Legendre quadrature goes on.

    Args:
        speed: t -> v'(t), a pytree (a method of an `equinox.Module`), smooth between the knots.
        knots: increasing times, shape (k,).
    """

    speed: Callable[[Array], Array]
    times: Float[Array, " k"]
    totals: Float[Array, "k ..."]

    def __init__(self, speed: Callable[[Array], Array], knots: Any):
        self.speed, self.times = speed, jnp.asarray(knots, dtype=float)
        self.totals = integrals(speed, self.times)

    @property
    def knots(self):
        return self.times

    def value(self, t):
        t, knots = jnp.asarray(t, dtype=float), self.times
        before = jnp.clip(jnp.searchsorted(knots, t, side="right") - 1, 0, knots.shape[0] - 2)
        return self.totals[before] + integral(self.speed, knots[before], t, 12)

    def derivative(self, t, left=True):
        del left
        return self.speed(t)


def integrals(speed: Callable[[Array], Array], times: Array, order: int = 12) -> Array:
    """The integral of `speed` from the first of the times to each of them."""
    # One compiled interval, called for each: the number of intervals changes from driver to driver.
    parts = [integral(speed, start, stop, order) for start, stop in zip(times[:-1], times[1:], strict=True)]
    total = jnp.cumsum(jnp.stack(parts), axis=0)
    return jnp.concatenate([jnp.zeros_like(total[:1]), total])


@eqx.filter_jit
def integral(speed: Callable[[Array], Array], start: Array, stop: Array, order: int) -> Array:
    """The integral of `speed` from `start` to `stop`, by `order` Gauss-Legendre nodes."""
    nodes, weights = (jnp.asarray(part) for part in np.polynomial.legendre.leggauss(order))
    radius = (stop - start) / 2
    values = jax.lax.map(speed, (start + stop) / 2 + radius * nodes)
    return radius * jnp.tensordot(weights, values, axes=1)


class RetimedDriver(Driver):
    """A driver on [0, 1] run in the paper's time t: t -> v(s(t)), for instance with s = psi_D(2t - 1).

    A layer narrower than rounding leaves a jump at t = 1/2. Ends, signature and p-variation are those of v itself.
    """

    driver: Driver
    clock: SegmentClock

    @property
    def knots(self) -> np.ndarray:
        return np.unique(np.concatenate([[0.0], np.asarray(self.clock.paper_time(self.clock.knots)), [1.0]]))

    def value(self, t):
        return self.driver.value(self.clock.position_at_paper_time(t))

    def derivative(self, t, left=True):
        """v'(s(t)) s'(t)."""
        t = jnp.asarray(t, dtype=float)
        s, rate = jax.jvp(self.clock.position_at_paper_time, (t,), (jnp.ones_like(t),))
        return rate * self.driver.derivative(s, left)
