"""The figures of a study that show its kernels, coefficients and transports: each with its title and caption."""

import numpy as np

from roughntk._checks.precision import EPS
from roughntk.files.drawing import COLOURS, DASHES, LIMIT_STYLE, canvas, depth_ticks, fold_peaks, spread_out
from roughntk.study.result import Study
from roughntk.study.sentences import infinite_sentence, transport_sentence


def kernel_entries(study: Study):
    """Kernel between training points, and between test and training points, against depth."""
    kernels = study.kernels
    figure, axes = canvas(1, 2, (9.6, 3.8))
    symbol = study.law.symbol
    n = len(study.data.X)
    i, j = np.triu_indices(n, 1)
    rng = np.random.default_rng(0)
    pick = np.sort(rng.permutation(len(i))[:60])
    within = kernels.within[:, i[pick], j[pick]]
    across = kernels.across[:, :, 0][:, :60]
    for axis, values, title in (
        (axes[0, 0], within, f"Training points, ${symbol}(x_i, x_j)$, $i \\neq j$"),
        (axes[0, 1], across, f"First test point, ${symbol}(x, x_i)$"),
    ):
        axis.plot(kernels.depths, values, color=COLOURS[0], alpha=0.35, linewidth=0.9)
        if kernels.limit_entry is not None:
            axis.axhline(kernels.limit_entry, label=f"limit {kernels.limit_entry:.4g}", **LIMIT_STYLE)
            axis.legend(loc="best")
        axis.set(title=title, xlabel="network depth $L$", ylabel="kernel value")
    depth_ticks(kernels.depths, *axes[0])
    tends = "All of them tend to the dashed limit: "
    if kernels.limit_pairs is not None:
        ends = (kernels.limit_pairs[0][i[pick], j[pick]], kernels.limit_pairs[1][:, 0][:60])
        first, last = kernels.depths[0], kernels.depths[-1]
        right = 1.3 * last if spread_out(kernels.depths) else last + 0.05 * (last - first)
        for axis, values in zip(axes[0], ends, strict=True):
            axis.plot(np.full(len(values), right), values, "D", color="black", markersize=3)
        tends = "Diamonds at the right end are the limit of infinite depth, "
    elif kernels.limit_entry is None:
        tends = "They tend to "
    shown = f" ({len(pick)} of {len(i)} pairs shown)" if len(pick) < len(i) else ""
    caption = f"Every curve is one pair of points{shown}. {tends}{study.law.limit}"
    return figure, "Kernel entries against depth", caption


