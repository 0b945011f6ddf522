"""What `roughntk classify` computes and says: members of the registry, and the table of what depth does to each.

The table of docs/pages/explanation/which-kernel-has-which-limit.md is written from here (docs/make_families.py).
"""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.depth import Classification, classify
from roughntk.depth.criteria import Criteria
from roughntk.depth.phases.classification import word
from roughntk.kernels import (
    FAMILIES,
    BiasedReluNNGP,
    BiasedReluNTK,
    CompositionKernel,
    ErfNNGP,
    ErfNTK,
    GeluNNGP,
    GeluNTK,
    KernelFamily,
    ResidualReluNNGP,
    ResidualReluNTK,
    TanhNNGP,
    TanhNTK,
)
from roughntk.kernels import family as family_by_name
from roughntk.study.families import member

ALL = "all"
_SHOWN = ("weight_variance", "slope", "phi", "h", "scaling")  # parameters that the table names
HEADINGS = ("family", "phase", "c*", "multiplier", "limit ratio", "rate", "limit of the coefficients")


def members(name: str, settings: Sequence[str] = ()) -> list[KernelFamily]:
    """The family of that name with `settings` such as weight_variance=2, or with "all" each of the registry.

    Raises:
        InputError: an unknown family or parameter, a setting that is not NAME=VALUE, or settings together with "all".
    """
    chosen = _checks.choice(name, (*FAMILIES, ALL), "family")
    if chosen == ALL:
        if settings:
            raise InputError(f"expected no --set with {ALL}, got {', '.join(settings)}; name one family")
        return table_members()
    return [member(chosen, settings)]


def table_members() -> list[KernelFamily]:
    """Every family of the registry with its default parameters, and those with phases in their other phases too."""
    others: dict[type[KernelFamily], list[KernelFamily]] = {
        BiasedReluNTK: [BiasedReluNTK.critical(), family_by_name(BiasedReluNTK.name, weight_variance=3.0)],
        BiasedReluNNGP: [BiasedReluNNGP.critical(), family_by_name(BiasedReluNNGP.name, weight_variance=3.0)],
        ErfNTK: [ErfNTK.critical(), family_by_name(ErfNTK.name, weight_variance=2.5)],
        ErfNNGP: [ErfNNGP.critical(), family_by_name(ErfNNGP.name, weight_variance=2.5)],
        TanhNTK: [TanhNTK.critical(), family_by_name(TanhNTK.name, weight_variance=3.0)],
        TanhNNGP: [TanhNNGP.critical(), family_by_name(TanhNNGP.name, weight_variance=3.0)],
        GeluNTK: [GeluNTK.critical()],
        GeluNNGP: [GeluNNGP.critical()],
        ResidualReluNTK: [family_by_name(ResidualReluNTK.name, scaling=0.5)],
        ResidualReluNNGP: [family_by_name(ResidualReluNNGP.name, scaling=0.5)],
        CompositionKernel: [family_by_name(CompositionKernel.name, h="cubic")],
    }
    return [member for name, kind in FAMILIES.items() for member in (family_by_name(name), *others.get(kind, ()))]


def classified(
    members: Sequence[KernelFamily], advance: Callable[[int], None] = lambda done: None
) -> list[Classification]:
    """Each of the members classified, two at a time: most of the time goes into compilation, which runs beside it.

    `advance` is called with the number of those that are done.
    """
    classifications = []
    with ThreadPoolExecutor(2) as pool:
        for each in pool.map(classify, members):
            classifications.append(each)
            advance(len(classifications))
    return classifications


def record(classification: Classification) -> dict[str, Any]:
    """A classification for JSON: every field of `Classification`, the rate and the limit of the coefficients in words
    beside it."""
    rate, fraction = classification.rate, classification.ratio_as_fraction
    return {
        **{field.name: getattr(classification, field.name) for field in dataclasses.fields(classification)},
        "parameters": dict(classification.parameters),
        "rate": None if rate is None else {**dataclasses.asdict(rate), "words": rate.short},
        "ratio_as_fraction": None if fraction is None else str(fraction),
        "limit_of_coefficients": classification.coefficients,
        "evidence": [dataclasses.asdict(each) for each in classification.evidence],
        "notes": list(classification.notes),
    }


def criteria_record(criteria: Criteria) -> dict[str, Any]:
    """The conditions of Section 6 for JSON, by name."""
    conditions = {
        each.name: {
            "verdict": each.verdict,
            "from_depth": each.from_depth,
            "counterexample": None if each.counterexample is None else dataclasses.asdict(each.counterexample),
            "evidence": list(each.evidence),
        }
        for each in criteria.conditions
    }
    return {
        "deepest": criteria.deepest,
        "has_limit": criteria.has_limit,
        "reason": criteria.reason,
        "conditions": conditions,
    }


def cells(classification: Classification) -> tuple[str, ...]:
    """One row of the table, under `HEADINGS`."""
    return (
        label(classification),
        classification.phase,
        _number(classification.fixed_point),
        "-" if classification.multiplier is None else f"{classification.multiplier:.6f} ({classification.kind})",
        _ratio(classification),
        "not seen" if classification.rate is None else classification.rate.short,
        classification.coefficients,
    )


def label(classification: Classification) -> str:
    """The family's name with those of its parameters that decide its phase."""
    shown = [
        f"{name} = {word(value, '.6g')}"
        for name, value in classification.parameters
        if name in _SHOWN and not (name == "weight_variance" and classification.family.startswith("residual"))
    ]
    return classification.family + (f", {', '.join(shown)}" if shown else "")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6f}"


def _ratio(classification: Classification) -> str:
    if classification.ratio is None:
        return classification.ratio_text
    near = classification.ratio_as_fraction
    text = f"{classification.ratio + 0.0:.6f}"
    return text if near is None or near.denominator == 1 else f"{text} = {near}"


__all__ = [
    "ALL", "HEADINGS", "cells", "classified", "criteria_record", "label", "members", "record", "table_members",
]  # fmt: skip
