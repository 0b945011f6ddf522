"""Families as kernels of scikit-learn's Gaussian processes, with gradients in their parameters.

This module imports scikit-learn: `rn.kernels.as_gp_kernel` loads it when it is touched.
"""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels.architecture import Architecture
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.registry import as_family

BOUNDS = (1e-2, 1e2)
"""Between which a parameter is looked for."""

_OF_DATA = ("input_variance",)  # says how large inputs are, not what the network is: fixed unless bounds are given
_PROJECTIONS = (*sphere.PROJECTIONS, "euclidean")


class DeepKernel(Kernel):
    """The normalised kernel of a family at one depth, as a kernel of scikit-learn; made by `as_gp_kernel`.

    Its hyperparameters are the parameters of the family that are positive, and the depth where it has bounds.
    """

    def __init__(
        self,
        family,
        depth=3,
        projection="stereographic",
        radius=1.0,
        parameter_bounds=BOUNDS,
        depth_bounds="fixed",
        **parameters,
    ):
        self.family = family
        self.depth = depth
        self.projection = projection
        self.radius = radius
        self.parameter_bounds = parameter_bounds
        self.depth_bounds = depth_bounds
        self._names = parameter_names(family)
        for name in self._names:
            setattr(self, name, parameters.pop(name, float(getattr(family.architecture, name))))
        for name in parameters:
            _checks.choice(name, self._names, f"parameter of {family.name}")

    def get_params(self, deep=True):
        """All arguments by name, the parameters of the family among them."""
        names = ("family", "depth", "projection", "radius", "parameter_bounds", "depth_bounds", *self._names)
        return {name: getattr(self, name) for name in names}

    @property
    def hyperparameters(self):
        """What is looked for, or fixed: the depth, then the parameters of the family."""
        specified = [Hyperparameter("depth", "numeric", _bounds(self.depth_bounds, "depth"))]
        for name in self._names:
            given = self.parameter_bounds
            if isinstance(given, dict):
                given = given.get(name, "fixed" if name in _OF_DATA else BOUNDS)
            elif name in _OF_DATA:
                given = "fixed"
            bounds = _bounds(given, name)
            specified.append(Hyperparameter(name, "numeric", bounds if getattr(self, name) > 0 else "fixed"))
        return specified

    def __call__(self, X, Y=None, eval_gradient=False):
        """The kernel matrix of raw rows, shape (n, m), and its derivatives in the logarithms of what is looked for.

        Args:
            X, Y: rows, shapes (n, columns) and (m, columns); X itself by default.
            eval_gradient: also give the derivatives, shape (n, n, hyperparameters); without Y only.
        """
        if eval_gradient and Y is not None:
            raise InputError("expected no second rows for a gradient, got Y; leave it out")
        (lengths, rows), family = self._placed(X), self._family(self._values())
        if Y is None:
            across, others = lengths, None
        else:
            across, others = self._placed(Y)
        size = np.outer(lengths, across)
        K = np.asarray(family(rows, others, depth=self.depth)) * size
        return (K, self._gradient(rows) * size[:, :, None]) if eval_gradient else K

    def diag(self, X):
        """The kernel of each row with itself, shape (n,)."""
        own = self._family(self._values()).at_angle(jnp.zeros(()), self.depth)
        return float(own) * self._placed(X)[0] ** 2

    def is_stationary(self):
        """It depends on more than differences of rows."""
        return False

    def __repr__(self):
        values = {"depth": self.depth} | {name: getattr(self, name) for name in self._names}
        return f"{self.family.name}({', '.join(f'{name}={value:.3g}' for name, value in values.items())})"

    def _values(self) -> list[float]:
        return [getattr(self, name) for name in self._names]

    def _family(self, values: Any) -> KernelFamily:
        """The member of the family with these parameters."""
        if not self._names:
            return self.family
        return eqx.tree_at(
            lambda family: [getattr(family.architecture, name) for name in self._names],
            self.family,
            [jnp.asarray(value, float) for value in values],
        )

    def _placed(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """(lengths, unit rows)."""
        return sphere.placed(_checks.matrix(X, "X"), self.projection, self.radius)

    def _gradient(self, rows: np.ndarray) -> np.ndarray:
        """dK/dlog p for what is not fixed, shape (n, n, count)."""
        n, free = len(rows), [each.name for each in self.hyperparameters if not each.fixed]
        gradient = np.zeros((n, n, len(free)))
        upper = np.triu_indices(n)
        theta = np.array(sphere.angles(rows))[upper]
        if not free:
            return gradient
        angles = jnp.asarray(np.where(theta > sphere.SAME_ANGLE, theta, 0.0))

        def values(logarithms: jax.Array) -> jax.Array:
            known = dict(zip(self._names, self._values(), strict=True)) | {"depth": self.depth}
            known |= {name: jnp.exp(log) for name, log in zip(free, logarithms, strict=True)}
            depth = known.pop("depth")
            return self._family([known[name] for name in self._names]).at_angle(angles, depth)

        gradient[upper] = np.asarray(jax.jacfwd(values)(jnp.asarray(self.theta)))
        gradient.transpose(1, 0, 2)[upper] = gradient[upper]
        return gradient


def as_gp_kernel(
    family: Any,
    depth: Any = 3,
    *,
    projection: str = "stereographic",
    radius: Any = 1.0,
    parameter_bounds: Any = BOUNDS,
    depth_bounds: Any = "fixed",
) -> DeepKernel:
    """A family at one depth as a kernel for `sklearn.gaussian_process`.

        GaussianProcessRegressor(kernel=ConstantKernel() * as_gp_kernel(rn.kernels.ErfNNGP(), 3) + WhiteKernel())

    The kernel is normalised, 1 on the diagonal of the sphere; ConstantKernel gives it a size. Its hyperparameters are
    the positive parameters of the family (a bias variance of 0, or a slope that is not positive, stays as it is), in
    which its derivatives are exact (`jax.jacfwd`).

    Args:
        family: a kernel family, its name, or an architecture, whose covariance is taken: the prior of its networks.
        depth: L >= 1, whole, real or infinite where the family allows it.
        projection: "stereographic" (`rn.sphere.lift` of x/radius), "canonical" (x/|x|), "none" (rows have norm 1), or
            "euclidean" (a homogeneous family, |x| |z| K(x/|x|, z/|z|)).
        radius: the length of rows that are lifted onto the equator.
        parameter_bounds: between which parameters are looked for, a pair of positive numbers, or "fixed", or one of
            these for each by name. The input variance is fixed unless it is named.
        depth_bounds: the same for the depth, "fixed" by default; a family with real depth is looked for between depths.

    Returns:
        A `sklearn.gaussian_process.kernels.Kernel`.

    Raises:
        InputError: no family, a bad depth, projection, radius or bounds.

    >>> import roughntk as rn
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> X = rn.sphere.uniform(10, 3, 0)
    >>> model = GaussianProcessRegressor(rn.kernels.as_gp_kernel("relu-nngp", 3), alpha=1e-6).fit(X, X[:, 0])
    >>> model.predict(X[:2], return_std=True)[1].shape
    (2,)
    """
    family = as_family(family.nngp if isinstance(family, Architecture) else family)
    depth = _checks.one_depth(depth)
    if depth != math.inf and not family.has_real_depth:
        depth = float(_checks.integer_depth(depth))
    if _checks.choice(projection, _PROJECTIONS, "projection") == "euclidean":
        family.check_homogeneous()
    radius = _checks.number(radius, "radius", above=0.0)
    if not (isinstance(depth_bounds, str) and depth_bounds == "fixed"):
        low, _ = _bounds(depth_bounds, "depth")
        if low < 1 or not family.has_real_depth or depth == math.inf:
            raise InputError(
                f"expected bounds from 1 on and a finite depth of a family with real depth to look for it, got "
                f"{_checks.shown(depth_bounds)} and depth {depth:g} of {family.name}; leave depth_bounds 'fixed'"
            )
    for name in parameter_bounds if isinstance(parameter_bounds, dict) else ():
        _checks.choice(name, parameter_names(family), f"parameter of {family.name}")
        _bounds(parameter_bounds[name], name)
    if not isinstance(parameter_bounds, dict):
        _bounds(parameter_bounds, "parameters")
    return DeepKernel(family, depth, projection, radius, parameter_bounds, depth_bounds)


def parameter_names(family: KernelFamily) -> tuple[str, ...]:
    """The parameters of a family that are numbers and can be differentiated in."""
    architecture = getattr(family, "architecture", None)
    if architecture is None:
        return ()
    fields = [field.name for field in dataclasses.fields(architecture)]
    return tuple(name for name in fields if eqx.is_inexact_array(getattr(architecture, name)))


def _bounds(value: Any, name: str) -> Any:
    """ "fixed", or a pair of positive increasing numbers."""
    if isinstance(value, str) and value == "fixed":
        return value
    try:
        low, high = (_checks.real_number(part) for part in value)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not 0 < low <= high < math.inf:
        raise InputError(
            f"expected bounds of {name} as 'fixed' or a pair 0 < low <= high, got {_checks.shown(value)}; give one"
        )
    return low, high


__all__ = ["BOUNDS", "DeepKernel", "as_gp_kernel", "parameter_names"]
