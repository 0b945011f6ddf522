"""How deep is a finite network? Of a random real depth, far from its number of layers L when L is near its width n.

Claim: the angle between two inputs after L layers of a simulated network of width n is that of an infinitely wide
network of a random depth, and the law of this depth is the one of `rn.networks.effective_depth`: the integral of a
geometric Brownian motion. At L = n/2 one network in twenty is deeper than 5 L, and one in twenty shallower than
L/2.

python examples/how_deep_is_a_finite_network.py [FIGURE.png]
"""

import math
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas
from roughntk.maps import relu_flow

WIDTH, ANGLE, PORTION = 100, math.pi / 3, 500
NETWORKS = {10: 2000, 25: 2000, 50: 4000, 100: 2000}  # layers: how many are simulated
LEVELS = (0.05, 0.5, 0.95)


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def angles_after(layers, samples, seed):
    """theta_L of simulated networks: a row of weights gives two normals of correlation cos theta, so no matrix is
    needed."""
    rng = np.random.default_rng([seed, layers])
    theta = np.full(samples, ANGLE)
    for _ in range(layers):
        first, second = rng.standard_normal((2, samples, WIDTH))
        a = np.maximum(first, 0)
        b = np.maximum(np.cos(theta)[:, None] * first + np.sin(theta)[:, None] * second, 0)
        apart = a / np.linalg.norm(a, axis=1, keepdims=True) - b / np.linalg.norm(b, axis=1, keepdims=True)
        theta = 2 * np.arcsin(np.linalg.norm(apart, axis=1) / 2)
    return theta


def depths_of(layers, samples):
    """The depth at which an infinitely wide network has the same angle: alpha(theta_L) = alpha(theta_1) + depth - 1."""
    theta = np.concatenate([angles_after(layers, PORTION, seed) for seed in range(samples // PORTION)])
    depth = 1 + np.asarray(relu_flow.abel(theta)) - float(relu_flow.abel(ANGLE))
    # By its definition: the kernel of an infinitely wide network at this real depth is the cosine of the angle.
    some = rn.kernels.ReluNNGP().at_angle(ANGLE, np.maximum(depth[:20], 1))
    assert np.abs(np.asarray(some) - np.cos(theta[:20]))[depth[:20] >= 1].max() < 1e-12
    return depth


def compare(layers, depth):
    """Quantiles of the simulated networks and of the law, and the largest distance of the distribution functions."""
    law = rn.networks.effective_depth(layers, WIDTH, angle=ANGLE)
    ranks = (np.arange(len(depth)) + 0.5) / len(depth)
    distance = float(np.abs(law.probability(np.sort(depth)) - ranks).max())
    cells = "  ".join(
        f"{a:7.1f} {b:7.1f}" for a, b in zip(np.quantile(depth, LEVELS), law.quantile(LEVELS), strict=True)
    )
    print(f"{layers:6d}  {cells}  {distance:.3f}")
    return law, distance


def draw(samples, laws):
    """Left: the depths of networks of 50 layers. Right: quantiles of depth over layers, against layers over width."""
    figure, axes = canvas(1, 2, (10, 4.2))
    left, right = axes[0]
    depth, law = samples[50], laws[50]
    bins = np.linspace(0, 300, 41)
    left.hist(depth, bins=bins, density=True, color=COLOURS[0], alpha=0.45, label="simulated networks")
    left.plot((bins[1:] + bins[:-1]) / 2, np.diff(law.probability(bins)) / np.diff(bins), color="black", lw=1.2,
              label="limit law")  # fmt: skip
    left.axvline(50, color=COLOURS[1], lw=1.5, label="layers")
    left.set(title=f"Depth of networks of 50 layers, width {WIDTH}", xlabel="real depth", ylabel="density")
    left.legend()
    layers = np.unique(np.geomspace(2, 200, 25).round().astype(int))
    for style, angle in (("-", None), (":", ANGLE)):
        known = [rn.networks.effective_depth(int(each), WIDTH, angle=angle) for each in layers]
        curves = np.array([(law.quantile(LEVELS) - (angle is not None)) / law.layers for law in known])
        for place, name in enumerate(("5 %", "median", "95 %")):
            right.plot(layers / WIDTH, curves[:, place], style, color=COLOURS[place], lw=1.3,
                       label=f"{name}, limit law" if angle is None else None)  # fmt: skip
    at = np.array(list(samples))
    shown = np.array([(np.quantile(samples[each], LEVELS) - 1) / each for each in at])
    for place in range(3):
        right.plot(at / WIDTH, shown[:, place], "o", color=COLOURS[place], markersize=4.5)
    right.plot([], [], ":", color="#555555", label=f"from 60 degrees at width {WIDTH}")
    right.plot([], [], "o", color="#555555", markersize=4.5, label="simulated networks")
    right.axhline(1, **LIMIT_STYLE)
    right.set(title="Depth over layers", xlabel="layers over width, $t = L/n$", ylabel="depth / layers")
    right.set(xscale="log", yscale="log", ylim=(0.15, 80))
    right.set_xticks(ticks := [0.02, 0.1, 0.5, 2], [f"{tick:g}" for tick in ticks])
    right.set_yticks(ticks := [0.2, 0.5, 1, 2, 5, 10, 50], [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    right.legend(loc="upper left")
    return figure


def main(path):
    print(f"Depth of simulated networks of width {WIDTH} and in the limit law: 5 %, 50 % and 95 % quantiles")
    print("layers  networks  law      networks  law      networks  law    distance")
    samples, laws = {}, {}
    for layers, count in NETWORKS.items():
        progress(f"{count} networks of {layers} layers")
        samples[layers] = depths_of(layers, count)
        laws[layers], distance = compare(layers, samples[layers])
        # sqrt(count) distance exceeds 2.7 with probability 1e-6 where the law is exact; 0.04 for a width of 100
        assert distance < 2.7 / math.sqrt(count) + 0.04
    spread = np.quantile(samples[50], (0.05, 0.95)) / 50
    assert spread[0] < 0.55 and spread[1] > 4.5
    with matplotlib.rc_context(STYLE):
        draw(samples, laws).savefig(path, dpi=150)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "how_deep_is_a_finite_network.png")
