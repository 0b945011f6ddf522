"""Is the area of Brownian motion worth its price? Error against cost of the log-ODE of levels 1 and 2.

Claim: for Brownian motion on the rotation group, dR = R (A1 dW1 + A2 dW2) (Stratonovich), level 2 converges with
strong order 1 and level 1 with order 1/2; where level 2 has an error of 1e-3, level 1 at equal cost is worse by more
than an order of magnitude. Cost is measured twice: in evaluations of the vector field, a directional derivative
counting as two, and in wall time, all step numbers in alternation in one process.

python examples/log_ode_work_precision.py [figure.png]
"""

import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from scipy.spatial.transform import Rotation

from roughntk.files.drawing import COLOURS, STYLE, canvas, plain_log_labels
from roughntk.rough import lift
from roughntk.rough.equations.rde import solve_rde
from roughntk.rough.paths.lifts import lift_from_steps

PATHS, SAMPLES, ROUNDS = 128, 16384, 7
A1 = np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
A2 = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
STEPS = {1: [64, 512, 2048], 2: [32, 128, 512]}
# One evaluation of V at level 1; V and its derivatives along V_1 and V_2 at level 2. Tsit5 has 6 stages.
EVALUATIONS = {1: 6 * 1, 2: 6 * (1 + 2 * 2)}


def field(y):
    R = y.reshape(3, 3)
    return jnp.stack([(R @ A1).ravel(), (R @ A2).ravel()], axis=1)


@jax.jit
def march(steps):
    def solve(element):
        level = 1 if element.shape[1] == 2 else 2
        driver = lift_from_steps(element, 2, level)
        solution = solve_rde(field, driver, jnp.eye(3).ravel(), estimate=False, rtol=1e-6, atol=1e-8)
        return solution.values[-1], solution.stats["inner_steps"]

    return jax.vmap(solve)(steps)


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


progress(f"{PATHS} Brownian paths of {SAMPLES:,} samples, exactly")
rng = np.random.default_rng(0)
noise = rng.normal(size=(PATHS, SAMPLES, 2)) / np.sqrt(SAMPLES)
brownian = np.concatenate([np.zeros((PATHS, 1, 2)), noise.cumsum(1)], axis=1)
exact = Rotation.identity(PATHS)
for dx in np.moveaxis(noise, 1, 0):
    exact = exact * Rotation.from_rotvec(np.column_stack([dx, np.zeros(PATHS)]))
exact = exact.as_matrix().reshape(PATHS, 9)

finest = jax.jit(jax.vmap(lambda w: lift(w, 2).resample(np.linspace(0, SAMPLES, 2049)).steps))(jnp.asarray(brownian))
evaluations, error, calls = {}, {}, {}
for level, sizes in STEPS.items():
    evaluations[level], error[level] = [], []
    for m in sizes:
        progress(f"level {level}: {m} steps")
        within = np.linspace(0, 2048, m + 1)
        steps = jax.jit(jax.vmap(lambda s, t=within: lift_from_steps(s, 2, 2).resample(t).steps))(finest)
        steps = steps[:, :, : 2 if level == 1 else 6]
        values, inner = march(steps)
        gaps = np.linalg.norm(np.asarray(values) - exact, axis=1)
        error[level].append(np.sqrt(np.mean(gaps**2)))
        evaluations[level].append(EVALUATIONS[level] * float(np.mean(inner)))
        calls[level, m] = steps
seconds = dict.fromkeys(calls, np.inf)
progress(f"wall time: {ROUNDS} rounds")
for _ in range(ROUNDS):  # in alternation, so that a slow spell of the machine falls on all; the best of each counts
    for key, steps in calls.items():
        start = time.perf_counter()
        jax.block_until_ready(march(steps))
        seconds[key] = min(seconds[key], time.perf_counter() - start)
cost = {
    "evaluations of the vector field": evaluations,
    "wall time": {level: [seconds[level, m] for m in sizes] for level, sizes in STEPS.items()},
}
for level, m in calls:
    place = STEPS[level].index(m)
    relative = seconds[level, m] / seconds[2, 512]
    print(f"level {level}, {m:4d} steps: error {error[level][place]:.2e}, ", end="")
    print(f"{evaluations[level][place]:6.0f} evaluations, wall time {relative:.2f} (512 steps of level 2: 1)")

order = {k: -np.polyfit(np.log(STEPS[k]), np.log(error[k]), 1)[0] for k in STEPS}
print(f"strong orders: level 1 {order[1]:.2f} (theory 0.5), level 2 {order[2]:.2f} (theory 1)")
assert abs(order[1] - 0.5) < 0.1 and abs(order[2] - 1) < 0.1

for name, spent in cost.items():
    price = np.exp(np.interp(np.log(1e-3), np.log(error[2][::-1]), np.log(spent[2][::-1])))
    slope, offset = np.polyfit(np.log(spent[1]), np.log(error[1]), 1)
    other = np.exp(offset + slope * np.log(price))
    dearer = np.exp((np.log(1e-3) - offset) / slope) / price
    print(
        f"{name}: at the cost of error 1e-3 by level 2, level 1 has error {other:.1e}, {other / 1e-3:.1f} times that;"
    )
    print(f"    error 1e-3 by level 1 (extrapolated) costs {dearer:.0f} times more")
    assert other > 1e-2 and dearer > 10

with matplotlib.rc_context(STYLE):
    figure, axes = canvas(1, 2, (9.6, 3.9))
    for axis, (name, spent) in zip(axes[0], cost.items(), strict=True):
        unit = seconds[2, 512] if name == "wall time" else 1.0
        for level, colour in zip(STEPS, COLOURS, strict=False):
            relative = np.array(spent[level]) / unit
            axis.loglog(relative, error[level], "o-", color=colour, label=f"log-ODE of level {level}")
        axis.axhline(1e-3, color="#bbbbbb", linewidth=0.8)
        title = "Error against evaluations" if name != "wall time" else "Error against wall time"
        axis.set(
            title=f"{title}, Brownian motion on SO(3)",
            xlabel=name + (" (512 steps of level 2: 1)" if unit != 1.0 else ""),
        )
        plain_log_labels(axis.xaxis)
        axis.legend()
    axes[0, 0].set_ylabel("root mean square error at $t = 1$")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "log_ode_work_precision.png"
    figure.savefig(target, dpi=150)
print(f"figure: {target}")
