"""What theory says of a family as its depth grows, in words and as a rate, for the study's figures and report."""

import dataclasses
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from roughntk._checks import InputError
from roughntk.kernels import BiasedReluNTK, CompositionKernel, KernelFamily, ReluNNGP, ReluNTK
from roughntk.maps.fixed_points import CRITICAL

_UNKNOWN = "a limit that is not known here."


@dataclasses.dataclass(frozen=True)
class Law:
    """Theory of one family.

    Attributes:
        limit: what its kernel tends to, in words.
        ratio: limit of the kernel between two distinct points over that on the diagonal; None if it depends on the
            pair, or is not known.
        rate: how level 1 of its drivers falls with depth, up to a constant factor (level k like its k-th power); None
            where no rate is claimed.
        rate_words, rate_label: the same in words, and as a label of a curve.
        hyperbolic: whether its drivers do not vanish.
        symbol: of the kernel at depth L, in TeX.
    """

    limit: str
    ratio: float | None
    rate: Callable[[np.ndarray], np.ndarray] | None
    rate_words: str
    rate_label: str
    hyperbolic: bool
    symbol: str


def law(family: KernelFamily) -> Law:
    """The law of the family."""
    symbol = f"{family.symbol}_L"
    if family.differs_by_depth:
        words = "a value of its own for each pair, which depends on the angle only, with error of order 1/L."
        return Law(words, None, lambda L: L**-2.0, "1/L² and its square", "$L^{-2k}$", False, symbol)
    if not family.drivers_vanish:
        words = f"{_limit(family)}, geometrically."
        if isinstance(family, CompositionKernel):
            words = f"the fixed point c = {family.fixed_point:.4g} of the map, geometrically."
        return Law(words, 1.0, np.ones_like, "a constant", "constant", True, symbol)
    if family.collapses:
        words = f"{_limit(family)}, like a power of the depth."
        if isinstance(family, ReluNNGP):
            words = "1, with error 9π²/(2L²)."
        return Law(words, 1.0, lambda L: 1 / L, "1/L and its square", "$L^{-k}$", False, symbol)
    return _regular(family, symbol)


def _regular(family: KernelFamily, symbol: str) -> Law:
    """The law of a family whose kernel matrix stays regular."""
    try:
        value = family.limit_value
        diagonal = float(family.at_angle(jnp.asarray(0.0), math.inf))
    except InputError:
        return Law(_UNKNOWN, None, None, "", "", False, symbol)
    start, ratio = f"{_short(value)}, for every pair of distinct points", value / diagonal
    if not _is_critical(family):
        return Law(f"{start}, geometrically.", ratio, None, "", "", False, symbol)
    if isinstance(family, BiasedReluNTK) and value != 0.25:
        words = f"{start}, slowly, with error of order 1/√L."
        return Law(words, ratio, lambda L: L**-1.5, "L^(-3/2) and its square", r"$L^{-3k/2}$", False, symbol)
    exact = isinstance(family, ReluNTK)
    words = f"{start}, slowly, with error {'(3/8) log L / L' if exact else 'of order log L / L'}."
    rate = "log L/L² and its square", r"$(\log L/L^2)^k$"
    return Law(words, ratio, lambda L: np.log(L) / L**2, *rate, False, symbol)


def _is_critical(family: KernelFamily) -> bool:
    """Whether pairs are left by a power of the depth: a multiplier of 1 at the diagonal, or the plain ReLU."""
    if isinstance(family, CompositionKernel):
        return False
    return abs(getattr(family, "multiplier", 1.0) - 1) <= CRITICAL


def _limit(family: KernelFamily) -> str:
    try:
        return _short(family.limit_value)
    except InputError:
        return _UNKNOWN.rstrip(".")


def _short(value: float) -> str:
    return {0.25: "1/4", 1 / 3: "1/3", 4 / 7: "4/7"}.get(value, f"{value + 0.0:.4g}")
