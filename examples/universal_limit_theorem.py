"""The universal limit theorem inside a neural network: the same increments, two lifts, and one of them is the network.

Claim: a network's own weights make a path, dX_l = chol(Z_l^T Z_l/n) - I with Z_l the whitened preactivations of layer
l, and the Gram matrix of its hidden states is the solution of dM = M dX + M Psi ds, V = M M^T, along the Ito lift of
that path, up to an error that falls like n^{-1/2} in the width n. Along the piecewise-linear lift of the same
increments log V^11 ends t/2 too high, at every width: the second level decides, which the path does not know.

python examples/universal_limit_theorem.py [figure.png]
"""

import sys
import tempfile
from pathlib import Path

import jax
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas, plain_log_labels

WIDTHS, NETWORKS, C = [50, 100, 200, 400], 48, 0.75
X = np.array([[1.0, 0.0], [0.6, 0.8]])
LIFTS = {"ito": "Ito lift", "piecewise-linear": "piecewise-linear lift"}


def one_network(width, seed):
    """A shaped ReLU network as deep as wide, its driver and both solutions along it."""
    driver = rn.networks.network_driver(
        jax.random.key(1000 * width + seed), X, layers=width, width=width, c_plus=C, c_minus=-C
    )
    return driver, {lift: driver.solve(lift=lift, rtol=1e-6, atol=1e-9) for lift in LIFTS}


errors = {lift: [] for lift in LIFTS}
for width in WIDTHS:
    print(f"{NETWORKS} networks of {width} layers and width {width}", file=sys.stderr, flush=True)
    ends = [[solved.errors[-1, 0] for solved in one_network(width, seed)[1].values()] for seed in range(NETWORKS)]
    for lift, column in zip(LIFTS, np.array(ends).T, strict=True):
        errors[lift].append(float(np.sqrt(np.mean(column**2))))
slope = float(np.polyfit(np.log(WIDTHS), np.log(errors["ito"]), 1)[0])
for lift in LIFTS:
    listed = ", ".join(f"{e:.3f}" for e in errors[lift])
    print(f"{LIFTS[lift]}: root mean square errors of log V11 {listed} at widths {WIDTHS}")
print(f"slope along the Ito lift: {slope:.2f}")
assert abs(slope + 0.5) < 0.15
assert abs(errors["piecewise-linear"][-1] - 0.5) < 0.1 and errors["ito"][-1] < 0.2

driver, solutions = one_network(WIDTHS[-1], 1)
print(driver)
summaries = [driver.solve(pieces=20, level=level) for level in (1, 2)]
every = solutions["ito"].factors[-1]
off = [float(np.linalg.norm(each.factors[-1] - every) / np.linalg.norm(every)) for each in summaries]
print(f"its {driver.layers} layers in 20 pieces: off by {off[0]:.3f} at level 1, {off[1]:.4f} at level 2")
assert off[1] < off[0] / 2


def log_variance(factors):
    return 2 * np.log(np.linalg.norm(factors[:, 0], axis=-1))


with matplotlib.rc_context(STYLE):
    figure, axes = canvas(1, 2, (10, 3.9))
    left, right = axes[0]
    left.plot(driver.times, log_variance(driver.factors), color="black", linewidth=2.2, label="the network")
    for colour, (lift, solved) in zip(COLOURS, solutions.items(), strict=False):
        left.plot(
            solved.times, log_variance(solved.factors), color=colour, linewidth=1.1, label=f"along the {LIFTS[lift]}"
        )
    left.set(title=f"One network of width {WIDTHS[-1]}, its own path, two lifts", xlabel="depth time $s$ = layer/width",
             ylabel="$\\log V^{11}$")  # fmt: skip
    left.legend()
    right.loglog(WIDTHS, errors["piecewise-linear"], "s-", color=COLOURS[1], label="piecewise-linear lift: $t/2$")
    right.loglog(WIDTHS, errors["ito"], "o-", color=COLOURS[0], label=f"Ito lift: slope {slope:.2f}")
    right.axhline(0.5, color=COLOURS[1], linestyle=":", linewidth=1)
    right.loglog(WIDTHS, 2 * C * np.sqrt(3 / np.array(WIDTHS)), ":", color=COLOURS[0], linewidth=1,
                 label="$\\sqrt{3t}\\,|c_+-c_-|\\,n^{-1/2}$")  # fmt: skip
    right.set(title=f"Error at $t = 1$, {NETWORKS} networks", xlabel="width $n$ = layers",
              ylabel="root mean square error of $\\log V^{11}$")  # fmt: skip
    right.set_xticks(WIDTHS, [str(n) for n in WIDTHS])
    right.set_xticks([], minor=True)
    plain_log_labels(right.yaxis)
    right.legend()
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "universal_limit_theorem.png"
    figure.savefig(path, dpi=150)
print(f"figure: {path}")
