"""Values of neural-tangents 0.6.5 in float64, and write tests/data/neural_tangents.json.

Run from the repository root, in the environment of benchmarks/peers/requirements.txt (`make bench-peers` sets it up
as .venv-peers), which this package's own environment cannot be:

    .venv-peers/bin/python tools/generate_neural_tangents.py

Architecture at depth L, every layer with parameterization="ntk":

    fully connected   [Dense(W_std, b_std), phi] repeated L - 1 times, then Dense(W_std, b_std)
    residual          Dense(1, 0), then `blocks` times
                      [FanOut(2), parallel(Identity, serial(Relu, Dense(sqrt(2 a), 0))), FanInSum]

on rows scaled so that |x|^2 / n0 = 1. A Dense layer is W_std W x / sqrt(n0) + b_std b, so sw2 = W_std^2 and
sb2 = b_std^2 in Sigma_1 = sw2 rho + sb2, Sigma_(L+1) = sw2 E[phi phi'] + sb2, Theta_(L+1) = Theta_L sw2 E[derivatives]
+ Sigma_(L+1); in the residual network Sigma' = Sigma + 2 a E[phi phi'] and Theta' = Theta (1 + 2 a E[derivatives])
+ 2 a E[phi phi']. Kernels are divided by their value on the diagonal, which is stored too.
"""

import json
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402

FILE = Path(__file__).resolve().parent.parent / "tests" / "data" / "neural_tangents.json"
DEPTHS = (2, 3, 5, 10, 30)
RHOS = (-0.9, 0.0, 0.5, 0.9, 0.99)
BLOCKS = ((1, 1.0), (2, 0.5), (10, 0.1), (1, 0.1), (100, 0.1))
DIMENSION = 3


def families() -> list:
    """(name as in families.json, activation layer as written, the layer, W_std, b_std)."""
    found = []
    for slope in (0.1, -1.0):
        name = "0.1" if slope == 0.1 else "-1"
        written = f"LeakyRelu({slope})" if slope == 0.1 else "Abs()"
        layer = stax.LeakyRelu(slope) if slope == 0.1 else stax.Abs()
        found.append((f"leaky_relu {name}", written, layer, (2 / (1 + slope**2)) ** 0.5, 0.0))
    for sw2, bias in ((1, 1.0), (1, 0.3), (2, 0.5)):
        found.append((f"biased_relu sw2={sw2} bias={bias:g}", "Relu()", stax.Relu(), sw2**0.5, bias))
    for sw2, phase in ((1.0, "ordered"), (1.55211786, "critical"), (4.0, "chaotic")):
        found.append((f"erf {phase}", "Erf()", stax.Erf(), sw2**0.5, 0.1**0.5))
    return found


def dense(W_std: float, b_std: float) -> tuple:
    return stax.Dense(1, W_std=W_std, b_std=b_std, parameterization="ntk")


def fully_connected(layer: tuple, W_std: float, b_std: float, depth: int):
    return stax.serial(*[dense(W_std, b_std), layer] * (depth - 1), dense(W_std, b_std))[2]


def residual(blocks: int, a: float):
    branch = stax.serial(stax.Relu(), dense((2 * a) ** 0.5, 0.0))
    block = stax.serial(stax.FanOut(2), stax.parallel(stax.Identity(), branch), stax.FanInSum())
    return stax.serial(dense(1.0, 0.0), *[block] * blocks)[2]


def rows() -> tuple[np.ndarray, np.ndarray]:
    """x and the rows x' at the correlations, with |x|^2 / n0 = 1."""
    x = np.zeros((1, DIMENSION))
    x[0, 0] = 1.0
    others = np.zeros((len(RHOS), DIMENSION))
    others[:, 0], others[:, 1] = RHOS, np.sqrt(1 - np.square(RHOS))
    return x * DIMENSION**0.5, others * DIMENSION**0.5


def values(kernel_function) -> dict:
    """Diagonal and normalised values, as shortest decimals that round to the float64."""
    x, others = rows()
    across, diagonal = kernel_function(x, others, ("nngp", "ntk")), kernel_function(x, None, ("nngp", "ntk"))
    found = {}
    for kind, name in (("nngp", "Sigma"), ("ntk", "Theta")):
        on = float(getattr(diagonal, kind)[0, 0])
        found[f"{name}_diagonal"] = on
        found[kind] = [float(value) / on for value in np.asarray(getattr(across, kind))[0]]
    return found


def document() -> dict:
    tables = []
    for name, written, layer, W_std, b_std in families():
        by_depth = [values(fully_connected(layer, W_std, b_std, depth)) for depth in DEPTHS]
        columns = {key: [found[key] for found in by_depth] for key in by_depth[0]}
        tables.append({"family": name, "layer": f"stax.{written}", "W_std": W_std, "b_std": b_std} | columns)
    return {
        "what": (
            "NNGP and NTK of neural-tangents in float64, divided by their diagonal; fully connected: "
            "[Dense(W_std, b_std), phi] * (L - 1) + [Dense(W_std, b_std)], parameterization ntk, rows with "
            "|x|^2/n0 = 1, so sw2 = W_std^2, sb2 = b_std^2, tables indexed [depth][rho]; residual: "
            "Dense(1, 0), then blocks of x + Dense(sqrt(2 a), 0)(Relu(x)); tools/generate_neural_tangents.py"
        ),
        "versions": {name: version(name) for name in ("neural-tangents", "jax", "jaxlib", "numpy")},
        "n0": DIMENSION,
        "depths": list(DEPTHS),
        "rho": list(RHOS),
        "fully_connected": tables,
        "residual_relu": [{"blocks": b, "a": a} | values(residual(b, a)) for b, a in BLOCKS],
    }


def main() -> None:
    # Both inputs of FanInSum are the same: the branch has its own Dense layer with weights of zero mean.
    warnings.filterwarnings("ignore", message="`FanIn` layers assume independent inputs")
    content = json.dumps(document(), indent=1)
    content = re.sub(r"\[([^\[\]{}]*)\]", lambda m: "[" + re.sub(r"\s*\n\s*", " ", m.group(1).strip()) + "]", content)
    FILE.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
