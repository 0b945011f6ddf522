"""Small circles, no limit path, and yet a limit: the universal limit theorem on the rotation group.

Claim: the circles x_n = (cos(n^2 t)/n, sin(n^2 t)/n) tend to a point, but the frame that they turn by
dR = R (A1 dx + A2 dy) on [0, 2 pi] tends to exp(pi [A1, A2]), the solution along the pure-area lift, at rate 1/n; it
stays away from the identity, the solution along the limit point.

python examples/pure_area.py [figure.png]
"""

import sys
import tempfile
from pathlib import Path

import jax.numpy as jnp
import matplotlib
import numpy as np
import scipy.linalg

from roughntk.files.drawing import COLOURS, STYLE, canvas
from roughntk.rough import lift
from roughntk.rough.equations.rde import solve_rde
from roughntk.rough.paths.lifts import lift_from_steps
from roughntk.rough.paths.perturbed import pure_area_lift

A1 = np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
A2 = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
SIZES = [2, 4, 8, 16, 32]
DRAWN = SIZES[:3]


def field(y):
    R = y.reshape(3, 3)
    return jnp.stack([(R @ A1).ravel(), (R @ A2).ravel()], axis=1)


def circles(n, times):
    """The path x_n at the times, shape (times, 2)."""
    return np.stack([np.cos(n * n * times), np.sin(n * n * times)], axis=1) / n


def area_from_start(path):
    """The signed area 1/2 int (x - x_0) dy - (y - y_0) dx of the polygon through the points, up to each of them."""
    x, y = (path - path[0]).T
    return np.append(0.0, np.cumsum(x[:-1] * np.diff(y) - y[:-1] * np.diff(x)) / 2)


target = scipy.linalg.expm(np.pi * (A1 @ A2 - A2 @ A1))
identity = np.eye(3).ravel()
area = pure_area_lift([[0, 0.5], [-0.5, 0]], np.linspace(0, 2 * np.pi, 9))
along_area = solve_rde(field, area, identity)
gap = np.abs(along_area.values[-1].reshape(3, 3) - target).max()
print(f"along the pure-area lift: |R(2 pi) - exp(pi [A1, A2])| = {gap:.1e}, estimate {along_area.error_estimate:.1e}")
assert gap < 1e-7

angle = np.linspace(0, 2 * np.pi, 1025)
turning, gaps, away = {}, [], []
for n in SIZES:
    # One turn in 8 steps of level 3, repeated n^2 times: the increments of every turn are the same. Steps of zero
    # follow, up to the number that the largest n needs, so that one compiled solve serves all n.
    turn = lift(circles(n, angle / n**2), 3).resample(np.linspace(0, 1024, 9))
    count = 8 * n * n
    print(f"n = {n}: {n * n} turns, {count} steps", file=sys.stderr, flush=True)
    steps = np.zeros((8 * SIZES[-1] ** 2, turn.steps.shape[1]))
    steps[:count] = np.tile(turn.steps, (n * n, 1))
    solution = solve_rde(field, lift_from_steps(steps, 2, 3), identity, estimate=False)
    R = np.asarray(solution.values[: count + 1]).reshape(-1, 3, 3)
    turning[n] = (np.linspace(0, 2 * np.pi, count + 1), R[:, 0, 1])
    gaps.append(np.linalg.norm(R[-1] - target))
    away.append(np.linalg.norm(R[-1] - np.eye(3)))
    print(f"n = {n:2d}: |R - exp(pi [A1, A2])| = {gaps[-1]:.4f}, |R - I| = {away[-1]:.4f}, {count} steps")

np.testing.assert_allclose(gaps, [1.28, 0.689, 0.351, 0.1765, 0.0884], rtol=0, atol=5e-3)
rate = -np.polyfit(np.log(SIZES[1:]), np.log(gaps[1:]), 1)[0]
print(f"rate 1/n^{rate:.3f}; the distance to the identity tends to {away[-1]:.4f} (2 sqrt 2 = {2 * np.sqrt(2):.4f})")
assert abs(rate - 1) < 0.02 and abs(away[-1] - 2 * np.sqrt(2)) < 1e-3

time = np.linspace(0, 2 * np.pi, 200 * DRAWN[-1] ** 2 + 1)
drawn = {n: circles(n, time) for n in DRAWN}
areas = {n: area_from_start(path) for n, path in drawn.items()}
for n, found in areas.items():
    # n^2 turns of area pi / n^2 each. The polygon of m = 200 * 64 / n^2 points a turn lacks 2 pi^2 / (3 m^2) of it.
    lost = 2 * np.pi**2 / 3 / (len(time) / n**2) ** 2
    print(f"n = {n}: the circles have radius {1 / n:g}, their area adds up to {found[-1]:.4f}")
    assert abs(found[-1] / np.pi - 1) < 1.01 * lost

with matplotlib.rc_context(STYLE):
    figure, axes = canvas(2, 2, (10, 7.4))
    paths, area_axis, left, right = axes.ravel()
    for n, colour in zip(DRAWN, COLOURS, strict=False):
        turn = len(time) // n**2 + 1  # the others lie on the first
        paths.plot(*drawn[n][:turn].T, color=colour, label=f"$n = {n}$: {n * n} turns")
        area_axis.plot(time, areas[n], color=colour, linewidth=0.9, label=f"$n = {n}$")
        left.plot(*turning[n], color=colour, linewidth=0.9, label=f"$n = {n}$")
    paths.plot(0, 0, "o", color="black", markersize=3, label="limit of the paths")
    paths.set(title="The paths shrink to a point ...", xlabel="$x$", ylabel="$y$", xlim=(-0.6, 0.6), ylim=(-0.6, 0.6))
    paths.set_aspect("equal")
    paths.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    area_axis.plot(time, time / 2, ":", color="black", label="limit: $t/2$")
    area_axis.set(title="... and their area does not", xlabel="time $t$", ylabel="area from the start")
    area_axis.legend()
    time = time[:: DRAWN[-1] ** 2]
    limit = [scipy.linalg.expm(t / 2 * (A1 @ A2 - A2 @ A1))[0, 1] for t in time]
    left.plot(time, limit, ":", color="black", label="pure area")
    left.set(title="Turned by small circles", xlabel="time $t$", ylabel="$R_{12}(t)$")
    left.legend()
    right.loglog(SIZES, gaps, "o-", color=COLOURS[0], label="to the pure-area solution")
    right.loglog(SIZES, away, "s-", color=COLOURS[1], label="to the identity")
    right.set(title="Distance at $t = 2\\pi$", xlabel="$n$", ylabel="Frobenius norm")
    right.set_xticks(SIZES, [str(n) for n in SIZES])
    right.minorticks_off()
    right.legend()
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "pure_area.png"
    figure.savefig(path, dpi=150)
print(f"figure: {path}")
