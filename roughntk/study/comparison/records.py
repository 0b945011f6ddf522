"""A comparison as rows of plain values, for its tables and its study.json."""

from typing import Any

import numpy as np

from roughntk.study.comparison.result import Comparison, Member, folder_of
from roughntk.study.result import Study


def family_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row for each family, in the order given; None where a number does not exist.

    Scores are accuracies, or root mean square errors. `behind_best` is how much worse a family is than the best one,
    each at its best depth on the held rows, and `behind_best_error` the standard error of that over these rows.
    """
    return [_row(comparison, each) for each in comparison.members]


def _row(comparison: Comparison, member: Member) -> dict[str, Any]:
    row: dict[str, Any] = {"family": member.name, "folder": None if member.study is None else folder_of(member.name)}
    row |= _predicted(comparison, member)
    study = member.study
    row |= {"limit": None, "drivers": None, "condition_number": None, "transport_error": None, "transport_proven": None}
    if study is not None:
        row |= {
            "limit": study.law.limit.rstrip("."),
            "drivers": drivers_verdict(study),
            "condition_number": study.kernels.condition[study.kernels.depths[-1]],
            "transport_error": transport_error(study),
            "transport_proven": transport_proven(study),
        }
    return row | {"failure": member.failure}


def _predicted(comparison: Comparison, member: Member) -> dict[str, Any]:
    predicted = member.prediction
    names = (
        "best_depth", "best_score", "behind_best", "behind_best_error", "leave_one_out_depth", "leave_one_out_score",
        "leave_one_out_error", "infinite_depth_score",
    )  # fmt: skip
    if predicted is None:
        return dict.fromkeys(names)
    score, own = predicted.targets.score, predicted.at[predicted.best].losses
    first = comparison.ranked[0][1]
    gap, error = predicted.ahead(first.at[first.best].losses, own)
    chosen = predicted.at[predicted.taken]
    limit = None if predicted.limit is None else score(predicted.limit.losses)
    values = (
        predicted.best, score(own), gap, error, predicted.taken, score(chosen.losses), chosen.left_out, limit,
    )  # fmt: skip
    return dict(zip(names, values, strict=True))


def drivers_verdict(study: Study) -> str:
    """Whether the drivers converge to the zero path, in two words."""
    if study.convergence is None:
        return "too few drivers"
    return study.convergence.verdict if study.convergence.agreement.agree else "no verdict"


def transport_error(study: Study) -> float | None:
    """The largest error of Theorem 3 against the closed form; None where nothing was carried."""
    errors = [row["error"] for row in study.transport if row["error"] is not None]
    return float(np.max(errors)) if errors else None


def transport_proven(study: Study) -> float | None:
    """The most that these errors can be; None where nothing was carried."""
    proven = [row["proven"] for row in study.transport if row["proven"] is not None]
    return float(np.max(proven)) if proven else None


def depth_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row for each family and depth with a prediction."""
    return [
        {"family": member.name, **row}
        for member, predicted in comparison.predicted
        for row in predicted.record()["depths"]
    ]


def prediction_record(comparison: Comparison) -> dict[str, Any] | None:
    """What is predicted, which family does it best, which one leave-one-out takes, and the baselines."""
    taken = comparison.taken
    if taken is None:
        return None
    (best, predicted), (member, chosen) = comparison.ranked[0], taken
    common = {name: predicted.record()[name] for name in ("measure", "classes", "rows", "spread", "baselines")}
    return common | {
        "best_family": best.name,
        "best_depth": predicted.best,
        "leave_one_out_family": member.name,
        "leave_one_out_depth": chosen.taken,
    }


__all__ = ["depth_rows", "drivers_verdict", "family_rows", "prediction_record", "transport_error", "transport_proven"]
