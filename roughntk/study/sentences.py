"""What a study predicted, in words, for its figures and its report."""

import math
from collections.abc import Sequence

import numpy as np

from roughntk import sphere
from roughntk.kernels import LeakyReluNNGP, ReluNNGP, ReluNTK
from roughntk.rough.variation.convergence import CONVERGES, DOES_NOT, UNDECIDED
from roughntk.study.analysis.prediction import targets_of
from roughntk.study.analysis.signatures import Agreement
from roughntk.study.analysis.variation import AGREE
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
        f"{max(carried['errors']):.1e} of the closed form at every depth checked; its driver has 1-variation "
        f"{carried['one_variation']:.4g}."
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
    predicted, target = study.prediction, study.data.target
    if predicted is None:
        why = "no kernel matrix is positive definite"
        if study.data.y is None:
            why = "the data come without a target (--target COLUMN names one in a file)"
        elif targets_of(study.data) is None:
            why = "its target is constant"
        return [f"No prediction: {why}; what follows is what was found about depth."]
    score, n = predicted.targets.score, len(study.data.X)
    classes = bool(predicted.targets.classes)
    named = f"'{target}' of {study.data.name}" if target else f"the target of {study.data.name}"
    best, last = predicted.best, max(predicted.at)
    what = "accuracy" if classes else "root mean square error"
    text = (
        f"Prediction of {named} from {n} training points, on {len(predicted.targets.held):,} other rows: {what} "
        f"{_score(score(predicted.at[best].losses), classes)} at the best depth, {in_words(best)}"
    )
    if last != best:
        text += f", and {_score(score(predicted.at[last].losses), classes)} at depth {in_words(last)}, "
        text += _beside(
            predicted.ahead(predicted.at[best].losses, predicted.at[last].losses), classes, "worse", "better"
        )
    if not classes:
        text += f"; the spread (standard deviation) of the target there is {predicted.targets.held.std():.4g}"
    return [text + ".", _baselines(study)]


def _baselines(study: Study) -> str:
    """The depth that the training points alone choose, beside the RBF kernel and the mean."""
    predicted = study.prediction
    assert predicted is not None
    score, classes, taken = predicted.targets.score, bool(predicted.targets.classes), predicted.taken
    own = predicted.at[taken].losses
    text = f"Without a look at those rows, leave-one-out takes depth {in_words(taken)}: {_score(score(own), classes)}."
    if predicted.rbf is not None:
        text += (
            f" Kernel regression with scikit-learn's RBF kernel, tuned by leave-one-out, has "
            f"{_score(score(predicted.rbf.losses), classes)}, "
            f"{_beside(predicted.ahead(own, predicted.rbf.losses), classes, 'worse', 'better')}."
        )
    name = "majority vote" if classes else "mean of the training targets"
    vote = _beside(predicted.ahead(own, predicted.mean), classes, "worse", "better")
    text += f" The {name}, which is what the infinitely deep ReLU kernel becomes, has "
    return text + f"{_score(score(predicted.mean), classes)}, {vote}."


def _score(value: float, classes: bool) -> str:
    return f"{value:.3f}" if classes else f"{value:.4g}"


def _beside(ahead: tuple[float, float], classes: bool, worse: str, better: str) -> str:
    """How a predictor stands to one that is `ahead` of it: by how much, if by more than chance may make it."""
    gap, error = ahead
    size = f"{abs(gap):.3f} ± {error:.3f}" if classes else f"{abs(gap):.2g} ± {error:.1g}"
    if abs(gap) <= 2 * error or gap == 0:
        return f"no different as far as these rows can tell ({size})"
    return f"{worse if gap > 0 else better} by {size}"
