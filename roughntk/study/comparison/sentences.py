"""What a comparison says in lines for a person: which family predicts best, what depth does to each, the checks."""

import math

import numpy as np

from roughntk import _display
from roughntk.study.analysis.prediction import Prediction
from roughntk.study.comparison.records import drivers_verdict, transport_error, transport_proven
from roughntk.study.comparison.result import Comparison, Member
from roughntk.study.depths import in_words
from roughntk.study.result import Study
from roughntk.study.sentences import asked, baselines, beside, score_words, spread, unpredicted

ANSWER, DEPTH, CHECKS = "Which family predicts best?", "What depth does to each family", "Checks"


def summary_groups(comparison: Comparison) -> dict[str, list[str]]:
    """The lines under their headings."""
    return {
        ANSWER: _answer(comparison),
        DEPTH: [_family_line(comparison, each) for each in comparison.members],
        CHECKS: _checks(comparison),
    }


def summary_lines(comparison: Comparison) -> list[str]:
    """All lines, in this order."""
    return [line for lines in summary_groups(comparison).values() for line in lines]


def _answer(comparison: Comparison) -> list[str]:
    ranked, taken = comparison.ranked, comparison.taken
    if taken is None:
        return [f"No prediction: {unpredicted(comparison.data)}; what follows is what was found about depth."]
    (best, predicted), (member, chosen) = ranked[0], taken
    own = predicted.at[predicted.best].losses
    text = f"{asked(predicted.targets, comparison.data)} {score_words(predicted, own)} by {best.name} at depth "
    text += f"{in_words(predicted.best)}"
    if len(ranked) > 1:
        text += f", the best of {len(ranked)} families{spread(predicted.targets)}. "
        second, other = ranked[1]
        losses = other.at[other.best].losses
        text += f"The next, {second.name} at depth {in_words(other.best)}, has {score_words(other, losses)}, "
        text += f"{beside(predicted, own, losses)}; both depths are chosen on these very rows, which flatters them."
    else:
        text += f", the only family with a prediction{spread(predicted.targets)}."
    return [text, baselines(chosen, f"{member.name} at depth {in_words(chosen.taken)}")]


def _family_line(comparison: Comparison, member: Member) -> str:
    """What one family predicts, its limit, and its drivers."""
    study = member.study
    if study is None:
        return f"{member.name} could not be studied: {member.failure.rstrip('.')}. The others are kept."
    text = f"{member.name}: "
    if member.prediction is not None:
        text += _predictions(comparison, member.prediction)
    elif comparison.taken is not None:
        text += f"no prediction, as {unpredicted(comparison.data)}. "
    drivers = {
        "converges": "its drivers converge to the zero path",
        "does not converge": "its drivers do not converge to the zero path",
        "undecided": "whether its drivers converge to the zero path is undecided",
        "no verdict": "there is no verdict on its drivers, as signature backends disagree",
        "too few drivers": "there are too few drivers to ask whether they converge",
    }[drivers_verdict(study)]
    text += f"The kernel tends to {study.law.limit.rstrip('.')}; {drivers}."
    if not study.kernels.solved_depths:
        text += " Its matrices are singular to working precision at every depth: there are no coefficients."
    return text


def _predictions(comparison: Comparison, predicted: Prediction) -> str:
    first = comparison.ranked[0][1]
    own = predicted.at[predicted.best].losses
    text = f"{score_words(predicted, own)} at its best depth, {in_words(predicted.best)}"
    if predicted is not first:
        text += f", beside the best {beside(predicted, first.at[first.best].losses, own)}"
    taken = predicted.at[predicted.taken].losses
    text += f"; leave-one-out takes depth {in_words(predicted.taken)}, with {score_words(predicted, taken)}"
    if predicted.limit is not None:
        text += f"; at infinite depth {score_words(predicted, predicted.limit.losses)}"
    return text + ". "


def _checks(comparison: Comparison) -> list[str]:
    known = [(each.name, each.study) for each in comparison.members if each.study is not None]
    last = known[0][1].kernels.depths[-1]
    conditions = ", ".join(f"{name} {_condition(study)}" for name, study in known)
    lines = [f"Condition number at depth {in_words(last)}: {conditions}."]
    errors = [(error, name) for name, study in known if (error := transport_error(study)) is not None]
    if not errors:
        return [*lines, "Transport (Theorem 3): none, as the kernel matrices are singular."]
    rows = [row for _, study in known for row in study.transport if row["error"] is not None]
    failed = sum(not row["converged"] for row in rows)
    largest, name = max(errors)
    proven = np.max([transport_proven(study) for _, study in known if transport_proven(study) is not None])
    held = "all within their bounds" if not failed else f"{failed} NOT converged"
    return [
        *lines,
        f"Transport (Theorem 3): {len(rows)} integrations, largest error {largest:.2g} ({name}) against the closed "
        f"form (proven: at most {_display.rounded_up(float(proven), 2)}), {held}.",
    ]


def _condition(study: Study) -> str:
    condition = study.kernels.condition[study.kernels.depths[-1]]
    return f"{condition:.3g}" if math.isfinite(condition) else "infinite to working precision"


__all__ = ["ANSWER", "CHECKS", "DEPTH", "summary_groups", "summary_lines"]
