"""Families by the name that the command line knows them by."""

import importlib
import inspect
from typing import Any

from jax.core import Tracer

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.kernels import named
from roughntk.kernels.activation import ActivationNNGP, ActivationNTK
from roughntk.kernels.base import KernelFamily, View
from roughntk.kernels.biased import BiasedReluNNGP, BiasedReluNTK
from roughntk.kernels.composition import CompositionKernel, SigmoidComposition
from roughntk.kernels.engine import user_functions
from roughntk.kernels.erf import ErfNNGP, ErfNTK
from roughntk.kernels.relu import LeakyReluNNGP, LeakyReluNTK, ReluNNGP, ReluNTK
from roughntk.kernels.residual import ResidualReluNNGP, ResidualReluNTK
from roughntk.kernels.sequences import sequence

_MEMBERS: tuple[type[KernelFamily], ...] = (
    ReluNTK, ReluNNGP, SigmoidComposition, LeakyReluNTK, LeakyReluNNGP, BiasedReluNTK, BiasedReluNNGP, ErfNTK, ErfNNGP,
    named.TanhNTK, named.TanhNNGP, named.GeluNTK, named.GeluNNGP, ActivationNTK, ActivationNNGP, ResidualReluNTK,
    ResidualReluNNGP, CompositionKernel,
)  # fmt: skip

_MODULES: dict[str, str] = {
}  # fmt: skip
"""Modules with the families of further architectures, which each lists as `VIEWS`."""

FAMILIES: dict[str, type[KernelFamily]] = {
    member.name: member
    for member in (*_MEMBERS, *(view for module in _MODULES.values() for view in importlib.import_module(module).VIEWS))
}
"""Families by their command-line name."""

_FUNCTIONS = {"phi": "sin", "h": "exponential"}  # parameters that are functions, with their defaults by name


def signature(kind: type[KernelFamily]) -> inspect.Signature:
    """The arguments of a family: those of its architecture, if it is built from them."""
    builds = kind.__init__ is not View.__init__ or not hasattr(kind, "network")
    return inspect.signature(kind if builds else kind.network)  # type: ignore[attr-defined]


def parameters(name: str) -> dict[str, Any]:
    """The parameters of the family of that name with their defaults; functions by their names."""
    kind = FAMILIES[_checks.choice(name, tuple(FAMILIES), "family")]
    defaults = {key: _FUNCTIONS.get(key, each.default) for key, each in signature(kind).parameters.items()}
    return {key: default for key, default in defaults.items() if default is not None}


def family(name: str, **values: Any) -> KernelFamily:
    """The family of that name, with the given parameters in place of its defaults.

    Args:
        name: a key of `FAMILIES`.
        values: its parameters; a function (phi, h) may be given by its name, or as FILE.py:NAME.

    Raises:
        InputError: an unknown name, or bad parameters.

    >>> import roughntk as rn
    >>> rn.kernels.family("erf-ntk", weight_variance=2.0).settings["weight_variance"]
    2.0
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
        composition = named.composition_map(values.pop("h"))
        values |= {"h": composition.h, "step": composition.step}
    return FAMILIES[name](**values)


def as_family(value: Any, *, wanted: str = "a kernel family") -> KernelFamily:
    """The family that a user means: an instance as it is, the one of that name with its defaults, or a user's sequence.

    Args:
        value: a :class:`KernelFamily`; a key of `FAMILIES`; or a function h(correlation, depth), as by itself a
            `rn.kernels.sequence` of whole depths.
        wanted: how the message begins, for functions that take some families only.

    Raises:
        InputError: a class in place of an instance, a function of another kind, an unknown name, or anything else.

    >>> as_family("relu-ntk"), as_family(lambda c, depth: c**depth).name
    (ReluNTK(), 'lambda')
    """
    if isinstance(value, KernelFamily):
        return value
    if isinstance(value, str):
        return family(value)
    if isinstance(value, type) and issubclass(value, KernelFamily):
        given = signature(value).parameters.values()
        required = ", ".join(each.name for each in given if each.default is inspect.Parameter.empty)
        raise InputError(
            f"expected {wanted}, got the class {value.__name__}; write {value.__name__}({required}), which makes one"
        )
    if callable(value) and not isinstance(value, type | Tracer):
        return _as_sequence(value, wanted)
    raise InputError(
        f"expected {wanted}, got {_checks.shown(value)}; use one of rn.kernels, for instance rn.kernels.ReluNTK(), or "
        f'its name, "relu-ntk", or a function h(correlation, depth)'
    )


def _as_sequence(function: Any, wanted: str) -> KernelFamily:
    """A function as a sequence, or what is wrong with it."""
    try:
        return sequence(function)
    except InputError as problem:
        if not user_functions.is_matrix(function):
            raise
        raise InputError(
            f"expected {wanted}, got the function {user_functions.label(function)} of (X, depth), which returns a "
            f"matrix; give a function h(correlation, depth) of its entries, as rn.kernels.sequence(h) takes it (a "
            f"matrix is enough for rn.depth.criteria.check only)"
        ) from problem
