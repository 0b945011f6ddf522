"""What a study predicted, in words, for its figures and its report."""

import math
from collections.abc import Sequence

import numpy as np

from roughntk import _display, sphere
from roughntk.kernels import LeakyReluNNGP, ReluNNGP, ReluNTK
from roughntk.rough.variation.convergence import CONVERGES, DOES_NOT, UNDECIDED
from roughntk.study.analysis.prediction import Prediction, Targets, targets_of
from roughntk.study.analysis.signatures import Agreement
from roughntk.study.analysis.variation import AGREE
from roughntk.study.data import DataSet
from roughntk.study.depths import in_words
from roughntk.study.result import Study


def slope_sentence(study: Study) -> str:
    """Measured slopes beside those of theory, in words."""
    slopes = study.slopes
    if slopes.get("level1") is None:
        return "Too few depths for a fitted slope."
    first, last = slopes["fitted_depths"]
    level2 = "" if slopes.get("level2") is None else f", level 2 {_fixed(slopes['level2'])}"
    text = f"Fitted slope against L over depths {first} to {last}: level 1 {_fixed(slopes['level1'])}{level2}."
    known = study.law
    if known.rate is None:
        return text
    if not known.hyperbolic:
        beside = "" if slopes.get("level2") is None else f" and {slopes['theory_level2']:.3f}"
        text += f" Theory ({known.rate_words}) has {slopes['theory_level1']:.3f}{beside} over the same depths. "
        text += _slope_verdict(study)
    else:
        text += " The drivers of this hyperbolic family do not vanish, as theory says."
    return text


def _slope_verdict(study: Study) -> str:
    """Whether level 1 contradicts theory, which is of great depths."""
    slopes = study.slopes
    gap = abs(slopes["level1"] - slopes["theory_level1"])
    if gap <= AGREE:
        return f"They agree: the difference of {gap:.3f} at level 1 is within the {AGREE:g} that corrections make."
    apart = f"The difference of {gap:.3f} at level 1"
    if slopes.get("far_level1") is None:
        return f"{apart} may be a correction that dies out with depth; these depths cannot tell."
    first, last = slopes["far_depths"]
    there = (
        f"at depths {first:,} to {last:,} the same drivers have {_fixed(slopes['far_level1'])} against "
        f"{_fixed(slopes['far_theory_level1'])}"
    )
    if abs(slopes["far_level1"] - slopes["far_theory_level1"]) > AGREE:
        return f"{apart} is a contradiction, unless still greater depths mend it: {there}."
    why = ""
    if isinstance(study.family, ReluNTK | ReluNNGP):
        theta = float(sphere.joint_angles(study.data.X, study.data.x)[np.triu_indices(len(study.data.X), 1)].min())
        layers = 3 * math.pi / theta
        why = (f" Two points at an angle θ part only beyond some 3π/θ layers, the nearest here at {layers:,.0f}.") * (
            layers > slopes["fitted_depths"][1]
        )
    return f"{apart} is no contradiction: theory is of great depths, and {there}.{why}"


def _fixed(value: float) -> str:
    """Three decimals, and no minus sign before 0.000."""
    return f"{round(value, 3) + 0.0:.3f}"


def convergence_sentence(study: Study) -> str:
    """Whether the drivers converge to the zero path as rough paths, and how fast, in words."""
    if study.convergence is None:
        return "Too few drivers to ask whether they converge to the zero path."
    measured, verdict = study.convergence.measured, study.convergence.verdict
    agreement = study.convergence.agreement
    if not agreement.agree:
        return (
            f"No verdict on whether the drivers converge to the zero path as rough paths: "
            f"{agreement_words(study.signature['backends'], agreement)}."
        )
    top, last = math.floor(study.config.p), measured.levels[-1]
    levels = ("level 1" if last == 1 else f"levels 1 to {last}") + (f" of {top}" if last < top else "")
    what = {
        CONVERGES: "The drivers converge to the zero path as rough paths",
        DOES_NOT: "The drivers do not converge to the zero path as rough paths",
        UNDECIDED: "Whether the drivers converge to the zero path as rough paths is undecided",
    }[verdict]
    rates = ", ".join(
        f"{_fixed(rate)} ± {error:.2g} at level {level}"
        for level, rate, error in zip(measured.levels, measured.rates, measured.rate_errors, strict=True)
        if math.isfinite(rate) and math.isfinite(error)
    )
    text = f"{what} (p = {measured.p:g}, {levels})"
    text += f": distance like L^-r, r = {rates}." if rates else "."
    backends = study.signature["backends"]
    alike = "alike" if len(backends) > 1 else "alone, with no second backend to check it"
    text += f" Found from the signatures of {listed(backends)} {alike}."
    if verdict == UNDECIDED and measured.verdict != study.convergence.direct.verdict:
        text += (
            f" On the principal directions the verdict is '{measured.verdict}', on the whole drivers "
            f"'{study.convergence.direct.verdict}'."
        )
    if study.convergence.reason == "theory":
        text += " That is theory for a hyperbolic family: these depths do not show it yet."
    return text


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def agreement_words(backends: Sequence[str], agreement: Agreement) -> str:
    """Which signature backends agree, and which stand apart."""
    size = f"largest relative disagreement {agreement.largest:.2g}" if agreement.largest is not None else ""
    if agreement.agree:
        return f"{listed(backends)} agree, {size}" if size else f"{backends[0]}, with no second backend to compare with"
    others = [name for name in backends if name not in agreement.apart]
    if not agreement.apart:
        return f"the signature backends {listed(backends)} disagree, and which is wrong cannot be told ({size})"
    stands = "stands" if len(agreement.apart) == 1 else "stand"
    return (
        f"the signature backends disagree: {listed(agreement.apart)} {stands} apart from {listed(others)}, which agree "
        f"with each other ({size})"
    )


