"""What a study says in lines for a person: what was predicted, what was found about depth, and the checks."""

import math

import numpy as np

from roughntk import _display
from roughntk.study.depths import depth_words
from roughntk.study.result import Study
from roughntk.study.sentences import (
    agreement_words,
    convergence_sentence,
    infinite_sentence,
    prediction_sentences,
    slope_sentence,
)

ANSWER, DEPTH, CHECKS = "Does it predict?", "What depth does", "Checks"


def summary_groups(study: Study) -> dict[str, list[str]]:
    """The lines under their headings."""
    data, kernels = study.data.describe(), study.kernels
    last = kernels.depths[-1]
    needed = " " + infinite_sentence(study) if study.deep is not None and study.deep.needed else ""
    return {
        ANSWER: prediction_sentences(study),
        DEPTH: [
            f"Data: {data['name']}, {data['n']} training and {data['m']} test points on the sphere in R^{data['dim']} "
            f"({data['projection']} projection, seed {study.config.seed}).",
            f"Family {family_words(study)}, {depth_words(kernels.depths)}. "
            + (study.first_depth or "The study starts beyond depth 1."),
            _kernel_line(study),
            _distance_to_limit(study) + needed,
            convergence_sentence(study),
            "p-variation: " + slope_sentence(study),
        ],
        CHECKS: [
            f"Condition number: {_condition_words(kernels.condition[kernels.depths[0]])} at depth "
            f"{kernels.depths[0]}, {_condition_words(kernels.condition[last])} at depth {last}. " + _reach(study),
            _transport_line(study.transport),
            _driver_line(study),
            _signature_line(study),
        ],
    }


def summary_lines(study: Study) -> list[str]:
    """All lines, in this order."""
    return [line for lines in summary_groups(study).values() for line in lines]


def _condition_words(condition: float) -> str:
    return f"{condition:.3g}" if math.isfinite(condition) else "infinite to working precision"


def family_words(study: Study) -> str:
    """The family with the parameters that were set."""
    given = ", ".join(study.config.parameters)
    return study.config.family_name + (f" ({given})" if given else "")


def _limit_words(study: Study) -> str:
    kernels = study.kernels
    if kernels.limit_entry is not None:
        return f"their limit is {kernels.limit_entry:.6g}"
    if kernels.limit_pairs is None:
        return "their limit is not known here"
    values = kernels.limit_pairs[0][~np.eye(len(study.data.X), dtype=bool)]
    if not values.size:
        values = kernels.limit_pairs[1].ravel()
    return f"each has a limit of its own, in [{values.min():.6g}, {values.max():.6g}]"


def _kernel_line(study: Study) -> str:
    last = study.kernels.depths[-1]
    off = ~np.eye(len(study.data.X), dtype=bool)
    deflated = study.kernels.deflated.get(last)
    if deflated is None or study.kernels.limit_entry is None or not off.any():
        return (
            f"Kernel: off-diagonal entries at depth {last} lie in {_off_diagonal_range(study)}; {_limit_words(study)}."
        )
    distance = np.exp(deflated.log_scale) * np.abs(deflated.values[:, : len(off)][off]).max()
    return (
        f"Kernel: off-diagonal entries at depth {last} are within {distance:.3g} of their limit "
        f"{study.kernels.limit_entry:.6g}."
    )


def _off_diagonal_range(study: Study) -> str:
    K = study.kernels.within[-1]
    values = K[~np.eye(len(K), dtype=bool)] if len(K) > 1 else study.kernels.across[-1].ravel()
    return f"[{values.min():.6g}, {values.max():.6g}]"


