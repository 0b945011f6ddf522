"""Rules that other rooms register for a family: its table for large matrices, its real depth, its deflated kernel.

The kernels know nothing of how real depth is computed; `roughntk.depth` registers that when it is imported.
"""

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from roughntk import sphere

TableRule = Callable[[float], sphere.AngleFunction | None]
"""depth -> (theta -> kernel, elementwise and fast, on known angles), or None where that depth has no table."""

TABLES: dict[type[Any], TableRule] = {}


def _itself(family: Any, depth: Array) -> Any:
    del depth
    return family


class RealDepth(NamedTuple):
    """A kernel at any real depth >= 1 and infinity, elementwise.

    Attributes:
        at_angle: (prepared, theta, depth) -> kernel; it is compiled.
        prepare: (family, depth) -> what the rules get in the place of the family, a pytree of arrays; not compiled.
        at_correlation: (prepared, rho, depth) -> kernel, compiled as well; by default it goes through the angle.
        displacement: (family, d, time) -> d after so many layers, for families that are iterated around a fixed point.
        for_subclasses: whether it serves subclasses, too.
    """

    at_angle: Callable[[Any, Array, Array], Array]
    prepare: Callable[[Any, Array], Any] = _itself
    at_correlation: Callable[[Any, Array, Array], Array] | None = None
    displacement: Callable[[Any, Array, Array], Array] | None = None
    for_subclasses: bool = False


REAL_DEPTH: dict[type[Any], RealDepth] = {}


def register_real_depth(family: type[Any], rule: RealDepth) -> None:
    """Give a family its kernel at real depth; `roughntk.depth` does so when it is imported.

    Each member says by `_why_no_real_depth` whether the rule serves it.
    """
    REAL_DEPTH[family] = rule


def real_depth_rule(family: type[Any]) -> RealDepth | None:
    """The rule that was registered for the family, or for the nearest of its bases that shares its own."""
    _complete()
    for kind in family.__mro__:
        rule = REAL_DEPTH.get(kind)
        if rule is not None and (kind is family or rule.for_subclasses):
            return rule
    return None


def _complete() -> None:
    """Have the package's face import the room that registers its rules: a user may have imported this one only."""
    _ = sys.modules["roughntk"].depth


def table_rule(family: type[Any]) -> TableRule | None:
    """The fast route of a family for large matrices, if it has one."""
    _complete()
    return TABLES.get(family)


def deflation_rule(family: type[Any]) -> "DeflationRule | None":
    """The deflated kernel that was registered for a family, if one was."""
    _complete()
    return DEFLATIONS.get(family)


def register_table(family: type[Any], rule: TableRule) -> None:
    """Give a family its fast route for large matrices. `roughntk.depth` does so for the ReLU families."""
    TABLES[family] = rule


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

    @classmethod
    def below_one(cls, defect: np.ndarray, log_factor: float = 0.0) -> "Deflated":
        """K = 1 - exp(log_factor) defect, the largest defect being taken out."""
        largest = float(np.max(defect, initial=0.0))
        if largest == 0.0:
            return cls(1.0, log_factor, -defect)
        return cls(1.0, log_factor + math.log(largest), -defect / largest)

    @classmethod
    def all_equal(cls, theta: np.ndarray) -> "Deflated":
        """The limit at a neutral fixed point 1: the defects of all distinct pairs become equal."""
        return cls(1.0, -math.inf, -np.where(theta > sphere.SAME_ANGLE, 1.0, 0.0))


DeflationRule = Callable[[Any, np.ndarray, float], Deflated]
"""(family, theta, depth) -> the deflated kernel at known angles and any known depth that the family has."""

DEFLATIONS: dict[type[Any], DeflationRule] = {}


def register_deflation(family: type[Any], rule: DeflationRule) -> None:
    """Give a family that collapses its deflated kernel where `roughntk.depth` has it at real depth."""
    DEFLATIONS[family] = rule