def coefficients(study: Study):
    """Closed form as lines, ODE solutions as markers, limit dashed."""
    kernels = study.kernels
    figure, axes = canvas(1, 1, (9.6, 4.2))
    axis = axes[0, 0]
    known = sorted({*kernels.depths, *kernels.following})
    depths = [depth for depth in known if depth > 1 and kernels.solved[depth] is not None]
    chosen = np.argsort(-np.abs(kernels.across[0, :, 0]))[: len(COLOURS)]
    chosen = chosen[np.argsort(chosen)]
    carried = {
        row["depth"] + 1: row["coefficients"]
        for row in study.transport
        if row["clock"] == "psi" and row["rhs"] == "joint" and row["coefficients"] is not None
    }
    for colour, dash, i in zip(COLOURS, DASHES, chosen, strict=False):
        line = [kernels.coefficients_at(depth)[i, 0] for depth in depths]
        axis.plot(depths, line, color=colour, linestyle=dash, linewidth=1.3, label=f"$u_{{{i}}}$")
        axis.plot(list(carried), [u[i, 0] for u in carried.values()], "o", color=colour, markersize=3.6)
    axis.plot([], [], "o", color="#555555", markersize=3.6, label="equation, ψ clock")
    dashed = ""
    if kernels.limit_coefficients is not None:
        for value in np.unique(np.round(kernels.limit_coefficients[chosen, 0], 12)):
            axis.axhline(value, **LIMIT_STYLE)
        axis.plot([], [], label="limit", **LIMIT_STYLE)
        dashed = " Dashed: the limit of infinite depth."
    axis.set(xlabel="network depth $L$", ylabel="coefficient $u_i$", title="Coefficients of the first test point")
    folded = fold_peaks(axis, np.array([kernels.coefficients_at(depth)[chosen, 0] for depth in depths]))
    depth_ticks(kernels.depths, axis)
    axis.legend(ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
    linear = " (depth 1, the linear kernel, is in tables/coefficients.csv)" if kernels.depths[0] == 1 else ""
    caption = (
        "Lines: closed form K(X,X)⁻¹K(X,x) at each depth. Markers: the solution of the controlled equation "
        "(Theorem 3), carried from one layer before with the paper's clock ψ. They coincide. Shown are the "
        f"{len(chosen)} training points nearest to the test point, from depth 2 on{linear}."
        f"{dashed}{folded}"
    )
    return figure, "Coefficients against depth", caption


def errors(study: Study):
    """Error against the closed form and residual, for both clocks and right-hand sides."""
    figure, axes = canvas(1, 2, (9.6, 3.8))
    styles = {
        ("arc", "joint"): "o-",
        ("arc", "paper"): "s--",
        ("psi", "joint"): "^-",
        ("psi", "paper"): "v--",
    }
    shown = [r for r in study.transport if r["error"] is not None]
    for colour, ((clock, rhs), style) in zip(COLOURS, styles.items(), strict=False):
        rows = [r for r in shown if (r["clock"], r["rhs"]) == (clock, rhs)]
        depths = [r["depth"] for r in rows]
        label = f"{'ψ' if clock == 'psi' else 'arc'} clock, {rhs}"
        for axis, key in ((axes[0, 0], "error"), (axes[0, 1], "residual")):
            values = np.maximum([r[key] for r in rows], 1e-17)
            axis.plot(depths, values, style, color=colour, markersize=3.2, linewidth=0.9, label=label)
    bounds = {r["depth"]: r["error_bound"] for r in shown}
    proven = {depth: max(r["proven"] for r in shown if r["depth"] == depth) for depth in bounds}
    if bounds:
        axes[0, 0].plot(list(proven), list(proven.values()), ":", color="black", linewidth=1.2, label="proven")
        axes[0, 0].plot(list(bounds), list(bounds.values()), label="bound of the error", **LIMIT_STYLE)
    for axis, title in (
        (axes[0, 0], r"Error max$|u - u_{\mathrm{closed}}|$ / max(1, max$|u|$)"),
        (axes[0, 1], r"Residual max$_t|A(t)u(t) - b(t)|$"),
    ):
        axis.set(title=title, xlabel="network depth $L$ (transport $L \\to L+1$)", yscale="log")
    depth_ticks(study.kernels.depths, *axes[0])
    axes[0, 0].set_ylabel("dimensionless")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    caption = (
        "One point per transport from L to L+1. The dashed bound is what the rounding of the entries of the two "
        "kernels may change in u, at least 1e-9; a transport beyond it has not converged. Dotted: what is proven of "
        "the error, that of the closed form included."
    )
    if any(r["system"] == "deflated" for r in shown):
        first = min(r["depth"] for r in shown if r["system"] == "deflated")
        caption += (
            f" From L = {first} on the bordered systems of the deflated kernel are integrated: K itself is nearly "
            f"singular there, they are not."
        )
    left_out = sorted({r["depth"] for r in study.transport if r["error"] is None})
    if left_out:
        caption += f" Not shown: L = {', '.join(map(str, left_out))}, where a kernel matrix is singular or indefinite."
    return figure, "Error and residual of the transport", caption


def conditioning(study: Study):
    """Determinant and condition number of the kernel matrix against depth."""
    kernels = study.kernels
    figure, axes = canvas(1, 2, (9.6, 3.8))
    n = len(study.data.X)
    depths = np.array(kernels.depths)
    log_det = np.array([kernels.log_det[d] for d in kernels.depths]) / np.log(10)
    finite = np.isfinite(log_det)
    axes[0, 0].plot(depths[finite], log_det[finite], "o-", color=COLOURS[0], markersize=3.2)
    axes[0, 0].set(title="Determinant", xlabel="network depth $L$", ylabel=r"$\log_{10}\,\det K_L(X,X)$")
    condition = np.array([kernels.condition[d] for d in kernels.depths])
    axes[0, 1].semilogy(depths, condition, "o-", color=COLOURS[1], markersize=3.2)
    axes[0, 1].set(title="Condition number", xlabel="network depth $L$", ylabel=r"$\lambda_{\max} / \lambda_{\min}$")
    depth_ticks(kernels.depths, *axes[0])
    ratio = study.law.ratio
    if ratio is not None and 0 <= ratio < 1 and np.allclose(kernels.within[:, 0, 0], 1.0):
        limit = ((n - 1) * np.log1p(-ratio) + np.log1p((n - 1) * ratio)) / np.log(10)
        largest = 1 + n * ratio / (1 - ratio)
        words, below = _condition_limit(ratio)
        axes[0, 0].axhline(limit, label=f"limit {limit:.4g}", **LIMIT_STYLE)
        axes[0, 1].axhline(largest, label=f"limit {words} = {largest:.4g}", **LIMIT_STYLE)
        axes[0, 0].legend(loc="best")
        axes[0, 1].legend(loc="best")
        caption = (
            f"The determinant tends to {below} > 0 and the condition number to {words} (dashed): the limit kernel is "
            f"not singular, against what the paper's Section 6 asks for."
        )
    else:
        caption = (
            "The kernel matrix becomes singular as all its entries tend to one value; both numbers come from its "
            "deflated form, in which coefficients stay accurate."
            if study.law.hyperbolic or study.family.collapses
            else f"The kernel matrix stays regular: off the diagonal it tends to {study.law.limit}"
        )
    return figure, "Determinant and condition number", caption


def _condition_limit(ratio: float) -> tuple[str, str]:
    """(limit of the condition number, of the determinant) in words, for (1 - r) I + r 1 1^T."""
    if ratio == 0.25:
        return "1 + n/3", "(3/4)ⁿ⁻¹(3+n)/4"
    return f"1 + {ratio / (1 - ratio):.4g} n", f"(1−r)ⁿ⁻¹(1+(n−1)r), r = {ratio:.4g},"


def infinite_depth(study: Study):
    """Kernel, coefficients and distance to the limit on a logarithmic depth axis, ending in the limit."""
    deep = study.deep
    assert deep is not None
    assert study.kernels.limit_entry is not None and study.kernels.limit_coefficients is not None
    figure, axes = canvas(1, 3, (11.4, 3.9))
    L = deep.depths
    end = L[-1] * 6  # where the limit itself is drawn
    chosen = np.argsort(-deep.kernel[0])[: len(COLOURS)]
    limit = study.kernels.limit_coefficients[:, 0]
    for colour, dash, i in zip(COLOURS, DASHES, chosen, strict=False):
        axes[0, 0].plot(L, deep.kernel[:, i], color=colour, linestyle=dash, linewidth=1.1)
        axes[0, 1].plot(L, deep.coefficients[:, i], color=colour, linestyle=dash, linewidth=1.1)
        axes[0, 1].plot(end, limit[i], "D", color=colour, markersize=5)
    axes[0, 0].plot(end, study.kernels.limit_entry, "D", color="black", markersize=5)
    axes[0, 0].axhline(study.kernels.limit_entry, label=f"limit {study.kernels.limit_entry:.4g}", **LIMIT_STYLE)
    axes[0, 0].legend(loc="best")
    for value in np.unique(np.round(limit[chosen], 12)):
        axes[0, 1].axhline(value, **LIMIT_STYLE)
    folded = fold_peaks(axes[0, 1], deep.coefficients[:, chosen])
    axes[0, 2].loglog(L, deep.distance, color=COLOURS[0], label="distance to the limit")
    if deep.expansion_distance is not None:
        axes[0, 2].loglog(L, deep.expansion_distance, color=COLOURS[2], label="distance to the expansion")
    met = [row for row in deep.needed if row["whole_depth"] and row["whole_depth"] <= L[-1]]
    if met:
        axes[0, 2].plot(
            [row["whole_depth"] for row in met], [row["bound"] for row in met], "v", color=COLOURS[1], markersize=5,
            label="a-posteriori bound",
        )  # fmt: skip
    carried = deep.transport
    if carried and len(carried["depths"]):
        places = np.where(np.isinf(carried["depths"]), end, carried["depths"])
        axes[0, 2].loglog(
            places, np.maximum(carried["errors"], EPS), "o", color=COLOURS[3], markersize=4,
            label="error of the transport",
        )  # fmt: skip
    axes[0, 2].set_ylim(bottom=axes[0, 2].get_ylim()[0] * 1e-7)  # room for the legend below the curves and markers
    axes[0, 2].legend(loc="lower left")
    ticks = [1e1, 1e2, 1e3, 1e4, 1e5, 1e6]
    names = ["$10$", *(f"$10^{k}$" for k in range(2, 7))]
    for axis, last in ((axes[0, 0], True), (axes[0, 1], True), (axes[0, 2], bool(carried))):
        axis.set_xscale("log")
        shown = ([*ticks[::2], end], [*names[::2], r"$\infty$"]) if last else (ticks[::2], names[::2])
        axis.set_xticks(*shown)
        axis.set_xticks([], minor=True)
        axis.set_xlabel("network depth $L$, real")
    axes[0, 0].set(title=f"Kernel ${study.law.symbol}(x, x_i)$", ylabel="kernel value")
    axes[0, 1].set(title="Coefficients $u_i$", ylabel="coefficient")
    axes[0, 2].set(title=r"max$|u_L - u_\infty|$", ylabel="largest difference")
    caption = (
        "First test point, its ten nearest training points, at 41 real depths; the diamonds at the right end are the "
        "limit. " + " ".join(part for part in (infinite_sentence(study), transport_sentence(study)) if part)
    ) + folded
    return figure, "As depth grows to infinity", caption
