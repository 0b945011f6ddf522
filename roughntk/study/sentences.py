"""What a study found, in words, for its figures and its report."""

import math
from collections.abc import Sequence

from roughntk.kernels import LeakyReluNNGP, ReluNNGP
from roughntk.rough.variation.convergence import CONVERGES, DOES_NOT, UNDECIDED
from roughntk.study.analysis.signatures import Agreement
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
        text += f" Theory ({known.rate_words}) has {slopes['theory_level1']:.3f}{beside} over the same depths."
    else:
        text += " The drivers of this hyperbolic family do not vanish, as theory says."
    return text


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
