"""Depth is not trivial when data grow with it: n = L/2 uniform points on S^4, harmonic by harmonic.

Claim: at n/L = 1/2 the trained network multiplies the target x_1 by about 0.11896 however deep it is, and by 0.06818
when training stops at time 1, as the joint limit says; at fixed n the same slope falls to 0. The ridge regression with
the kernel alpha and the ridge 3 L comes ever nearer to the network's predictor.

python examples/joint_limit.py [FIGURE.png]
"""

import math
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.depth.proportional import joint, ridge_predict
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

D, GAMMA, STOP, FIXED_N, TESTS = 5, 0.5, 1.0, 50, 1000
SEEDS = {100: 16, 200: 12, 400: 8, 800: 6, 1600: 4, 3200: 3}  # depth: repetitions
FAMILY, NNGP = rn.kernels.ReluNTK(), rn.kernels.ReluNNGP()
MARKS = {"markersize": 4.5, "ls": "", "capsize": 2}


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def targets(X):
    """The coordinates x_1, ..., x_5 (degree 1) and the products x_i x_j, i < j (degree 2)."""
    i, j = np.triu_indices(D, 1)
    return np.column_stack([X, X[:, i] * X[:, j]])


def slopes(values, x):
    """Slope of each prediction in its own target, by least squares with an intercept: means over degrees 1 and 2.

    Uniform points look the same in all directions, so that all targets of one degree have one law.
    """
    columns = np.column_stack([targets(x), np.ones(len(x))])
    gain = np.diag(np.linalg.lstsq(columns, values, rcond=None)[0])
    return gain[:D].mean(), gain[D:].mean()


def measure(n, depth, repetitions, times=(math.inf,), family=FAMILY):
    """Mean slopes (times, degrees) over several samples, and their standard errors."""
    found = []
    for seed in range(repetitions):
        X, x = points(n, seed)
        values = [rn.predict(family, X, targets(X), x, depth=depth, time=time) for time in times]
        found.append([slopes(value, x) for value in values])
    return np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(repetitions)


def points(n, seed):
    """Training and test points of one repetition."""
    return rn.sphere.uniform(n, D, 2 * seed), rn.sphere.uniform(TESTS, D, 2 * seed + 1)


def ridge_distances(n, depth):
    """Relative distance of the two ridge forms from the predictor, on the first sample."""
    X, x = points(n, 0)
    exact = rn.predict(FAMILY, X, targets(X), x, depth=depth)
    forms = [ridge_predict(FAMILY, X, targets(X), x, depth=depth, form=form) for form in ("limit", "tangent")]
    return [float(np.linalg.norm(form.values - exact) / np.linalg.norm(exact)) for form in forms]


def draw(table, fixed, by_gamma):
    """Left: the slope against depth, n growing or fixed. Right: the filter against gamma."""
    figure, axes = canvas(1, 2, (10, 4.2))
    depths = np.array(list(table))
    left, right = axes[0]
    for place, colour, marker, label in (
        (0, COLOURS[0], "o", "$n = L/2$, trained to convergence"),
        (1, COLOURS[2], "s", f"$n = L/2$, stopped at $t = {STOP:g}$"),
    ):
        mean, error = np.array([[each[place, 0] for each in table[depth]] for depth in depths]).T
        left.errorbar(depths, mean, 2 * error, color=colour, label=label, **MARKS, marker=marker)
    mean, error = np.array([[each[0, 0] for each in fixed[depth]] for depth in depths]).T
    left.errorbar(
        depths, mean, 2 * error, color=COLOURS[1], marker="^", **(MARKS | {"ls": "-", "lw": 1}),
        label=f"$n = {FIXED_N}$, trained to convergence",
    )  # fmt: skip
    for time, label in ((math.inf, "joint limit"), (STOP, None)):
        left.axhline(joint(FAMILY, D, GAMMA, time=time).factors[1], label=label, **LIMIT_STYLE)
    left.set(title="Slope of the prediction of $x_1$, $d = 5$", xlabel="depth $L$", ylabel="slope", ylim=(0, 0.2))
    left.set_xscale("log")
    left.set_xticks(depths, [str(depth) for depth in depths])
    left.minorticks_off()
    left.legend(loc="upper right", ncols=1)
    gammas = np.geomspace(0.1, 4, 100)
    curves = np.array([joint(FAMILY, D, gamma).factors for gamma in gammas])
    for degree, marker in ((1, "o"), (2, "s")):
        colour = COLOURS[3 * degree - 3]
        right.plot(gammas, curves[:, degree], color=colour, lw=1.2, label=f"degree {degree}, predicted")
        at = np.array(list(by_gamma))
        mean, error = np.array([[each[0, degree - 1] for each in by_gamma[gamma]] for gamma in at]).T
        right.errorbar(
            at, mean, 2 * error, color=colour, marker=marker, **MARKS,
            label=f"degree {degree}, measured",
        )  # fmt: skip
    right.plot(gammas, curves[:, 3], color=COLOURS[2], lw=1.2, label="degree 3, predicted")
    right.set(title="Filter, trained to convergence, $d = 5$", xlabel="$\\gamma = n/L$", ylabel="factor of a harmonic")
    right.set_xscale("log")
    right.set_xticks(at := [0.125, 0.25, 0.5, 1, 2, 4], [f"{gamma:g}" for gamma in at])
    right.minorticks_off()
    right.legend(loc="upper left")
    return figure


