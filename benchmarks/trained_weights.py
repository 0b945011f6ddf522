"""Roughness over depth of trained weights: residual networks of 16 to 128 layers on the digits, from two starts.

    python benchmarks/trained_weights.py            all of it, in a minute or two; writes results/trained_weights.json
    python benchmarks/trained_weights.py --quick    two depths and few steps, to see that it runs; writes nothing

Networks x_{l+1} = x_l + L^{-beta} tanh(W_l x_l) of width 16 between an embedding and a linear readout, all trained by
Adam on the cross-entropy of 512 digits. Independent start, beta = 1/2: entries N(0, 1/16). Smooth start, beta = 1:
W_l = A cos(2 pi l/L) + B sin(2 pi l/L) + C. Measured at each depth: the 1-variation of the driver
S_k = L^{-beta} (W_1 + ... + W_k), the mean jump of the weights and of the update; and their exponents in L, the means
over the seeds with their standard errors.
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
WIDTH, CLASSES, IMAGES, STEPS, RATE = 16, 10, 512, 300, 3e-3
DEPTHS, SEEDS = (16, 32, 64, 128), (0, 1, 2)
STARTS = {"independent": 0.5, "smooth": 1.0}
SEEN = {  # the exponents between 16 and 128 layers that mathematics.md has
    "independent": {"driver: 1-variation": 0.472, "weights: mean jump": -0.008, "update: mean jump": -0.670},
    "smooth": {"driver: 1-variation": 0.0, "weights: mean jump": -0.982},
}


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
        return state + scale * jnp.tanh(state @ weight.T), None

    state, _ = jax.lax.scan(block, pixels @ parameters["embedding"], parameters["blocks"])
    return optax.softmax_cross_entropy_with_integer_labels(state @ parameters["readout"], labels).mean()


@functools.partial(jax.jit, static_argnames=("beta", "steps"))
def trained(parameters: Any, pixels: jax.Array, labels: jax.Array, *, beta: float, steps: int) -> Any:
    """The parameters after training, and the loss at each step."""
    optimiser = optax.adam(RATE)

    def step(state: Any, _: None) -> tuple[Any, jax.Array]:
        now, memory = state
        value, slope = jax.value_and_grad(loss)(now, pixels, labels, beta)
        change, memory = optimiser.update(slope, memory)
        return (optax.apply_updates(now, change), memory), value

    (after, _), losses = jax.lax.scan(step, (parameters, optimiser.init(parameters)), None, length=steps)
    return after, losses


def measured(kind: str, depths: tuple[int, ...], seed: int, steps: int) -> tuple[networks.DepthRoughness, list[float]]:
    """The roughness of trained networks of these depths, and their last losses."""
    pixels, labels = images()
    models, initial, losses = [], [], []
    for depth in depths:
        before = start(jax.random.key(seed), depth, kind)
        after, values = trained(before, pixels, labels, beta=STARTS[kind], steps=steps)
        models.append(np.asarray(after["blocks"]))
        initial.append(np.asarray(before["blocks"]))
        losses.append(float(values[-1]))
        print(f"{kind} start, seed {seed}, {depth} layers: loss {float(values[0]):.3f} to {losses[-1]:.4f}", flush=True)
    return networks.weight_roughness_by_depth(models, initial=initial, beta=STARTS[kind]), losses


def main(quick: bool) -> None:
    depths, seeds, steps = ((8, 16), (0,), 20) if quick else (DEPTHS, SEEDS, STEPS)
    record: dict[str, Any] = {"depths": depths, "seeds": seeds, "steps": steps, "width": WIDTH, "images": IMAGES}
    for kind, seen in SEEN.items():
        results, losses = zip(*(measured(kind, depths, seed, steps) for seed in seeds), strict=True)
        record[kind] = {"beta": STARTS[kind], "losses": losses, "verdicts": [result.verdict for result in results]}
        for name in results[0].exponents:
            powers = np.array([float(result.exponents[name]) for result in results])
            error = powers.std(ddof=1) / math.sqrt(len(powers)) if len(powers) > 1 else math.nan
            values = np.mean([result.values(name) for result in results], axis=0)
            record[kind][name] = {"values": values.tolist(), "exponent": powers.mean(), "standard_error": error}
            listed = " ".join(f"{value:.4g}" for value in values)
            print(f"{kind}: {name} {listed} ~ L^{powers.mean():.3f} ({error:.3f}), seen {seen.get(name, math.nan):.3f}")
            if not quick and name in seen:
                assert abs(powers.mean() - seen[name]) < 0.1, (kind, name)
        one = {f"{depth}": result.verdict for depth, result in zip(depths, results[0].members, strict=True)}
        print(f"{kind}: verdict over depths {record[kind]['verdicts']}, of each network alone {one}")
        record[kind]["verdicts_of_one_network"] = one
    if not quick:
        assert set(record["independent"]["verdicts"]) == {"SDE"} and set(record["smooth"]["verdicts"]) == {"ODE"}
        RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
