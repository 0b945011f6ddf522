"""The random covariance: strong and weak orders of its four schemes, and its laws, from the equation and from networks.

    python benchmarks/random_covariance.py          writes results/random_covariance.json (some minutes)
    python benchmarks/random_covariance.py laws     measures one part again: orders, weak_orders, laws

1. Strong order: root mean square of |M_h - M| / |M| at time 1/2, M the solution by the log-ODE along the same Brownian
   motion with four times as many steps as the finest, its samples being the same for all. Weak order: of
   |E f(V_h) - E f(V)| for f = log V^33, from the same pairs, whose differences have a small variance; for diffrax,
   whose differences have a larger one, f = log det V and more samples of a linear network.
2. The laws that are known, of the equation and of simulated networks, in standard errors.
"""

import functools
import json
import math
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import roughntk as rn
from roughntk.networks.random_covariance import brownian_tree
from roughntk.networks.walks import draw

RESULT = Path(__file__).parent / "results" / "random_covariance.json"
V0 = np.array([[1.0, 0.2, -0.3], [0.2, 1.0, 0.6], [-0.3, 0.6, 1.0]])
KAPPA = 1.5**2 / (2 * math.pi)
FINE = 1024
"""Samples of the Brownian motion on [0, END] that the lifts see."""
END, STEPS, PAIRS = 0.5, (8, 16, 32, 64), 512


