"""Solving a rough differential equation: Euler, the log-ODE, and what precision costs.

You will learn what a numerical scheme reads of a rough path, why a scheme that reads increments only has order 1/2
along Brownian motion, what the area buys, how to draw a work-precision diagram, and what a solver can say of its error.

Claim: along Brownian controls of a car the schemes that see increments only have strong order 1/2, those that see the
area too have order 1, whether they are of Euler's kind or of the log-ODE's; and where Euler's scheme with areas has an
error of 0.002, the one without would cost more than twenty times as much.

    python examples/tutorials/07_solving_an_rde.py [FIGURE.png]
"""

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas

PATHS, SAMPLES, STEPS = 64, 4096, [16, 64, 256]
EVALUATIONS = {"Euler": 1, "Davie, level 2": 5, "log-ODE, level 1": 6, "log-ODE, level 2": 30}


def car(y):
    """The two fields at (position, position, heading): drive ahead, and turn on the spot."""
    ahead = jnp.stack([jnp.cos(y[2]), jnp.sin(y[2]), 0.0 * y[2]])
    return jnp.stack([ahead, jnp.array([0.0, 0.0, 1.0])], axis=1)


def along_arcs(increments):
    """Where the car ends if it drives along every increment by an arc: exact for a polygon, shape (paths, 3)."""
    heading = np.cumsum(increments[..., 1], axis=1)
    middle, half = heading - increments[..., 1] / 2, increments[..., 1] / 2
    chord = increments[..., 0] * np.sinc(half / np.pi)
    return np.stack([(chord * np.cos(middle)).sum(1), (chord * np.sin(middle)).sum(1), heading[:, -1]], axis=1)


def elements(increments, steps):
    """The signatures of level 2 of what lies in each of the steps, shape (paths, steps, 6)."""
    pieces = increments.reshape(PATHS, steps, -1, 2).cumsum(axis=2)
    points = np.concatenate([np.zeros((PATHS, steps, 1, 2)), pieces], axis=2)
    return np.asarray(rn.rough.signature(points, 2))


def solver(method):
    """Ends of the solutions along elements, shape (paths, steps, 6); one compiled function for all step numbers."""

    def one(given):
        along = rn.rough.lift_from_steps(given, 2, 2, geometric=method == "log-ode")
        return rn.rough.solve_rde(car, along, jnp.zeros(3), method=method, estimate=False, rtol=1e-5).values[-1]

    compiled = jax.jit(jax.vmap(one))

    def padded(given):  # steps at rest follow, up to the largest number of steps
        rest = np.zeros((PATHS, STEPS[-1] - given.shape[1], 6))
        return np.asarray(compiled(np.concatenate([given, rest], axis=1)))

    return padded


