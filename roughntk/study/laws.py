"""What theory says of a family as its depth grows, in words and as a rate, for the study's figures and report."""

import dataclasses
from collections.abc import Callable

import numpy as np

from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, LeakyReluNTK, ReluNTK, SigmoidComposition
from roughntk.kernels import family as family_by_name


@dataclasses.dataclass(frozen=True)
class Law:
    """Theory of one family.

    Attributes:
        limit: what its kernel tends to, in words.
        rate: how level 1 of its drivers falls with depth, up to a constant factor (level k like its k-th power); None
            where no rate is claimed.
        rate_words, rate_label: the same in words, and as a label of a curve.
        hyperbolic: whether its drivers do not vanish.
        symbol: of the kernel at depth L, in TeX.
    """

    limit: str
    rate: Callable[[np.ndarray], np.ndarray] | None
    rate_words: str
    rate_label: str
    hyperbolic: bool
    symbol: str


def law(name: str) -> Law:
    """The law of the family of that name, at its default parameters."""
    family = family_by_name(name)
    symbol = f"{family.symbol}_L"
    if isinstance(family, ReluNTK | LeakyReluNTK):
        words = "1/4, for every pair of distinct points, slowly, with error (3/8) log L / L."
        if isinstance(family, LeakyReluNTK):
            words = "1/4, for every pair of distinct points, slowly, with error of order log L / L."
        rate = "log L/L² and its square", r"$(\log L/L^2)^k$"
        return Law(words, lambda L: np.log(L) / L**2, *rate, False, symbol)
    if isinstance(family, SigmoidComposition):
        words = "the fixed point c = 0.3418 of the map, geometrically."
        return Law(words, np.ones_like, "a constant", "constant", True, symbol)
    if not family.drivers_vanish:
        words = f"{_limit(family)}, geometrically."
        return Law(words, np.ones_like, "a constant", "constant", True, symbol)
    if family.collapses:
        words = "1, with error 9π²/(2L²)." if name == "relu-nngp" else "1, like a power of the depth."
        return Law(words, lambda L: 1 / L, "1/L and its square", "$L^{-k}$", False, symbol)
    return Law(f"{_limit(family)} for every pair of distinct points.", None, "", "", False, symbol)


def _limit(family: KernelFamily) -> str:
    try:
        return f"{family.limit_value:.4g}"
    except InputError:
        return "a limit that is not known"
