"""The phases of erf networks, measured: a diagram over weight and bias variance, and a table of the three phases."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from jax import lax
from numpy.typing import NDArray

from roughntk import _checks, sphere
from roughntk.depth import classify
from roughntk.files import drawing, folders
from roughntk.kernels import ErfNNGP, ErfNTK, KernelFamily
from roughntk.kernels import family as family_by_name

OWN = ("phase.json", "phase_diagram.png", "phase_diagram.svg")
WEIGHTS, BIASES = (0.5, 3.5), (0.01, 0.5)
LAYERS, DEPTH, ANGLE = 5000, 100, 1.0
ROWS = (("ordered", 1.0), ("critical", None), ("chaotic", 2.5))
BIAS_VARIANCE = 0.1
CONDITION_DEPTHS = (10, 100, 1000)
SINGULAR = 1e14  # a condition number beyond this is rounding


@dataclasses.dataclass(frozen=True)
class PhaseRow:
    """One member of the erf family: what `classify` measures of it, and condition numbers on ten points of S^4.

    Attributes:
        family, phase, weight_variance, bias_variance: the member and its measured phase.
        chi, fixed_point, ratio: multiplier at c = 1, c*, limit of off/on the diagonal.
        rate: how |K_L - limit| falls.
        condition_numbers: at `CONDITION_DEPTHS`; inf where the matrix is singular to rounding.
        condition_limit: (1 + (n - 1) r)/(1 - r) from the limit ratio; inf at r = 1.
    """

    family: str
    phase: str
    weight_variance: float
    bias_variance: float
    chi: float
    fixed_point: float
    ratio: float
    rate: str
    condition_numbers: tuple[float, ...]
    condition_limit: float


@dataclasses.dataclass(frozen=True)
class PhaseDiagram:
    """Fixed point, multiplier at 1 and NTK ratio on a grid (bias variance down, weight variance across), and the rows.

    Attributes:
        weight_variance, bias_variance: axes.
        fixed_point: c* after 5000 layers from c = 1/2, shape (biases, weights).
        multiplier: chi at c = 1.
        ratio: the normalised NTK at theta_1 = 1 and depth 100.
        critical_line: sigma_w^2 with chi = 1 for each bias variance, interpolated between the measured multipliers.
        rows: NTK and NNGP in the three phases.
    """

    weight_variance: NDArray[np.float64]
    bias_variance: NDArray[np.float64]
    fixed_point: NDArray[np.float64]
    multiplier: NDArray[np.float64]
    ratio: NDArray[np.float64]
    critical_line: NDArray[np.float64]
    rows: tuple[PhaseRow, ...]


def phase_diagram(out: str | Path, *, points: int = 41) -> PhaseDiagram:
    """Measure the phases of the erf network and write phase_diagram.png, .svg and phase.json into the folder `out`.

    Args:
        out: folder to write; an earlier result is replaced as a whole.
        points: grid points on each axis, 5 to 200.

    Raises:
        InputError: bad settings, or a folder that cannot be written.
    """
    points = _checks.integer(points, "points", least=5, most=200)
    with folders.replacing(out, OWN) as folder:
        diagram = measure(points)
        with matplotlib.rc_context(drawing.STYLE):
            drawing.save(draw(diagram), folder, "phase_diagram")
        (folder / OWN[0]).write_text(json.dumps(record(diagram), indent=1), encoding="utf-8")
    return diagram


def measure(points: int) -> PhaseDiagram:
    """The diagram on a grid of that many points on each axis, and the rows of the table."""
    weights, biases = np.linspace(*WEIGHTS, points), np.linspace(*BIASES, points)
    across, down = np.meshgrid(weights, biases)
    on_grid = _on_grid(jnp.asarray(across.ravel()), jnp.asarray(down.ravel()))
    fixed_point, multiplier, ratio = (np.asarray(part).reshape(across.shape) for part in on_grid)
    line = np.array([float(np.interp(1.0, chi, weights)) for chi in multiplier])
    rows = tuple(row(kind, weight) for kind in (ErfNTK, ErfNNGP) for _, weight in ROWS)
    return PhaseDiagram(weights, biases, fixed_point, multiplier, ratio, line, rows)


@eqx.filter_jit
def _on_grid(weights, biases):
    def one(weight, bias):
        family: Any = family_by_name(ErfNTK.name, weight_variance=weight, bias_variance=bias)
        layer = family.settled_map()
        chi = jax.jvp(layer, (jnp.zeros(()),), (jnp.ones(()),))[1]
        defect = lax.fori_loop(0, LAYERS, lambda _, e: jnp.minimum(layer(e), 2.0), jnp.asarray(0.5))
        return 1 - defect, chi, family.at_angle(jnp.asarray(ANGLE), DEPTH)

    return jax.vmap(one)(weights, biases)


def row(kind: type[ErfNTK] | type[ErfNNGP], weight: float | None) -> PhaseRow:
    """One row of the table; without a weight variance that of the critical member."""
    family = _member(kind, weight)
    measured = classify(family)
    assert measured.ratio is not None and measured.chi is not None and measured.fixed_point is not None
    conditions = condition_numbers(family, CONDITION_DEPTHS)
    collapses = abs(measured.ratio - 1) < max(1e-9, 10 * measured.ratio_uncertainty)
    limit = math.inf if collapses else (1 + 9 * measured.ratio) / (1 - measured.ratio)
    return PhaseRow(
        kind.name, measured.phase, float(family.weight_variance), BIAS_VARIANCE, measured.chi, measured.fixed_point,
        measured.ratio, "not seen" if measured.rate is None else measured.rate.short, tuple(conditions), limit,
    )  # fmt: skip


def _member(kind: type[ErfNTK] | type[ErfNNGP], weight: float | None) -> Any:
    if weight is None:
        return kind.critical(BIAS_VARIANCE)
    return family_by_name(kind.name, weight_variance=weight, bias_variance=BIAS_VARIANCE)


def condition_numbers(family: KernelFamily, depths) -> list[float]:
    """Condition number of the kernel matrix on ten random points of S^4; inf where it is singular to rounding."""
    theta = sphere.angles(sphere.uniform(10, 5, 0))
    K = np.asarray(family.trajectory(theta, max(depths)))[np.asarray(depths) - 1]
    numbers = np.linalg.cond(K)
    return [float(value) if value < SINGULAR else math.inf for value in numbers]


def draw(diagram: PhaseDiagram):
    """Four panels: fixed point, multiplier, ratio at depth 100, condition numbers against depth."""
    figure, axes = drawing.canvas(2, 2, (10.5, 8))
    images: list[tuple[Any, str, str, NDArray, dict[str, Any]]] = [
        (axes[0, 0], "Fixed point of the correlation", "$c^*$", diagram.fixed_point, {"cmap": "viridis", "vmax": 1.0}),
        (axes[0, 1], "Multiplier at $c = 1$", r"$\chi$", diagram.multiplier, _around_one(diagram.multiplier)),
        (
            axes[1, 0], f"NTK ratio at depth {DEPTH}", "off/on the diagonal", diagram.ratio,
            {"cmap": "cividis", "vmin": 0.0, "vmax": 1.0},
        ),
    ]  # fmt: skip
    for axis, title, label, values, style in images:
        mesh = axis.pcolormesh(
            diagram.weight_variance, diagram.bias_variance, values, shading="gouraud", rasterized=True, **style
        )
        axis.figure.colorbar(mesh, ax=axis, label=label)
        axis.plot(diagram.critical_line, diagram.bias_variance, color="white", linewidth=2.4)
        axis.plot(diagram.critical_line, diagram.bias_variance, color="black", linewidth=1.2, linestyle="--")
        axis.set(
            title=title, xlabel=r"weight variance $\sigma_w^2$", ylabel=r"bias variance $\sigma_b^2$",
            xlim=WEIGHTS, ylim=BIASES,
        )  # fmt: skip
        axis.grid(False)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "boxstyle": "round,pad=0.2"}
    axes[0, 0].text(0.62, 0.42, "ordered", bbox=box)
    axes[0, 0].text(2.6, 0.06, "chaotic", bbox=box)
    axes[0, 0].text(2.35, 0.45, r"critical: $\chi = 1$", bbox=box)
    _draw_conditions(axes[1, 1])
    return figure


def _around_one(values: NDArray[np.float64]) -> dict[str, Any]:
    reach = float(np.abs(values - 1).max())
    return {"cmap": "RdBu_r", "vmin": 1 - reach, "vmax": 1 + reach}


def _draw_conditions(axis) -> None:
    depths = np.unique(np.round(np.geomspace(1, 1000, 60)).astype(int))
    for colour, (phase, weight) in zip(drawing.COLOURS, ROWS, strict=False):
        for kind, line in ((ErfNTK, "-"), (ErfNNGP, ":")):
            family = _member(kind, weight)
            values = np.array(condition_numbers(family, depths))
            label = f"{phase}, {'NTK' if kind is ErfNTK else 'NNGP'}"
            axis.loglog(depths, np.where(np.isfinite(values), values, np.nan), line, color=colour, label=label)
    axis.set(
        title="Condition number, ten points of $S^4$", xlabel="network depth $L$", ylabel="condition number",
        ylim=(0.7, SINGULAR),
    )  # fmt: skip
    axis.legend(ncols=1)


def record(diagram: PhaseDiagram) -> dict[str, Any]:
    """The content of phase.json; infinity becomes null."""
    content: dict[str, Any] = {
        key: getattr(diagram, key).tolist()
        for key in ("weight_variance", "bias_variance", "fixed_point", "multiplier", "ratio", "critical_line")
    }
    content["rows"] = [
        {
            **dataclasses.asdict(each),
            "condition_numbers": [value if math.isfinite(value) else None for value in each.condition_numbers],
            "condition_limit": each.condition_limit if math.isfinite(each.condition_limit) else None,
        }
        for each in diagram.rows
    ]
    return content


HEADINGS = (
    "family", "phase", "sigma_w^2", "chi", "c*", "limit ratio", "rate",
    *(f"condition, L = {depth:,}" for depth in CONDITION_DEPTHS), "limit",
)  # fmt: skip


def cells(diagram: PhaseDiagram) -> list[tuple[str, ...]]:
    """The table of the three phases (sigma_b^2 = 0.1, ten points of S^4) as text, under `HEADINGS`."""
    return [
        (
            each.family, each.phase, f"{each.weight_variance:.6g}", f"{each.chi:.4f}", f"{each.fixed_point:.4f}",
            f"{each.ratio:.4f}", each.rate, *map(_condition, each.condition_numbers), _condition(each.condition_limit),
        )
        for each in diagram.rows
    ]  # fmt: skip


def _condition(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "infinite"


__all__ = ["HEADINGS", "PhaseDiagram", "PhaseRow", "cells", "measure", "phase_diagram", "record"]