def _transport_line(records: list) -> str:
    rows = [r for r in records if r["error"] is not None]
    if not rows:
        return f"Transport (Theorem 3): none of {len(records)}, as the kernel matrices are singular."
    steps = {clock: max((r["steps"] for r in rows if r["clock"] == clock), default=0) for clock in ("arc", "psi")}
    failed = sum(not r["converged"] for r in rows)
    skipped = f"; {len(records) - len(rows)} more end in a singular matrix" if len(rows) < len(records) else ""
    deflated = sum(r["system"] == "deflated" for r in rows)
    form = f", {deflated} of them in deflated form" if deflated else ""
    return (
        f"Transport (Theorem 3): {len(rows)} integrations{form}, largest error "
        f"{np.max([r['error'] for r in rows]):.2g} against the closed form (proven: at most "
        f"{_display.rounded_up(float(np.max([r['proven'] for r in rows])), 2)}), largest residual "
        f"{np.max([r['residual'] for r in rows]):.2g}, "
        f"{'all within their bounds' if not failed else f'{failed} NOT converged'} (at most {steps['arc']} "
        f"steps in the arc clock, {steps['psi']} in psi){skipped}."
    )


def _reach(study: Study) -> str:
    """How the closed form was solved, and what its coefficients are known to."""
    kernels = study.kernels
    depths = kernels.solved_depths
    if not depths:
        return "Closed form: the matrices of all depths are singular."
    reports = {depth: solved for depth in depths if (solved := kernels.solved[depth])}
    deflated = [depth for depth in depths if reports[depth].method == "deflated"]
    indefinite = [depth for depth in depths if not reports[depth].positive_definite]
    singular = [depth for depth in kernels.depths if depth not in depths]
    how = "Cholesky"
    if deflated:
        how = f"in deflated form at {depth_words(deflated)}" + (
            "" if len(deflated) == len(depths) else ", else Cholesky"
        )
    text = (
        f"Closed form: {how}; largest residual {max(one.residual for one in reports.values()):.2g}, coefficients known "
        f"to {max(one.relative_error for one in reports.values()):.2g} of max(1, max |u|)."
    )
    if indefinite:
        text += f" The matrix is indefinite at {depth_words(indefinite)}."
    if singular:
        text += f" The matrix is singular to working precision at {depth_words(singular)}."
    return text


def _driver_line(study: Study) -> str:
    errors = study.drivers.closed_form_error
    if not errors:
        return "Drivers: none, as no two matrices in a row are positive definite."
    return (
        f"Drivers v^(L): {study.drivers.channels} channels; log(I + sM) and Gauss-Legendre quadrature differ by at "
        f"most {np.max(list(errors.values())):.2g} relative."
    )


def _signature_line(study: Study) -> str:
    signature = study.signature
    absent = "".join(f"; {name} is absent ({command})" for name, command in signature["absent"].items())
    where = f"{signature['channels']} channels"
    if signature["on_principal_directions"]:
        least = min(signature["captured"].values(), default=1.0)
        where = (
            f"the {signature['channels']} principal directions of the drivers (all but at most {1 - least:.1g} of each)"
        )
    failures = "".join(f"; {name} failed ({text})" for name, text in signature["failures"].items())
    compared = agreement_words(signature["backends"], study.signatures.agreement)
    return f"Signatures to level {signature['level']} on {where}: {compared}{failures}{absent}."


def _distance_to_limit(study: Study) -> str:
    kernels = study.kernels
    depths = kernels.solved_depths
    if not depths:
        return "Coefficients: none, as the matrices are singular."
    if kernels.limit_coefficients is None:
        return "Coefficients: their limit of infinite depth is not known for this family."
    last = depths[-1]
    distance = np.max(np.abs(kernels.coefficients_at(last) - kernels.limit_coefficients))
    solved = kernels.solved[last]
    error = 0.0 if solved is None else 2 * float(np.max(solved.forward_error))  # of both ends
    if error < 1e-3 * distance:
        return f"Coefficients at depth {last} are within {distance:.3g} of their limit of infinite depth."
    return (
        f"Coefficients at depth {last} are within {distance + error:.2g} of their limit of infinite depth, most of "
        f"which is what 64 bit leaves unknown."
        if error > distance
        else f"Coefficients at depth {last} are {distance:.3g} ± {error:.1g} from their limit of infinite depth."
    )


__all__ = ["ANSWER", "CHECKS", "DEPTH", "family_words", "summary_groups", "summary_lines"]
