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

from roughntk.rough import lift
from roughntk.rough.lift import lift_from_steps
from roughntk.rough.perturbed import pure_area_lift
from roughntk.rough.rde import solve_rde
from roughntk.study.figures import COLOURS, STYLE, canvas

A1 = np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
A2 = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
SIZES = [2, 4, 8, 16, 32]


def field(y):
    R = y.reshape(3, 3)
    return jnp.stack([(R @ A1).ravel(), (R @ A2).ravel()], axis=1)


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
    turn = lift(np.stack([np.cos(angle), np.sin(angle)], axis=1) / n, 3).resample(np.linspace(0, 1024, 9))
    count = 8 * n * n
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

with matplotlib.rc_context(STYLE):
    figure, axes = canvas(1, 2, (10, 3.9))
    left, right = axes[0]
    for n, colour in zip((2, 4, 8), COLOURS, strict=False):
        left.plot(*turning[n], color=colour, linewidth=0.9, label=f"$n = {n}$")
    time = np.linspace(0, 2 * np.pi, 200)
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
