"""How wide a network must be for infinite width to describe it, at the depths of a study."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from roughntk import kernels, networks, sphere
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


def widths(family: kernels.KernelFamily, X: np.ndarray, depths: Sequence[float]) -> list[dict[str, Any]]:
    """The widths for the first, a middle and the last whole depth; how deep networks of the last one are (quantiles).

    Empty for other families than those of bias-free ReLU networks.
    """
    if not isinstance(family, kernels.ReluNTK | kernels.ReluNNGP):
        return []
    whole = [int(depth) for depth in depths if 2 <= depth <= LARGEST and float(depth).is_integer()]
    chosen = sorted({whole[0], whole[len(whole) // 2], whole[-1]}) if whole else []
    records: list[dict[str, Any]] = [{"depth": depth, "width": width_for(depth, CLOSE)} for depth in chosen]
    angles = np.sort(np.asarray(sphere.angles(X))[np.triu_indices(len(X), 1)])
    angle = float(angles[len(angles) // 2]) if len(angles) else 0.0
    if records and 0 < angle < math.pi:
        last = records[-1]
        law = networks.effective_depth(last["depth"] - 1, last["width"], angle=angle)
        last |= {"angle": angle, "depth_of_networks": law.quantile([0.05, 0.5, 0.95]).tolist()}
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
    least, _, most = last.get("depth_of_networks", (0.0, 0.0, 0.0))
    if least < 1:  # at very small angles a network is as often nearer to the start as farther from it
        return text
    return (
        f"{text} As to two inputs at the angle {last['angle']:.3g}, the median of all pairs, networks of depth "
        f"{in_words(last['depth'])} and that width are in 90 % of cases {least:.3g} to {most:.3g} deep, by a law of "
        f"wide and deep networks that was derived and measured, not proved, and is good to a layer or two."
    )


__all__ = ["CLOSE", "width_for", "width_paragraph", "widths"]