def main(path):
    final, stopped = joint(FAMILY, D, GAMMA).factors, joint(FAMILY, D, GAMMA, time=STOP).factors
    print(f"d = {D}, n = L/2. Joint limit: degree 1 {final[1]:.5f}, stopped at t = {STOP:g} {stopped[1]:.5f},", end=" ")
    print(f"degree 2 {final[2]:.5f}.")
    print("Slopes with their standard errors, and the relative distance of the two ridge forms from the predictor:")
    print("     L     n  seeds  degree 1           stopped            degree 2           limit    tangent   fixed n")
    table, fixed, distances = {}, {}, {}
    for depth, repetitions in SEEDS.items():
        progress(
            f"depth {depth}: {repetitions} seeds of {depth // 2} points, trained to convergence and to t = {STOP:g}"
        )
        mean, error = table[depth] = measure(depth // 2, depth, repetitions, (math.inf, STOP))
        fixed[depth] = measure(FIXED_N, depth, 6)
        distances[depth] = ridge_distances(depth // 2, depth)
        cells = [f"{mean[place]:.5f} +- {error[place]:.5f}" for place in ((0, 0), (1, 0), (0, 1))]
        print(f"{depth:6d} {depth // 2:5d} {repetitions:6d}  {'  '.join(cells)}", end="  ")
        print(f"{distances[depth][0]:.1e}  {distances[depth][1]:.1e}  {fixed[depth][0][0, 0]:.5f}", flush=True)
    by_gamma = {}
    for gamma in (0.25, 0.5, 1, 2):
        progress(f"depth 400, n/L = {gamma:g}")
        by_gamma[gamma] = measure(round(400 * gamma), 400, 3)
    progress("NNGP, depth 800")
    mean, error = measure(400, 800, 4, family=NNGP)
    print(f"NNGP, L = 800, n = 400: {mean[0, 0]:.4f} +- {error[0, 0]:.4f}", end=", ")
    print(f"joint limit {joint(NNGP, D, GAMMA).factors[1]:.4f}.")

    for place, predicted in ((0, final[1]), (1, stopped[1])):
        mean, error = (each[place, 0] for each in table[1600])
        assert abs(mean - predicted) < 3 * error + 4e-4  # (1.5 log L + 3)/(3 L) of the slope, the bias at L = 1600
    assert abs(table[1600][0][0, 0] - final[1]) < abs(table[100][0][0, 0] - final[1]) / 3
    assert fixed[3200][0][0, 0] < final[1] / 20
    for form, ceiling in ((0, 0.005), (1, 0.0005)):
        assert distances[1600][form] < ceiling
        assert distances[1600][form] < distances[100][form] / 8
    with matplotlib.rc_context(STYLE):
        draw(table, fixed, by_gamma).savefig(path, dpi=150)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "joint_limit.png")
