"""A proven bound of the error of coefficients that were carried along a path of linear systems.

With r = A u - b at positions s_0 < ... < s_N, u_k any numbers there and e_k = u_k - A_k^{-1} b_k their errors,

    e_{k+1} = A_{k+1}^{-1} A_k e_k + A_{k+1}^{-1} (r_{k+1} - r_k),

since the equation conserves A u - b: from s_k to s_{k+1} its flow is A_{k+1}^{-1} A_k, whatever the path is between
them. In the energy norm |e|_A = (e^T A e)^{1/2}, which moves along with A, the flow grows by at most exp(V_k/2),

    V_k = max |log lambda|,  lambda the eigenvalues of A_k^{-1} A_{k+1}:      the increment of the driver's matrix part,

so that with V the sum of V_k, the 1-variation of the driver over these positions, Gronwall's inequality says

    |e_N|_A <= exp(V/2) |e_0|_A + sum_k exp((V_{k+1} + ... + V_{N-1})/2) |A_{k+1}^{-1} (r_{k+1} - r_k)|_A,

and |e_i| <= (A^{-1})_ii^{1/2} |e|_A. Bordered systems are indefinite: there A stands for its absolute value in the
norm, and V_k for 2 max |log sigma|, sigma the singular values of the flow in that norm.

At the end the error is A_N^{-1} r_N, too. That is the sharper of the two bounds; the other one says where the error
comes from. Residuals are computed to far below rounding, and rounding is added outward
(:mod:`roughntk.linalg.enclosures`).
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np

from roughntk import _checks, _display
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.linalg import Errors, Solution
from roughntk.linalg.enclosures import Factored, Known, exact_residual
from roughntk.transport.paths import CoefficientPath


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """What is proven of coefficients u that were carried to the end of a path.

    Attributes:
        bound: of |u - A^{-1} b|, A and b the float64 numbers of the system at the end: the smaller of the next two.
            Infinite where nothing is known. (n, m).
        direct: the bound from the residual at the end alone, |A^{-1} (A u - b)|. (n, m).
        gronwall: the bound from the residuals on the way and the 1-variation of the driver, the sum of the next three.
            (n, m).
        start, steps, rounding: its parts: the error at the start, what the steps added, and the rounding of the
            residuals, each with its growth up to the end. (n, m).
        one_variation: V of the driver's matrix part over the positions used, in the energy norm.
        growth: exp(V/2), the most by which an error can grow from start to end, in that norm.
        closed_form: bound of |closed form - A^{-1} b|: the smaller of what that form says of itself and of what its
            residual proves; 0 where there is none. (n, m).
        entries: bound of |A^{-1} b - true u|: what the errors of the entries of A and b may change. (n, m).
        along: bounds of `errors`, from `bound` and `closed_form` there, shape (k,): at the times of a result, NaN where
            it has no errors; of `certificate_of` at the positions.
        errors: max |u - closed form| / max(1, max |u|); NaN where there is no closed form. (k,).
        size: max(1, max |u|).
        holds: whether the difference from the closed form is within `bound` and `closed_form`, entry by entry, at the
            end and wherever there is one on the way. Where it is not, something is broken.
    """

    bound: np.ndarray
    direct: np.ndarray
    gronwall: np.ndarray
    start: np.ndarray
    steps: np.ndarray
    rounding: np.ndarray
    one_variation: float
    growth: float
    closed_form: np.ndarray
    entries: np.ndarray
    along: np.ndarray
    errors: np.ndarray
    size: float
    holds: bool

    @property
    def relative(self) -> float:
        """The most that max |u - closed form| / max(1, max |u|) can be at the end."""
        return _largest(self.bound + self.closed_form) / self.size

    @property
    def total(self) -> np.ndarray:
        """Bound of |u - true u|: `bound` and `entries` together. (n, m)."""
        return self.bound + self.entries

    @property
    def parts(self) -> dict[str, float]:
        """The largest entries of the parts, each over max(1, max |u|), by name."""
        return {name: _largest(getattr(self, name)) / self.size for name in _BOUNDS}

    def placed(self, where: np.ndarray) -> Self:
        """With `along` and `errors` of these of its places only, NaN where the number of a place is -1."""
        along, errors = (np.append(part, np.nan)[where] for part in (self.along, self.errors))
        return dataclasses.replace(self, along=along, errors=errors)

    def __repr__(self) -> str:
        return f"<Certificate: {'; '.join(f'{name} {value}' for name, value in self.rows())}>"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display: the bound and what it is made of, relative to max(1, max |u|)."""
        shown = _display.rounded_up
        parts = {name: shown(value, 2) for name, value in self.parts.items()}
        made_of = ", ".join(f"{name} {parts[name]}" for name in ("start", "steps", "rounding"))
        return [
            ("proven error", f"at most {shown(self.relative)}" + ("" if self.holds else ", which is exceeded")),
            (
                "by Gronwall's inequality",
                f"at most {parts['gronwall']} ({made_of}); 1-variation of the driver {shown(self.one_variation)}, "
                f"growth {shown(self.growth)}",
            ),
            ("errors of the kernel's entries", f"at most {parts['entries']} more"),
        ]

    @classmethod
    def unknown(cls, shape: tuple[int, ...], places: int) -> Self:
        """Nothing is known of coefficients of this shape, at any of the places."""
        nothing = np.full(places, np.inf)
        return cls(
            **{name: np.full(shape, np.inf) for name in _BOUNDS}, one_variation=math.inf, growth=math.inf,
            along=nothing, errors=nothing, size=1.0, holds=True,
        )  # fmt: skip


