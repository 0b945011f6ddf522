"""Kernel families: what an infinitely wide network of a given depth computes from two inputs.

A family is an immutable `equinox.Module`. It is written for one pair of inputs, given by their correlation
rho = x . z or their angle theta = arccos rho, and broadcasts elementwise; called on data it returns a matrix.
Depth 1 is the input layer for every family: the correlation itself. Depth L applies the layer map L - 1 times.
"""

import abc
import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Array, Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels.deflated import Deflated
from roughntk.kernels.engine import evaluation as _evaluation
from roughntk.maps import recursion

TABLE_ENTRIES = 10_000
"""Matrices of at least so many entries, of known rows and at one known depth, go through a table of the kernel."""

_BYTES_A_VALUE = 24.0
"""Memory that a trajectory takes for each of its values: itself, and what it is computed from."""

RECURSION_DEPTH = 8
"""Whole depths up to this one, known before tracing, go layer by layer; deeper ones in constant time."""


class KernelFamily(eqx.Module):
    """A sequence of kernels k_L on the sphere, indexed by the depth L of a network."""

    name: ClassVar[str]
    symbol: ClassVar[str]
    is_tangent: ClassVar[bool] = False
    """Whether it is a tangent kernel, Theta; else it is a covariance, Sigma, or a kernel of another kind."""
    homogeneous: ClassVar[bool] = False
    """Whether the kernel off the sphere is |x| |z| times that of the directions."""
    recursion_depth: ClassVar[float] = RECURSION_DEPTH
    counted_layers: ClassVar[float] = math.inf
    """Whole depths, known before tracing, up to which layers are counted; `_beyond` takes deeper ones."""

    @abc.abstractmethod
    def _at_angle(self, theta: Array, depth: Array) -> Array:
        """Kernel value at the angle and an integer depth; arguments already checked."""

    @abc.abstractmethod
    def _at_correlation(self, rho: Array, depth: Array) -> Array:
        """Kernel value at the correlation and an integer depth; arguments already checked."""

    @abc.abstractmethod
    def _trajectory(self, theta: Array, layers: int) -> Array:
        """Kernel values at depths 1 .. layers, stacked along a new first axis."""

    def _beyond(self, values: Array, depth: float, by_angle: bool) -> Array:
        """The kernel at known angles or correlations and a known whole depth beyond `counted_layers`."""
        raise NotImplementedError

    def _why_no_real_depth(self) -> str:
        """Why this member has no real depth; empty if it has."""
        return "this family has no real depth"

    # Real depth, for families that have it

    def _prepared(self, depth: Array) -> Any:
        """What the two methods below get in the place of the family, a pytree of arrays; not compiled."""
        return self

    def _real_at_angle(self, theta: Array, depth: Array) -> Array:
        """The kernel at any real depth >= 1 and infinity, elementwise; `self` is what `_prepared` returns."""
        raise NotImplementedError

    @classmethod
    def _real_at_correlation(cls, prepared: Any, rho: Array, depth: Array) -> Array:
        """The same at correlations; by default it goes through the angle."""
        return recursion.by_correlation(cls._real_at_angle, prepared, *jnp.broadcast_arrays(rho, depth))

    def _table(self, depth: float) -> sphere.AngleFunction | None:
        """theta -> kernel, elementwise and fast, on known angles; None where this depth has no table."""
        return None

    def _correlation_map(self, c: Array) -> Array:
        """One layer on the correlation, arguments already checked: by default what takes depth 1 to depth 2."""
        return self._at_correlation(c, jnp.asarray(2))

    def _settled_map(self) -> Callable[[Array], Array]:
        """1 - c -> 1 - h(c), a pytree: what the layer that layers tend to needs is computed once."""
        return Partial(_plain_defect_map, self)

    def _retained(self, theta: Array, layers: int) -> Array | None:
        """dK_{L+1}/dK_L at depths 1 .. layers, what a layer keeps of a tangent kernel; None for other kernels."""
        return None

    def _path(self, theta: Array, layers: int) -> tuple[Array, Array | None]:
        """`_trajectory` and `_retained`, in one run where the family can."""
        return self._trajectory(theta, layers), self._retained(theta, layers)

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that it was built with, by name: numbers, and words for what is no number."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value if _checks.is_traced(value) else float(value) for name, value in found.items()}

    @property
    def differs_by_depth(self) -> bool:
        """Whether a network of another depth has other layers, not only more of them."""
        return False

    @property
    def has_real_depth(self) -> bool:
        """Whether depth may be any real number >= 1, or infinity."""
        return not self._why_no_real_depth()

    def at_angle(self, theta: Float[Array, "..."], depth) -> Float[Array, "..."]:
        """Kernel at the angle theta_1 in [0, pi] (radians), elementwise.

        Args:
            theta: angles, any shape.
            depth: L >= 1, whole, real or infinite where the family has real depth (`has_real_depth`), whole
                otherwise, or infinite where the family knows its limit; a scalar, or an array that broadcasts
                against theta; it may be traced.

        Raises:
            InputError: angles outside [0, pi], NaN, depth < 1, not whole where it must be, or of another shape. Where
                JAX traces them, so that nothing can be raised, the value is NaN.
        """
        return _evaluation.guarded(self._value, _evaluation.in_range(theta, "theta", 0.0, np.pi), depth)

    def _value(self, theta: Array, depth) -> Array:
        """The kernel at checked angles."""
        if self._at_limit(depth):
            return self._checked_limit(theta)
        whole, depth = self._depth(depth, theta.shape)
        return (_evaluation.whole_at_angle if whole else _evaluation.real_at_angle)(self, theta, depth)

    def at_correlation(self, rho: Float[Array, "..."], depth) -> Float[Array, "..."]:
        """Kernel at the correlation rho_1 in [-1, 1], elementwise; `depth` as in `at_angle`.

        Near rho = 1 a float64 correlation holds only half of the digits of the angle: prefer `at_angle` there.

        Raises:
            InputError: correlations outside [-1, 1], NaN, or a bad depth as in `at_angle`.
        """
        return _evaluation.guarded(self._value_at_correlation, _evaluation.in_range(rho, "rho", -1.0, 1.0), depth)

    def _value_at_correlation(self, rho: Array, depth) -> Array:
        if self._at_limit(depth):
            return self._checked_limit(_evaluation.angle(rho))
        whole, depth = self._depth(depth, rho.shape)
        return (_evaluation.whole_at_correlation if whole else _evaluation.real_at_correlation)(self, rho, depth)

    def __call__(self, X, Z=None, *, depth, domain: str = "sphere") -> Float[Array, "n m"]:
        """Kernel matrix between the rows of X (n, n0) and of Z (m, n0; X by default), shape (n, m).

        Args:
            X, Z: unit rows; with domain="euclidean" and a homogeneous family, rows of any length, where the kernel is
                |x| |z| K(x/|x|, z/|z|), and 0 where x or z is 0.
            depth: as in `at_angle`.
            domain: "sphere" or "euclidean".

        Raises:
            InputError: rows off the sphere (named), NaN, a bad depth as in `at_angle`, or domain="euclidean" with a
                family that is not homogeneous.
        """
        if _checks.choice(domain, ("sphere", "euclidean"), "domain") == "euclidean":
            return self._off_the_sphere(X, Z, depth)
        if _checks.known_number(depth) is not None and not _checks.is_traced(X, Z):
            symmetric = Z is None or Z is X
            X = sphere.check_unit(X)
            Z = None if symmetric else sphere.check_unit(Z, "Z", columns=X.shape[1])
            if len(X) * len(X if Z is None else Z) >= TABLE_ENTRIES:
                table = self._table(_checks.one_depth(depth))
                if table is not None:
                    return sphere.map_angles(table, X, Z)
        return _evaluation.guarded(self._value, sphere.angles(X, Z), depth)

    @property
    def collapses(self) -> bool:
        """Whether all entries of the kernel matrix tend to one value as the depth grows, the diagonal included.

        The matrix then becomes singular, and `deflated` has what is left of it.
        """
        return False

    @property
    def drivers_vanish(self) -> bool:
        """Whether K_L^{-1} (K_{L+1} - K_L) tends to 0 as the depth grows; not so for hyperbolic families."""
        return True

    def deflated(self, theta, depth) -> Deflated:
        """K = level + exp(log_scale) values at known angles, `values` computed without cancellation at any depth.

        Args:
            theta: angles in [0, pi] (radians), any shape; the common factor is that of these angles.
            depth: as in `at_angle`, one known number; math.inf gives the limit of the values.

        Raises:
            InputError: bad angles or depth, or a family that does not collapse.
        """
        if _checks.is_traced(theta):
            raise _checks.traced_array("theta")
        theta = np.asarray(_evaluation.in_range(theta, "theta", 0.0, np.pi))
        depth = _checks.one_depth(depth)
        if depth != math.inf and not self.has_real_depth:
            depth = float(_checks.integer_depth(depth))
        return _evaluation.deflated_in_buckets(lambda angles: self._deflated(angles, depth), theta)

    def _deflated(self, theta: np.ndarray, depth: float) -> Deflated:
        raise InputError(
            f"expected a family whose kernel matrix collapses as the depth grows, got {self.name}, which stays well "
            f"conditioned; use its kernel itself"
        )

    def _off_the_sphere(self, X, Z, depth) -> Array:
        self.check_homogeneous()
        length_X, unit_X = sphere.polar(X)
        length_Z, unit_Z = (length_X, None) if Z is None or Z is X else sphere.polar(Z, "Z", columns=unit_X.shape[1])
        return self(unit_X, unit_Z, depth=depth) * length_X[:, None] * length_Z

    def check_homogeneous(self) -> None:
        """Refuse a family whose kernel off the sphere is more than |x| |z| times that on it."""
        if not self.homogeneous:
            raise InputError(
                f"expected a homogeneous family off the sphere, got {self.name}, whose kernel depends on the lengths "
                f"of its rows in another way; project the rows (rn.sphere.project) or use a bias-free ReLU family"
            )

    def log_scale(self, depth) -> float:
        """log k_L(x, x) of the kernel before it was normalised, at |x|^2/n0 = 1 (or the member's `input_variance`).

        exp(log_scale) K is the unnormalised kernel; times |x| |z|/n0 for homogeneous families (`unnormalised`).

        Args:
            depth: whole, or real where the family has real depth: bias-free ReLU networks have the scale
                2^{-(l - 1)}, times l for tangent kernels, between whole depths as well.

        Raises:
            InputError: a depth below 1, not whole where it must be, or infinite (where the scale is 0 or infinite).
        """
        if not self.has_real_depth:
            return self._log_scale(_checks.integer_depth(depth))
        number = _checks.one_depth(depth)
        if number == math.inf:
            raise InputError(f"expected a finite depth for the scale of {self.name}, got infinity; choose a depth")
        return self._log_scale(number)

    def _log_scale(self, depth: float) -> float:
        return 0.0

    def unnormalised(self, X, Z=None, *, depth, domain: str = "sphere") -> Float[Array, "n m"]:
        """The kernel itself, Theta_L or Sigma_L: exp(log_scale) K, times |x| |z|/n0 for homogeneous families.

        Raises:
            InputError: as `__call__`; a scale beyond the range of float64 (work with `log_scale` there).
        """
        log_scale = self.log_scale(depth)
        if not abs(log_scale) < 700:
            raise InputError(
                f"expected a depth at which the kernel's scale fits in float64, got depth {depth} with log scale "
                f"{log_scale:.6g}; use the normalised kernel and log_scale"
            )
        share = 1 / np.shape(X)[1] if self.homogeneous else 1.0
        return self(X, Z, depth=depth, domain=domain) * (math.exp(log_scale) * share)

    @property
    def limit_value(self) -> float:
        """What the kernel between two distinct points tends to as the depth grows."""
        raise InputError(
            f"expected a finite depth for {self.name}, got infinity; the limit of this family is not known here: "
            f"choose a finite depth"
        )

    def _limit(self, theta: Array) -> Array:
        """The kernel at infinite depth; 1 on the diagonal unless a member says otherwise."""
        return jnp.where(theta == 0, 1.0, self.limit_value)

    def _checked_limit(self, theta: Array) -> Array:
        """`_limit`; an error where it has to decide by what is traced."""
        try:
            return self._limit(theta)
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
            raise InputError(
                f"expected known numbers for {self.name} at infinite depth, got traced ones; its phase decides what "
                f"the limit is: call it outside jit, grad and vmap, or take a finite depth"
            ) from None

    def is_positive_definite(self, X, depth) -> bool:
        """Whether the kernel matrix on the unit rows of X is positive definite to working precision at that depth.

        The smallest eigenvalue must exceed n eps times the largest. ReLU kernels are positive definite at whole
        depths from 3 on for every set of distinct rows; between depths 1 and 2 they are indefinite on some sets.
        """
        if _checks.is_traced(X):
            raise _checks.traced_array("X")
        _checks.one_depth(depth)
        spectrum = np.linalg.eigvalsh(np.asarray(self(X, depth=depth)))
        return bool(spectrum[0] > len(spectrum) * EPS * spectrum[-1])

    def trajectory(self, theta: Float[Array, "..."], layers: int) -> Float[Array, "layers ..."]:
        """Kernel at the angle theta_1 at all depths 1 .. layers, stacked along a new first axis."""
        layers = _checks.integer(layers, "layers", least=1)
        theta = _evaluation.in_range(theta, "theta", 0.0, np.pi)
        _checks.memory(
            _BYTES_A_VALUE * layers * max(1, theta.size),
            f"the kernel of {theta.size} angles at {layers:,} depths",
            "lower layers, or call the family at the depths that are needed, each in constant time",
        )
        return _evaluation.guarded(lambda angles, count: _compiled_trajectory(self, angles, count), theta, layers)

    def _at_limit(self, depth) -> bool:
        """Whether the depth is known to be infinite, and not one that the real depth of the family takes."""
        if self.has_real_depth or _checks.is_traced(depth):
            return False
        return _checks.known_number(depth) is not None and _checks.one_depth(depth) == math.inf

    def correlation_map(self, c: Float[Array, "..."]) -> Float[Array, "..."]:
        """h, one layer's action on the correlation c_L of two inputs: c_{L+1} = h(c_L), elementwise.

        For ReLU kernels h is the dual activation, for a composition the composed map. Where the layers change with
        depth (variances settle) it is the layer that they tend to. Its fixed points and multipliers h' decide what
        infinite depth does (`roughntk.depth.phases.decision`); h' at c = 1 is one-sided.

        Raises:
            InputError: correlations outside [-1, 1], or NaN.
        """
        c = _evaluation.in_range(c, "c", -1.0, 1.0)
        return _evaluation.guarded(lambda values, _: _compiled_correlation_map(self, values), c, 1)

    def _depth(self, depth, shape: tuple[int, ...]) -> tuple[bool, Array]:
        """(whether to go layer by layer, the checked depth as an array)."""
        if _checks.is_traced(depth):
            depth = jnp.asarray(depth)
            whole = not self.has_real_depth
            if whole and not jnp.issubdtype(depth.dtype, jnp.integer):
                raise InputError(
                    f"expected a traced depth of integer dtype for {self.name}, got {depth.dtype}; "
                    f"{self._why_no_real_depth()}: cast it with astype(int)"
                )
            return whole, depth if whole else depth.astype(float)
        if not self.has_real_depth:
            self._check_whole(depth)
            return True, _evaluation.whole(_checks.integer_depth(depth))
        number = _checks.real_depth(depth, shape)
        if number.ndim == 0 and number < math.inf and number <= self.recursion_depth and number == int(number):
            return True, _evaluation.whole(int(number))
        return False, jnp.asarray(number)

    def _check_whole(self, depth) -> None:
        """Say why this member has no real depth, though its family has one and it is asked for."""
        number = _checks.known_number(depth)
        if type(self)._real_at_angle is KernelFamily._real_at_angle:
            return
        if isinstance(number, float) and 1 <= number < math.inf and number != int(number):
            raise InputError(f"expected a whole depth for {self.name}, got {number!r}; {self._why_no_real_depth()}")


@eqx.filter_jit
def _compiled_correlation_map(family: KernelFamily, c: Array) -> Array:
    return family._correlation_map(c)


def _plain_defect_map(family: KernelFamily, defect: Array) -> Array:
    return 1 - family._correlation_map(1 - defect)


@eqx.filter_jit
def _compiled_trajectory(family: KernelFamily, theta: Array, layers: int) -> Array:
    return family._trajectory(theta, layers)
