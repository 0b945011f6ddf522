"""Depth first or training first? The two limits of a kernel that collapses do not commute.

Claim: for the tangent kernel of a ReLU network with biases (weight variance 1), whose entries all tend to one constant,
a network of any depth that is trained to convergence tells points apart, and its prediction has a limit in depth; while
at every finite time the prediction tends, with depth, to the mean of the targets. The time that training needs before
it is halfway from the one to the other grows like sqrt(2) to the power of the depth, as the kernel approaches its
limit.

python examples/depth_and_time.py [FIGURE.png]
"""

import math
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

FAMILY = "biased-relu-ntk"
CURVES = (2, 10, 20, 30, 40)
DEPTHS = (2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)
TIMES = (1e2, 1e4, 1e6, 1e8, math.inf)
MARKS = ("o", "s", "^", "D", "v")


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def points():
    """Eight training points on the sphere, the first coordinate as target, and one test point."""
    X, x = rn.sphere.uniform(8, 3, seed=0), rn.sphere.uniform(2, 3, seed=1)[:1]
    return X, X[:, 0], x


def predicted(depth, time):
    """The prediction at the test point."""
    X, y, x = points()
    return float(rn.predict(FAMILY, X, y, x, depth=depth, time=time)[0])


def halfway(depth):
    """The time at which the prediction is halfway between the mean of the targets and its value at convergence."""
    middle = (points()[1].mean() + predicted(depth, math.inf)) / 2
    low, high = math.log(1e2), math.log(1e9)
    for _ in range(10):
        centre = (low + high) / 2
        low, high = (centre, high) if predicted(depth, math.exp(centre)) < middle else (low, centre)
    return math.exp(low)


def draw(path):
    """The prediction against time, a curve a depth, and against depth, a curve a time."""
    X, y, x = points()
    mean, limit = y.mean(), predicted(math.inf, math.inf)
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(2, 1, (4.8, 6.8))
        top, bottom = axes[:, 0]
        times = np.geomspace(1e-1, 1e9, 26)
        for depth, colour, mark in zip(CURVES, COLOURS, MARKS, strict=False):
            values = [predicted(depth, time) for time in times]
            top.semilogx(times, values, color=colour, marker=mark, ms=3.5, markevery=3, lw=1.4, label=f"depth {depth}")
        early = np.geomspace(1e-1, 1e2, 7)
        flat = [predicted(math.inf, time) for time in early]
        top.semilogx([*early, 1e9], [*flat, mean], label="infinite depth", **LIMIT_STYLE)
        top.plot([1e11], [limit], "*", color="black", ms=11, clip_on=False, label="limit of the ends")
        top.set(title="Deep networks learn late", xlabel="training time $t$")
        for time, colour, mark in zip(TIMES, COLOURS, MARKS, strict=False):
            values = [predicted(depth, time) for depth in DEPTHS]
            label = r"$t = \infty$" if time == math.inf else f"$t = 10^{{{math.log10(time):.0f}}}$"
            bottom.plot(DEPTHS, values, color=colour, marker=mark, ms=4, lw=1.4, label=label)
        bottom.axhline(mean, label="mean target", **LIMIT_STYLE)
        bottom.set(title="At any finite time depth wins", xlabel="depth $L$")
        top.set_xticks([1, 1e3, 1e6, 1e9, 1e11], ["1", "$10^3$", "$10^6$", "$10^9$", r"$\infty$"])
        top.minorticks_off()
        for axis in (top, bottom):
            axis.set_ylabel("prediction at the test point")
            axis.set_ylim(-0.06, 0.46)
        top.legend(loc="lower right", bbox_to_anchor=(1.0, 0.12))
        bottom.legend(loc="lower left", bbox_to_anchor=(0.0, 0.12))
        figure.savefig(path, dpi=150)


def main(path):
    mean, target = points()[1].mean(), points()[2][0, 0]
    print(f"mean of the targets {mean:.4f}, target at the test point {target:.4f}")
    print("depth " + "".join(f"   t = {time:<7.0e}" for time in TIMES))
    for depth in (10, 20, 40, 60, math.inf):
        print(f"{depth!s:6}" + "".join(f"{predicted(depth, time):14.4f}" for time in TIMES))
    progress("halfway at the depths 20 and 40")
    first, last = halfway(20), halfway(40)
    rate = (last / first) ** (1 / 20)
    print(f"halfway at t = {first:.4g} for depth 20, {last:.4g} for depth 40: {rate:.4f} times a layer")

    limit = predicted(math.inf, math.inf)
    assert abs(limit - target) < 0.05 < abs(limit - mean)  # it has learnt something
    assert abs(predicted(60, math.inf) - limit) < 1e-6  # training first, then depth
    assert all(abs(predicted(60, time) - mean) < 1e-3 for time in (1e2, 1e4, 1e6))  # depth first
    assert abs(predicted(math.inf, 1e6) - mean) < 1e-12
    assert abs(rate - math.sqrt(2)) < 0.01
    progress(f"curves of the depths {CURVES}")
    draw(path)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "depth_and_time.png")
