"""Activations and maps by name, and the families of tanh and GELU.

The command line knows functions by these names, or as FILE.py:NAME and MODULE:NAME, for functions of your own.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from roughntk import _checks, _process
from roughntk.kernels.activation import Activation, ActivationNNGP, ActivationNTK
from roughntk.kernels.base import View
from roughntk.maps.duals import sigmoid_composition_dual
from roughntk.maps.recursion import sigmoid_step


def gelu(u: Array) -> Array:
    """The Gaussian error linear unit u Phi(u)."""
    return u * jax.scipy.stats.norm.cdf(u)


def gaussian(u: Array) -> Array:
    """exp(-u^2/2)."""
    return jnp.exp(-(u**2) / 2)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh, "gelu": gelu, "erf": jax.scipy.special.erf, "sin": jnp.sin, "softplus": jax.nn.softplus,
    "silu": jax.nn.silu, "sigmoid": jax.nn.sigmoid, "gaussian": gaussian,
}  # fmt: skip
"""Activations by their command-line name."""


def exponential(c: Array) -> Array:
    """e^{c - 1}: the Gaussian kernel exp(-|x - z|^2/2) on the sphere, as a map of the correlation."""
    return jnp.exp(c - 1)


def cubic(c: Array) -> Array:
    """(c + c^3)/2: 0 attracts with multiplier 1/2, 1 and -1 repel with 2."""
    return (c + c**3) / 2


class Map(NamedTuple):
    """A map h, and optionally d -> h(c + d) - h(c) around its fixed point c without cancellation."""

    h: Callable[[Array], Array]
    step: Callable[[Array], Array] | None = None


MAPS: dict[str, Map] = {
    "exponential": Map(exponential, jnp.expm1), "cubic": Map(cubic),
    "sigmoid": Map(sigmoid_composition_dual, sigmoid_step),
}  # fmt: skip
"""Maps for `CompositionKernel` by their command-line name."""


def activation(name: str) -> Callable[[Array], Array]:
    """The activation of that name."""
    return _imported(name) if ":" in name else ACTIVATIONS[_known(name, ACTIVATIONS, "phi")]


def composition_map(name: str) -> Map:
    """The map of that name."""
    return Map(_imported(name)) if ":" in name else MAPS[_known(name, MAPS, "h")]


def _known(name: str, known: dict, parameter: str) -> str:
    return _checks.choice(name, (*known, "FILE.py:NAME"), parameter)


def _imported(place: str) -> Callable[[Array], Array]:
    """The function NAME of the file or module before the last colon."""
    source, _, name = place.rpartition(":")
    _process.blame_if_cut_off(place)
    with _checks.blamed(
        lambda reason: (
            f"expected a function as FILE.py:NAME or MODULE:NAME, got {place!r}: {reason}; correct the place or "
            "the file"
        )
    ):
        if source.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(source).stem, source)
            assert spec is not None and spec.loader is not None  # the name ends with .py
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(source)
        attribute = getattr(module, name)
    return _blamed(attribute, place) if callable(attribute) else attribute


def _blamed(function: Callable[[Array], Array], place: str) -> Callable[[Array], Array]:
    """The function, whose errors and ends of the program, whenever they come, are those of its file."""

    @functools.wraps(function)
    def refusing(u: Array) -> Array:
        with _checks.blamed(
            lambda reason: (
                f"expected a function written for JAX arrays as {place}, got {reason}; write it elementwise with "
                f"jax.numpy"
            )
        ):
            return function(u)

    return refusing


class _Named(Activation):
    """One activation, with the usual number of nodes."""

    phi: ClassVar[Any]

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        super().__init__(type(self).phi, weight_variance, bias_variance, input_variance)

    @classmethod
    def critical(cls, bias_variance=0.1, input_variance=1.0):  # type: ignore[override]
        """The network at the sigma_w^2 where chi = 1 for this sigma_b^2 > 0."""
        return super().critical(cls.phi, bias_variance, input_variance)

    @classmethod
    def _of(cls, phi, weight, noise, input_variance, nodes):
        return cls(weight, noise, input_variance)

    @property
    def settings(self):
        return {name: value for name, value in super().settings.items() if name not in ("phi", "nodes")}


class Tanh(_Named):
    """The network of tanh; arguments as for `Activation`, without phi."""

    phi = staticmethod(jnp.tanh)

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        super().__init__(weight_variance, bias_variance, input_variance)

    @property
    def ntk(self) -> "TanhNTK":
        return TanhNTK.of(self)

    @property
    def nngp(self) -> "TanhNNGP":
        return TanhNNGP.of(self)


class Gelu(_Named):
    """The network of the Gaussian error linear unit u Phi(u); arguments as for `Activation`, without phi."""

    phi = staticmethod(gelu)

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        super().__init__(weight_variance, bias_variance, input_variance)

    @property
    def ntk(self) -> "GeluNTK":
        return GeluNTK.of(self)

    @property
    def nngp(self) -> "GeluNNGP":
        return GeluNNGP.of(self)

    @classmethod
    def critical(cls, bias_variance=0.3, input_variance=1.0):  # type: ignore[override]
        """The network at the sigma_w^2 where chi = 1 for this sigma_b^2, from 0.173 on: below, variances leave it."""
        return super().critical(bias_variance, input_variance)


class TanhNTK(ActivationNTK):
    """`ActivationNTK` of tanh; arguments as for :class:`Tanh`.

    >>> import roughntk as rn
    >>> rn.kernels.TanhNTK(3.0, 0.0).limit_value  # chaotic
    0.0
    """

    name = "tanh-ntk"
    network = Tanh

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        View.__init__(self, weight_variance, bias_variance, input_variance)


class TanhNNGP(ActivationNNGP):
    """`ActivationNNGP` of tanh; arguments as for :class:`Tanh`.

    >>> import roughntk as rn
    >>> round(float(rn.kernels.TanhNNGP(1.5, 0.5).at_correlation(0.0, 1)), 12)  # 0.5 of 2 is the biases' share
    0.25
    """

    name = "tanh-nngp"
    network = Tanh

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        View.__init__(self, weight_variance, bias_variance, input_variance)


class GeluNTK(ActivationNTK):
    """`ActivationNTK` of the Gaussian error linear unit u Phi(u); arguments as for :class:`Gelu`.

    >>> import roughntk as rn
    >>> rn.kernels.GeluNTK(1.5, 0.1)
    GeluNTK(weight_variance=1.5, bias_variance=0.1, input_variance=1.0)
    """

    name = "gelu-ntk"
    network = Gelu

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        View.__init__(self, weight_variance, bias_variance, input_variance)


class GeluNNGP(ActivationNNGP):
    """`ActivationNNGP` of the Gaussian error linear unit u Phi(u); arguments as for :class:`Gelu`.

    >>> import roughntk as rn
    >>> round(float(rn.kernels.GeluNNGP(1.5, 0.5).at_correlation(0.0, 1)), 12)
    0.25
    """

    name = "gelu-nngp"
    network = Gelu

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        View.__init__(self, weight_variance, bias_variance, input_variance)


__all__ = [
    "ACTIVATIONS", "MAPS", "Gelu", "GeluNNGP", "GeluNTK", "Map", "Tanh", "TanhNNGP", "TanhNTK", "activation",
    "composition_map",
]  # fmt: skip
