"""Theorem 3's equation from the signature of its driver alone.

Claim: du = dv_b - dv_A u is linear in the driver v, so u at the next depth is a sum over the signature of v; the
truncated series is within its stated bound of the closed form and of diffrax's solution, and the signature does not
change under the paper's clock psi_D, which only re-times the path.

    python examples/theorem3_signature.py [FIGURE.png]
"""

import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas

FAMILY, DEPTH, N = rn.kernels.ReluNTK(), 3, 3
X, x = rn.sphere.uniform(N, 3, 0), rn.sphere.uniform(1, 3, 1)


def generators(n):
    """A_k of du = sum_k A_k (u, 1) dv^k: -E_ij for the matrix part v_ij, e_i in the last column for v_{i,n+1}."""
    A = np.zeros((n * (n + 1), n + 1, n + 1))
    for i in range(n):
        for j in range(n):
            A[i * (n + 1) + j, i, j] = -1.0
        A[i * (n + 1) + n, i, n] = 1.0
    return A


def main():
    print("closed form and diffrax's solution, the reference", file=sys.stderr, flush=True)
    ode = rn.transport.between_depths(FAMILY, X, x, depth=DEPTH)
    closed = rn.coefficients(FAMILY, X, x, depth=DEPTH + 1)[:, 0]
    start = np.append(rn.coefficients(FAMILY, X, x, depth=DEPTH)[:, 0], 1.0)
    positions = np.linspace(0, 1, 2001)
    driver = np.asarray(ode.drivers.sample(positions))
    errors, bounds, levels = [], [], range(1, 6)
    for level in levels:
        print(f"level {level} of {levels[-1]}", file=sys.stderr, flush=True)
        found = rn.rough.solve_linear(generators(N), driver, start, level=level, tolerance=None)
        errors.append(np.abs(np.asarray(found.values)[-1, :N] - closed).max())
        bounds.append(found.error_estimate)
        print(f"level {level}: error {errors[-1]:.1e}, truncation bound {bounds[-1]:.1e}")
    # the matrices of one segment commute, so that a polygon through its curved driver loses nothing
    assert all(error <= bound + 1e-12 for error, bound in zip(errors, bounds, strict=True))
    assert errors[-1] < 1e-3 * errors[0]
    assert np.abs(ode.coefficients[:, 0] - closed).max() < 1e-12

    clock = rn.transport.between_depths(FAMILY, X, x, depth=DEPTH, clock="psi").clock
    times = np.linspace(0.3, 0.7, 4001)
    moved = np.asarray([clock.position_at_paper_time(t) for t in times])
    retimed = np.asarray(ode.drivers.sample(np.unique(np.concatenate([[0.0], moved, [1.0]]))))
    plain, again = (np.asarray(rn.rough.signature(path[:, :4], 3)) for path in (driver, retimed))
    print(f"signature of the first row's channels under psi_D: changes by {np.abs(plain - again).max():.1e}")
    assert np.abs(plain - again).max() < 1e-6  # polygons through other points of one curve

    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 1, (6.4, 4.0))
        axes[0, 0].semilogy(list(levels), bounds, "v--", color=COLOURS[1], label="stated truncation bound")
        axes[0, 0].semilogy(list(levels), errors, "o-", color=COLOURS[0], label="error against the closed form")
        axes[0, 0].set(
            title="Theorem 3 from the driver's signature",
            xlabel="level of the signature",
            ylabel="largest error of $u$",
        )
        axes[0, 0].set_xticks(list(levels))
        axes[0, 0].legend()
        target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "theorem3_signature.png"
        figure.savefig(target, dpi=150)
    print(f"Figure: {target}")


if __name__ == "__main__":
    main()
