"""Kernel families: what an infinitely wide network of a given depth computes from two inputs.

A family is an immutable `equinox.Module`. It is written for one pair of inputs, given by their correlation
rho = x . z or their angle theta = arccos rho, and broadcasts elementwise; called on data it returns a matrix.
Depth 1 is the input layer for every family: the correlation itself. Depth L applies the layer map L - 1 times.
"""

import abc
import math
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.tree_util import Partial
from jaxtyping import Array, Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.certify.balls import Ball
from roughntk.kernels.architecture import described, parameters_of
from roughntk.kernels.engine import evaluation
from roughntk.kernels.engine.deflated import Deflated
from roughntk.linalg.definiteness import Spectrum
from roughntk.maps import recursion

_BYTES_A_VALUE = 24.0
"""Memory that a trajectory takes for each of its values: itself, and what it is computed from."""

RECURSION_DEPTH = 8
"""Whole depths up to this one, known before tracing, go layer by layer; deeper ones in constant time."""


class KernelFamily(eqx.Module):
    """A sequence of kernels k_L on the sphere, indexed by the depth L of a network.

    >>> import roughntk as rn
    >>> class Powers(rn.kernels.KernelFamily):
    ...     name, symbol = "powers", "k"
    ...
    ...     def _at_angle(self, theta, depth):
    ...         return jnp.cos(theta) ** depth
    >>> round(float(Powers().at_correlation(0.5, 3)), 6)
    0.125
    """

    # What a family must say

    name: ClassVar[str]
    symbol: ClassVar[str]

    @abc.abstractmethod
    def _at_angle(self, theta: Array, depth: Array) -> Array:
        """Kernel value at the angle and an integer depth; arguments already checked."""

    # What it may say

    is_tangent: ClassVar[bool] = False
    """Whether it is a tangent kernel, Theta; else it is a covariance, Sigma, or a kernel of another kind."""
    recursion_depth: ClassVar[float] = RECURSION_DEPTH

    def _at_correlation(self, rho: Array, depth: Array) -> Array:
        """The same at the correlation, with finite derivatives; by default it goes through the angle."""
        return recursion.by_correlation(type(self)._at_angle, self, *jnp.broadcast_arrays(rho, depth))

    def _trajectory(self, theta: Array, layers: int) -> Array:
        """Kernel values at depths 1 .. layers, stacked along a new first axis."""
        return lax.map(lambda depth: self._at_angle(theta, depth), jnp.arange(1, layers + 1))

    @property
    def counted_layers(self) -> float:
        """Whole depths, known before tracing, up to which layers are counted; `_deep` takes deeper ones."""
        return math.inf

    def _deep(self, values: Array, depth: float, by_angle: bool) -> Array:
        """The kernel at known angles or correlations and a known whole depth beyond `counted_layers`."""
        raise NotImplementedError

    def why_no_real_depth(self) -> str:
        """Why this member has no real depth; empty if it has."""
        return "this family has no real depth"

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

    def settled_map(self) -> Callable[[Array], Array]:
        """1 - c -> 1 - h(c), a pytree: what the layer that layers tend to needs is computed once."""
        return Partial(_plain_defect_map, self)

    def path(self, theta: Array, layers: int) -> tuple[Array, Array | None]:
        """The kernel at depths 1 .. layers, and dK_{L+1}/dK_L there for tangent kernels; angles already checked."""
        return self._trajectory(theta, layers), None

    @property
    def homogeneous(self) -> bool:
        """Whether the kernel off the sphere is |x| |z| times that of the directions."""
        return False

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that it was built with, by name: numbers, and words for what is no number."""
        return parameters_of(self)

    @property
    def differs_by_depth(self) -> bool:
        """Whether a network of another depth has other layers, not only more of them."""
        return False

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

    def _deflated(self, theta: np.ndarray, depth: float) -> Deflated:
        raise InputError(
            f"expected a family whose kernel matrix collapses as the depth grows, got {self.name}, which stays well "
            f"conditioned; use its kernel itself"
        )

    def _log_scale(self, depth: float) -> float:
        return 0.0

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

    @property
    def encloses(self) -> bool:
        """Whether it can be evaluated in ball arithmetic (`enclosed`)."""
        return False

    def enclosed(self, correlations: list[Ball], depth: int | float) -> list[Ball]:
        """Balls that hold the kernel at every correlation of some balls, at a finite depth, with the bits now set.

        Raises:
            InputError: a family that has no such form, or a function of the user's that cannot be evaluated so.
            UndecidedError: more bits are needed to tell which of two numbers is larger.
        """
        raise InputError(f"expected a sequence of a function for ball arithmetic, got {self.name}; use another method")

    # What follows

    @property
    def has_real_depth(self) -> bool:
        """Whether depth may be any real number >= 1, or infinity."""
        return not self.why_no_real_depth()

    @property
    def may_have_real_depth(self) -> bool:
        """Whether other members of the family may have it."""
        return type(self)._real_at_angle is not KernelFamily._real_at_angle

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
        theta = evaluation.in_range(theta, "theta", 0.0, np.pi)
        return evaluation.guarded(Partial(evaluation.value_at_angle, self), theta, depth)

    def at_correlation(self, rho: Float[Array, "..."], depth) -> Float[Array, "..."]:
        """Kernel at the correlation rho_1 in [-1, 1], elementwise; `depth` as in `at_angle`.

        Near rho = 1 a float64 correlation holds only half of the digits of the angle: prefer `at_angle` there.

        Raises:
            InputError: correlations outside [-1, 1], NaN, or a bad depth as in `at_angle`.
        """
        rho = evaluation.in_range(rho, "rho", -1.0, 1.0)
        return evaluation.guarded(Partial(evaluation.value_at_correlation, self), rho, depth)

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
            return evaluation.off_the_sphere(self, X, Z, depth)
        matrix = evaluation.from_table(self, X, Z, depth)
        if matrix is not None:
            return matrix
        return evaluation.guarded(Partial(evaluation.value_at_angle, self), sphere.angles(X, Z), depth)

    def trajectory(self, theta: Float[Array, "..."], layers: int) -> Float[Array, "layers ..."]:
        """Kernel at the angle theta_1 at all depths 1 .. layers, stacked along a new first axis."""
        layers = _checks.integer(layers, "layers", least=1)
        theta = evaluation.in_range(theta, "theta", 0.0, np.pi)
        _checks.memory(
            _BYTES_A_VALUE * layers * max(1, theta.size),
            f"the kernel of {theta.size} angles at {layers:,} depths",
            "lower layers, or call the family at the depths that are needed, each in constant time",
        )
        return evaluation.guarded(Partial(evaluation.trajectory, self), theta, layers)

    def correlation_map(self, c: Float[Array, "..."]) -> Float[Array, "..."]:
        """h, one layer's action on the correlation c_L of two inputs: c_{L+1} = h(c_L), elementwise.

        For ReLU kernels h is the dual activation, for a composition the composed map. Where the layers change with
        depth (variances settle) it is the layer that they tend to. Its fixed points and multipliers h' decide what
        infinite depth does (`roughntk.depth.phases.decision`); h' at c = 1 is one-sided.

        Raises:
            InputError: correlations outside [-1, 1], or NaN.
        """
        c = evaluation.in_range(c, "c", -1.0, 1.0)
        return evaluation.guarded(lambda values, _: evaluation.correlation_map(self, values), c, 1)

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
        theta = np.asarray(evaluation.in_range(theta, "theta", 0.0, np.pi))
        depth = _checks.one_depth(depth)
        if depth != math.inf and not self.has_real_depth:
            depth = float(_checks.integer_depth(depth))
        return evaluation.deflated_in_buckets(lambda angles: self._deflated(angles, depth), theta)

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

    def is_positive_definite(self, X, depth) -> bool:
        """Whether the kernel matrix on the unit rows of X is positive definite to working precision at that depth.

        The smallest eigenvalue must exceed n eps times the largest. ReLU kernels are positive definite at whole
        depths from 3 on for every set of distinct rows; between depths 1 and 2 they are indefinite on some sets.
        """
        if _checks.is_traced(X):
            raise _checks.traced_array("X")
        _checks.one_depth(depth)
        return Spectrum(np.asarray(self(X, depth=depth))).positive_definite


def _plain_defect_map(family: KernelFamily, defect: Array) -> Array:
    return 1 - family._correlation_map(1 - defect)


class View(KernelFamily):
    """A family that is one of the kernels of an architecture, built from the architecture's arguments.

    Attributes:
        architecture: the network. Its parameters may be read from the family as well.
    """

    network: ClassVar[Any]
    """The class of its architecture."""

    architecture: Any

    def __init__(self, *arguments: Any, **named: Any):
        self.architecture = self.network(*arguments, **named)

    @classmethod
    def of(cls, architecture: Any):
        """This kernel of a given architecture."""
        view = object.__new__(cls)
        object.__setattr__(view, "architecture", architecture)
        return view

    @classmethod
    def critical(cls, *arguments: Any, **named: Any):
        """This kernel of the architecture at whose parameters chi = 1; arguments as there."""
        return cls.of(cls.network.critical(*arguments, **named))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "architecture":
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        return getattr(self.architecture, name)

    @property
    def ntk(self) -> Any:
        """The tangent kernel of the same architecture: the family itself, if it is that."""
        return self if self.is_tangent else self.architecture.ntk

    @property
    def nngp(self) -> Any:
        """The covariance of the same architecture: the family itself, if it is that."""
        return self.architecture.nngp if self.is_tangent else self

    @property
    def settings(self):
        return self.architecture.settings

    @property
    def homogeneous(self) -> bool:
        return self.architecture.homogeneous

    @property
    def differs_by_depth(self) -> bool:
        return self.architecture.differs_by_depth

    def __repr__(self) -> str:
        return described(self, self.architecture)


__all__ = ["RECURSION_DEPTH", "KernelFamily", "View"]
