"""Families by the name that the command line knows them by."""

import inspect
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.kernels import named
from roughntk.kernels.activation import ActivationNNGP, ActivationNTK
from roughntk.kernels.composition import CompositionKernel, SigmoidComposition
from roughntk.kernels.families import KernelFamily, ReluNNGP, ReluNTK
from roughntk.kernels.relu import BiasedReluNNGP, BiasedReluNTK, LeakyReluNNGP, LeakyReluNTK
from roughntk.kernels.residual import ResidualReluNNGP, ResidualReluNTK
from roughntk.kernels.smooth import ErfNNGP, ErfNTK

_MEMBERS: tuple[type[KernelFamily], ...] = (
    ReluNTK, ReluNNGP, SigmoidComposition, LeakyReluNTK, LeakyReluNNGP, BiasedReluNTK, BiasedReluNNGP, ErfNTK, ErfNNGP,
    named.TanhNTK, named.TanhNNGP, named.GeluNTK, named.GeluNNGP, ActivationNTK, ActivationNNGP, ResidualReluNTK,
    ResidualReluNNGP, CompositionKernel,
)  # fmt: skip

FAMILIES: dict[str, type[KernelFamily]] = {member.name: member for member in _MEMBERS}
"""Families by their command-line name."""

_FUNCTIONS = {"phi": "sin", "h": "exponential"}  # parameters that are functions, with their defaults by name


def parameters(name: str) -> dict[str, Any]:
    """The parameters of the family of that name with their defaults; functions by their names."""
    kind = FAMILIES[_checks.choice(name, tuple(FAMILIES), "family")]
    found = {key: _FUNCTIONS.get(key, each.default) for key, each in inspect.signature(kind).parameters.items()}
    return {key: default for key, default in found.items() if default is not None}


def family(name: str, **values: Any) -> KernelFamily:
    """The family of that name, with the given parameters in place of its defaults.

    Args:
        name: a key of `FAMILIES`.
        values: its parameters; a function (phi, h) may be given by its name, or as FILE.py:NAME.

    Raises:
        InputError: an unknown name, or bad parameters.
    """
    known = parameters(name)
    for key in values:
        if not known:
            raise InputError(f"expected no parameters for {name}, which has none, got {key}; leave it out")
        _checks.choice(key, tuple(known), f"parameter of {name}")
    values = {key: default for key, default in known.items() if key in _FUNCTIONS} | values
    if isinstance(values.get("phi"), str):
        values["phi"] = named.activation(values["phi"])
    if isinstance(values.get("h"), str):
        found = named.composition_map(values.pop("h"))
        values |= {"h": found.h, "step": found.step}
    return FAMILIES[name](**values)
