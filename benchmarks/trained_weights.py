"""Roughness over depth of trained weights: residual networks of 16 to 128 layers on the digits, from two starts.

    python benchmarks/trained_weights.py            all of it, in a minute or two; writes results/trained_weights.json
    python benchmarks/trained_weights.py --quick    two depths and few steps, to see that it runs; writes nothing

Networks x_{l+1} = x_l + L^{-beta} W_l tanh(x_l) of width 16 between an embedding and a linear readout, all trained on
the cross-entropy of 512 digits, by Adam and by gradient descent. Independent start, beta = 1/2: entries N(0, 1/16).
Smooth start, beta = 1: W_l = A cos(2 pi l/L) + B sin(2 pi l/L) + C. Measured at each depth: the 1-variation of the
driver S_k = L^{-beta} (W_1 + ... + W_k), the mean jump of the weights and of the update; and their exponents in L, the
means over the seeds with their standard errors.
"""

import argparse
import functools
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

from roughntk import networks

RESULT = Path(__file__).parent / "results" / "trained_weights.json"
WIDTH, CLASSES, IMAGES = 16, 10, 512
DEPTHS, SEEDS = (16, 32, 64, 128), (0, 1)
BETA = {"independent": 0.5, "smooth": 1.0}
TRAINING = {"adam": (optax.adam(3e-3), 150), "descent": (optax.sgd(0.3), 100)}
"""Optimiser and steps."""
EXPECTED: dict[tuple[str, str], dict[str, float]] = {
    # What was seen between 16 and 128 layers.
    ("independent", "adam"): {
        "driver: 1-variation": 0.472, "weights: mean jump": -0.008, "update: mean jump": -0.670,
    },
    ("smooth", "adam"): {"driver: 1-variation": 0.0, "weights: mean jump": -0.982},
    # The gradient of W_l is L^{-1/2} b_l tanh(x_l)^T, where x_l and b_l move by L^{-1/2} from one layer to the next.
    ("independent", "descent"): {
        "driver: 1-variation": 0.5, "weights: mean jump": 0.0, "update: mean jump": -1.0,
    },
}  # fmt: skip


def images() -> tuple[jax.Array, jax.Array]:
    """The first digits, centred and scaled, and their classes."""
    pixels, labels = load_digits(return_X_y=True)
    return jnp.asarray((pixels[:IMAGES] - 5.0) / 6.0), jnp.asarray(labels[:IMAGES])


def start(key: jax.Array, depth: int, kind: str) -> dict[str, jax.Array]:
    """The parameters before training."""
    first, middle, last = jax.random.split(key, 3)
    if kind == "independent":
        blocks = jax.random.normal(middle, (depth, WIDTH, WIDTH)) / math.sqrt(WIDTH)
    else:
        turn = 2 * jnp.pi * jnp.arange(depth)[:, None, None] / depth
        a, b, c = jax.random.normal(middle, (3, WIDTH, WIDTH)) / math.sqrt(WIDTH)
        blocks = a * jnp.cos(turn) + b * jnp.sin(turn) + c
    return {
        "embedding": jax.random.normal(first, (64, WIDTH)) / 8.0,
        "blocks": blocks,
        "readout": jax.random.normal(last, (WIDTH, CLASSES)) / math.sqrt(WIDTH),
    }


def loss(parameters: dict[str, jax.Array], pixels: jax.Array, labels: jax.Array, beta: float) -> jax.Array:
    """The mean cross-entropy."""
    scale = parameters["blocks"].shape[0] ** -beta

    def block(state: jax.Array, weight: jax.Array) -> tuple[jax.Array, None]:
        return state + scale * jnp.tanh(state) @ weight.T, None

    state, _ = jax.lax.scan(block, pixels @ parameters["embedding"], parameters["blocks"])
    return optax.softmax_cross_entropy_with_integer_labels(state @ parameters["readout"], labels).mean()


@functools.partial(jax.jit, static_argnames=("beta", "method", "steps"))
def trained(parameters: Any, pixels: jax.Array, labels: jax.Array, *, beta: float, method: str, steps: int) -> Any:
    """The parameters after training, and the loss at each step."""
    optimiser = TRAINING[method][0]

    def step(state: Any, _: None) -> tuple[Any, jax.Array]:
        now, memory = state
        value, slope = jax.value_and_grad(loss)(now, pixels, labels, beta)
        change, memory = optimiser.update(slope, memory)
        return (optax.apply_updates(now, change), memory), value

    (after, _), losses = jax.lax.scan(step, (parameters, optimiser.init(parameters)), None, length=steps)
    return after, losses


def measured(
    kind: str, method: str, depths: tuple[int, ...], seed: int, steps: int
) -> tuple[networks.DepthRoughness, list[float]]:
    """The roughness of trained networks of these depths, and their last losses."""
    pixels, labels = images()
    models, initial, losses = [], [], []
    for depth in depths:
        before = start(jax.random.key(seed), depth, kind)
        after, values = trained(before, pixels, labels, beta=BETA[kind], method=method, steps=steps)
        models.append(np.asarray(after["blocks"]))
        initial.append(np.asarray(before["blocks"]))
        losses.append(float(values[-1]))
        words = f"loss {float(values[0]):.3f} to {losses[-1]:.4f}"
        print(f"{kind} start, {method}, seed {seed}, {depth} layers: {words}", flush=True)
    return networks.weight_roughness_by_depth(models, initial=initial, beta=BETA[kind]), losses


def summary(results: list[networks.DepthRoughness], name: str) -> dict[str, Any]:
    """A measure at each depth, the mean of its exponents over the seeds, and the standard error of that."""
    powers = np.array([float(result.exponents[name]) for result in results])
    error = powers.std(ddof=1) / math.sqrt(len(powers)) if len(powers) > 1 else math.nan
    values = np.mean([result.values(name) for result in results], axis=0)
    return {"values": values.tolist(), "exponent": powers.mean(), "standard_error": error}


def main(quick: bool) -> None:
    depths, seeds = ((8, 16), (0,)) if quick else (DEPTHS, SEEDS)
    record: dict[str, Any] = {"depths": depths, "seeds": seeds, "width": WIDTH, "images": IMAGES, "networks": []}
    for (kind, method), expected in EXPECTED.items():
        steps = 20 if quick else TRAINING[method][1]
        pairs = [measured(kind, method, depths, seed, steps) for seed in seeds]
        results = [result for result, _ in pairs]
        verdicts = [result.verdict for result in results]
        alone = {str(member.layers): member.verdict for member in results[0].members}
        each: dict[str, Any] = {
            "start": kind, "beta": BETA[kind], "training": method, "steps": steps,
            "losses": [losses for _, losses in pairs], "verdicts": verdicts, "verdicts_of_one_network": alone,
        }  # fmt: skip
        for name in results[0].exponents:
            each[name] = summary(results, name)
            values = " ".join(f"{value:.4g}" for value in each[name]["values"])
            power, error = each[name]["exponent"], each[name]["standard_error"]
            wanted = expected.get(name, math.nan)
            print(f"{kind}, {method}: {name} {values} ~ L^{power:.3f} ({error:.3f}), expected {wanted:.3f}")
            if not quick and name in expected:
                assert abs(power - wanted) < 0.1, (kind, method, name)
        print(f"{kind}, {method}: verdicts over depths {verdicts}, of each network of one seed {alone}")
        if not quick:
            verdict = {"independent": "SDE", "smooth": "ODE"}[kind]
            assert {*verdicts, *alone.values()} == {verdict}
        record["networks"].append(each)
    if not quick:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
