"""Are trained residual networks Euler schemes of an ordinary or of a stochastic equation? It depends on their start.

Claim: networks x_{l+1} = x_l + L^{-beta} W_l tanh(x_l) of 16 to 64 layers, trained on the digits, keep the roughness
that their weights had. From independent weights, with beta = 1/2, the 1-variation of L^{-beta} (W_1 + ... + W_k) grows
like L^{1/2} and the jumps of W_l stay: an SDE. From weights that vary smoothly with l/L, with beta = 1, it stays and
the jumps vanish like 1/L: an ODE. The update alone is smoother than the weights from an independent start.
"""

import functools
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
from sklearn.datasets import load_digits

from roughntk import networks
from roughntk.files.drawing import STYLE, canvas, content, plain_log_labels
from roughntk.files.results import write

WIDTH, DEPTHS, STEPS = 16, (16, 32, 64), 60
pixels, labels = load_digits(return_X_y=True)
IMAGES, LABELS = jnp.asarray((pixels[:300] - 5) / 6), jnp.asarray(labels[:300])


def start(depth, smooth):
    """Embedding, blocks and readout before training."""
    rng = np.random.default_rng(0)
    embedding, readout = rng.normal(size=(64, WIDTH)) / 8, rng.normal(size=(WIDTH, 10)) / 4
    if smooth:
        turn = 2 * np.pi * np.arange(depth)[:, None, None] / depth
        a, b, c = rng.normal(size=(3, WIDTH, WIDTH)) / 4
        return embedding, a * np.cos(turn) + b * np.sin(turn) + c, readout
    return embedding, rng.normal(size=(depth, WIDTH, WIDTH)) / 4, readout


def outputs(parameters, beta):
    embedding, blocks, readout = parameters

    def block(state, weight):
        return state + len(blocks) ** -beta * jnp.tanh(state) @ weight.T, None

    return jax.lax.scan(block, IMAGES @ embedding, blocks)[0] @ readout


@functools.partial(jax.jit, static_argnames="beta")
def train(parameters, *, beta):
    """The parameters after training, and the part of the digits whose class is right."""
    optimiser = optax.adam(3e-3)

    def loss(now):
        return optax.softmax_cross_entropy_with_integer_labels(outputs(now, beta), LABELS).mean()

    def step(state, _):
        now, memory = state
        change, memory = optimiser.update(jax.grad(loss)(now), memory)
        return (optax.apply_updates(now, change), memory), None

    (after, _), _ = jax.lax.scan(step, (parameters, optimiser.init(parameters)), None, length=STEPS)
    return after, (outputs(after, beta).argmax(1) == LABELS).mean()


def compared(smooth, beta):
    """The roughness of the trained weights through networks of several depths."""
    before, after = [], []
    for depth in DEPTHS:
        print(f"training {depth} layers", file=sys.stderr, flush=True)
        initial = start(depth, smooth)
        final, accuracy = train(initial, beta=beta)
        print(f"{'smooth' if smooth else 'independent'} start, {depth} layers: {float(accuracy):.1%} right")
        assert accuracy > 0.9
        before.append(np.asarray(initial[1]))
        after.append(np.asarray(final[1]))
    result = networks.weight_roughness_by_depth(after, initial=before, beta=beta)
    print(*result.evidence, f"Verdict: {result.verdict}.", sep="\n")
    return result


def main(target):
    independent, smooth = compared(False, 0.5), compared(True, 1.0)
    expected = {"driver: 1-variation": (0.5, 0.0), "weights: mean jump": (0.0, -1.0)}
    for name, powers in expected.items():
        for result, power in zip((independent, smooth), powers, strict=True):
            assert abs(float(result.exponents[name]) - power) < 0.1, (name, power)
    assert {member.verdict for member in independent.members} == {"SDE"}  # each network alone, over sub-sampled depth
    assert {member.verdict for member in smooth.members} == {"ODE"}
    assert float(independent.exponents["update: mean jump"]) < -0.4

    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10.4, 4.2))
        for axis, result, words in zip(axes[0], (independent, smooth), ("independent", "smooth"), strict=True):
            result.plot(ax=axis)
            axis.set_title(f"Trained from {words} weights")
            plain_log_labels(axis.yaxis)
        write(target, content(figure, ".png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "roughness_of_trained_weights.png")