_BOUNDS = ("bound", "direct", "gronwall", "start", "steps", "rounding", "closed_form", "entries")


class Node(NamedTuple):
    """A place on the way: the system there, what was carried to it, and what it is compared with.

    Attributes:
        matrix, right: A and b, shapes (n, n) and (n, m).
        errors: bounds of the errors of their entries.
        carried: u, shape (n, m).
        closed: the solution in closed form, None where there is none.
        wanted: whether bounds are wanted here.
    """

    matrix: np.ndarray
    right: np.ndarray
    errors: Errors
    carried: np.ndarray
    closed: Solution | None
    wanted: bool


class _State(NamedTuple):
    """What is known at a node: its factor, its residual, and the parts of the bound of its error in the energy norm."""

    system: Factored
    residual: Known
    start: np.ndarray
    steps: np.ndarray
    rounding: np.ndarray
    variation: float


def certified(nodes: Iterable[Node], rows: int, scales: tuple[int, int]) -> Certificate:
    """The certificate of what was carried to the last of the nodes, where bounds are wanted.

    Args:
        nodes: in the order of travel, the start first, at least one.
        rows: how many of the unknowns are coefficients.
        scales: p and q, such that A 2^-p and u 2^-q are near 1.
    """
    state, along, gaps, holds = None, [], [], True
    with np.errstate(all="ignore"):
        for node in nodes:
            scaled = _scaled(node, *scales)
            state = _first(scaled) if state is None else _following(state, scaled)
            if not node.wanted:
                along.append(math.nan)
                gaps.append(math.nan)
                continue
            bounds = {name: _unscaled(value[:rows], scales[1]) for name, value in _bounds(state).items()}
            bounds["closed_form"] = _of_closed_form(node, state.system, rows, scales)
            carried = node.carried[:rows]
            exact = carried if node.closed is None else node.closed.coefficients
            size = max(1.0, _largest(exact))
            allowed = bounds["bound"] + bounds["closed_form"]
            holds = holds and _within(carried - exact, allowed)
            along.append(_largest(allowed) / size)
            gaps.append(math.nan if node.closed is None else distance(carried, exact))
        assert state is not None
        entries = state.system.error_of_entries(_bounds(state)["bound"], scaled.carried, scaled.right, scaled.errors)
    return Certificate(
        **bounds,
        entries=_unscaled(entries[:rows], scales[1]),
        one_variation=state.variation,
        growth=_growth(state.variation),
        along=np.array(along),
        errors=np.array(gaps),
        size=size,
        holds=holds,
    )


def exponents(matrices: Iterable[np.ndarray], solutions: np.ndarray) -> tuple[int, int]:
    """p and q for `certified`, of the matrices at both ends and all that was carried."""
    sizes = [math.frexp(_largest(matrix))[1] for matrix in matrices]
    top = float(np.abs(solutions).max(initial=0.0))
    return sum(sizes) // len(sizes), math.frexp(top)[1] if math.isfinite(top) else 0


def _scaled(node: Node, p: int, q: int) -> Node:
    """The node in units in which its matrix and what was carried are near 1: powers of two round nothing."""
    errors = node.errors._replace(
        matrix=np.ldexp(node.errors.matrix, -p), right=np.ldexp(node.errors.right, -p - q),
        on_data=np.ldexp(node.errors.on_data, -q),
    )  # fmt: skip
    matrix, right = np.ldexp(node.matrix, -p), np.ldexp(node.right, -p - q)
    return node._replace(matrix=matrix, right=right, errors=errors, carried=np.ldexp(node.carried, -q))


def _unscaled(bound: np.ndarray, q: int) -> np.ndarray:
    """The bound in the units of u, not rounded down where that is below the range of float64."""
    return np.where(bound > 0, np.nextafter(np.ldexp(bound, q), np.inf), bound)


def _first(node: Node) -> _State:
    """At the start: |e_0|_A."""
    system, residual = Factored(node.matrix), exact_residual(node.matrix, node.carried, node.right)
    start, rounding = system.energy(residual)
    return _State(system, residual, start, np.zeros_like(start), rounding, 0.0)


