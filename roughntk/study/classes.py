"""`roughntk classify`: members of the registry with given parameters, and the table of what depth does to each.

The table of docs/which-kernel-has-which-limit.md is written from here (docs/make_families.py).
"""

import inspect
from collections.abc import Sequence

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.kernels import FAMILIES, BiasedReluNNGP, BiasedReluNTK, Classification, ErfNNGP, ErfNTK, KernelFamily
from roughntk.kernels import family as family_by_name

ALL = "all"
HEADINGS = ("family", "phase", "c*", "multiplier", "limit ratio", "rate", "limit of the coefficients")


def members(name: str, settings: Sequence[str] = ()) -> list[KernelFamily]:
    """The family of that name with `settings` such as weight_variance=2, or with "all" each of the registry.

    Raises:
        InputError: an unknown family or parameter, a setting that is not NAME=NUMBER, or settings together with "all".
    """
    chosen = _checks.choice(name, (*FAMILIES, ALL), "family")
    if chosen == ALL:
        if settings:
            raise InputError(f"expected no --set with {ALL}, got {', '.join(settings)}; name one family")
        return table_members()
    parameters = tuple(inspect.signature(FAMILIES[chosen]).parameters)
    values: dict[str, float] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"expected --set NAME=VALUE, got {setting!r}; write for instance --set weight_variance=2")
        if not parameters:
            raise InputError(f"expected no --set for {chosen}, which has no parameters, got {setting!r}; leave it out")
        _checks.choice(key.strip(), parameters, f"parameter of {chosen}")
        try:
            values[key.strip()] = float(text)
        except ValueError:
            raise InputError(f"expected a number for {key.strip()}, got {text!r}; write it as 1.5") from None
    return [FAMILIES[chosen](**values)]


def table_members() -> list[KernelFamily]:
    """Every family of the registry with its default parameters, and those with phases in their other phases too."""
    others: dict[type[KernelFamily], list[KernelFamily]] = {
        BiasedReluNTK: [BiasedReluNTK.critical(), family_by_name(BiasedReluNTK.name, weight_variance=3.0)],
        BiasedReluNNGP: [BiasedReluNNGP.critical(), family_by_name(BiasedReluNNGP.name, weight_variance=3.0)],
        ErfNTK: [ErfNTK.critical(), family_by_name(ErfNTK.name, weight_variance=2.5)],
        ErfNNGP: [ErfNNGP.critical(), family_by_name(ErfNNGP.name, weight_variance=2.5)],
    }
    return [member for name, kind in FAMILIES.items() for member in (family_by_name(name), *others.get(kind, ()))]


def cells(found: Classification) -> tuple[str, ...]:
    """One row of the table, under `HEADINGS`."""
    return (
        label(found),
        found.phase,
        _number(found.fixed_point),
        "-" if found.multiplier is None else f"{found.multiplier:.6f} ({found.kind})",
        _ratio(found),
        "not seen" if found.rate is None else found.rate.short,
        found.coefficients,
    )


def label(found: Classification) -> str:
    """The family's name with those of its parameters that decide its phase."""
    shown = [f"{name} = {value:.6g}" for name, value in found.parameters if name in ("weight_variance", "slope")]
    return found.family + (f", {', '.join(shown)}" if shown else "")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6f}"


def _ratio(found: Classification) -> str:
    if found.ratio is None:
        return found.ratio_text
    near = found.ratio_as_fraction
    text = f"{found.ratio + 0.0:.6f}"
    return text if near is None or near.denominator == 1 else f"{text} = {near}"


__all__ = ["HEADINGS", "cells", "label", "members", "table_members"]