def main():
    # %%
    # ## 1. A problem with a known answer
    #
    # The car of tutorial 5, at the mercy of chance: two Brownian motions drive and steer it, in the sense of
    # Stratonovich. Between two samples both controls move on a straight line, and the car moves along an arc. So
    # its place is known exactly for the polygon through all 4,096 samples. A scheme may look at the path in a few
    # steps only.
    noise = np.random.default_rng(0).normal(size=(PATHS, SAMPLES, 2)) / np.sqrt(SAMPLES)
    truth = along_arcs(noise)

    def error(found):
        return float(np.sqrt(((found - truth) ** 2).sum(axis=1).mean()))

    def order(errors):
        return float(-np.polyfit(np.log(STEPS), np.log(errors), 1)[0])

    squares = (truth[:, :2] ** 2).sum(axis=1)
    print(f"mean square distance from the start {squares.mean():.2f} +- {squares.std() / PATHS**0.5:.2f} (theory: 1)")

    # %%
    # ## 2. Euler
    #
    # Euler's scheme reads the increment over a step: $Y \leftarrow Y + V(Y)\,X^1_{s,t}$. (For this car the Ito
    # correction $\frac12 \sum_i DV_i V_i$ is zero, so that Euler aims at the right limit.) **Predict** the order. A
    # smooth driver would give 1. Here what is neglected over a step $h$ is of size $h$, has mean zero, and is
    # independent from step to step: it adds up to $h \cdot h^{-1/2}$.
    #
    # In the package Euler is Davie's scheme with nothing at level 2: the step $(X^1, 0)$.
    davie, results = solver("davie"), {}
    signatures = {steps: elements(noise, steps) for steps in STEPS}
    increments_only = [np.concatenate([each[..., :2], 0 * each[..., 2:]], axis=-1) for each in signatures.values()]
    results["Euler"] = [error(davie(each)) for each in increments_only]
    print(
        "Euler:",
        ", ".join(f"{e:.1e}" for e in results["Euler"]),
        f"with {STEPS} steps, order {order(results['Euler']):.2f}",
    )
    assert abs(order(results["Euler"]) - 0.5) < 0.15

    # %%
    # ## 3. The second level
    #
    # Davie's scheme takes the next term of the expansion, $Y \leftarrow Y + V_i X^i + DV_j V_i\, X^{ij}$, with the
    # second level $X^{ij}$ of all samples within the step, areas included. **Predict** its order: what is neglected
    # now is of size $h^{3/2}$.
    results["Davie, level 2"] = [error(davie(each)) for each in signatures.values()]
    print(
        "Davie:",
        ", ".join(f"{e:.1e}" for e in results["Davie, level 2"]),
        f"order {order(results['Davie, level 2']):.2f}",
    )
    assert abs(order(results["Davie, level 2"]) - 1) < 0.15

    # %%
    # ## 4. The log-ODE
    #
    # The other way to use a step: take the logarithm of its signature, a vector of increments and areas, and follow
    # for unit time the ordinary equation
    #
    # $$Y' = V_1(Y)\,X^1 + V_2(Y)\,X^2 + [V_1, V_2](Y)\,A^{12}.$$
    #
    # With increments alone that is the polygon, and the car drives along arcs. The bracket moves it sideways by the
    # area. Whatever the fields conserve is conserved. **Predict:** does the better ordinary solver mend the order
    # at level 1?
    log_ode = solver("log-ode")
    logarithms = [
        np.concatenate([each[..., :2], np.zeros((PATHS, each.shape[1], 4))], axis=-1) for each in signatures.values()
    ]
    forgetful = [np.asarray(rn.rough.flat.exp(each, 2)) for each in logarithms]
    results["log-ODE, level 1"] = [error(log_ode(each)) for each in forgetful]
    results["log-ODE, level 2"] = [error(log_ode(each)) for each in signatures.values()]
    for _name in ("log-ODE, level 1", "log-ODE, level 2"):
        print(f"{_name}:", ", ".join(f"{e:.1e}" for e in results[_name]), f"order {order(results[_name]):.2f}")
    polygon = along_arcs(signatures[16][..., :2])
    assert abs(error(polygon) - results["log-ODE, level 1"][0]) < 1e-5
    assert abs(order(results["log-ODE, level 1"]) - 0.5) < 0.15 and abs(order(results["log-ODE, level 2"]) - 1) < 0.15

    # %%
    # ## 5. Work and precision
    #
    # Errors per step are not a fair comparison: a step at level 2 costs more. Count evaluations of $V$, a
    # directional derivative as two. Euler needs 1 a step, Davie 5 ($V$, and the derivatives along $V_1$ and $V_2$),
    # and the log-ODE six times as much, by the six stages of Tsit5, one inner step each. **Predict** which of the
    # four is the cheapest way to an error of 0.002, and by how much Euler loses.
    work = {name: EVALUATIONS[name] * np.array(STEPS) for name in results}
    for _name, _errors in results.items():
        _slope, _offset = np.polyfit(np.log(_errors), np.log(work[_name]), 1)
        print(f"{_name}: an error of 0.002 takes about {np.exp(_offset + _slope * np.log(0.002)):.1e} evaluations")
    dearer = STEPS[-1] * (results["Euler"][-1] / results["Davie, level 2"][-1]) ** 2 / work["Davie, level 2"][-1]
    print(f"Euler to the error of Davie's 256 steps, at order 1/2: {dearer:.0f} times the work")
    assert dearer > 20

    # %%
    # Level 2 wins by far, as long as someone hands over the areas. Between the two schemes of level 2 it is close:
    # the log-ODE is more precise in each step and dearer by more than that, for this car. It keeps a solution on
    # its sphere or its group, which Davie's does not.
    #
    # ## 6. What the solver says of itself
    #
    # No truth is at hand in practice. `solve_rde` compares three step sizes, says how large its error is (the truth
    # is at most four times as large), and whether the three show an order at all. And it refuses to guess: for
    # $p = 3.5$ the second level does not determine the solution.
    walk = np.concatenate([np.zeros((1, 2)), noise[0].cumsum(axis=0)])
    driver = rn.rough.lift(walk, 2, times=np.linspace(0, 1, SAMPLES + 1))
    for _steps in (32, 128):
        _solved = rn.rough.solve_rde(car, driver, jnp.zeros(3), partition=_steps)
        _true = float(np.abs(_solved.values[-1] - truth[0]).max())
        print(f"log-ODE in {_steps} steps: estimate {_solved.error_estimate:.1e}, true error at the end {_true:.1e}")
        assert _true <= 4 * _solved.error_estimate
    try:
        rn.rough.solve_rde(car, driver, jnp.zeros(3), p=3.5)
    except rn.InputError as refusal:
        print(f"refused: {refusal}")

    # %%
    # What to see: on the left the schemes with areas (solid lines) fall twice as steeply as those without (dashed).
    # On the right, by work, Davie's scheme lies lowest, and at equal work level 2 is the better one throughout.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10, 4.0))
        for _axis, _cost in zip(axes[0], ({name: STEPS for name in results}, work), strict=True):
            for _k, (_name, _errors) in enumerate(results.items()):
                _look = {"color": COLOURS[_k // 2], "linestyle": "-" if "2" in _name else "--"}
                _axis.loglog(_cost[_name], _errors, "osos"[_k], label=f"{_name}: order {order(_errors):.2f}", **_look)
        axes[0, 0].set(title="By steps", xlabel="steps", ylabel="root mean square error")
        axes[0, 0].set_xticks(STEPS, [str(count) for count in STEPS])
        axes[0, 0].set_xticks([], minor=True)
        axes[0, 0].legend(loc="lower left")
        axes[0, 1].set(title="By work", xlabel="evaluations of the vector field")
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
