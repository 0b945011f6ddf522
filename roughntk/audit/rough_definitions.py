"""Appendix C: the definitions of rough paths, as the paper uses them."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.optimize

from roughntk.audit.claim import DIGITS, IDENTITY, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.ingredients import Numbers
from roughntk.audit.subject import Subject

CLOSE = 1e-11
LEVEL = 4
FIRST = np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
SECOND = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
"""Two generators of rotations; dR = R (FIRST dx + SECOND dy)."""
CIRCLES = 2, 4, 8, 16
EIGHTH = 33
"""Points of an eighth of a turn; the polygon lacks 1e-4 of its area."""
TRIED = 1.0, 1.5, 2.0, 2.5, 2.9
EXPONENT = 2.9


def words(channels: int, level: int) -> list[tuple[int, ...]]:
    """Of lengths 1 to `level`, in lexicographic order level by level."""
    return [word for k in range(1, level + 1) for word in itertools.product(range(channels), repeat=k)]


def product(a: Numbers, b: Numbers, channels: int, level: int) -> Numbers:
    """a (x) b of flat tensors without their leading 1, word by word."""
    names = words(channels, level)
    first, second = ({(): 1.0} | dict(zip(names, map(float, flat), strict=True)) for flat in (a, b))
    return np.array([math.fsum(first[word[:k]] * second[word[k:]] for k in range(len(word) + 1)) for word in names])


def shuffles(a: tuple[int, ...], b: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All words that hold a and b in order, each as often as it arises."""
    if not a or not b:
        return [a + b]
    return [(a[0], *rest) for rest in shuffles(a[1:], b)] + [(b[0], *rest) for rest in shuffles(a, b[1:])]


def _paths(channels: int) -> tuple[Numbers, Numbers]:
    """Two polygons, the second from the end of the first."""
    steps = np.random.default_rng(6).uniform(-0.6, 0.6, (9, channels))
    whole = np.concatenate([np.zeros((1, channels)), steps.cumsum(axis=0)])
    return whole[:5], whole[4:]


def _tensor_algebra(subject: Subject) -> Looked:
    """Chen's identity, the inverse and the shuffle product, for each lift on its own."""
    evidence = []
    for name, lift in subject.lifts.items():
        worst = {"chen": 0.0, "inverse": 0.0, "shuffle": 0.0}
        for channels in (2, 3):
            first, second = _paths(channels)
            whole = np.concatenate([first, second[1:]])
            known = [np.asarray(lift(path, LEVEL)) for path in (first, second, whole, whole[::-1])]
            joined = product(known[0], known[1], channels, LEVEL)
            unit = product(known[2], known[3], channels, LEVEL)
            values = dict(zip(words(channels, LEVEL), map(float, known[2]), strict=True))
            pairs = [(a, b) for a in values for b in values if len(a) + len(b) <= LEVEL]
            shuffle = max(abs(values[a] * values[b] - math.fsum(values[w] for w in shuffles(a, b))) for a, b in pairs)
            off = {"chen": joined - known[2], "inverse": unit, "shuffle": np.array([shuffle])}
            worst = {what: max(worst[what], float(np.abs(value).max())) for what, value in off.items()}
        largest = max(worst.values())
        evidence.append(
            Evidence(
                "statement",
                f"{name}: on paths of 2 and 3 channels to level {LEVEL} Chen's identity holds to {worst['chen']:.0e}, "
                f"S(X) S(X reversed) = 1 to {worst['inverse']:.0e}, the shuffle product to {worst['shuffle']:.0e}.",
                largest < CLOSE, IDENTITY, worst,
            )
        )  # fmt: skip
    return evidence, None


def decomposition(tensor: Numbers, atoms: Numbers) -> float:
    """The least sum of weights with which products of unit vectors, the rows of `atoms`, make up the tensor."""
    columns = np.concatenate([atoms, -atoms]).T
    solved = scipy.optimize.linprog(np.ones(columns.shape[1]), A_eq=columns, b_eq=tensor, method="highs")
    return float(solved.fun) if solved.success else math.inf


