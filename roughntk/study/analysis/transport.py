"""Stage 5 of a study: Theorem 3 between each pair of depths."""

import functools
import itertools
import math
from typing import Any

import numpy as np

from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.regression import NotPositiveDefiniteError
from roughntk.study.analysis.closed_form import Depth, Kernels, Progress
from roughntk.transport.whole_depth import between_systems

FIRST_DEPTH_CONDITION = 1e8
"""Depth 1, the linear kernel, joins the transport only below this condition number."""


def transport_pairs(kernels: Kernels) -> tuple[list[Depth], str]:
    """Depths L from which L -> L + 1 is transported, and what became of depth 1."""
    starts = kernels.starts
    note = ""
    if starts[0] == 1:
        condition = kernels.condition[1]
        if condition < FIRST_DEPTH_CONDITION and kernels.solved[1] is not None:
            note = f"Depth 1 (the linear kernel) joins: its condition number is {condition:.2g}, below 1e8."
        else:
            starts = starts[1:]
            why = f"its condition number is {condition:.2g}, not below 1e8"
            if math.isinf(condition):
                why = "it is singular to working precision"
            note = f"Depth 1 (the linear kernel) is left out: {why}."
    return starts, note


def transport_records(
    kernels: Kernels, starts: list[Depth], progress: Progress, keeper: Keeper = UNKEPT
) -> list[dict[str, Any]]:
    """Stage 5: Theorem 3 between each pair of depths, both clocks, both right-hand sides.

    `error` is against the closed form of the study at L + 1; a transport has converged only if that is within
    `error_bound`, which follows from what the entries of both ends are known to.
    """
    records = []
    for depth, clock, rhs in itertools.product(starts, ("arc", "psi"), ("joint", "paper")):
        work = functools.partial(_record, kernels, depth, clock, rhs)
        records.append(keeper.kept(f"{depth} {clock} {rhs}", work))
        progress("transport", 1)
    return records


def _record(kernels: Kernels, depth: Depth, clock: str, rhs: str) -> dict[str, Any]:
    """The transport from one depth to the next."""
    record: dict[str, Any] = {"depth": depth, "clock": clock, "rhs": rhs}
    try:
        exact = kernels.coefficients_at(depth + 1)
        result = between_systems(kernels.systems, depth, clock=clock, rhs=rhs, throw=False)
    except NotPositiveDefiniteError as problem:
        record |= dict.fromkeys(("steps", "residual", "error", "error_bound", "system", "coefficients"), None)
        record |= {"converged": False, "note": str(problem)}
    else:
        error = float(np.max(np.abs(result.coefficients - exact)) / max(1.0, np.max(np.abs(exact))))
        record |= {"steps": result.stats["steps"], "residual": result.residual, "error": error}
        record |= {"error_bound": result.error_bound, "system": result.system, "coefficients": result.coefficients}
        record |= {"converged": bool(result.converged and error <= result.error_bound), "note": ""}
    return record | {"condition_number": max(kernels.condition[depth], kernels.condition[depth + 1])}


__all__ = ["transport_pairs", "transport_records"]
