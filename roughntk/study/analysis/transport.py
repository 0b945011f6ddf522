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

_NUMBERS = (
    "steps", "residual", "error", "error_bound", "proven", "integration", "gronwall", "one_variation", "growth",
)  # fmt: skip


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
    `error_bound`, which follows from what the entries of both ends are known to, and within what is proven, which is
    `proven` for all coefficients together: by the certificate of the transport for its coefficients, and by the forward
    error of the closed form for the others. `integration` is what the certificate says of the integration alone,
    without the errors of the kernel's entries, `gronwall` its bound by the 1-variation of the driver
    (`one_variation`) and the growth of errors with it (`growth`).
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
        exact, known = kernels.coefficients_at(depth + 1), kernels.solved[depth + 1]
        result = between_systems(kernels.systems, depth, clock=clock, rhs=rhs, throw=False)
    except NotPositiveDefiniteError as problem:
        record |= dict.fromkeys((*_NUMBERS, "system", "coefficients"), None)
        record |= {"converged": False, "note": str(problem)}
    else:
        assert known is not None
        certificate, size = result.certificate, max(1.0, float(np.max(np.abs(exact))))
        gap, within = np.abs(result.coefficients - exact), certificate.total + known.forward_error
        error, proven = float(np.max(gap)) / size, float(np.max(within)) / size
        values = (
            result.stats["steps"], result.residual, error, result.error_bound, proven, certificate.parts["bound"],
            certificate.parts["gronwall"], certificate.one_variation, certificate.growth,
        )  # fmt: skip
        record |= dict(zip(_NUMBERS, values, strict=True))
        record |= {"system": result.system, "coefficients": result.coefficients, "note": ""}
        record |= {"converged": bool(result.converged and error <= result.error_bound and np.all(gap <= within))}
    return record | {"condition_number": max(kernels.condition[depth], kernels.condition[depth + 1])}


__all__ = ["transport_pairs", "transport_records"]