def _l1_atoms(power: int) -> Numbers:
    """Products of unit vectors of l1 on R^2: 300 at random, and those of the two axes."""
    vectors = np.random.default_rng(7).uniform(-1, 1, (300, power, 2))
    vectors /= np.abs(vectors).sum(axis=2, keepdims=True)
    axes = np.array([[np.eye(2)[k] for k in word] for word in itertools.product(range(2), repeat=power)])
    made = np.concatenate([vectors, axes])
    values = made[:, 0]
    for k in range(1, power):
        values = (values[:, :, None] * made[:, k, None, :]).reshape(len(made), -1)
    return values


def best_orthogonal(T: Numbers) -> float:
    """max <T, B> over orthogonal 2 x 2 matrices B, the extreme points of the dual ball: rotations and reflections."""
    return float(max(np.hypot(T[0, 0] + T[1, 1], T[1, 0] - T[0, 1]), np.hypot(T[0, 0] - T[1, 1], T[0, 1] + T[1, 0])))


def _norm(subject: Subject) -> Looked:
    """Definition 8 from both sides: the best decomposition, and the best bilinear form."""
    rng = np.random.default_rng(8)
    off = {"decomposition": 0.0, "form": 0.0}
    for power in (2, 3):
        atoms = _l1_atoms(power)
        for tensor in rng.normal(size=(4, 2**power)):
            given = float(subject.projective_norm(tensor, 2, "l1"))
            form = float(tensor @ np.sign(tensor))  # of norm 1: at most 1 on the axes, so on the whole ball
            off["form"] = max(off["form"], abs(given - form))
            off["decomposition"] = max(off["decomposition"], abs(given - decomposition(tensor, atoms)))
    angles = np.pi * np.arange(48) / 48
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    atoms = (circle[:, None, :, None] * circle[None, :, None, :]).reshape(-1, 4)
    dual, excess = 0.0, []
    for tensor in rng.normal(size=(4, 4)):
        given = float(subject.projective_norm(tensor, 2, "l2"))
        dual = max(dual, abs(given - best_orthogonal(tensor.reshape(2, 2))))
        excess.append(decomposition(tensor, atoms) / given - 1)
    mesh = 1 / math.cos(math.pi / 96) ** 2 - 1
    evidence = [
        Evidence(
            "statement",
            "With l1 on the channels the projective norm is the entrywise l1 norm: at levels 2 and 3, on 8 random "
            f"tensors, the best of all decompositions into 300 random products and those of the axes is "
            f"{off['decomposition']:.0e} from it, and so is the form of signs ({off['form']:.0e}), below which no "
            "decomposition can get.",
            off["form"] < CLOSE and off["decomposition"] < 1e-8, IDENTITY, off,
        ),
        Evidence(
            "statement",
            f"With l2 it is the nuclear norm at level 2: the largest <T, B> over rotations and reflections B is "
            f"{dual:.0e} from it, and decompositions into products of 48 directions each are 0 to {max(excess):.1e} "
            f"above it, as their mesh allows ({mesh:.1e}).",
            dual < CLOSE and min(excess) > -1e-8 and max(excess) < 2 * mesh, IDENTITY,
            {"form": dual, "excess": max(excess)},
        ),
        _laws_of_a_norm(subject),
    ]  # fmt: skip
    return evidence, None


def _laws_of_a_norm(subject: Subject) -> Evidence:
    """Triangle inequality, and |a (x) b| = |a| |b|."""
    rng = np.random.default_rng(9)
    worst, cross = 0.0, 0.0
    for norm in ("l1", "l2"):
        for _ in range(10):
            a, b = rng.normal(size=(2, 4))
            sizes = [float(subject.projective_norm(each, 2, norm)) for each in (a, b, a + b)]
            worst = max(worst, sizes[2] - sizes[0] - sizes[1])
            u, v = rng.normal(size=(2, 2))
            known = [float(np.linalg.norm(each, 1 if norm == "l1" else 2)) for each in (u, v)]
            cross = max(
                cross, abs(float(subject.projective_norm(np.outer(u, v).ravel(), 2, norm)) - known[0] * known[1])
            )
    return Evidence(
        "statement",
        f"|a (x) b| = |a| |b| to {cross:.0e} and the triangle inequality (never broken by more than "
        f"{max(worst, 0):.0e}) on 20 pairs of either norm.",
        cross < CLOSE and worst < CLOSE, DIGITS, {"product": cross, "triangle": worst},
    )  # fmt: skip


