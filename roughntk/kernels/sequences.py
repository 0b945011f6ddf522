"""A user's own sequence of kernels, a function of correlation and depth, as a family.

The sequence h(c, L) is a kernel k_L(x, z) = h(x . z, L) on the sphere. Nothing else is known of it: its limit, its
phase and whether it is positive definite are found by measurement only (`classify`, `criteria.check`).
"""

import functools
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
from roughntk.kernels.engine import evaluation

_TRIED = np.array([1.0, 0.5, 0.0, -0.5, -1.0])


def sequence(h: Callable[[Any, Any], Any], *, name: str | None = None, real_depth: bool = False) -> "KernelSequence":
    """The family k_L(x, z) = h(x . z, L) of a function of correlation and depth; it goes wherever a family goes.

    Args:
        h: (correlation, depth) -> kernel, elementwise, of the correlation's shape. Written with jax.numpy it is
            compiled, with a depth that may be traced, and can be differentiated; any other function (NumPy, loops over
            the layers) gets arrays and a Python number, and is called as it is.
        name: what messages and tables call it; by default the name of the function.
        real_depth: whether h has a meaning at every real depth >= 1 and at math.inf, where it must be finite. With
            jax.numpy it can then be carried along real depth (`rn.transport.to_depth`).

    Returns:
        A :class:`KernelSequence`.

    Raises:
        InputError: h is no function of two arguments, or returns another shape, complex numbers, NaN or infinity at
            depths 1 to 3 (or 2.5 and infinity with `real_depth`); correlation and depth are named.

    >>> family = sequence(lambda c, depth: jnp.exp((c - 1) / depth), name="flattening", real_depth=True)
    >>> round(float(family.at_correlation(0.0, 2)), 6)
    0.606531
    """
    if not callable(h) or isinstance(h, type):
        raise InputError(
            f"expected a function h(correlation, depth), got {_shown(h)}; write for instance "
            f"lambda c, depth: jnp.exp((c - 1) / depth)"
        )
    label = name if name is not None else getattr(h, "__name__", type(h).__name__).strip("<>")
    if not isinstance(label, str) or not label:
        raise InputError(f"expected a name that is a word, got {name!r}; leave it out to use that of the function")
    real = _checks.flag(real_depth, "real_depth")
    family = KernelSequence(h=h, name=label, real_depth=real, traceable=_is_traceable(h, real))
    for depth in (1, 2, 3, *((2.5, math.inf) if real_depth else ())):
        family.evaluated(_TRIED, depth)
    return family


def _shown(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"{value!r}"


def _is_traceable(h: Callable, real_depth: bool) -> bool:
    """Whether h can be compiled: written with jax.numpy, for a traced depth."""
    correlation = jax.ShapeDtypeStruct((3,), jnp.result_type(float))
    depth = jax.ShapeDtypeStruct((), jnp.result_type(float) if real_depth else jnp.result_type(int))
    try:
        image = jax.eval_shape(h, correlation, depth)
    except Exception:  # whatever a function of arrays may raise when it is traced
        return False
    return isinstance(image, jax.ShapeDtypeStruct) and image.shape == (3,) and jnp.issubdtype(image.dtype, jnp.floating)


class KernelSequence(KernelFamily):
    """k_L(x, z) = h(x . z, L) on the sphere, from `sequence`, which describes its arguments.

    >>> import roughntk as rn
    >>> family = rn.kernels.sequence(lambda c, depth: c**depth, name="powers")
    >>> type(family).__name__, round(float(family.at_correlation(0.5, 3)), 6)
    ('KernelSequence', 0.125)
    """

    symbol = "k"

    h: Callable[[Any, Any], Any] = eqx.field(static=True)
    name: str = eqx.field(static=True)  # type: ignore[misc]
    real_depth: bool = eqx.field(static=True)
    traceable: bool = eqx.field(static=True)

    @property
    def settings(self):
        return {}

    def why_no_real_depth(self):
        if not self.real_depth:
            return "a sequence has real depth where sequence(h, real_depth=True) says so"
        return ""

    def _real_at_angle(self, theta, depth):
        return self._at_angle(theta, depth)

    def _real_at_correlation(self, rho, depth):  # type: ignore[override]
        return self._at_correlation(rho, depth)

    # Known numbers are given to h as they are, and what it returns is looked at

    def evaluated(self, correlation: np.ndarray, depth) -> np.ndarray:
        """h at known correlations and one known depth, in float64.

        Raises:
            InputError: h raises, or returns another shape, complex numbers, NaN or infinity; named.
        """
        correlation = np.asarray(correlation, dtype=np.float64)
        at = f"at depth {depth}"
        try:
            if self.traceable:
                returned = np.asarray(_compiled(self.h, jnp.asarray(correlation), _as_array(depth, self.real_depth)))
            else:
                returned = np.asarray(self.h(correlation.copy(), depth))
        except InputError:
            raise
        except Exception as problem:  # whatever a user's function may raise
            raise InputError(
                f"expected a sequence h(correlation, depth), got {_checks.reason(problem)} from {self.name} {at} "
                f"on an array of {correlation.size} correlations; correct it"
            ) from problem
        if returned.dtype.kind not in "fiu":
            raise InputError(
                f"expected real kernel values from {self.name}, got {returned.dtype} {at}; return a float array"
            )
        if returned.shape != correlation.shape:
            raise InputError(
                f"expected {self.name} to return the shape {correlation.shape} of its correlations, got "
                f"{returned.shape} {at}; write it elementwise"
            )
        bad = np.flatnonzero(~np.isfinite(returned))
        if bad.size:
            raise InputError(
                f"expected finite kernel values from {self.name}, got {returned.reshape(-1)[bad[0]]} at correlation "
                f"{correlation.reshape(-1)[bad[0]]:.17g} and depth {depth} ({bad.size} of {correlation.size} values); "
                f"define it there"
            )
        return returned.astype(np.float64)

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
                f"math.inf"
            )

    def trajectory(self, theta, layers):
        layers = _checks.integer(layers, "layers", least=1)
        theta = evaluation.in_range(theta, "theta", 0.0, np.pi)
        if self.traceable or _checks.is_traced(theta):
            return super().trajectory(theta, layers)
        rho = np.cos(np.asarray(theta))
        return jnp.asarray(np.stack([self.evaluated(rho, depth) for depth in range(1, layers + 1)]))

    # Within a trace

    def _at_correlation(self, rho, depth):
        if self.traceable:
            return self.h(rho, depth)
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


@functools.partial(jax.jit, static_argnums=0)
def _compiled(h: Callable, rho: Array, depth: Array) -> Array:
    return h(rho, depth)


def _as_array(depth, real: bool) -> Array:
    return jnp.asarray(depth, dtype=jnp.result_type(float) if real else jnp.result_type(int))


__all__ = ["KernelSequence", "sequence"]
