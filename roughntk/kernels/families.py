"""Kernel families: what an infinitely wide network of a given depth computes from two inputs.

A family is an immutable `equinox.Module`. It is written for one pair of inputs, given by their correlation
rho = x . z or their angle theta = arccos rho, and broadcasts elementwise; called on data it returns a matrix.
Depth 1 is the input layer for every family: the correlation itself. Depth L applies the layer map L - 1 times.
"""

import abc
import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import duals, recursion

RealDepthRule = Callable[[Array, Array], Array]
"""(theta, depth) -> kernel, elementwise, for any real depth >= 1 and infinity."""

_REAL_DEPTH: dict[type["KernelFamily"], RealDepthRule] = {}

TableRule = Callable[[float], sphere.AngleFunction | None]
"""depth -> (theta -> kernel, elementwise and fast, on known angles), or None where that depth has no table."""

_TABLES: dict[type["KernelFamily"], TableRule] = {}

TABLE_ENTRIES = 10_000
"""Matrices of at least so many entries, of known rows and at one known depth, go through a table of the kernel."""

RECURSION_DEPTH = 8
"""Whole depths up to this one, known before tracing, go layer by layer; deeper ones in constant time."""


def register_real_depth(family: type["KernelFamily"], rule: RealDepthRule) -> None:
    """Give a family its kernel at real depth. `roughntk.depth` does so for the ReLU families when it is imported."""
    _REAL_DEPTH[family] = rule


def register_table(family: type["KernelFamily"], rule: TableRule) -> None:
    """Give a family its fast route for large matrices. `roughntk.depth` does so for the ReLU families."""
    _TABLES[family] = rule


class Deflated(NamedTuple):
    """A kernel K = level + exp(log_scale) values near the one value that all its entries tend to.

    Attributes:
        level: the value.
        log_scale: log of the common factor; -inf at infinite depth, where `values` is the limit of (K - level)/factor.
        values: free of cancellation, of order one, elementwise.
    """

    level: float
    log_scale: float
    values: Float[np.ndarray, "..."]


DeflationRule = Callable[[np.ndarray, float], Deflated]
"""(theta, depth) -> the deflated kernel at known angles and any known depth that the family has."""

_DEFLATIONS: dict[type["KernelFamily"], DeflationRule] = {}


def register_deflation(family: type["KernelFamily"], rule: DeflationRule) -> None:
    """Give a family that collapses its deflated kernel where `roughntk.depth` has it at real depth."""
    _DEFLATIONS[family] = rule


