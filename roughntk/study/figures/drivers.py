"""The figures of a study that show its drivers: along the segment, their signatures, their p-variation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from roughntk.files.drawing import COLOURS, LIMIT_STYLE, canvas, plain_log_ticks
from roughntk.study.analysis.signatures import largest_terms
from roughntk.study.result import Study
from roughntk.study.sentences import agreement_words, convergence_sentence, slope_sentence


def driver_components(study: Study):
    """The largest components of a few drivers along the segment."""
    depths = list(study.drivers.paths)
    figure, axes = canvas(1, 2, (9.6, 3.8))
    if depths:
        shown = sorted({depths[0], depths[len(depths) // 8], depths[len(depths) // 3], depths[-1]})
        for place, (colour, depth) in enumerate(zip(COLOURS, shown, strict=False)):
            width = 1.1 + 1.3 * (len(shown) - 1 - place)  # deeper ones narrower: those that coincide stay visible
            path = study.drivers.paths[depth]
            s = np.linspace(0, 1, len(path))
            largest = np.argsort(-np.abs(path[-1]))[:5]
            for k, channel in enumerate(largest):
                label = f"$L = {depth}$" if k == 0 else None
                axes[0, 0].plot(s, path[:, channel], color=colour, linewidth=width, label=label)
        axes[0, 0].legend(loc="best")
        ends = [np.sort(np.abs(path[-1]))[::-1] for path in study.drivers.paths.values()]
        axes[0, 1].loglog(depths, [end[0] for end in ends], "o-", color=COLOURS[0], markersize=3, label="largest")
        axes[0, 1].loglog(
            depths, [np.median(end) for end in ends], "s-", color=COLOURS[1], markersize=3, label="median"
        )
        axes[0, 1].legend(loc="best")
        plain_log_ticks(axes[0, 1], depths)
    axes[0, 0].set(
        title="Five largest components of $v^{(L)}$",
        xlabel="position $s$ on the segment",
        ylabel="$v_{ij}(s)$",
    )
    axes[0, 1].set(title="End values $|v^{(L)}_{ij}(1)|$", xlabel="network depth $L$", ylabel="absolute value")
    tends = "They vanish as L grows, because the kernel stops moving."
    if study.law.hyperbolic:
        tends = "They do not vanish: the kernel matrix shrinks by the same factor at every depth."
    caption = (
        "The drivers v = ∫A⁻¹[dA, db] of the linear equation du = dv_b − dv_A u, in closed form log(I + sM). " + tends
    )
    return figure, "The drivers", caption


def signature_terms(study: Study):
    """Signature terms of the drivers, level by level, against depth: every backend's."""
    signature, signatures = study.signature, study.signatures
    figure, axes = canvas(1, signatures.level, (9.6 if signatures.level < 3 else 11.4, 4.2))
    rows = largest_terms(signatures)
    markers = ("", "o", "x", "+", "s")
    for level in range(1, signatures.level + 1):
        axis = axes[0, level - 1]
        words = list(dict.fromkeys(r["word"] for r in rows if r["level"] == level))
        for place, backend in enumerate(signature["backends"]):
            look: Any = {"linewidth": 1.4} if place == 0 else {"linestyle": "none", "marker": markers[place % 5]}
            look |= {"markersize": 3 + 1.5 * place, "markerfacecolor": "none", "markeredgewidth": 0.8}
            sizes = [
                (depth, np.abs(whole[slice(*_level_ends(signatures.channels, level))]).sum())
                for depth, whole in signatures.views[backend].whole.items()
            ]
            broad = {"linewidth": 5, "alpha": 0.3} if place == 0 else {}
            name = "all words, $\\ell_1$ norm" if place == 0 else None
            _log_curve(axis, sizes, color="black", label=name, **(look | broad))
            for colour, line, word in zip(COLOURS, ("-", "--", ":"), words, strict=False):
                chosen = [r for r in rows if (r["level"], r["word"], r["backend"]) == (level, word, backend)]
                terms = [(r["depth"], abs(r["value"])) for r in chosen]
                style = {"linestyle": line} if place == 0 else {}
                label = f"word {word}" if place == 0 else None
                _log_curve(axis, terms, color=colour, label=label, **(look | style))
        axis.set(title=f"Level {level}", xlabel="network depth $L$")
        if study.drivers.paths:
            plain_log_ticks(axis, list(study.drivers.paths))
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    axes[0, 0].set_ylabel("absolute value")
    others = ", ".join(
        f"{name} ({ {'o': 'circles', 'x': 'crosses', '+': 'plus signs', 's': 'squares'}[markers[k % 5] or 's'] })"
        for k, name in enumerate(signature["backends"])
        if k
    )
    shown = f" Lines are {signature['backends'][0]}; markers on them are {others}." if others else ""
    where = "principal directions" if signature["on_principal_directions"] else "channels"
    caption = (
        f"Signature of each driver over the whole segment: the largest words of each level (letters are {where}) and "
        f"the size of the level.{shown} In words: {agreement_words(signature['backends'], signatures.agreement)}."
    )
    return figure, "Signature terms of the drivers", caption