def increments(path: Numbers) -> tuple[Numbers, Numbers]:
    """X^1 and X^2 of the polygon between all pairs of points, by sums over its pieces: (N, N, d) and (N, N, d, d)."""
    N, d = path.shape
    first, second = path[None] - path[:, None], np.zeros((N, N, d, d))
    steps = np.diff(path, axis=0)
    for i in range(N):
        for j in range(i, N - 1):
            before = path[j] - path[i] + steps[j] / 2
            second[i, j + 1] = second[i, j] + np.outer(before, steps[j])
    return first, second


def over_partitions(sizes: Numbers, power: float) -> float:
    """sup over all partitions of sum sizes(i, j)^power, by trying every one."""
    inner = range(1, len(sizes) - 1)
    return max(
        math.fsum(sizes[i, j] ** power for i, j in itertools.pairwise((0, *chosen, len(sizes) - 1)))
        for count in range(len(sizes) - 1)
        for chosen in itertools.combinations(inner, count)
    )


def programme(sizes: Numbers, power: float) -> float:
    """The same by a dynamic programme over its last piece."""
    best = np.zeros(len(sizes))
    for j in range(1, len(sizes)):
        best[j] = (best[:j] + sizes[:j, j] ** power).max()
    return float(best[-1])


def distance(a: Numbers, b: Numbers, p: float, level: int, supremum: Callable[[Numbers, float], float]) -> float:
    """Level 1 or 2 of the p-variation distance of two polygons in l1."""
    difference = increments(a)[level - 1] - increments(b)[level - 1]
    return supremum(np.abs(difference).reshape(len(a), len(a), -1).sum(axis=2), p / level) ** (level / p)


def _metric(subject: Subject) -> Looked:
    """Definition 9 by trying all partitions; its laws; and how it falls with p."""
    rng = np.random.default_rng(10)
    paths = [np.concatenate([np.zeros((1, 2)), rng.uniform(-1, 1, (8, 2)).cumsum(axis=0)]) for _ in range(3)]
    a, b, c = paths
    off = max(
        abs(subject.variation_distance(x, y, p, level) / distance(x, y, p, level, over_partitions) - 1)
        for x, y in itertools.combinations(paths, 2) for p in (1.0, 2.0, 2.6) for level in (1, 2)
    )  # fmt: skip
    falling = {level: [subject.variation_distance(a, b, p, level) for p in TRIED] for level in (1, 2)}
    rises = max(after - before for values in falling.values() for before, after in itertools.pairwise(values))
    both = {pair: subject.variation_distance(*pair_of, 2.5, None) for pair, pair_of in _pairs(a, b, c).items()}
    excess = both["ac"] - both["ab"] - both["bc"]
    zigzag, flat = np.array([0.0, 1.0, 0.5, 1.5])[:, None], np.zeros((4, 1))
    known = {1.5: (2 + 0.5**1.5) ** (1 / 1.5), 3.0: 1.5}
    apart = max(abs(subject.variation_distance(zigzag, flat, p, 1) - value) for p, value in known.items())
    evidence = [
        Evidence(
            "statement",
            f"On 9 points it is the supremum over all 128 partitions, to {off:.0e} (three pairs, p = 1, 2, 2.6, levels "
            "1 and 2).",
            off < CLOSE, IDENTITY, {"difference": off},
        ),
        Evidence(
            "statement",
            f"It does not increase with p: from p = 1 to 2.9 level 1 falls from {falling[1][0]:.3f} to "
            f"{falling[1][-1]:.3f} and level 2 from {falling[2][0]:.3f} to {falling[2][-1]:.3f}.",
            rises <= 1e-12, DIGITS, {"level_1": falling[1], "level_2": falling[2]},
        ),
        Evidence(
            "statement",
            f"At p = 2.5 it is symmetric (to {abs(both['ab'] - both['ba']):.0e}), {both['aa']:.0e} from a path to "
            f"itself, {both['ab']:.3f} to another, and d(a, c) = {both['ac']:.3f} <= d(a, b) + d(b, c) = "
            f"{both['ab'] + both['bc']:.3f}.",
            abs(both["ab"] - both["ba"]) < CLOSE and both["aa"] == 0 and both["ab"] > 0 and excess <= CLOSE, DIGITS,
            {"ab": both["ab"], "bc": both["bc"], "ac": both["ac"]},
        ),
        Evidence(
            "statement",
            f"The p-variation of 0, 1, 0.5, 1.5 is (2 + 0.5^p)^(1/p) at p = 1.5 and 1.5 at p = 3, to {apart:.0e}.",
            apart < CLOSE, IDENTITY, {"difference": apart},
        ),
    ]  # fmt: skip
    curves = tuple(Curve(f"level {level}", TRIED, tuple(values), marks=True) for level, values in falling.items())
    return evidence, Picture("The distance falls with p", "$p$", "distance", curves, (), "", "Two random polygons.")


