"""How far is a finite network from an infinite one? Trained networks in the band of theory, and kernels by width.

Claim: 40 ReLU networks of two hidden layers of width 128, all their weights trained by gradient descent, lie in the
band that the ensemble of infinitely wide networks has at that time: their mean square distance from its mean is 1 in
units of its variance, to a third. Their tangent kernels are off by a distance that falls like the root of the width, as
does what is left of a prediction's spread when the random start f_0 is taken off.

python examples/networks_of_finite_width.py [FIGURE.png]
"""

import sys
import tempfile
from pathlib import Path

import jax
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas, plain_log_labels
from roughntk.networks import FiniteNetwork, simulate_kernels, train

LAYERS, WIDTH, NETWORKS, TIME = 2, 128, 40, 10.0
TURNS = np.array([0.02, 0.12, 0.25, 0.36, 0.75, 0.87])
"""Where the training points are, in turns of the circle."""
WIDTHS = (16, 64, 256)


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def circle(turns):
    """Points on the circle, shape (n, 2)."""
    return np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)


def targets(turns):
    """What is to be learnt."""
    return np.sin(4 * np.pi * turns)


def trained_networks(turns):
    """The networks' predictions, and those at infinite width: mean and standard deviation."""
    X, y, x, network = circle(TURNS), targets(TURNS), circle(turns), FiniteNetwork(LAYERS, WIDTH)
    trained = train(network, X, y, x, jax.random.key(0), NETWORKS, time=TIME)
    sure = rn.regression.ensemble(network.family, X, y, x, depth=network.depth, time=TIME)
    distance = float(np.mean(((trained.predictions - sure.mean) / sure.deviation) ** 2))
    print(f"{NETWORKS} networks of width {WIDTH}: mean square distance {distance:.3f} variances of the ensemble")
    assert abs(distance - 1) < 1 / 3
    return trained.predictions, sure


def distances():
    """By width: of the tangent kernel from the infinite one (units of its diagonal), and of predictions without f_0."""
    X, y, x = circle(TURNS), targets(TURNS), circle(np.array([0.2, 0.55, 0.95]))
    kernels, predictions = [], []
    for width in WIDTHS:
        progress(f"kernels and trained networks of width {width}")
        network = FiniteNetwork(LAYERS, width)
        samples = simulate_kernels(network, X, jax.random.key(1), 40_000 // width, weights="all").tangent_kernel
        limit = np.asarray(network.family(X, depth=network.depth))
        kernels.append(np.sqrt(np.mean((samples / network.tangent_scale - limit) ** 2)))
        trained = train(network, X, y, x, jax.random.key(2), 48, time=4.0, initial="zero")
        predictions.append(np.sqrt(np.mean(np.var(trained.predictions, axis=0, ddof=1))))
    slope, other = (np.polyfit(np.log(WIDTHS), np.log(values), 1)[0] for values in (kernels, predictions))
    print("width          " + "".join(f"{width:9}" for width in WIDTHS))
    print("tangent kernel " + "".join(f"{value:9.4f}" for value in kernels) + f"   slope {slope:.3f}")
    print("predictions    " + "".join(f"{value:9.4f}" for value in predictions) + f"   slope {other:.3f}")
    assert abs(slope + 0.5) < 0.1 and abs(other + 0.5) < 0.2
    return kernels, predictions, slope


def draw(path, turns, predictions, sure, by_width):
    """The networks in their band, and the distances by width."""
    kernels, spreads, slope = by_width
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10, 3.9))
        left, right = axes[0]
        low, high = sure.mean - 2 * sure.deviation, sure.mean + 2 * sure.deviation
        left.fill_between(turns, low, high, color=COLOURS[0], alpha=0.2, lw=0, label="infinite width: ± 2 deviations")
        for place, values in enumerate(predictions[:10]):
            label = f"ten networks of width {WIDTH}" if place == 0 else None
            left.plot(turns, values, color=COLOURS[1], lw=0.7, label=label)
        left.plot(turns, sure.mean, color=COLOURS[0], lw=2, label="infinite width: mean")
        left.plot(TURNS, targets(TURNS), "o", color="black", ms=4.5, zorder=5, label="training points")
        title = f"Trained to the time {TIME:g}, depth {LAYERS + 1}"
        left.set(title=title, xlabel="turn of the circle", ylabel="output", xlim=(0, 1), ylim=(-2.2, 3.9))
        left.legend(loc="upper left")
        right.loglog(WIDTHS, kernels, "o-", color=COLOURS[0], label=f"tangent kernel: slope {slope:.2f}")
        right.loglog(WIDTHS, spreads, "s-", color=COLOURS[1], label="prediction, $f_0$ taken off")
        line = np.array([WIDTHS[0], WIDTHS[-1]], float)
        right.loglog(line, kernels[0] * (line / line[0]) ** -0.5, color="black", ls="--", lw=1.1, label="slope −1/2")
        right.set(title="Distance from infinite width", xlabel="width $n$", ylabel="root mean square")
        right.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
        right.set_xticks([], minor=True)
        plain_log_labels(right.yaxis)
        right.legend()
        figure.savefig(path, dpi=150)


def main(path):
    turns = np.linspace(0, 1, 121)
    progress(f"training {NETWORKS} networks of width {WIDTH}")
    predictions, sure = trained_networks(turns)
    by_width = distances()
    draw(path, turns, predictions, sure, by_width)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "networks_of_finite_width.png")
