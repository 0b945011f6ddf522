"""What of the paper can be asked of any kernel family, and of a user's sequence.

The subject is not looked at: each claim takes its kernel from the family. What `rn.classify` and
`rn.depth.criteria.check` say of it is compared with kernel matrices, determinants and coefficients computed here.
"""

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from roughntk import depth as depth_room
from roughntk import sphere
from roughntk.audit import points
from roughntk.audit.claim import DIGITS, MEASURED, Claim, Evidence, Looked
from roughntk.audit.ingredients import SIZE, Numbers
from roughntk.audit.subject import Subject
from roughntk.depth.conditions import Condition, Criteria
from roughntk.depth.phases import Classification
from roughntk.kernels import registry
from roughntk.kernels.base import KernelFamily

DOUBLINGS = 8, 16, 32, 64, 128, 256
FALLS, STAYS = 0.85, 0.95
"""Over a doubling of the depth what vanishes shrinks to the first or less, what stays to no less than the second."""
ROUNDING = 1e-13
SURE = 1e-9
ANGLES = np.array([0.5, 1.0, math.pi / 2, 2.5])
HOLDS, FAILS = "holds", "fails"


class Measured:
    """A family and what is measured of it, each once."""

    def __init__(self, family: KernelFamily):
        self.family = family
        self.X, self.x = points.generic(5, 4, 3), points.generic(1, 4, 11)

    @functools.cached_property
    def criteria(self) -> Criteria:
        """What the criteria of Section 6 say of it."""
        return depth_room.criteria.check(self.family)

    @functools.cached_property
    def classification(self) -> Classification:
        """What its limit is measured to be."""
        return depth_room.classify(self.family)

    def at(self, theta: Any, depth: int) -> Numbers:
        """Kernel values at angles, asked for in arrays of one size."""
        flat = np.ravel(np.asarray(theta, dtype=float))
        padded = np.zeros(-(-flat.size // SIZE) * SIZE)
        padded[: flat.size] = flat
        values = np.asarray(self.family.at_angle(jnp.asarray(padded), depth), dtype=np.float64)
        return values[: flat.size].reshape(np.shape(theta))

    def matrix(self, X: Numbers, depth: int, Z: Numbers | None = None) -> Numbers:
        """The kernel between rows."""
        return self.at(sphere.angles(X) if Z is None else sphere.angles(X, Z), depth)

    def normalised(self, depth: int, X: Numbers | None = None) -> Numbers:
        """The kernel matrix over its diagonal, on five points."""
        K = self.matrix(self.X if X is None else X, depth)
        return np.asarray(K / np.sqrt(np.outer(np.diag(K), np.diag(K))), dtype=np.float64)

    def log_determinant(self, depth: int) -> float | None:
        """log det of `normalised`; None where it is not positive, or rounding leaves too little of it."""
        K = self.normalised(depth)
        sign, value = np.linalg.slogdet(K)
        return None if sign <= 0 or np.linalg.cond(K) > 1e12 else float(value)

    def coefficients(self, depth: int) -> Numbers | None:
        """u on five points, the common level of the entries taken out; None where rounding leaves too little of it."""
        K, b = self.matrix(self.X, depth), self.matrix(self.X, depth, self.x)
        left, largest = float(np.abs(K - K.mean()).max()), float(np.abs(K).max())
        if K.mean() == 0 or left < SURE * largest:
            return None
        system, right = points.bordered(K, b)
        if np.linalg.cond(system) * largest / left > 1e12:
            return None
        return np.asarray(np.linalg.solve(system, right)[:-1, 0], dtype=np.float64)


def _verdict(condition: Condition, direct: bool | None, text: str, numbers: dict[str, Any]) -> Looked:
    """Evidence of a condition: what is seen directly, and whether the criteria say the same.

    Args:
        condition: of the criteria.
        direct: whether it is seen to hold; None where that is not clear.
        text: what was seen, without a full stop.
        numbers: of the text.
    """
    told = {HOLDS: True, FAILS: False}.get(condition.verdict)
    where = "" if condition.counterexample is None or told else f" ({condition.counterexample})"
    if direct is None:
        evidence = [
            Evidence("statement", f"{text}; the criteria say: {condition.verdict}{where}.", told, MEASURED, numbers)
        ]
        return evidence, None
    evidence = [Evidence("statement", f"{text}.", direct, MEASURED, numbers)]
    if told is not None:
        agree = (
            f"The criteria say: {condition.verdict}{where}; {'as' if told == direct else 'not as'} is seen directly."
        )
        evidence.append(Evidence("ground", agree, told == direct, MEASURED))
    return evidence, None


def _bounded(measured: Measured) -> Looked:
    fine = np.linspace(0, math.pi, 181)
    ratios = []
    for depth in (1, 2, 3, 5, 10, 30, 100):
        values = measured.at(fine, depth)
        ratios.append(float(np.abs(values).max() / values[0]) if values[0] > 0 else math.inf)
    largest = max(ratios)
    text = f"At 181 angles and depths 1 to 100 |k(x, x')| is at most {largest:.6g} of k(x, x)"
    return _verdict(measured.criteria["bounded"], largest <= 1 + ROUNDING, text, {"largest": largest})


def circulant(measured: Measured, count: int, depth: int) -> Numbers:
    """Eigenvalues on equispaced points of a circle, in units of the largest entry: a cosine sum over one row."""
    turns = np.arange(count)
    row = measured.at(2 * math.pi * np.minimum(turns, count - turns) / count, depth)
    return np.asarray(row @ np.cos(2 * math.pi * np.outer(turns, turns) / count) / np.abs(row).max(), dtype=np.float64)


def _positive_definite(measured: Measured) -> Looked:
    """Circles by cosine sums; a counterexample of the criteria by its own eigenvalue."""
    condition = measured.criteria["positive definite"]
    least = {
        (count, depth): float(circulant(measured, count, depth).min())
        for count in range(3, 13)
        for depth in (3, 4, 5, 6, 8, 10, 15, 20)
    }
    negative = {where: value for where, value in least.items() if value < -ROUNDING * where[0]}
    last = max((depth for (_, depth), value in least.items() if abs(value) > ROUNDING * 100), default=0)
    indefinite = [where for where in negative if where[1] >= min(last, 8)]
    worst = min(least, key=lambda where: least[where])
    text = (
        f"On 3 to 12 equispaced points of a circle and depths 3 to 20 the smallest eigenvalue, in units of the largest "
        f"entry, is {least[worst]:.4g} (on {worst[0]} points at depth {worst[1]})"
    )
    example = condition.counterexample
    if condition.verdict == FAILS and not indefinite and example is not None and example.points is not None:
        value = float(np.linalg.eigvalsh(measured.matrix(example.points, example.depth))[0])
        text += f"; on {example.where} it is {value:.4g} at depth {example.depth}"
        return _verdict(condition, False if value < ROUNDING * len(example.points) else None, text, {"smallest": value})
    seen = all(any(value > ROUNDING * 100 for (n, _), value in least.items() if n == count) for count in range(3, 13))
    direct = False if indefinite else (True if seen and condition.verdict != FAILS else None)
    return _verdict(condition, direct, text, {"smallest": least[worst]})


def _invertible(measured: Measured) -> Looked:
    """Hard sets at depth 2, symmetric about the origin; and further on."""
    sets = {"8 equispaced points of a circle": points.circle(8), "12 equispaced points of a circle": points.circle(12)}
    X = points.generic(4, 5, 2)
    sets["4 points of S^4 and their opposites"] = np.concatenate([X, -X])
    values = {}
    for name, rows in sets.items():
        for depth in (2, 3, 5):
            K = measured.matrix(rows, depth)
            values[name, depth] = float(np.abs(np.linalg.eigvalsh(K)).min() / np.abs(K).max())
    second = min((name for name in sets), key=lambda name: values[name, 2])
    worst = values[second, 2]
    later = min(value for (_, depth), value in values.items() if depth > 2)
    text = (
        f"At L = 2 the least size of an eigenvalue on {second} is {worst:.2g} of the largest entry; at L = 3 and 5, on "
        f"all three sets, it is {later:.2g} or more"
    )
    singular = worst < ROUNDING * 10
    fails = "; that is 0 to rounding: the matrix cannot be inverted" if singular else ""
    return [
        Evidence("statement", f"{text}{fails}.", not singular and later > ROUNDING * 10, DIGITS, {"least": worst})
    ], None


def _determinant(measured: Measured) -> Looked:
    """By the largest log det of each doubling, so that one that swings is not taken for one that settles."""
    logs: list[float] = []
    for depth in DOUBLINGS:
        value = measured.log_determinant(depth)
        if value is None:
            break
        logs.append(value)
    condition = measured.criteria["determinant"]
    if len(logs) < 3:
        shallow = [float(np.linalg.slogdet(measured.normalised(depth))[1]) for depth in (2, 4, 6)]
        text = f"log det on 5 points is {', '.join(f'{value:.2f}' for value in shallow)} at L = 2, 4, 6, then singular"
        return _verdict(condition, shallow[2] < shallow[1] - 1 < shallow[0] - 2 or None, text, {"logs": shallow})
    between = [[measured.log_determinant(depth - depth * k // 16 - k % 2) for k in range(8)] for depth in DOUBLINGS]
    known = [[each for each in row if each is not None] for row in between[: len(logs)]]
    steps = np.diff([max(row) for row in known])
    shown = ", ".join(f"{value:.4g}" for value in logs)
    text = f"log det on 5 points at L = {', '.join(map(str, DOUBLINGS[: len(logs)]))} is {shown}"
    if len(logs) < len(DOUBLINGS) or steps[-1] < FALLS * steps[-2] < 0:
        return _verdict(condition, bool(steps[-1] < 0) or None, text, {"logs": logs})
    settles = abs(steps[-1]) < 0.75 * abs(steps[-2]) or abs(steps[-1]) < SURE
    return _verdict(condition, False if settles else None, text, {"logs": logs})


def _jumps(measured: Measured, depths: tuple[int, ...], ahead: int) -> list[float]:
    """max |u_M - u_L| from each depth L to M = L + `ahead`, or to M = 2L for 0, while rounding lets them be known."""
    jumps = []
    for depth in depths:
        first, second = (measured.coefficients(each) for each in (depth, depth + ahead if ahead else 2 * depth))
        if first is None or second is None:
            break
        jumps.append(float(np.abs(second - first).max()))
    return jumps


def _falling(sizes: list[float]) -> bool:
    """Whether the last three shrink by a factor, or are no more than rounding."""
    return len(sizes) > 2 and (sizes[-1] < SURE or sizes[-1] < FALLS * sizes[-2] < FALLS**2 * sizes[-3])


def _limit(measured: Measured) -> Looked:
    """How far the coefficients move from L to 2L and from L to L + 1."""
    told = measured.criteria.has_limit
    blocks, jumps = _jumps(measured, DOUBLINGS, 0), _jumps(measured, DOUBLINGS, 1)
    if len(blocks) < 3:
        blocks = jumps = _jumps(measured, (2, 3, 4, 5, 6, 7, 8, 9), 1)
    shown = [", ".join(f"{value:.2g}" for value in sizes) or "unknown" for sizes in (blocks, jumps)]
    text = (
        f"The coefficients on 5 points move by {shown[0]} over doublings of the depth, and by {shown[1]} over single "
        "layers of the same depths"
    )
    if blocks is jumps:
        text = f"The coefficients on 5 points move by {shown[1]} over the layers that rounding leaves"
    staying = len(jumps) > 2 and jumps[-1] > STAYS * jumps[-2] > STAYS**2 * jumps[-3] and jumps[-1] > 1e-6
    direct = True if _falling(blocks) and _falling(jumps) else (False if staying else None)
    numbers = {"over_doublings": blocks, "over_layers": jumps}
    supports = direct if told is None else told
    text = f"{text}; the criteria say: {measured.criteria.limit_text}"
    evidence = [Evidence("statement", f"{text}.", supports, MEASURED, numbers)]
    if told is not None and direct is not None and told != direct:
        evidence.append(Evidence("ground", f"The criteria do not agree with what is seen: {text}.", False, MEASURED))
    return evidence, None


def _drivers(measured: Measured) -> Looked:
    """1-variation of the driver over one step, by quadrature in the clock, while rounding lets the inverse be known."""
    variations = []
    for depth in (2, 4, 8, 16, 32, 64, 128, 256):
        K, following = measured.matrix(measured.X, depth), measured.matrix(measured.X, depth + 1)
        if np.linalg.cond(K) > 1e10 or np.linalg.cond(following) > 1e10:
            break
        nodes, weights = np.polynomial.legendre.leggauss(6)
        rates = [np.linalg.solve(K + (s + 1) / 2 * (following - K), following - K) for s in nodes]
        variations.append(float(sum(w * np.linalg.norm(rate, 2) for w, rate in zip(weights, rates, strict=True)) / 2))
    shown = ", ".join(f"{value:.3g}" for value in variations)
    text = f"The 1-variation of the driver from L to L + 1 on 5 points is {shown} at L = 2, 4, 8, ..."
    if len(variations) < 3:
        return [Evidence("statement", f"{text}; the matrix is too ill conditioned to tell.", None, MEASURED)], None
    *_, first, second, third = variations
    supports = True if third < FALLS * second < FALLS**2 * first else (False if third > STAYS * second else None)
    word = {True: "it vanishes", False: "it does not vanish", None: "that is not clear"}[supports]
    return [Evidence("statement", f"{text}: {word}.", supports, MEASURED, {"variations": variations})], None


def _ones(measured: Measured) -> Looked:
    """The ratio off and on the diagonal at infinite depth."""
    classified = measured.classification
    depths = (10, 100, 1000)
    values = [float(measured.normalised(depth)[0, 1]) for depth in depths]
    shown = ", ".join(f"{value:.5g}" for value in values)
    text = f"The ratio off and on the diagonal of a pair is {shown} at L = 10, 100, 1,000"
    if classified.ratio is None:
        word = "depends on the pair" if classified.depends_on_data else "is not decided by its values"
        supports = False if classified.depends_on_data else None
        return [Evidence("statement", f"{text}; its limit {word}.", supports, MEASURED)], None
    gaps = [abs(value - classified.ratio) for value in values]
    near = gaps[-1] < max(0.75 * gaps[-2], SURE)
    one = abs(classified.ratio - 1) <= max(1e-5, 3 * classified.ratio_uncertainty)
    evidence = [
        Evidence(
            "statement", f"{text}; its limit, from depths to 100,000 or until it settles, is {classified.ratio_text}.",
            one, MEASURED, {"ratios": values, "limit": classified.ratio},
        ),
        Evidence("ground", f"The ratio comes nearer to that limit: {gaps[-1]:.2g} at L = 1,000.", near, MEASURED),
    ]  # fmt: skip
    return evidence, None


def _increases(measured: Measured) -> Looked:
    """Where the normalised kernel of a pair falls from one depth to the next."""
    every = np.array([measured.at(np.append(0.0, ANGLES), depth) for depth in range(1, 61)])
    ratios = every[:, 1:] / every[:, :1]
    if not np.isfinite(ratios).all():
        return [Evidence("statement", "k(x, x) is 0 at some of the depths 1 to 60.", None, MEASURED)], None
    steps = np.diff(ratios, axis=0)
    falls = np.argwhere(steps < -ROUNDING)
    if not len(falls):
        rise = float((ratios[-1] - ratios[0]).min())
        text = f"At four angles and depths 1 to 60 it never falls; from first to last it rises by {rise:.2g} or more."
        numbers = {"smallest_step": float(steps.min()), "rise": rise}
        return [Evidence("statement", text, rise > ROUNDING, MEASURED, numbers)], None
    k, which = falls[0]
    text = (
        f"At angle {ANGLES[which]:.3g} it falls from {ratios[k, which]:.6g} at L = {k + 1} to "
        f"{ratios[k + 1, which]:.6g} at L = {k + 2}."
    )
    return [Evidence("statement", text, False, DIGITS, {"angle": float(ANGLES[which]), "depth": int(k + 1)})], None


def _agreement(measured: Measured) -> Looked:
    """Conditions and classification against each other, and the limit of the coefficients against deep ones."""
    classified, criteria = measured.classification, measured.criteria
    evidence = []
    if classified.ratio is not None and criteria["determinant"].verdict in (HOLDS, FAILS):
        below = classified.ratio < 1 - max(1e-5, 3 * classified.ratio_uncertainty)
        evidence.append(
            Evidence(
                "statement",
                f"classify finds the ratio {classified.ratio_text}, the criteria that the determinant "
                f"{'tends' if criteria['determinant'].verdict == HOLDS else 'does not tend'} to 0.",
                below == (criteria["determinant"].verdict == FAILS), MEASURED,
            )
        )  # fmt: skip
    if classified.coefficients != "not decided":
        evidence.append(
            Evidence(
                "statement",
                f"classify finds the limit of the coefficients: {classified.coefficients}; the criteria: has_limit = "
                f"{criteria.has_limit}.",
                None if criteria.has_limit is None else criteria.has_limit, MEASURED,
            )
        )  # fmt: skip
    if classified.depends_on_data is False and classified.ratio is not None:
        evidence.append(_deep_coefficients(measured))
    if not evidence:
        evidence = [Evidence("statement", "classify and the criteria decide nothing in common.", None, MEASURED)]
    return evidence, None


def _deep_coefficients(measured: Measured) -> Evidence:
    """Coefficients at depths 100 and 1,000 against the classified limit."""
    limit = measured.classification.coefficient_limit(len(measured.X))
    known = [measured.coefficients(depth) for depth in (30, 100, 1000)]
    off = [float(np.abs(u - limit).max()) for u in known if u is not None]
    shown = ", ".join(f"{value:.2g}" for value in off)
    supports = None if len(off) < 2 else off[-1] < max(0.75 * off[-2], SURE)
    text = f"Coefficients on 5 points at L = 30, 100, 1,000 are {shown} from the classified limit {float(limit):.6g}."
    return Evidence("statement", text, supports, DIGITS, {"distances": off, "limit": float(limit)})


_ASKED = (
    ("section-6-bounded", "Section 6, bounds", "k(x, x) > 0 and |k(x, x')| <= k(x, x) at every depth.", _bounded),
    (
        "section-6-positive-definite", "Section 6, definiteness",
        "From some depth on it is positive definite on every finite set of distinct points.", _positive_definite,
    ),
    (
        "section-6-determinant", "Section 6, determinant", "The determinant of the normalised matrix tends to 0.",
        _determinant,
    ),
    ("section-6-limit", "Section 6, limit", "The coefficients K_L(X,X)^{-1} K_L(X,x) have a limit.", _limit),
    ("invertible", "Section 4, cases a to c", "K_L(X,X) is invertible from L = 2 on for distinct points.", _invertible),
    ("theorem-2-limit", "Theorem 2, limit", "The normalised kernel of two points tends to 1.", _ones),
    ("theorem-2-increases", "Theorem 2, rise", "The normalised kernel of two points increases with depth.", _increases),
    ("theorem-3-drivers", "Theorem 3, drivers", "The drivers of the equation from depth to depth vanish.", _drivers),
    ("agreement", "Section 6, both routes", "Classification and conditions say the same.", _agreement),
)  # fmt: skip


def claims_of_family(family: Any) -> dict[str, Claim]:
    """The claims of the paper that can be asked of any kernel family, for this one, by key.

    Args:
        family: a kernel family, the name of one, or a user's sequence (`rn.kernels.sequence`).

    Returns:
        Claims whose examination takes nothing from its subject; what they share is measured once.

    Raises:
        InputError: nothing of that kind.

    >>> import roughntk as rn
    >>> list(claims_of_family(rn.kernels.ReluNNGP()))[:3]
    ['section-6-bounded', 'section-6-positive-definite', 'section-6-determinant']
    """
    measured = Measured(registry.as_family(family))
    name = measured.family.name
    return {
        key: Claim(key, place, f"For {name}: {statement}", _asked(look, measured), of_families=True)
        for key, place, statement, look in _ASKED
    }


def _asked(look: Any, measured: Measured) -> Any:
    def examine(subject: Subject) -> Looked:
        return look(measured)

    return examine


__all__ = ["Measured", "circulant", "claims_of_family"]