def _pairs(a: Numbers, b: Numbers, c: Numbers) -> dict[str, tuple[Numbers, Numbers]]:
    return {"ab": (a, b), "ba": (b, a), "bc": (b, c), "ac": (a, c), "aa": (a, a)}


def arcs(n: int) -> list[Numbers]:
    """The eight parts of one turn of (cos, sin)/n."""
    turn = 2 * np.pi * np.arange(8 * (EIGHTH - 1) + 1) / (8 * (EIGHTH - 1))
    path = np.stack([np.cos(turn), np.sin(turn)], axis=1) / n
    return [path[k * (EIGHTH - 1) : (k + 1) * (EIGHTH - 1) + 1] for k in range(8)]


def rotation(signature: Numbers, level: int) -> Numbers:
    """sum over words of S^w A_{w_1} ... A_{w_k}: what dR = R (A_1 dx + A_2 dy) makes of 1."""
    generators = (FIRST, SECOND)
    total = np.eye(3)
    for word, value in zip(words(2, level), signature, strict=True):
        total = total + value * np.linalg.multi_dot([np.eye(3), *(generators[k] for k in word)])
    return total


def along_circles(parts: list[Numbers], n: int) -> Numbers:
    """The rotation after n^2 turns, from signatures of level 6 of the eighths of one turn."""
    turn = np.linalg.multi_dot([rotation(part, 6) for part in parts])
    return np.asarray(np.linalg.matrix_power(turn, n * n), dtype=np.float64)


def to_pure_area(parts: list[Numbers], n: int, area: float) -> tuple[float, float]:
    """Distances (level 1, level 2), p = 2.9 and l1, from the lift that these eighths make to X^1 = 0, X^2 = area t J.

    Over n^2 turns, at the ends of the eighths; X_{s,t} by Chen's identity from the start.
    """
    tensors = [np.concatenate([[1.0], part[:6]]) for part in parts] * (n * n)
    first, second = np.zeros((len(tensors) + 1, 2)), np.zeros((len(tensors) + 1, 2, 2))
    for k, part in enumerate(tensors):
        step, square = part[1:3], part[3:].reshape(2, 2)
        first[k + 1] = first[k] + step
        second[k + 1] = second[k] + np.outer(first[k], step) + square
    times = np.linspace(0, 2 * np.pi, len(first))
    one = first[None] - first[:, None]
    two = second[None] - second[:, None] - first[:, None, :, None] * one[:, :, None, :]
    two -= area * (times[None] - times[:, None])[:, :, None, None] * np.array([[0.0, 1.0], [-1.0, 0.0]])
    sizes = [np.abs(one).sum(axis=2), np.abs(two).sum(axis=(2, 3))]
    first_level, second_level = (programme(size, EXPONENT / k) ** (k / EXPONENT) for k, size in enumerate(sizes, 1))
    return first_level, second_level


