"""Draws the figures of docs/pages/explanation/depth-as-a-real-number.md into docs/figures/.

python docs/make_figures.py
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas
from roughntk.maps import relu_flow as iteration
from roughntk.transport import clocks as bridge

FOLDER = Path(__file__).parent / "figures"


def angle_flow():
    """The angle at real depth, its whole depths, and half a layer."""
    figure, axes = canvas(1, 2, (10, 3.9))
    depth = np.linspace(1, 10, 400)
    for colour, start in zip(COLOURS, (3.1, np.pi / 2, 1.0, 0.5), strict=False):
        axes[0, 0].plot(depth, iteration.flow(start, depth - 1), color=colour, label=f"$\\theta_1 = {start:.3g}$")
        axes[0, 0].plot(range(1, 11), iteration.flow(start, np.arange(10.0)), "o", color=colour, markersize=3.5)
    axes[0, 0].set(title="Angle at real depth", xlabel="depth $l$", ylabel="angle $\\theta_l$ (radians)")
    axes[0, 0].legend()
    theta = np.linspace(0, np.pi, 300)
    half = iteration.flow(theta, 0.5)
    axes[0, 1].plot(theta, iteration.flow(theta, 1.0), color=COLOURS[0], label="one layer $f$")
    axes[0, 1].plot(theta, half, color=COLOURS[1], label="half a layer $f^{1/2}$")
    axes[0, 1].plot(theta, iteration.flow(half, 0.5), ":", color="black", label="half a layer, twice")
    axes[0, 1].plot(theta, theta, color="#bbbbbb", linewidth=0.8)
    axes[0, 1].set(title="Half a layer", xlabel="angle before (radians)", ylabel="angle after (radians)")
    axes[0, 1].legend()
    return figure


def vector_field():
    """v beside the speed of the paper's psi-interpolation and the ResNet field."""
    figure, axes = canvas(1, 2, (10, 3.9))
    theta = np.linspace(0.01, 2.2, 400)
    axes[0, 0].plot(theta, -np.asarray(iteration.generator(theta)), color=COLOURS[0], label="network: $-v(\\theta)$")
    resnet = (1 - theta / np.tan(theta)) / np.pi
    axes[0, 0].plot(theta, resnet, color=COLOURS[2], label="ResNet, $\\sigma_w^2 = 2$")
    axes[0, 0].plot(theta, theta**2 / (3 * np.pi), label="$\\theta^2/(3\\pi)$", **LIMIT_STYLE)
    axes[0, 0].set(
        title="How fast the angle falls", xlabel="angle $\\theta$ (radians)", ylabel="$-d\\theta/dl$ (radians a layer)",
        ylim=(0, 1.2),
    )  # fmt: skip
    axes[0, 0].legend()
    depth = np.linspace(1, 6, 1500)
    speed = -np.asarray(iteration.generator(iteration.flow(np.pi / 2, depth - 1)))
    axes[0, 1].plot(depth, speed, color=COLOURS[0], label="flow: smooth in depth")
    for colour, d in ((COLOURS[1], 1.0), (COLOURS[3], 0.3)):
        axes[0, 1].plot(depth, interpolated_speed(depth, d), color=colour, linewidth=1, label=f"$\\psi_d$, $d = {d:g}$")
    axes[0, 1].set(title="From $\\theta_1 = \\pi/2$", xlabel="depth $l$", ylabel="$-d\\theta/dl$ (radians a layer)")
    axes[0, 1].legend()
    return figure


def interpolated_speed(depth: np.ndarray, d: float) -> np.ndarray:
    """-d theta/dl along the paper's interpolation of the correlation, theta_1 = pi/2."""
    clock = bridge.PsiClock(np.log(d))

    def angle(at):
        layer = jnp.floor(jax.lax.stop_gradient(at))
        before, after = (jnp.cos(iteration.flow(jnp.pi / 2, layer + k)) for k in (-1.0, 0.0))
        return jnp.arccos(before + clock.position_at_paper_time(at - layer) * (after - before))

    inside = np.clip(depth, depth[0] + 1e-9, depth[-1] - 1e-9)
    return -np.asarray(jax.jit(jax.vmap(jax.grad(angle)))(jnp.asarray(inside)))


def kernel_to_a_million():
    """K(l) for several correlations to depth 10^6."""
    figure, axes = canvas(1, 2, (10, 3.9))
    depth = np.geomspace(1, 1e6, 400)
    family = rn.kernels.ReluNTK()
    for colour, rho in zip(COLOURS, (0.999, 0.9, 0.5, 0.0, -0.5, -1.0), strict=False):
        axes[0, 0].semilogx(depth, family.at_correlation(rho, depth), color=colour, label=f"$\\rho_1 = {rho:g}$")
        gap = np.abs(np.asarray(family.at_correlation(rho, depth)) - 0.25)
        axes[0, 1].loglog(depth, gap, color=colour)
    axes[0, 0].axhline(0.25, label="limit 1/4", **LIMIT_STYLE)
    deep = depth[depth > 30]
    axes[0, 1].loglog(deep, 3 / 8 * np.log(deep) / deep, label="$\\frac{3}{8} \\log L / L$", **LIMIT_STYLE)
    axes[0, 0].set(title="Kernel $K(l)$", xlabel="depth $l$", ylabel="kernel value")
    axes[0, 1].set(title="Distance to the limit $|K(l) - 1/4|$", xlabel="depth $l$", ylabel="distance", ylim=(1e-7, 2))
    axes[0, 0].legend(ncols=2)
    axes[0, 1].legend()
    return figure


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        for draw in (angle_flow, vector_field, kernel_to_a_million):
            draw().savefig(FOLDER / f"{draw.__name__}.png", dpi=150)
            print(FOLDER.name + f"/{draw.__name__}.png")