def _level_ends(channels: int, level: int) -> tuple[int, int]:
    """Where a level starts and ends in a flat signature."""
    start = sum(channels**k for k in range(1, level))
    return start, start + channels**level


def _log_curve(axis: Any, points: Sequence[tuple[float, float]], **look: Any) -> None:
    """A curve on logarithmic axes, without what they cannot show: zeros, and entries that are not finite."""
    kept = [(depth, value) for depth, value in points if np.isfinite(value) and value > 0]
    axis.loglog([depth for depth, _ in kept], [value for _, value in kept], **look)


def variation(study: Study):
    """p-variation of the drivers against depth, with fitted slopes."""
    figure, axes = canvas(1, 2, (9.6, 4.2))
    p = study.config.p
    kinds = sorted({(r["p"], r["level"]) for r in study.variation}, key=lambda kind: (kind[1], kind[0]))
    # Level 1 nearly coincides for the two exponents: a broad pale curve lies under a thin one with small markers.
    looks: Any = [
        {"linestyle": "-", "marker": "o", "markersize": 8, "linewidth": 5, "alpha": 0.35},
        {"linestyle": "-", "marker": "s", "markersize": 3, "linewidth": 1.2},
        {"linestyle": "-", "marker": "^", "markersize": 4, "linewidth": 1.2},
        {"linestyle": "-", "marker": "D", "markersize": 4, "linewidth": 1.2},
    ]
    for colour, look, (exponent, level) in zip(COLOURS, looks[-len(kinds) :] if p == 1 else looks, kinds, strict=False):
        rows = [r for r in study.variation if (r["p"], r["level"]) == (exponent, level)]
        if not rows:
            continue
        norm = rows[0]["tensor_norm"].replace("l", r"\ell_")
        label = f"$p = {exponent:g}$, level {level} (${norm}$, {rows[0]['channels']} channels)"
        for axis, key in ((axes[0, 0], "norm"), (axes[0, 1], "distance_to_previous")):
            usable = [r for r in rows if r[key]]
            axis.loglog(
                [r["depth"] for r in usable],
                [r[key] for r in usable],
                color=colour,
                label=label,
                **look,
            )
    slopes = study.slopes
    for level in (1, 2, 3):
        rows = [r for r in study.variation if (r["p"], r["level"]) == (p, level) and r["depth"] > 1]
        known = study.law
        if slopes.get(f"level{level}") is None or known.rate is None or known.hyperbolic:
            continue
        L = np.array([r["depth"] for r in rows if r["depth"] >= slopes["fitted_depths"][0]], dtype=float)
        expected = known.rate(L) ** level
        expected *= rows[-1]["norm"] / expected[-1]
        axes[0, 0].loglog(L, expected, label=known.rate_label if level == 1 else None, **LIMIT_STYLE)
    for axis, title in (
        (axes[0, 0], "p-variation of $v^{(L)}$"),
        (axes[0, 1], "Distance to the driver before"),
    ):
        axis.set(title=title, xlabel="network depth $L$")
        if study.drivers.paths:
            plain_log_ticks(axis, list(study.drivers.paths))
    axes[0, 0].set_ylabel("p-variation (outer root taken)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    nearly = (
        "At level 1 the two exponents nearly coincide, because the drivers are nearly straight: the broad pale curve "
        "is p = 1. "
    ) * (p > 1)
    caption = (
        "Exact over the sample points, by dynamic programming over all partitions. "
        + nearly
        + " ".join((slope_sentence(study), convergence_sentence(study)))
    )
    return figure, "p-variation of the drivers", caption
