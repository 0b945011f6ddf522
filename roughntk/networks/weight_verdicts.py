"""What exponents say: are weights through depth those of an ordinary, of a stochastic equation, or of neither?

With m layers, or at m of the layers of one network, the 1-variation of the driver S_k = L^{-beta} (W_1 + ... + W_k)
goes like m^a and the jumps |W_{l+1} - W_l| like m^b:

    ODE    a = 0, b = -1      weights that are a smooth function of l/L
    SDE    a = 1/2, b = 0     independent weights, beta = 1/2

Source: CohenContRossierXu2021.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

ODE, SDE, NEITHER, UNDECIDED = "ODE", "SDE", "neither", "undecided"
EXPECTED = {ODE: (0.0, -1.0), SDE: (0.5, 0.0)}
"""The exponents of the 1-variation of the driver and of the jumps of the weights."""
MARGIN = 0.15
"""So far an exponent may lie from what is expected, beyond its error: finite depth bends the lines."""
LARGEST_ERROR = 0.3
"""An exponent that is known no better than this decides nothing."""


@dataclass(frozen=True)
class Exponent:
    """A power of the number of layers.

    value: the exponent; float(result) is the same.
    error: the half width of its 95 % interval.
    """

    value: float
    error: float

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        if not math.isfinite(self.value):
            return "unknown"
        return f"{self.value:.3f}" + (f" ± {self.error:.2g}" if math.isfinite(self.error) else " ± unknown")

    @property
    def decides(self) -> bool:
        """Whether it is known well enough."""
        return self.error <= LARGEST_ERROR

    def agrees_with(self, expected: float) -> bool:
        """Whether it lies within its error and the margin of what is expected."""
        return abs(self.value - expected) <= MARGIN + self.error


def verdict_of(variation: Exponent | None, jumps: Exponent) -> str:
    """The verdict on the exponents of the 1-variation of the driver and of the jumps of the weights.

    Where the driver is not known, jumps that vanish like 1/m make an ODE, since its 1-variation is then bounded.
    """
    known = [each for each in (variation, jumps) if each is not None]
    if not all(each.decides for each in known):
        return UNDECIDED
    if variation is None:
        if jumps.agrees_with(EXPECTED[ODE][1]):
            return ODE
        return UNDECIDED if jumps.agrees_with(EXPECTED[SDE][1]) else NEITHER
    agreeing = [name for name, (a, b) in EXPECTED.items() if variation.agrees_with(a) and jumps.agrees_with(b)]
    return NEITHER if not agreeing else agreeing[0] if len(agreeing) == 1 else UNDECIDED


def power_of_depth(depths: Sequence[int], values: Sequence[float]) -> Exponent:
    """The slope of log values against log depths, by least squares; its error is infinite for two depths."""
    x, y = np.log(np.asarray(depths, dtype=np.float64)), np.asarray(values, dtype=np.float64)
    if not (y > 0).all():
        return Exponent(math.nan, math.inf)
    across, along = x - x.mean(), np.log(y) - np.log(y).mean()
    slope = across @ along / (across @ across)
    free = len(x) - 2
    if free < 1:
        return Exponent(float(slope), math.inf)
    spread = math.sqrt(((along - slope * across) ** 2).sum() / free / (across @ across))
    return Exponent(float(slope), float(special.stdtrit(free, 0.975) * spread))
