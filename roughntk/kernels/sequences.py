"""A user's own sequence of kernels, a function of correlation and depth, as a family.

The sequence h(c, L) is a kernel k_L(x, z) = h(x . z, L) on the sphere. Nothing else is known of it: its limit, its
phase and whether it is positive definite are found by measurement only (`classify`, `criteria.check`).
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.engine import evaluation, user_functions
from roughntk.kernels.engine.ball_numbers import Budget, called_on_balls
from roughntk.kernels.engine.ball_records import recorded_on_balls
from roughntk.kernels.engine.deflated import Deflated
from roughntk.kernels.engine.user_functions import CORRELATION, Called, Parted, Recorded


def sequence(
    h: Callable[[Any, Any], Any],
    *,
    name: str | None = None,
    real_depth: bool = False,
    deflated: Callable[[Any, Any], Any] | None = None,
) -> "KernelSequence":
    """The family k_L(x, z) = h(x . z, L) of a function of correlation and depth; it goes wherever a family goes.

    Every function that takes a family takes such a function itself as well, as a sequence of whole depths.

    Args:
        h: (correlation, depth) -> kernel, elementwise, of the correlation's shape, in float64. Written with jax.numpy
            it is recorded as it is now, compiled, with a depth that may be traced, and can be differentiated; any other
            function (NumPy, loops over the layers) gets arrays and a Python number, and is called as it is.
        name: what messages and tables call it; by default the name of the function.
        real_depth: whether h has a meaning at every real depth >= 1 and at math.inf, where it must be finite. With
            jax.numpy it can then be carried along real depth (`rn.transport.to_depth`).
        deflated: of a kernel that tends to one value for all pairs, the diagonal included, so that its matrix becomes
            singular: what is left of it, (gap, depth) -> (level, log_scale, values), with the kernel level +
            exp(log_scale) values, gap = 1 - correlation, and values of the gap's shape that are of order one and lose
            no digits, as with expm1. At depth math.inf log_scale is -math.inf, and values is their limit. Coefficients
            then keep their digits at every depth, and have a limit; `KernelSequence.collapses` is True.

    Returns:
        A :class:`KernelSequence`.

    Raises:
        InputError: h is no function of two arguments, is not elementwise, or returns another shape, complex or
            single-precision numbers, NaN or infinity at depths 1 to 3 (or 2.5 and infinity with `real_depth`);
            correlation and depth are named. What is left is not the kernel, or has no limit.

    >>> family = sequence(lambda c, depth: jnp.exp((c - 1) / depth), name="flattening", real_depth=True)
    >>> round(float(family.at_correlation(0.0, 2)), 6)
    0.606531
    >>> left = lambda gap, depth: (1.0, -math.log(depth), -gap if depth == math.inf else depth * np.expm1(-gap / depth))
    >>> family = sequence(lambda c, depth: jnp.exp((c - 1) / depth), deflated=left)
    >>> X, x = sphere.uniform(4, 5, 0), sphere.uniform(1, 5, 1)
    >>> from roughntk.regression import coefficients
    >>> bool(abs(coefficients(family, X, x, depth=1e15) - coefficients(family, X, x, depth=math.inf)).max() < 1e-13)
    True
    """
    user_functions.check_arguments(h, CORRELATION)
    name = user_functions.label(h) if name is None else name
    if not isinstance(name, str) or not name:
        raise InputError(f"expected a name that is a word, got {name!r}; leave it out to use that of the function")
    real = _checks.flag(real_depth, "real_depth")
    depths = (1, 2, 3, *((2.5, math.inf) if real else ()))
    family = KernelSequence(function=user_functions.chosen(h, name, real, depths), name=name, real_depth=real)
    if deflated is None:
        return family
    user_functions.check_arguments(deflated, "deflated(gap, depth)")
    parted = user_functions.Parted(deflated, name)
    user_functions.check_parts(parted, family.evaluated, tuple(depth for depth in depths if depth < math.inf))
    return KernelSequence(function=family.function, name=name, real_depth=real, parted=parted)


_FALLS = 1000, 2000


class KernelSequence(KernelFamily):
    """k_L(x, z) = h(x . z, L) on the sphere, from `sequence`, which describes its arguments.

    >>> import roughntk as rn
    >>> family = rn.kernels.sequence(lambda c, depth: c**depth, name="powers")
    >>> type(family).__name__, round(float(family.at_correlation(0.5, 3)), 6)
    ('KernelSequence', 0.125)
    """

    symbol = "k"

    function: Recorded | Called = eqx.field(static=True)
    name: str = eqx.field(static=True)  # type: ignore[misc]
    real_depth: bool = eqx.field(static=True)
    parted: Parted | None = eqx.field(static=True, default=None)

    @property
    def h(self) -> Callable[[Any, Any], Any]:
        """The function that it was made from."""
        return self.function.h

    @property
    def traceable(self) -> bool:
        """Whether h was recorded, so that it is compiled and can be differentiated."""
        return isinstance(self.function, Recorded)

    @property
    def settings(self):
        return {}

    def why_no_real_depth(self):
        if not self.real_depth:
            return "a sequence has real depth where rn.kernels.sequence(h, real_depth=True) says so"
        return ""

    # In balls

    @property
    def encloses(self) -> bool:
        return True

    def enclosed(self, correlations, depth):
        budget = Budget()
        if isinstance(self.function, Recorded):
            return recorded_on_balls(self.function.closed, correlations, depth, budget)
        return called_on_balls(self.h, correlations, depth, budget)

    # What is left of it, where the user says so

    @property
    def collapses(self) -> bool:
        return self.parted is not None

    @property
    def drivers_vanish(self) -> bool:
        """Not where what is left shrinks by one factor: where log_scale still falls as fast at twice the depth."""
        if self.parted is None:
            return True
        one = np.ones(1)
        falls = [self.parted(one, depth)[1] - self.parted(one, depth + 1)[1] for depth in _FALLS]
        return not falls[1] > 0.75 * falls[0] > 0

    @property
    def limit_value(self) -> float:
        return super().limit_value if self.parted is None else self.parted(np.ones(1), math.inf)[0]

    def _limit(self, theta):
        return jnp.full_like(theta, self.limit_value)

    def _deflated(self, theta: np.ndarray, depth: float) -> Deflated:
        if self.parted is None:
            return super()._deflated(theta, depth)
        return Deflated(*self.parted(2 * np.sin(theta / 2) ** 2, _plain(depth)))

    def _real_at_angle(self, theta, depth):
        return self._at_angle(theta, depth)

    def _real_at_correlation(self, rho, depth):  # type: ignore[override]
        return self._at_correlation(rho, depth)

    # Known numbers: what h returns is looked at

    def evaluated(self, correlation: np.ndarray, depth) -> np.ndarray:
        """h at known correlations and one known depth, in float64.

        Raises:
            InputError: h raises, or returns another shape, complex or single-precision numbers, NaN or infinity; named.
        """
        correlation = np.asarray(correlation, dtype=np.float64)
        if isinstance(self.function, Called) or not self.function.holds(depth):
            return user_functions.called(self.h, self.name, correlation.copy(), depth)
        values = evaluation.real_at_correlation(self, jnp.asarray(correlation), jnp.asarray(float(depth)))
        return user_functions.looked_at(np.asarray(values), self.name, correlation, depth)

    def at_depths(self, theta: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """The kernel at known angles, shape (k,), and several known whole depths, shape (l,): (l, k), found together.

        Raises:
            InputError: as `evaluated`.
        """
        rho = np.cos(theta)
        if isinstance(self.function, Called) or not self.function.holds(float(np.max(depths, initial=1))):
            return np.stack([self.evaluated(rho, int(depth)) for depth in depths])
        number = jnp.result_type(float)
        values = np.asarray(
            evaluation.real_at_correlation(self, jnp.asarray(rho, number), jnp.asarray(depths[:, None], number))
        )
        for k in np.flatnonzero(~np.isfinite(values).all(axis=1))[:1]:
            user_functions.looked_at(values[k], self.name, rho, int(depths[k]))
        return values

    def at_angle(self, theta, depth):
        if _checks.is_traced(theta, depth):
            return super().at_angle(theta, depth)
        return self._known(np.cos(np.asarray(evaluation.in_range(theta, "theta", 0.0, np.pi))), depth)

    def __call__(self, X, Z=None, *, depth, domain="sphere"):
        if _checks.is_traced(X, Z, depth) or _checks.choice(domain, ("sphere", "euclidean"), "domain") != "sphere":
            return super().__call__(X, Z, depth=depth, domain=domain)
        return self._known(np.cos(np.asarray(sphere.angles(X, Z))), depth)

    def at_correlation(self, rho, depth):
        if _checks.is_traced(rho, depth):
            return super().at_correlation(rho, depth)
        return self._known(np.asarray(evaluation.in_range(rho, "rho", -1.0, 1.0)), depth)

    def _known(self, rho: np.ndarray, depth) -> Array:
        if self.parted is not None and evaluation.at_limit(self, depth):
            return self._limit(jnp.asarray(rho))
        self._check_finite_depth(depth)
        depths = np.asarray(evaluation.depth_of(self, depth, rho.shape)[1])
        if depths.ndim == 0:
            return jnp.asarray(self.evaluated(rho, _plain(depths)))
        return jnp.asarray(self._at_each(rho, depths))

    def _check_finite_depth(self, depth) -> None:
        if not self.has_real_depth and np.any(np.asarray(depth, dtype=object) == math.inf):
            raise InputError(
                f"expected a finite depth for {self.name}, got infinity; the limit of a sequence is not known here: "
                f"rn.classify extrapolates it, or give a sequence with real_depth=True that is defined at "
                f"math.inf, or with deflated=, what is left of one that tends to one value"
            )

    def trajectory(self, theta, layers):
        layers = _checks.integer(layers, "layers", least=1)
        theta = evaluation.in_range(theta, "theta", 0.0, np.pi)
        if _checks.is_traced(theta):
            return super().trajectory(theta, layers)
        rho = np.cos(np.asarray(theta))
        if not self.traceable:
            return jnp.asarray(np.stack([self.evaluated(rho, depth) for depth in range(1, layers + 1)]))
        values = np.asarray(super().trajectory(theta, layers))
        bad = np.flatnonzero(~np.isfinite(values).reshape(layers, -1).all(axis=1))
        if bad.size:
            user_functions.looked_at(values[bad[0]], self.name, rho, int(bad[0]) + 1)
        return jnp.asarray(values)

    # Within a trace

    def _at_correlation(self, rho, depth):
        if isinstance(self.function, Recorded):
            return self.function(rho, depth)
        result = jax.ShapeDtypeStruct(jnp.broadcast_shapes(rho.shape, jnp.shape(depth)), jnp.result_type(float))
        return jax.pure_callback(self._at_each, result, rho, depth, vmap_method="broadcast_all")

    def _at_each(self, rho, depth) -> np.ndarray:
        """h at known correlations and depths that broadcast against each other: once for each depth."""
        rho, depths = np.broadcast_arrays(np.asarray(rho), np.asarray(depth))
        values = np.empty(rho.shape)
        for number in np.unique(depths):
            values[depths == number] = self.evaluated(rho[depths == number], _plain(number))
        return values

    def _at_angle(self, theta, depth):
        return self._at_correlation(jnp.cos(theta), depth)

    def correlation_map(self, c):
        raise InputError(
            f"expected a family of layers, got the sequence {self.name}, which need not apply one map again and again; "
            f"use `rn.kernels.CompositionKernel` for one that does"
        )


def _plain(depth) -> int | float:
    number = float(depth)
    return int(number) if number < math.inf and number == int(number) else number


__all__ = ["KernelSequence", "sequence"]