def _following(before: _State, node: Node) -> _State:
    """One step on: what there was grows by exp(V_k/2), and |A^{-1} (r_{k+1} - r_k)|_A is added."""
    system, residual = Factored(node.matrix), exact_residual(node.matrix, node.carried, node.right)
    variation = system.step_from(before.system)
    growth = _growth(variation)
    change = residual.value - before.residual.value
    radius = residual.radius + before.residual.radius + EPS * np.abs(change)
    added, rounding = system.energy(Known(change, radius))
    return _State(
        system,
        residual,
        growth * before.start,
        growth * before.steps + added,
        growth * before.rounding + rounding,
        before.variation + variation,
    )


def _bounds(state: _State) -> dict[str, np.ndarray]:
    """The bounds of `Certificate` at one node, in its units, for all unknowns."""
    reach = state.system.reach[:, None]
    parts = {name: reach * getattr(state, name) for name in ("start", "steps", "rounding")}
    parts |= {"gronwall": sum(parts.values()) * (1 + 64 * EPS), "direct": state.system.error(state.residual)}
    parts = {name: np.where(np.isnan(value), np.inf, value) for name, value in parts.items()}
    return parts | {"bound": np.minimum(parts["gronwall"], parts["direct"])}


def _of_closed_form(node: Node, system: Factored, rows: int, scales: tuple[int, int]) -> np.ndarray:
    """Bound of |closed form - A^{-1} b|, by its residual and by what it says of itself; 0 where there is none.

    What it says is of the true system, and A and b are within their errors of it; but where a column of b is one of A,
    that is so for the true ones only.
    """
    if node.closed is None:
        return np.zeros_like(node.carried[:rows])
    scaled = _scaled(node._replace(carried=node.closed.unknowns), *scales)
    residual = exact_residual(scaled.matrix, scaled.carried, scaled.right)
    proven = _unscaled(system.error(residual)[:rows], scales[1])
    on = node.errors.on_data.any(axis=0)
    return np.where(on, proven, np.minimum(proven, node.closed.forward_error))


def _growth(variation: float) -> float:
    """exp(V/2), infinite beyond float64."""
    return math.exp(variation / 2) * (1 + 4 * EPS) if variation < 1400 else math.inf


def distance(u: np.ndarray, exact: np.ndarray) -> float:
    """max |u - exact| / max(1, max |exact|); infinite where u is not finite."""
    gap = float(np.max(np.abs(u - exact))) / max(1.0, float(np.max(np.abs(exact))))
    return gap if np.isfinite(gap) else np.inf


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))


def _within(difference: np.ndarray, bound: np.ndarray) -> bool:
    """Whether no entry is beyond its bound; what is not finite is not known to be."""
    return not bool(np.any(np.abs(difference) > bound * (1 + 4 * EPS)))


def certificate_of(path: CoefficientPath, positions, values) -> Certificate:
    """The certificate of a solution of your own: what is proven of values carried along a path.

    Args:
        path: the systems A(s) u = b(s), as the `path` of a result, or one of your own. What `evaluate` returns is taken
            as it is: errors of its entries are not known, and count as nothing.
        positions: on the path, in the order of travel, the start first, shape (k,), k >= 1: those of a clock's times
            are ``clock.position(times)``.
        values: u there, with mu below it on the path of a bordered system, shape (k, n, m).

    Returns:
        A :class:`Certificate` of the last of the values; its `along` is at the positions.

    Raises:
        InputError: positions or values of other shapes, or a position that is not finite.

    Source: StArnaud2025, Theorem 3, with Gronwall's inequality.

    >>> import diffrax
    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
    >>> known = rn.transport.to_depth(rn.kernels.ReluNTK(), X, x)
    >>> own = diffrax.diffeqsolve(
    ...     diffrax.ODETerm(rn.transport.vector_field(known.path, known.clock)), diffrax.Heun(),
    ...     known.times[0], known.times[-1], 0.01, known.values[0], saveat=diffrax.SaveAt(t0=True, t1=True))
    >>> certificate = rn.transport.certificate_of(known.path, [known.times[0], known.times[-1]], own.ys)
    >>> bool(1e-7 < certificate.relative < 1e-4)
    True
    >>> bool(abs(abs(own.ys[-1] - known.coefficients).max() / certificate.relative - 1) < 1e-3)
    True
    """
    _checks.require_x64("transport")
    positions = _checks.real_array(positions, "positions")
    values = _checks.real_array(values, "values")
    if positions.ndim != 1 or not positions.size:
        raise InputError(f"expected positions of shape (k,), k >= 1, got shape {positions.shape}; give start and end")
    systems = [tuple(np.asarray(part, dtype=float) for part in path.evaluate(s)) for s in positions]
    matrix, right = systems[0]
    if values.shape != (len(positions), *right.shape):
        raise InputError(
            f"expected values of shape {(len(positions), *right.shape)}, one solution for each position, got "
            f"{values.shape}; save the solution at these positions"
        )
    nodes = []
    for (matrix, right), u in zip(systems, values, strict=True):
        none = Errors(np.zeros_like(matrix), np.zeros_like(right), np.zeros_like(right))
        nodes.append(Node(matrix, right, none, u, None, True))
    return certified(nodes, len(matrix), exponents((systems[0][0], systems[-1][0]), values))
