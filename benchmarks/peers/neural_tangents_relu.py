"""Times neural-tangents' ReLU NTK in its own environment and keeps some of its values; compare.py reads both.

    python neural_tangents_relu.py DATA.npz OUT.npz plain|compiled ROWS DEPTH

DATA.npz holds unit rows X and Z (for the values) and large, (n, n0) (for the times). Depth L is L - 1 pairs
Dense-Relu and a last Dense, with W_std = sqrt(2) and b_std = 0; its kernel on the diagonal is L, so K_L = ntk / L.
Times are of float64 without compilation and of the compiled function, which is called once before.
"""

import sys
import time

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402


def kernel_function(depth: int):
    dense = stax.Dense(1, W_std=2**0.5, b_std=0.0)
    return stax.serial(*[dense, stax.Relu()] * (depth - 1), dense)[2]


def seconds(function, X) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function(X, None, "ntk"))
    return time.perf_counter() - start


def main() -> None:
    data = np.load(sys.argv[1])
    way, rows, depth = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    X = data["large"][:rows]
    function = kernel_function(depth)
    if way == "plain":
        across, diagonal = function(data["X"], data["Z"], "ntk"), function(data["X"], None, "ntk")
        values = np.asarray(across) / float(diagonal[0, 0])
    else:
        function, values = jax.jit(function, static_argnums=(2,)), np.empty(0)
    first = seconds(function, X)
    np.savez(sys.argv[2], values=values, first=first, times=[seconds(function, X) for _ in range(3)])


if __name__ == "__main__":
    main()