def orders() -> dict:
    solve = functools.partial(rn.networks.covariance, V0, END, kappa=KAPPA, key=jax.random.key(0), samples=PAIRS)
    truth = solve(solver="rde", calculus="stratonovich", steps=256, substeps=FINE // 256)
    record: dict = {"time": END, "pairs": PAIRS, "kappa": KAPPA, "samples_of_the_motion": FINE}
    for solver in ("diffrax", "rde"):
        for calculus in ("ito", "stratonovich"):
            strong, weak, deviation = {}, {}, {}
            for m in STEPS:
                settings = {"substeps": FINE // m} if solver == "rde" else {}
                got = solve(solver=solver, calculus=calculus, steps=m, **settings)
                distance = np.linalg.norm(got.factors - truth.factors, axis=(1, 2))
                strong[m] = float(np.sqrt(np.mean((distance / np.linalg.norm(truth.factors, axis=(1, 2))) ** 2)))
                gaps = np.log(got.values[:, 2, 2] / truth.values[:, 2, 2])
                weak[m], deviation[m] = float(gaps.mean()), float(gaps.std() / math.sqrt(PAIRS))
            order = -float(np.polyfit(np.log(STEPS), np.log([strong[m] for m in STEPS]), 1)[0])
            entry = {"strong": strong, "strong_order": order, "weak": weak, "weak_standard_error": deviation}
            resolved = [m for m in STEPS if abs(weak[m]) > 5 * deviation[m]]
            if len(resolved) > 1:
                logs = np.log(np.abs([weak[m] for m in resolved]))
                entry["weak_order"] = -float(np.polyfit(np.log(resolved), logs, 1)[0])
            record[f"{solver}, {calculus}"] = entry
            print(solver, calculus, entry, flush=True)
            assert abs(order - (0.5 if solver == "diffrax" else 1.0)) < 0.2, (solver, calculus, order)
    return record


def weak_orders() -> dict:
    """Of the schemes of diffrax, for log det V of a linear network, less its value along the same Brownian motion."""
    samples, key, steps = 16_384, jax.random.key(1), (8, 16, 32)

    def end(number):
        tree = brownian_tree(jax.random.fold_in(key, number), jnp.asarray(END), jnp.asarray(END / 2), 6)
        return tree.evaluate(jnp.asarray(END))

    B = np.asarray(jax.jit(jax.vmap(end))(jnp.arange(samples)))[:, [0, 2, 5]]
    exact = math.log(np.linalg.det(V0)) + 2 * (B / math.sqrt(2) - np.arange(1, 4) * END / 2).sum(axis=1)
    record: dict = {"samples": samples, "time": END}
    for calculus in ("ito", "stratonovich"):
        gaps = {
            m: rn.networks.covariance(V0, END, key=key, samples=samples, steps=m, calculus=calculus).log_determinant
            - exact
            for m in steps
        }
        weak = {m: summary(gap) for m, gap in gaps.items()}
        order = -float(np.polyfit(np.log(steps), np.log([abs(weak[m][0]) for m in steps]), 1)[0])
        record[calculus] = {"weak": weak, "weak_order": order}
        print(calculus, record[calculus], flush=True)
        assert abs(order - 1) < 0.2, (calculus, order)
    return record


def summary(values: np.ndarray) -> list[float]:
    """Mean and standard error."""
    return [round(float(np.mean(values)), 5), round(float(np.std(values) / math.sqrt(len(values))), 5)]


def figures(V: np.ndarray) -> dict:
    rho = V[:, 0, 1] / np.sqrt(V[:, 0, 0] * V[:, 1, 1])
    log = np.log(V[:, 0, 0])
    spread = float(log.var())
    return {
        "E log V11": summary(log), "var log V11": [round(spread, 5), round(spread * (2 / len(V)) ** 0.5, 5)],
        "E rho12": summary(rho), "sd rho12": round(float(rho.std()), 5),
        "E log det": summary(np.linalg.slogdet(V)[1]), "E arcsin rho12": summary(np.arcsin(rho)),
        "E V": [summary(V[:, i, j]) for i, j in ((0, 0), (0, 1), (1, 2))],
    }  # fmt: skip


def simulated(width: int, layers: int, c: float, samples: int) -> np.ndarray:
    """V of networks after so many layers."""
    slopes = jnp.array([1 + c / math.sqrt(width), 1 - c / math.sqrt(width)])
    start = jnp.asarray(np.linalg.cholesky(V0))
    ends = jax.jit(jax.vmap(lambda key: draw(key, start, slopes, 0, layers, width)[1][-1]))
    parts = [np.asarray(ends(jax.random.split(jax.random.key(seed), 100))) for seed in range(samples // 100)]
    M = np.concatenate(parts)
    return M @ M.swapaxes(1, 2)


def laws() -> dict:
    record = {}
    for c in (0.75, 0.0):
        kappa = (2 * c) ** 2 / (2 * math.pi)
        equation = rn.networks.covariance(V0, 1.0, kappa=kappa, key=jax.random.key(7), samples=12_288, steps=64)
        record[f"equation, c = {c}"] = figures(equation.values)
        record[f"networks n = 200, c = {c}"] = figures(simulated(200, 200, c, 2_500))
    for name, entry in record.items():
        print(name, entry, flush=True)
        assert abs(entry["E log V11"][0] + 1) < 5 * entry["E log V11"][1] + 0.01
    for name, other in (("equation", "networks n = 200"),):
        for what, pin in (("E rho12", 0.390), ("E log det", -5.975)):
            one, two = record[f"{name}, c = 0.75"][what], record[f"{other}, c = 0.75"][what]
            assert abs(one[0] - two[0]) < 5 * math.hypot(one[1], two[1]) + 0.01, what
            assert abs(one[0] - pin) < 5 * math.hypot(one[1], 0.005 if what == "E rho12" else 0.024) + 0.01, what
    flat = record["equation, c = 0.0"]
    assert abs(flat["E log det"][0] - math.log(np.linalg.det(V0)) + 6) < 5 * flat["E log det"][1] + 0.05
    assert abs(flat["E arcsin rho12"][0] - math.asin(0.2)) < 5 * flat["E arcsin rho12"][1] + 0.005
    return record


PARTS = {"orders": orders, "weak_orders": weak_orders, "laws": laws}


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    record = json.loads(RESULT.read_text()) if RESULT.exists() and sys.argv[1:] else {}
    record |= {"what": __doc__.splitlines()[0], "V0": V0.tolist()}
    for part in chosen:
        record[part] = PARTS[part]()
        RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
