"""Data on the unit sphere: projections, angles, and the rows that no kernel can tell apart."""

from roughntk.sphere.pairs import GRAM_LIMIT, AngleFunction, angles, joint_angles, map_angles, unit_rows
from roughntk.sphere.points import (
    PROJECTIONS,
    SAME_ANGLE,
    UNIT_TOLERANCE,
    check_distinct,
    check_points,
    check_unit,
    coincident_rows,
    distinct_rows,
    length_ratios,
    lengths,
    lift,
    placed,
    polar,
    project,
    projected,
    uniform,
)

__all__ = [
    "GRAM_LIMIT", "PROJECTIONS", "SAME_ANGLE", "UNIT_TOLERANCE", "AngleFunction", "angles", "check_distinct",
    "check_points", "check_unit", "coincident_rows", "distinct_rows", "joint_angles", "length_ratios", "lengths",
    "lift", "map_angles", "placed", "polar", "project", "projected", "uniform", "unit_rows",
]  # fmt: skip
