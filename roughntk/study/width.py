"""How wide a network must be for infinite width to describe it, at the depths of a study."""

from collections.abc import Sequence
from typing import Any

from roughntk import kernels, networks
from roughntk.study.depths import depth_words, in_words

CLOSE = 0.1
"""Part of its mean by which the tangent kernel of one network may scatter, and be called that of infinite width."""
ROUNDED = 1e-9
LARGEST = 10**12
"""Depths beyond are not spoken of."""


def width_for(depth: int, spread: float) -> int:
    """The least width from which the tangent kernel of the hidden weights scatters by at most `spread` of its mean.

    Theta(x, x) of a bias-free ReLU network of depth - 1 hidden layers, by its exact second moment
    (`rn.networks.tangent_moments`), which falls as the width grows.

    >>> width_for(5, 0.1)
    1506
    """

    def is_wide(width: int) -> bool:
        ratio = networks.tangent_moments(depth - 1, width).ratio
        return ratio - 1 <= spread**2 * (1 + ROUNDED)  # of one hidden layer it is 5/width

    low, high = 1, 2
    while not is_wide(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_wide(middle) else (middle, high)
    return high


def widths(family: kernels.KernelFamily, depths: Sequence[float]) -> list[dict[str, Any]]:
    """The widths for the first, a middle and the last whole depth; how deep networks of the last one are (quantiles).

    Empty for other families than those of bias-free ReLU networks.
    """
    if type(family) not in (kernels.ReluNTK, kernels.ReluNNGP):
        return []
    whole = [int(depth) for depth in depths if 2 <= depth <= LARGEST and float(depth).is_integer()]
    chosen = sorted({whole[0], whole[len(whole) // 2], whole[-1]}) if whole else []
    records: list[dict[str, Any]] = [{"depth": depth, "width": width_for(depth, CLOSE)} for depth in chosen]
    if records:
        last = records[-1]
        law = networks.effective_depth(last["depth"], last["width"])
        last["depth_of_networks"] = law.quantile([0.05, 0.5, 0.95]).tolist()
    return records


def width_paragraph(records: list[dict[str, Any]]) -> str | None:
    """The paragraph of the report; None where nothing is known."""
    if not records:
        return None
    last = records[-1]
    needed = [f"{record['width']:,}" for record in records]
    named = " and ".join([", ".join(needed[:-1]), needed[-1]]) if len(needed) > 1 else needed[0]
    text = (
        f"How wide must a network be for this to describe it? From the {'widths' if len(records) > 1 else 'width'} "
        f"{named} on, at {depth_words([record['depth'] for record in records])}, the tangent kernel of one bias-free "
        f"ReLU network with normal weights scatters about its mean by at most {CLOSE:.0%} of it, by the exact second "
        f"moment of the hidden weights; the last is {last['width'] / (last['depth'] - 1):.0f} times the number of "
        f"hidden layers."
    )
    least, _, most = last["depth_of_networks"]
    return (
        f"{text} As to angles between inputs, networks of depth {in_words(last['depth'])} and that width are in 90 % "
        f"of cases {least:.4g} to {most:.4g} deep, by the limit law of wide and deep networks, which was derived and "
        f"measured, not proved."
    )


__all__ = ["CLOSE", "width_for", "width_paragraph", "widths"]
