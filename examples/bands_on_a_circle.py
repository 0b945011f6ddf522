"""How sure is a trained network, and is the formula right? Bands on a circle, and networks of finite width.

Claim: mean and standard deviation of predictions over initialisations, by the formula for infinite width, are those of
20,000 sampled functions to their sampling error, and those of 600 networks of width 256 with three layers, whose
first-order training is solved exactly, to a fifth. Every sampled function passes through the targets.

python examples/bands_on_a_circle.py [FIGURE.png]
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

DEPTHS = (2, 10)
TURNS = np.array([0.02, 0.1, 0.2, 0.3, 0.36, 0.75, 0.85])
"""Where the training points are, in turns of the circle; between 0.36 and 0.75 there are none."""


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def circle(turns):
    """Points on the circle, shape (n, 2)."""
    return np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)


def targets(turns):
    """What is to be learnt."""
    return np.sin(4 * np.pi * turns)


def finite_networks(X, y, x, width, count, seed):
    """Predictions of ReLU networks of three layers, trained to convergence to first order, shape (count, m).

    f_0(x) + Theta(x,X) Theta(X,X)^{-1} (y - f_0(X)), with f_0 and Theta of each network. Depth 3: two hidden layers.
    """
    random, points, n = np.random.default_rng(seed), np.concatenate([X, x]), len(X)
    gain, found = math.sqrt(2 / width), []
    for _ in range(count):
        first = random.standard_normal((points.shape[1], width))
        second, last = random.standard_normal((width, width)), random.standard_normal(width)
        z1 = points @ first
        a1 = gain * np.maximum(z1, 0)
        z2 = a1 @ second
        a2 = gain * np.maximum(z2, 0)
        start = a2 @ last
        d2 = gain * (z2 > 0) * last  # of the output in z2
        d1 = gain * (z1 > 0) * (d2 @ second.T)
        theta = a2 @ a2.T + (d2 @ d2.T) * (a1 @ a1.T) + (d1 @ d1.T) * (points @ points.T)
        found.append(start[n:] + theta[n:, :n] @ np.linalg.solve(theta[:n, :n], y - start[:n]))
    return np.array(found)


def check():
    """The formula beside sampled functions and networks of finite width."""
    X, y, x = circle(TURNS), targets(TURNS), circle(np.array([0.25, 0.5, 0.6, 0.95]))
    sure = rn.regression.ensemble("relu-ntk", X, y, x, depth=3)
    count = 20_000
    sampled = rn.regression.sample_trained("relu-ntk", X, y, x, depth=3, key=jax.random.key(0), samples=count)
    networks = finite_networks(X, y, x, width=256, count=600, seed=0)
    print("turn of the circle        0.25    0.50    0.60    0.95")
    for name, values in (
        ("mean, formula", sure.mean), ("mean, sampled functions", sampled.mean(axis=0)),
        ("mean, finite networks", networks.mean(axis=0)), ("deviation, formula", sure.deviation),
        ("deviation, sampled", sampled.std(axis=0)), ("deviation, finite", networks.std(axis=0)),
    ):  # fmt: skip
        print(f"{name:23}" + "".join(f"{value:8.3f}" for value in values))
    scale = np.sqrt(np.outer(sure.deviation, sure.deviation) ** 2 + sure.covariance**2)
    assert np.all(np.abs(np.cov(sampled.T) - sure.covariance) < 5 * scale / math.sqrt(count))
    assert np.all(np.abs(sampled.mean(axis=0) - sure.mean) < 5 * sure.deviation / math.sqrt(count))
    assert np.all(np.abs(networks.mean(axis=0) - sure.mean) < 4 * sure.deviation / math.sqrt(600) + 0.01)
    assert np.all(np.abs(networks.std(axis=0) / sure.deviation - 1) < 0.2)
    at_data = rn.regression.sample_trained("relu-ntk", X, y, X, depth=3, key=jax.random.key(1), samples=10)
    assert np.abs(at_data - y).max() < 1e-10


def draw(path):
    """At each depth the band of trained networks, functions sampled from it, and the posterior of the NNGP."""
    X, y = circle(TURNS), targets(TURNS)
    turns = np.linspace(0, 1, 241)
    x = circle(turns[:-1])
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(len(DEPTHS), 1, (4.8, 6.4))
        for axis, depth in zip(axes[:, 0], DEPTHS, strict=True):

            def closed(values):
                return np.append(values, values[..., :1], axis=-1)

            sure = rn.regression.ensemble("relu-ntk", X, y, x, depth=depth)
            bayes = rn.regression.posterior("relu-ntk", X, y, x, depth=depth, noise=1e-10)
            sampled = rn.regression.sample_trained("relu-ntk", X, y, x, depth=depth, key=jax.random.key(4), samples=5)
            mean, twice = closed(sure.mean), 2 * closed(sure.deviation)
            axis.fill_between(
                turns, mean - twice, mean + twice, color=COLOURS[0], alpha=0.22, lw=0,
                label="trained networks: mean ± 2 deviations",
            )  # fmt: skip
            for place, sample in enumerate(sampled):
                label = "five networks, sampled and trained" if place == 0 else None
                axis.plot(turns, closed(sample), color=COLOURS[0], lw=0.8, alpha=0.8, label=label)
            axis.plot(turns, mean, color=COLOURS[0], lw=2.2, label="mean of all networks")
            for sign in (-2, 2):
                edge = closed(bayes.mean + sign * bayes.deviation)
                label = "posterior of the NNGP ± 2 deviations" if sign > 0 else None
                axis.plot(turns, edge, color=COLOURS[1], ls="--", lw=1.3, label=label)
            axis.plot(TURNS, y, "o", color="black", ms=5, zorder=5, label="training points")
            axis.set(
                title=f"Depth {depth}", ylabel="output", xlim=(0, 1), ylim=(-1.8, 3.7 if depth == DEPTHS[0] else 1.8)
            )
        axes[0, 0].legend(loc="upper left", borderaxespad=0.1)
        axes[-1, 0].set_xlabel("turn of the circle")
        figure.savefig(path, dpi=150)


def main(path):
    progress("20,000 sampled functions, 600 networks of width 256")
    check()
    progress(f"bands at the depths {DEPTHS}")
    draw(path)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "bands_on_a_circle.png")