class KernelFamily(eqx.Module):
    """A sequence of kernels k_L on the sphere, indexed by the depth L of a network."""

    name: ClassVar[str]
    symbol: ClassVar[str]

    @abc.abstractmethod
    def _at_angle(self, theta: Array, depth: Array) -> Array:
        """Kernel value at the angle and an integer depth; arguments already checked."""

    @abc.abstractmethod
    def _at_correlation(self, rho: Array, depth: Array) -> Array:
        """Kernel value at the correlation and an integer depth; arguments already checked."""

    @abc.abstractmethod
    def _trajectory(self, theta: Array, layers: int) -> Array:
        """Kernel values at depths 1 .. layers, stacked along a new first axis."""

    def _correlation_map(self, c: Array) -> Array:
        """One layer on the correlation, arguments already checked: by default what takes depth 1 to depth 2."""
        return self._at_correlation(c, jnp.asarray(2))

    def _retained(self, theta: Array, layers: int) -> Array | None:
        """dK_{L+1}/dK_L at depths 1 .. layers, what a layer keeps of a tangent kernel; None for other kernels."""
        return None

    @property
    def has_real_depth(self) -> bool:
        """Whether depth may be any real number >= 1, or infinity."""
        return type(self) in _REAL_DEPTH

    def at_angle(self, theta: Float[Array, "..."], depth) -> Float[Array, "..."]:
        """Kernel at the angle theta_1 in [0, pi] (radians), elementwise.

        Args:
            theta: angles, any shape.
            depth: L >= 1, whole, real or infinite where the family has real depth (`has_real_depth`), whole
                otherwise; a scalar, or an array that broadcasts against theta; it may be traced.

        Raises:
            InputError: angles outside [0, pi], NaN, depth < 1, not whole where it must be, or of another shape.
        """
        theta = _in_range(theta, "theta", 0.0, np.pi)
        whole, depth = self._depth(depth, theta.shape)
        return (_whole_at_angle if whole else _real_at_angle)(self, theta, depth)

    def at_correlation(self, rho: Float[Array, "..."], depth) -> Float[Array, "..."]:
        """Kernel at the correlation rho_1 in [-1, 1], elementwise; `depth` as in `at_angle`.

        Near rho = 1 a float64 correlation holds only half of the digits of the angle: prefer `at_angle` there.

        Raises:
            InputError: correlations outside [-1, 1], NaN, or a bad depth as in `at_angle`.
        """
        rho = _in_range(rho, "rho", -1.0, 1.0)
        whole, depth = self._depth(depth, rho.shape)
        return (_whole_at_correlation if whole else _real_at_correlation)(self, rho, depth)

    def __call__(self, X, Z=None, *, depth) -> Float[Array, "n m"]:
        """Kernel matrix between the unit rows of X (n, n0) and of Z (m, n0; X by default), shape (n, m).

        Raises:
            InputError: rows off the sphere (named), NaN, or a bad depth as in `at_angle`.
        """
        if type(self) in _TABLES and np.ndim(depth) == 0 and not _checks.is_traced(X, Z, depth):
            symmetric = Z is None or Z is X
            X = sphere.check_unit(X)
            Z = None if symmetric else sphere.check_unit(Z, "Z", columns=X.shape[1])
            if len(X) * len(X if Z is None else Z) >= TABLE_ENTRIES:
                table = _TABLES[type(self)](float(_checks.real_depth(depth)))
                if table is not None:
                    return sphere.map_angles(table, X, Z)
        theta = sphere.angles(X, Z)
        whole, depth = self._depth(depth, theta.shape)
        return (_whole_at_angle if whole else _real_at_angle)(self, theta, depth)

    @property
    def collapses(self) -> bool:
        """Whether all entries of the kernel matrix tend to one value as the depth grows, the diagonal included.

        The matrix then becomes singular, and `deflated` has what is left of it.
        """
        return type(self) in _DEFLATIONS

    def deflated(self, theta, depth) -> Deflated:
        """K = level + exp(log_scale) values at known angles, `values` computed without cancellation at any depth.

        Args:
            theta: angles in [0, pi] (radians), any shape; the common factor is that of these angles.
            depth: as in `at_angle`, one known number; math.inf gives the limit of the values.

        Raises:
            InputError: bad angles or depth, or a family that does not collapse.
        """
        theta = np.asarray(_in_range(theta, "theta", 0.0, np.pi))
        depth = float(_checks.real_depth(_scalar(depth)))
        if depth != math.inf and not self.has_real_depth:
            depth = float(_checks.integer_depth(depth))
        return self._deflated(theta, depth)

    def _deflated(self, theta: np.ndarray, depth: float) -> Deflated:
        if type(self) in _DEFLATIONS:
            return _DEFLATIONS[type(self)](theta, depth)
        raise InputError(
            f"expected a family whose kernel matrix collapses as the depth grows, got {self.name}, which stays well "
            f"conditioned; use its kernel itself"
        )

    def is_positive_definite(self, X, depth) -> bool:
        """Whether the kernel matrix on the unit rows of X is positive definite to working precision at that depth.

        The smallest eigenvalue must exceed n eps times the largest. ReLU kernels are positive definite at whole
        depths from 3 on for every set of distinct rows; between depths 1 and 2 they are indefinite on some sets.
        """
        spectrum = np.linalg.eigvalsh(np.asarray(self(X, depth=depth)))
        return bool(spectrum[0] > len(spectrum) * np.finfo(np.float64).eps * spectrum[-1])

    def trajectory(self, theta: Float[Array, "..."], layers: int) -> Float[Array, "layers ..."]:
        """Kernel at the angle theta_1 at all depths 1 .. layers, stacked along a new first axis."""
        layers = _checks.integer(layers, "layers", least=1)
        return _compiled_trajectory(self, _in_range(theta, "theta", 0.0, np.pi), layers)

    def correlation_map(self, c: Float[Array, "..."]) -> Float[Array, "..."]:
        """h, one layer's action on the correlation c_L of two inputs: c_{L+1} = h(c_L), elementwise.

        For ReLU kernels h is the dual activation, for a composition the composed map. Where the layers change with
        depth (variances settle) it is the layer that they tend to. Its fixed points and multipliers h' decide what
        infinite depth does (`roughntk.kernels.classify`); h' at c = 1 is one-sided.

        Raises:
            InputError: correlations outside [-1, 1], or NaN.
        """
        return _compiled_correlation_map(self, _in_range(c, "c", -1.0, 1.0))

    def _depth(self, depth, shape: tuple[int, ...]) -> tuple[bool, Array]:
        """(whether to go layer by layer, the checked depth as an array)."""
        if _checks.is_traced(depth):
            depth = jnp.asarray(depth)
            whole = not self.has_real_depth
            if whole and not jnp.issubdtype(depth.dtype, jnp.integer):
                raise InputError(
                    f"expected a traced depth of integer dtype for {self.name}, got {depth.dtype}; this family has "
                    f"no real depth: cast it with astype(int)"
                )
            return whole, depth if whole else depth.astype(float)
        if not self.has_real_depth:
            return True, jnp.asarray(_checks.integer_depth(_scalar(depth)))
        number = _checks.real_depth(depth, shape)
        if number.ndim == 0 and number <= RECURSION_DEPTH and number == int(number):
            return True, jnp.asarray(int(number))
        return False, jnp.asarray(number)