def transport_sentence(study: Study) -> str:
    """The equation carried to infinite depth, in words."""
    carried = None if study.deep is None else study.deep.transport
    if carried is None:
        return ""
    if "note" in carried:
        return f"The equation was not carried to infinity: {carried['note']}."
    return (
        f"The equation carried from depth 2 to infinity in {carried['steps']} steps is within "
        f"{max(carried['errors']):.1e} of the closed form at every depth checked (proven: at most "
        f"{_display.rounded_up(max(carried['proven']), 2)}); its driver has 1-variation {carried['one_variation']:.4g}."
    )


def infinite_sentence(study: Study) -> str:
    """Depths needed for a tolerance, in words."""
    deep = study.deep
    if deep is None:
        return "This family has no real depth."
    met = [row for row in deep.needed if row["whole_depth"]]
    if not met:
        return "The coefficients tend to 1/n each." if isinstance(study.family, ReluNNGP | LeakyReluNNGP) else ""
    words = ", ".join(f"{row['tolerance']:g} from depth {row['whole_depth']:,} on" for row in met)
    loose = max(row["looseness"] for row in met)
    return f"All coefficients are within {words} (the a-posteriori bound is at most {loose:.2g} times the distance)."


def prediction_sentences(study: Study) -> list[str]:
    """What the predictions of the family are worth at each depth, and beside two baselines."""
    predicted = study.prediction
    if predicted is None:
        return [f"No prediction: {unpredicted(study.data)}; what follows is what was found about depth."]
    best, last = predicted.best, max(predicted.at)
    text = f"{asked(predicted.targets, study.data)} {score_words(predicted, predicted.at[best].losses)} at the best "
    text += f"depth, {in_words(best)}"
    if last != best:
        text += f", and {score_words(predicted, predicted.at[last].losses)} at depth {in_words(last)}, "
        text += beside(predicted, predicted.at[best].losses, predicted.at[last].losses)
    return [f"{text}{spread(predicted.targets)}.", baselines(predicted, f"depth {in_words(predicted.taken)}")]


def unpredicted(data: DataSet) -> str:
    """Why nothing was predicted."""
    if data.y is None:
        return "the data come without a target (--target COLUMN names one in a file)"
    return (
        "the target is constant on these rows" if targets_of(data) is None else "no kernel matrix is positive definite"
    )


def asked(targets: Targets, data: DataSet) -> str:
    """What is predicted from what, and how it is measured."""
    named = f"'{data.target}' of {data.name}" if data.target else f"the target of {data.name}"
    what = "accuracy" if targets.classes else "root mean square error"
    return f"Prediction of {named} from {len(data.X)} training points, on {len(targets.held):,} other rows: {what}"


def spread(targets: Targets) -> str:
    """What an error is to be measured by."""
    if targets.classes:
        return ""
    return f"; the spread (standard deviation) of the target there is {targets.held.std():.4g}"


def baselines(predicted: Prediction, taken: str) -> str:
    """What the training points alone choose, named by `taken`, beside the RBF kernel and the mean."""
    own = predicted.at[predicted.taken].losses
    text = f"Without a look at those rows, leave-one-out takes {taken}: {score_words(predicted, own)}."
    if predicted.rbf is not None:
        text += (
            f" Kernel regression with scikit-learn's RBF kernel, tuned by leave-one-out, has "
            f"{score_words(predicted, predicted.rbf.losses)}, {beside(predicted, own, predicted.rbf.losses)}."
        )
    name = "majority vote" if predicted.targets.classes else "mean of the training targets"
    text += f" The {name}, which is what the infinitely deep ReLU kernel becomes, has "
    return text + f"{score_words(predicted, predicted.mean)}, {beside(predicted, own, predicted.mean)}."


def score_words(predicted: Prediction, losses: np.ndarray) -> str:
    """The accuracy or the root mean square error of some predictions."""
    value = predicted.targets.score(losses)
    return f"{value:.3f}" if predicted.targets.classes else f"{value:.4g}"


def gap_words(predicted: Prediction, losses: np.ndarray, others: np.ndarray) -> str:
    """By how much the one is apart from the other, with its standard error."""
    gap, error = predicted.ahead(losses, others)
    return f"{abs(gap):.3f} ± {error:.3f}" if predicted.targets.classes else f"{abs(gap):.2g} ± {error:.1g}"


def beside(predicted: Prediction, losses: np.ndarray, others: np.ndarray) -> str:
    """How the other predictor stands to the one, if they differ by more than chance may make it."""
    (gap, error), size = predicted.ahead(losses, others), gap_words(predicted, losses, others)
    if abs(gap) <= 2 * error or gap == 0:
        return f"no different as far as these rows can tell ({size})"
    return f"{'worse' if gap > 0 else 'better'} by {size}"