def _ito_lyons(subject: Subject) -> Looked:
    """Small circles: their paths tend to a point, their solutions to that of the pure area."""
    bracket = FIRST @ SECOND - SECOND @ FIRST
    target = scipy.linalg.expm(np.pi * bracket)
    evidence = []
    curves: tuple[Curve, ...] = ()
    for name, lift in subject.lifts.items():
        parts = {n: [np.asarray(lift(arc, 6)) for arc in arcs(n)] for n in CIRCLES}
        ends = {n: along_circles(parts[n], n) for n in CIRCLES}
        errors = [float(np.linalg.norm(ends[n] - target)) for n in CIRCLES]
        away = float(np.linalg.norm(ends[CIRCLES[-1]] - np.eye(3)))
        rate = -float(np.polyfit(np.log(CIRCLES[1:]), np.log(errors[1:]), 1)[0])
        near = [to_pure_area(parts[n], n, 0.5) for n in CIRCLES[:3]]
        point = [to_pure_area(parts[n], n, 0.0)[1] for n in CIRCLES[:3]]
        evidence += [
            Evidence(
                "statement",
                f"{name}: in the 2.9-variation metric the circles (cos n^2 t, sin n^2 t)/n of n = 2, 4, 8 are "
                f"{', '.join(f'{max(pair):.2f}' for pair in near)} from the pure-area rough path (0, t/2), and at "
                f"level 2 {', '.join(f'{value:.2f}' for value in point)} from the point that they shrink to.",
                all(max(y) < 0.85 * max(x) for x, y in itertools.pairwise(near)) and min(point) > 6, MEASURED,
                {"pure_area": [max(pair) for pair in near], "point": point},
            ),
            Evidence(
                "statement",
                f"{name}: the rotations that they drive are {', '.join(f'{value:.4f}' for value in errors)} (n = 2, 4, "
                f"8, 16) from exp(pi [A1, A2]), what pure area drives, falling like n^-{rate:.2f}, and tend to "
                f"{away:.3f} from the identity, what the limit of the paths drives.",
                abs(rate - 1) < 0.1 and errors[-1] < 0.2 and away > 2.8, MEASURED,
                {"errors": errors, "rate": rate, "from_identity": away},
            ),
        ]  # fmt: skip
        curves = (
            Curve("solution, from that of pure area", tuple(map(float, CIRCLES)), tuple(errors), marks=True),
            Curve(
                "lift, from pure area", tuple(map(float, CIRCLES[:3])), tuple(max(pair) for pair in near), marks=True
            ),
        )
    caption = "The solution follows the lift, not the path, which tends to a point."
    return evidence, Picture("The solution map is continuous", "$n$", "distance", curves, (), "xy", caption)


CLAIMS = (
    Claim(
        "appendix-c-tensor-algebra", "Appendix C, signatures",
        "Signatures multiply along paths (Chen), are inverted by running back, and obey the shuffle product.",
        _tensor_algebra,
    ),
    Claim(
        "appendix-c-norm", "Appendix C, Definition 8",
        "The projective norm of a tensor is a norm; for l1 it is the entrywise l1 norm at every level, for l2 the "
        "nuclear norm at level 2.",
        _norm,
    ),
    Claim(
        "appendix-c-metric", "Appendix C, Definition 9",
        "The p-variation metric is a metric on rough paths; at each level it does not increase with p.", _metric,
    ),
    Claim(
        "appendix-c-ito-lyons", "Appendix C, Definitions 11 and 12",
        "The solution of a rough differential equation is a continuous function of its rough path in the p-variation "
        "metric: it follows the lift, not the path alone.",
        _ito_lyons,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "best_orthogonal", "decomposition", "over_partitions", "programme", "shuffles"]
