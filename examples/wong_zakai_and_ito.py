"""One Brownian path, two solutions: what Wong and Zakai's interpolation converges to, and the Ito lift.

Claim: along piecewise-linear interpolations of Brownian motion the solutions of dY = V(Y) dW converge to the
Stratonovich solution with strong order 1/2 when the columns of V do not commute; the Davie scheme of level 2 on the
Ito lift of the same samples converges to the Ito solution, at order 1. The two differ by the drift
-1/2 sum_i DV_i V_i, which only the second level of the lift tells apart.

python examples/wong_zakai_and_ito.py [figure.png]
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

from roughntk.files.drawing import COLOURS, STYLE, canvas, plain_log_labels
from roughntk.rough import PiecewiseLinear, lift
from roughntk.rough.equations.rde import solve_rde
from roughntk.rough.paths.perturbed import brownian_lift, perturb

PATHS, SAMPLES = 256, 2048
SIZES = [8, 32, 128]
START = np.array([0.2, 0.4])
TIMES = np.linspace(0, 1, SAMPLES + 1)


def field(y):
    return jnp.stack([jnp.stack([jnp.ones(()), 0.5 * jnp.cos(y[1])]), jnp.stack([0.5 * jnp.sin(y[0]), jnp.ones(())])])


def correction(y):
    """1/2 sum_i DV_i V_i, the Ito drift of a Stratonovich equation."""
    columns = field(y)
    return 0.5 * sum(jax.jvp(lambda z, i=i: field(z)[:, i], (y,), (columns[:, i],))[1] for i in range(2))


def runge_kutta(paths, drift):
    """dY = V(Y) dX + drift(Y) dt along the samples, one classical step a sample."""

    def step(y, dx):
        def slope(z):
            return field(z) @ dx + drift(z) / SAMPLES

        k1 = slope(y)
        k2 = slope(y + k1 / 2)
        k3 = slope(y + k2 / 2)
        y = y + (k1 + 2 * k2 + 2 * k3 + slope(y + k3)) / 6
        return y, y

    return jax.vmap(lambda w: jax.lax.scan(step, jnp.asarray(START), jnp.diff(w, axis=0))[1])(paths)


def davie_on_ito(path, m):
    """Level 2 on m steps: the Ito lift of the samples, coarsened by Chen."""
    driver = perturb(lift(path, 2, times=TIMES).resample(np.linspace(0, 1, m + 1)), -0.5 * np.eye(2))
    return solve_rde(field, driver, START, estimate=False).values


def wong_zakai(path, m):
    """Level 1 on m steps, the interpolation at m + 1 samples."""
    coarse = PiecewiseLinear(path[:: SAMPLES // m], TIMES[:: SAMPLES // m])
    return solve_rde(field, coarse, START, level=1, estimate=False, rtol=1e-6, atol=1e-8).values


rng = np.random.default_rng(1)
noise = rng.normal(size=(PATHS, SAMPLES, 2)) / np.sqrt(SAMPLES)
brownian = jnp.asarray(np.concatenate([np.zeros((PATHS, 1, 2)), noise.cumsum(1)], axis=1))
print(f"the two solutions along {PATHS} paths of {SAMPLES:,} samples", file=sys.stderr, flush=True)
stratonovich = runge_kutta(brownian, lambda y: 0.0 * y)
ito = runge_kutta(brownian, lambda y: -correction(y))


def errors(scheme, truth):
    found = []
    for m in SIZES:
        print(f"{scheme.__name__}: {m} steps on {PATHS} paths", file=sys.stderr, flush=True)
        end = jax.jit(jax.vmap(lambda w, m=m: scheme(w, m)[-1]))(brownian)
        found.append(float(jnp.sqrt(jnp.mean(jnp.sum((end - truth[:, -1]) ** 2, axis=1)))))
    order = -np.polyfit(np.log(SIZES), np.log(found), 1)[0]
    print(f"{scheme.__name__}: errors {', '.join(f'{e:.2e}' for e in found)} at {SIZES} steps, order {order:.2f}")
    return found, order


interpolated, half = errors(wong_zakai, stratonovich)
compensated, one = errors(davie_on_ito, ito)
apart = float(jnp.sqrt(jnp.mean(jnp.sum((ito[:, -1] - stratonovich[:, -1]) ** 2, axis=1))))
print(f"the Ito and Stratonovich solutions are {apart:.3f} apart")
assert abs(half - 0.5) < 0.15 and abs(one - 1) < 0.15
assert compensated[-1] < 0.05 * apart

single = brownian_lift(PiecewiseLinear(brownian[0], TIMES), kind="ito")
solution = solve_rde(field, single, START, estimate=False)
print(f"Ito lift flagged geometric={single.geometric}: solved by {solution.method}")
assert (single.geometric, solution.method) == (False, "davie")

with matplotlib.rc_context(STYLE):
    figure, axes = canvas(1, 2, (10, 3.9))
    left, right = axes[0]
    left.plot(TIMES[1:], stratonovich[0, :, 1], color=COLOURS[0], linewidth=0.9, label="Stratonovich")
    left.plot(TIMES[1:], ito[0, :, 1], color=COLOURS[1], linewidth=0.9, label="Ito")
    left.plot(np.linspace(0, 1, 33), davie_on_ito(brownian[0], 32)[:, 1], "o", color="black", markersize=2.5,
              label="Davie, Ito lift, 32 steps")  # fmt: skip
    left.set(title="One Brownian path, two solutions", xlabel="time $t$", ylabel="$Y^2_t$")
    left.legend()
    right.loglog(SIZES, interpolated, "o-", color=COLOURS[0], label=f"interpolation, level 1: order {half:.2f}")
    right.loglog(SIZES, compensated, "s-", color=COLOURS[1], label=f"Davie, Ito lift: order {one:.2f}")
    right.set(title="Strong error at $t = 1$", xlabel="steps", ylabel="root mean square error")
    right.set_xticks(SIZES, [str(m) for m in SIZES])
    right.set_xticks([], minor=True)
    plain_log_labels(right.yaxis)
    right.legend()
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "wong_zakai_and_ito.png"
    figure.savefig(path, dpi=150)
print(f"figure: {path}")
