"""Families by the name that the command line knows them by."""

from roughntk import _checks
from roughntk.kernels.composition import SigmoidComposition
from roughntk.kernels.families import KernelFamily, ReluNNGP, ReluNTK
from roughntk.kernels.relu import BiasedReluNNGP, BiasedReluNTK, LeakyReluNNGP, LeakyReluNTK
from roughntk.kernels.smooth import ErfNNGP, ErfNTK

_MEMBERS: tuple[type[KernelFamily], ...] = (
    ReluNTK, ReluNNGP, SigmoidComposition, LeakyReluNTK, LeakyReluNNGP, BiasedReluNTK, BiasedReluNNGP, ErfNTK, ErfNNGP,
)  # fmt: skip

FAMILIES: dict[str, type[KernelFamily]] = {member.name: member for member in _MEMBERS}
"""Families by their command-line name."""


def family(name: str, **parameters: float) -> KernelFamily:
    """The family of that name, with the given parameters in place of its defaults."""
    return FAMILIES[_checks.choice(name, tuple(FAMILIES), "family")](**parameters)
