"""The matrix of ones is what a network does that is deeper than wide.

Claim: the tangent kernel between two inputs over that of each of them, Theta_12/sqrt(Theta_11 Theta_22), is 1/4 in a
network that is much wider than deep, and a random number when layers L and width n are comparable, with a limit law
that simulated networks follow. Its mean grows with L/n; that it tends to 1, the matrix of ones, is a conjecture:
measured here up to L = 16 n, not proved.

python examples/the_matrix_of_ones.py [FIGURE.png]
"""

import math
import sys
import tempfile
from pathlib import Path

import jax
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas

TIMES = (0.03, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
SAMPLES, STEPS = 4096, 200
WIDTH, NETWORKS, AT = 64, 200, (0.25, 0.5, 1.0)
ANGLE = math.pi / 3


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def network_ratios(layers, seed):
    """Theta_12/sqrt(Theta_11 Theta_22) of simulated networks, by backpropagation through all their weights."""
    rng = np.random.default_rng([seed, layers])
    ratios = np.empty(NETWORKS)
    for place in range(NETWORKS):
        h = np.array([[1.0, math.cos(ANGLE)], [0.0, math.sin(ANGLE)]])
        passed = []
        for _ in range(layers):
            W = rng.standard_normal((WIDTH, len(h)))
            z = W @ h
            passed.append((W, z > 0, h))
            h = math.sqrt(2 / WIDTH) * np.maximum(z, 0)
        b = np.repeat(rng.standard_normal((WIDTH, 1)), 2, axis=1)
        kernel = np.zeros((2, 2))
        for W, active, below in reversed(passed):
            u = active * b
            kernel += (u.T @ u) * (below.T @ below)
            b = math.sqrt(2 / WIDTH) * W.T @ u
        ratios[place] = kernel[0, 1] / math.sqrt(kernel[0, 0] * kernel[1, 1])
    return ratios


def infinitely_wide(layers):
    """The same ratio of an infinitely wide network with so many layers, hidden weights only; it tends to 1/4."""
    trajectory = layers * float(rn.kernels.ReluNTK().at_angle(ANGLE, layers))
    angle = math.acos(float(rn.kernels.ReluNNGP().at_angle(ANGLE, layers)))
    return trajectory * (1 - angle / math.pi) / layers


def draw(drawn, networks):
    """Left: mean and quantiles of the ratio against L/n. Right: its law at a few of them."""
    figure, axes = canvas(1, 2, (10, 4.2))
    left, right = axes[0]
    quantiles = np.array([np.quantile(each.ratios, (0.05, 0.25, 0.5, 0.75, 0.95)) for each in drawn])
    left.fill_between(
        TIMES, quantiles[:, 0], quantiles[:, 4], color=COLOURS[0], alpha=0.15, label="5 to 95 %, limit law"
    )
    left.fill_between(TIMES, quantiles[:, 1], quantiles[:, 3], color=COLOURS[0], alpha=0.3, label="25 to 75 %")
    left.plot(TIMES, [each.mean for each in drawn], "o-", color=COLOURS[0], markersize=4, label="mean, limit law")
    means = np.array([ratios.mean() for ratios in networks.values()])
    bars = np.array([2 * ratios.std() / math.sqrt(ratios.size) for ratios in networks.values()])
    left.errorbar(list(networks), means, bars, fmt="s", color=COLOURS[1], markersize=4.5, capsize=2,
                  label=f"mean, networks of width {WIDTH}")  # fmt: skip
    left.axhline(0.25, color="#777777", lw=1, ls="--")
    left.text(16, 0.2, "infinite width: 1/4", ha="right", fontsize=8.5, color="#555555")
    left.axhline(1.0, color="#777777", lw=1, ls="--")
    left.text(TIMES[0], 0.96, "matrix of ones", fontsize=8.5, color="#555555")
    left.set(
        title="Tangent kernel between two inputs", xlabel="layers over width, $L/n$", ylabel="ratio to the diagonal"
    )
    left.set(xscale="log", ylim=(-0.25, 1.05))
    left.set_xticks(ticks := [0.03, 0.1, 0.5, 2, 8], [f"{tick:g}" for tick in ticks])
    left.minorticks_off()
    left.legend(loc="upper left", bbox_to_anchor=(0.0, 0.93))
    for place, time in enumerate((0.1, 0.5, 2.0, 16.0)):
        ratios = np.sort(drawn[TIMES.index(time)].ratios)
        right.plot(ratios, (np.arange(ratios.size) + 0.5) / ratios.size, color=COLOURS[place], lw=1.4,
                   label=f"$L/n$ = {time:g}")  # fmt: skip
    right.set(title="Its law", xlabel="ratio", ylabel="share of networks below", xlim=(-0.3, 1.02))
    right.legend(loc="lower right")
    return figure


def main(path):
    drawn = []
    print("L/n     mean of the ratio   sd      5 %     median  95 %    (limit law)")
    for place, time in enumerate(TIMES):
        progress(f"limit law at L/n = {time:g}")
        each = rn.networks.tangent_ratio_limit(time, key=jax.random.key(place), samples=SAMPLES, steps=STEPS)
        low, middle, high = np.quantile(each.ratios, (0.05, 0.5, 0.95))
        cells = f"{each.mean:.4f} +- {each.standard_error:.4f}    {each.sd:.3f}"
        print(f"{time:<6g}  {cells}   {low:.3f}   {middle:.3f}   {high:.3f}")
        drawn.append(each)
    networks = {}
    print(f"L/n     networks of width {WIDTH}    limit law   infinitely wide, the same number of layers")
    for time in AT:
        layers = round(time * WIDTH)
        progress(f"{NETWORKS} networks of {layers} layers")
        networks[time] = ratios = network_ratios(layers, seed=1)
        limit, wide = drawn[TIMES.index(time)], infinitely_wide(layers)
        error = ratios.std() / math.sqrt(NETWORKS)
        print(f"{time:<6g}  {ratios.mean():.4f} +- {error:.4f}       {limit.mean:.4f}      {wide:.4f}")
        # What is left of a network of so few layers is not more than what infinite width still has above 1/4 there.
        assert -5 * error < ratios.mean() - limit.mean < 5 * error + 1.5 * (wide - 0.25)
    assert abs(drawn[0].mean - 0.25) < 0.02  # 1/4 as in infinite width, for L << n
    assert all(b.mean > a.mean for a, b in zip(drawn[1:], drawn[2:], strict=False))  # and ever nearer to 1
    assert np.median(drawn[-1].ratios) > 0.9 and np.median(drawn[3].ratios) < 0.35
    with matplotlib.rc_context(STYLE):
        draw(drawn, networks).savefig(path, dpi=150)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "the_matrix_of_ones.png")
