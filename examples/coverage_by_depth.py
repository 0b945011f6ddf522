"""Do the bands hold? How many held-out targets lie within a band, against how many should, by depth.

Claim: on the diabetes data, each half predicted from the other, the posterior of the NNGP of a ReLU network plus its
noise, scale and noise by the marginal likelihood, holds what it says from depth 2 to depth 100: of the bands of 50, 80,
90 and 95 % none is off by more than five points, two standard errors of a half. The spread of trained networks (tangent
kernel, trained to convergence, before training as large as the targets) is no band for new targets: of 95 % it holds
less than half.

python examples/coverage_by_depth.py [FIGURE.png]
"""

import math
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

DEPTHS = (2, 5, 20, 100)
NOMINAL = np.array([0.5, 0.8, 0.9, 0.95])
MARKS = ("o", "s", "^", "D")


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def scale_and_noise(X, y, depth):
    """(s, R): targets are s^2 (Sigma + R), by the marginal likelihood, R on a grid and s in closed form.

    The kernel is that of `rn.DeepKernelRegressor("relu-nngp", depth)` on the same rows.
    """
    rows = rn.sphere.lift(X / np.sqrt((X**2).sum(axis=1).mean()))
    spectrum, Q = np.linalg.eigh(rn.kernels.ReluNNGP()(rows, depth=depth))
    parts = (Q.T @ y) ** 2

    def likelihood(noise):
        return -len(y) * math.log((parts / (spectrum + noise)).mean()) - np.log(spectrum + noise).sum()

    noise = max(np.geomspace(1e-7, 1e2, 181), key=likelihood)
    return math.sqrt((parts / (spectrum + noise)).mean()), noise


def distances(depth):
    """How far held-out targets are from their predictions, in standard deviations.

    Returns:
        posterior of the NNGP with its noise, and without it; spread of trained networks, before training as large as
        targets are, and of that scale which the NNGP has; root mean square error of the first.
    """
    progress(f"depth {depth}: two halves")
    X, y = load_diabetes(return_X_y=True)
    found, errors = ([], [], [], []), []
    for train, test in KFold(2, shuffle=True, random_state=0).split(X):
        scaler, mean = StandardScaler().fit(X[train]), y[train].mean()
        rows, targets = scaler.transform(X[train]), y[train] - mean
        scale, noise = scale_and_noise(rows, targets, depth)
        posterior = rn.DeepKernelRegressor("relu-nngp", depth, ridge=noise, output_scale=scale).fit(rows, targets)
        trained = rn.DeepKernelRegressor("relu-ntk", depth).fit(rows, targets)
        rows = scaler.transform(X[test])
        value, deviation = posterior.predict(rows, return_std=True)
        errors.append(y[test] - mean - value)
        found[0].append(np.abs(errors[-1]) / np.sqrt(deviation**2 + noise * scale**2))
        found[1].append(np.abs(errors[-1]) / deviation)
        value, deviation = trained.predict(rows, return_std=True)
        found[2].append(np.abs(y[test] - mean - value) / deviation)
        found[3].append(found[2][-1] * trained.output_scale_[0] / scale)
    return *map(np.concatenate, found), float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def share(distance, nominal):
    """The share of targets within the central bands that should hold `nominal` of them."""
    return (distance[:, None] <= norm.ppf(0.5 + np.asarray(nominal) / 2)).mean(axis=0)


def measured():
    """The distances of each depth."""
    return {depth: distances(depth) for depth in DEPTHS}


HEADINGS = (
    "depth",
    "error",
    *(f"{value:.0%} band".replace("%", " %") for value in NOMINAL),
    *(f"95 % {kind}" for kind in ("without noise", "of networks", "of networks, rescaled")),
)


def rows(found):
    """The rows of the table: shares in percent."""
    lines = []
    for depth, (noisy, *others, error) in found.items():
        last = [share(distance, NOMINAL[-1:])[0] for distance in others]
        lines.append((str(depth), f"{error:.1f}", *(f"{100 * v:.1f}" for v in [*share(noisy, NOMINAL), *last])))
    return lines


def draw(found, path):
    """Coverage against nominal, of the posterior above and of the spread of trained networks below."""
    nominal = np.linspace(0.02, 0.98, 49)
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(2, 1, (4.8, 7.4))
        titles = ("Posterior of the NNGP with noise", "Spread of trained networks")
        for axis, place, title in zip(axes[:, 0], (0, 2), titles, strict=True):
            for (depth, each), colour, mark in zip(found.items(), COLOURS, MARKS, strict=False):
                values = 100 * share(each[place], nominal)
                axis.plot(
                    100 * nominal, values, color=colour, marker=mark, ms=4, markevery=(2 * MARKS.index(mark), 8),
                    lw=1.3, label=f"depth {depth}",
                )  # fmt: skip
            axis.plot([0, 100], [0, 100], label="as it should be", **LIMIT_STYLE)
            axis.set(title=title, xlabel="targets that a band should hold (%)", ylabel="targets that it holds (%)")
            axis.set(xlim=(0, 100), ylim=(0, 100))
            axis.legend(loc="upper left")
        figure.savefig(path, dpi=150)


def main(path):
    found = measured()
    for line in (HEADINGS, *rows(found)):
        print(" | ".join(line))
    for noisy, _, trained, _, _ in found.values():
        assert np.abs(share(noisy, NOMINAL) - NOMINAL).max() < 0.05
        assert share(trained, [0.95])[0] < 0.5
    draw(found, path)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "coverage_by_depth.png")
