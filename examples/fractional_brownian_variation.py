"""p-variation of fractional Brownian motion, exactly, and its critical exponent 1/H.

Claim: refining one path, the p-variation grows without end for p < 1/H and settles for p > 1/H; the exponent at which
this changes is found from a single path.

    python examples/fractional_brownian_variation.py [FIGURE.png]
"""

import sys
import tempfile
from pathlib import Path

import jax
import matplotlib
import numpy as np

from roughntk.files.drawing import COLOURS, STYLE, canvas, plain_log_labels
from roughntk.rough import critical_p, fractional_brownian, p_variation

POINTS = 2**16 + 1
EXPONENTS = {0.3: (2.5, 4.5), 0.5: (1.6, 2.8), 0.75: (1.1, 1.9)}


def main():
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 3, (11.0, 3.7))
        for axis, (hurst, exponents) in zip(axes[0], EXPONENTS.items(), strict=True):
            print(f"H = {hurst}: exact p-variation of {POINTS:,} points", file=sys.stderr, flush=True)
            path = np.asarray(fractional_brownian(jax.random.key(3), POINTS, hurst=hurst).values)
            found = critical_p(path)
            print(f"H = {hurst}: critical p {found.p:.3f} +- {found.standard_error:.3f}, theory {1 / hurst:.3f}")
            assert abs(found.p - 1 / hurst) < 4 * found.standard_error
            growth = []
            for colour, p in zip(COLOURS, exponents, strict=False):
                strides = 2 ** np.arange(9, -1, -1)
                values = [p_variation(path[::stride], p) for stride in strides]
                growth.append(values[-1] / values[4])
                points = (POINTS - 1) // strides
                axis.loglog(points, values, "o-", color=colour, markersize=3.5, label=f"$p = {p:g}$")
            print(f"    32 times more points multiply the p-variation by {growth[0]:.2f} and {growth[1]:.3f}")
            assert growth[0] > 1.2 and growth[1] < 1.1
            axis.set(title=f"$H = {hurst:g}$, critical $p = {1 / hurst:.3g}$", xlabel="sample points")
            plain_log_labels(axis.yaxis)
            axis.legend()
        axes[0, 0].set_ylabel("p-variation (outer root taken)")
        target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "fbm_variation.png"
        figure.savefig(target, dpi=150)
    print(f"Figure: {target}")


if __name__ == "__main__":
    main()