def _scalar(depth):
    array = np.asarray(depth)
    if array.ndim:
        raise InputError(
            f"expected one depth, got an array of shape {array.shape}; call once a depth, or use trajectory"
        )
    return array.item()


# One compiled function for all families and depths: the depth is traced, so a new depth compiles nothing.
@eqx.filter_jit
def _whole_at_angle(family: KernelFamily, theta: Array, depth: Array) -> Array:
    return family._at_angle(theta, depth)


@eqx.filter_jit
def _whole_at_correlation(family: KernelFamily, rho: Array, depth: Array) -> Array:
    return family._at_correlation(rho, depth)


@eqx.filter_jit
def _real_at_angle(family: KernelFamily, theta: Array, depth: Array) -> Array:
    return _REAL_DEPTH[type(family)](theta, depth)


@eqx.filter_jit
def _real_at_correlation(family: KernelFamily, rho: Array, depth: Array) -> Array:
    return recursion.by_correlation(_REAL_DEPTH[type(family)], *jnp.broadcast_arrays(rho, depth))


@eqx.filter_jit
def _compiled_correlation_map(family: KernelFamily, c: Array) -> Array:
    return family._correlation_map(c)


@eqx.filter_jit
def _compiled_trajectory(family: KernelFamily, theta: Array, layers: int) -> Array:
    return family._trajectory(theta, layers)


class ReluNTK(KernelFamily):
    """Normalised neural tangent kernel of the bias-free ReLU network (paper, Definition 4).

        K_{L+1} = L/(L+1) h'(rho_L) K_L + 1/(L+1) h(rho_L),    K_1 = rho_1,    K_L(x, x) = 1

    on unit inputs; Theta_L = (L / (n0 2^{L-1})) K_L is the unnormalised kernel. As L grows, K_L -> 1/4 for
    every pair of distinct points.
    """

    name = "relu-ntk"
    symbol = "K"

    def _at_angle(self, theta, depth):
        return recursion.relu_layers(theta, depth)[1] / depth

    def _at_correlation(self, rho, depth):
        return recursion.ntk_at_correlation(rho, depth)

    def _trajectory(self, theta, layers):
        sums = recursion.relu_trajectory(theta, layers)[1]
        depths = jnp.arange(1, layers + 1, dtype=sums.dtype)
        return sums / depths.reshape((-1,) + (1,) * theta.ndim)

    def _correlation_map(self, c):
        return duals.relu_dual(c)

    def _retained(self, theta, layers):
        angles = recursion.relu_trajectory(theta, layers)[0]
        depths = jnp.arange(1, layers + 1, dtype=angles.dtype).reshape((-1,) + (1,) * theta.ndim)
        return depths / (depths + 1) * (1 - angles / jnp.pi)


class ReluNNGP(KernelFamily):
    """Normalised covariance of the bias-free ReLU network at initialisation: rho_{L+1} = h(rho_L).

    As L grows, rho_L -> 1 with 1 - rho_L ~ 9 pi^2 / (2 L^2).
    """

    name = "relu-nngp"
    symbol = "\\rho"

    def _at_angle(self, theta, depth):
        return jnp.cos(recursion.relu_layers(theta, depth)[0])

    def _at_correlation(self, rho, depth):
        return recursion.nngp_at_correlation(rho, depth)

    def _trajectory(self, theta, layers):
        return jnp.cos(recursion.relu_trajectory(theta, layers)[0])


class SigmoidComposition(KernelFamily):
    """The paper's second family: eta_{L+1} = (1 + e^{-eta_L})^{-2}, eta_1 = rho (Section 6).

    It tends to the fixed point c = 0.34178539979984... at the rate lambda^L, lambda = 0.28393880014361...: the
    kernel matrix becomes numerically singular from depth 15 or so on. It is not positive definite on every data
    set, against the paper's Proposition 7.
    """

    name = "sigmoid"
    symbol = "\\eta"

    def _at_angle(self, theta, depth):
        return recursion.sigmoid_layers(jnp.cos(theta), depth)

    def _at_correlation(self, rho, depth):
        return recursion.sigmoid_layers(rho, depth)

    def _trajectory(self, theta, layers):
        return recursion.sigmoid_trajectory(jnp.cos(theta), layers)


def _in_range(value, name: str, low: float, high: float) -> Array:
    """A float array within [low, high], checked when its entries can be seen."""
    if not _checks.is_traced(value):
        array = _checks.real_array(value, name)
        outside = np.flatnonzero((array < low) | (array > high))
        if outside.size:
            first = array.reshape(-1)[outside[0]]
            raise InputError(
                f"expected {name} within [{low:.17g}, {high:.17g}], got {outside.size} value(s) outside "
                f"(first: {float(first)!r}); project the data onto the sphere first (rn.sphere.project)"
            )
        value = array
    return jnp.asarray(value, dtype=jnp.result_type(float))
