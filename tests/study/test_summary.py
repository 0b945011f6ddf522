"""Every number of a study's lines against an independent one: three families on two data sets.

A line has to match its pattern as a whole, so that a number that is added is a line that fails; and each number of a
pattern has to be asked for by a check, so that one that nothing checks fails, too.
"""

import math
import re

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
import scipy.stats
from mpmath import mp
from routes import LAST_DEPTH, POINTS, TEST_POINTS, exact_coefficients, exact_kernels, largest_sum, plain_kernels
from sklearn.datasets import load_digits, load_wine

import roughntk as rn

EPS = np.finfo(np.float64).eps
FAMILIES = ("relu-ntk", "relu-nngp", "sigmoid")
DATA = {"digits": {}, "wine": {"standardise": True}}
DEPTHS = range(1, LAST_DEPTH + 1)
TOLERANCES = (0.1, 0.01, 0.001)

N = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?"
"""A number."""


def _pattern(text: str) -> re.Pattern:
    """The text with <name> for a number and everything else as it stands; {words|words} are alternatives, [...] parts
    that may be absent."""
    text = re.escape(text).replace(r"\ ", " ")
    text = text.replace(r"\{", "(?:").replace(r"\}", ")").replace(r"\|\|", "|")
    text = text.replace(r"\[\[", "(?:").replace(r"\]\]", ")?")
    return re.compile(re.sub("<(\\w+)>", lambda found: f"(?P<{found[1]}>{N})", text))


def _beside(name: str) -> str:
    """How one predictor stands to another."""
    words = ("worse by <{0}_worse> ± <{0}_worse_error>", "better by <{0}_better> ± <{0}_better_error>",
             "no different as far as these rows can tell (<{0}_same> ± <{0}_same_error>)")  # fmt: skip
    return "{" + "||".join(words).format(name) + "}"


TEXTS = (
    "Prediction of 'class' of {digits||wine} from <train> training points, on <tried> other rows: accuracy "
    "<best_score> at the best depth, <best>[[, and <deepest_score> at depth <deepest>, "
    f"{_beside('lost')}]].",
    "Without a look at those rows, leave-one-out takes depth <taken>: <taken_score>. Kernel regression with "
    "scikit-learn's RBF kernel, tuned by leave-one-out, has <rbf_score>, "
    f"{_beside('rbf')}. The majority vote, "
    "which is what the infinitely deep ReLU kernel becomes, has <vote_score>, "
    f"{_beside('vote')}.",
    "Data: {digits||wine}, <n> training and <m> test points on the sphere in R^<dim> (canonical projection, seed "
    "<seed>).",
    "Family {relu-ntk||relu-nngp||sigmoid}, depths <first> to <last>. Depth 1 (the linear kernel) {joins: its "
    "condition number is <first_condition>, below 1e8||is left out: it is singular to working precision}.",
    "Kernel: off-diagonal entries at depth <kernel_depth> {lie in (<low>, <high>); their limit is <limit>||are within "
    "<kernel_distance> of their limit <near_limit>}.",
    "Coefficients at depth <distance_depth> are within <distance> of their limit of infinite depth.[[ All coefficients "
    "are within <tolerance_1> from depth <needed_1> on, <tolerance_2> from depth <needed_2> on, <tolerance_3> from "
    "depth <needed_3> on (the a-posteriori bound is at most <looseness> times the distance).]]",
    "{The drivers {converge||do not converge} to the zero path as rough paths||Whether the drivers converge to the "
    "zero path as rough paths is undecided} (p = <p>, levels 1 to <levels>): distance like L^-r, r = <rate_1> ± "
    "<rate_error_1> at level 1, <rate_2> ± <rate_error_2> at level 2. Found from the "
    "signatures of NAMES.[[ That is theory for a hyperbolic family: these depths do not show it yet.]]",
    "p-variation: Fitted slope against L over depths <fit_from> to <fit_to>: level 1 <slope_1>, level 2 <slope_2>. "
    "{Theory (RATE) has <theory_1> and <theory_2> over the same depths. {They agree: the difference of <gap> at level "
    "1 is within the <within> that corrections make||The difference of <gap_beyond> at level 1 is no contradiction: "
    "theory is of great depths, and at depths <far_from> to <far_to> the same drivers have <far_slope> against "
    "<far_theory>[[. Two points at an angle θ part only beyond some <three>π/θ layers, the nearest here at "
    "<layers>]]}||The drivers of this hyperbolic family do not vanish, as theory says}.",
    "Condition number: {<condition>||infinite to working precision} at depth <condition_depth>, <last_condition> at "
    "depth <last_condition_depth>. Closed form: {Cholesky||in deflated form at depths <deflated_from> to "
    "<deflated_to>}[[, else Cholesky]]; largest residual <residual>, coefficients known to <known> of max(1, max "
    "(u)).[[ The matrix is singular to working precision at depth <singular>.]]",
    "Transport (Theorem 3): <integrations> integrations[[, <deflated> of them in deflated form]], largest error "
    "<transport_error> against the closed form (proven: at most <transport_proven>), largest residual "
    "<transport_residual>, all within their bounds (at most <arc_steps> steps in the arc clock, <psi_steps> in psi).",
    "Drivers v^(L): <channels> channels; log(I + sM) and Gauss-Legendre quadrature differ by at most <quadrature> "
    "relative.",
    "Signatures to level <level> on the <directions> principal directions of the drivers (all but at most <left> of "
    "each): BACKENDS.",
)  # fmt: skip
LINES = tuple(map(_pattern, TEXTS))


def _words(line: str) -> str:
    """The line without what no number is in, or what depends on the packages that are installed."""
    line = line.replace("|u|", "(u)").replace("(1/L and its square)", "(RATE)")
    line = line.replace("(log L/L² and its square)", "(RATE)")
    line = re.sub(r"lie in \[([^]]*)\]", r"lie in (\1)", line)
    line = re.sub(r"of each\): .*\.$", "of each): BACKENDS.", line)
    return re.sub(r"signatures of [^.]*\.", "signatures of NAMES.", line)


class Numbers:
    """The numbers of a summary by name; `asked` are those that a check has looked at."""

    def __init__(self, lines):
        assert len(lines) == len(LINES)
        self.text: dict[str, str] = {}
        self.asked: set[str] = set()
        for pattern, line in zip(LINES, map(_words, lines), strict=True):
            found = pattern.fullmatch(line)
            assert found, (line, pattern.pattern)
            self.text |= {name: text for name, text in found.groupdict().items() if text is not None}

    def __contains__(self, name):
        return name in self.text

    def __getitem__(self, name) -> float:
        self.asked.add(name)
        return float(self.text[name].replace(",", ""))

    def shows(self, name, exact, *, relative=0.0, absolute=0.0) -> None:
        """The number is the exact one to the last digit that is shown, but for what 64 bit leaves unknown."""
        value, text = self[name], self.text[name].replace(",", "")
        digits, _, power = text.partition("e")
        unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
        if "." not in digits and not power:
            unit = 10.0 ** (len(digits) - len(digits.rstrip("0"))) if len(digits) > 2 else 1.0
        allowed = 0.5001 * unit + relative * abs(float(exact)) + absolute
        assert abs(value - float(exact)) <= allowed, (name, text, float(exact))


@pytest.fixture(scope="module", params=[(data, family) for data in DATA for family in FAMILIES], ids="-".join)
def case(request, written):
    """A study, the numbers of its summary, and K and u of every depth in 50 digits."""
    data, family = request.param
    found = written.study
    if (data, family) != ("digits", "relu-ntk"):
        found = rn.study.run(
            data,
            out=None,
            points=POINTS,
            test_points=TEST_POINTS,
            depths=f"1:{LAST_DEPTH}",
            family=family,
            **DATA[data],
        )
    kernels = {depth: exact_kernels(family, found.data.X, found.data.x, depth) for depth in DEPTHS}
    regular = [depth for depth in DEPTHS if found.kernels.solved[depth] is not None]
    u = {depth: exact_coefficients(kernels[depth]) for depth in regular}
    return data, family, found, Numbers(found.summary), kernels, u


def test_every_number_of_the_summary_agrees_with_an_independent_one(case):
    numbers = case[3]
    for check in (_prediction, _data, _kernel, _closed_form, _transport, _drivers, _signatures, _variation, _limit):
        check(*case)
    assert set(numbers.text) - numbers.asked == set()


def _prediction(data, family, found, numbers, kernels, u):
    """Everything again by plain kernels, explicit refits and explicit votes."""
    loaded = {"digits": load_digits, "wine": load_wine}[data]()
    shuffled = np.random.default_rng(0).permutation(len(loaded.data))[: POINTS + 2000]
    rows, labels = loaded.data[shuffled], loaded.target[shuffled]
    if data == "wine":
        rows = (rows - rows[:POINTS].mean(axis=0)) / rows[:POINTS].std(axis=0)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    X, x, wanted = unit[:POINTS], unit[POINTS:], labels[POINTS:]
    y = (labels[:POINTS, None] == np.unique(labels)) * 1.0
    assert (numbers["train"], numbers["tried"]) == (POINTS, len(x))

    def tuned(K, B):
        """(leave-one-out error, hits) of the best ridge."""
        unit, tries = np.trace(K) / POINTS - K.mean(), []
        for ridge in (0.0, 1e-3, 1e-2, 1e-1, 1.0):
            A = K + ridge * unit * np.eye(POINTS)
            if np.linalg.eigvalsh(A)[0] > 1e-12:
                left = [y[i] - y.mean(axis=0) - _refitted(A, y, i) for i in range(POINTS)]
                values = y.mean(axis=0) + B.T @ np.linalg.solve(A, y - y.mean(axis=0))
                hits = (values > values.max(axis=1, keepdims=True) - 1e-9).argmax(axis=1) == wanted
                tries.append((np.sqrt(np.mean(np.square(left))), hits))
        return min(tries, key=lambda one: one[0])

    at = {depth: tuned(*plain_kernels(family, X, x, depth)) for depth in DEPTHS}
    best = max(at, key=lambda depth: (at[depth][1].mean(), -depth))
    taken = min(at, key=lambda depth: at[depth][0])
    assert (numbers["best"], numbers["taken"]) == (best, taken)
    numbers.shows("best_score", at[best][1].mean())
    numbers.shows("taken_score", at[taken][1].mean())
    if best == LAST_DEPTH:
        assert "deepest" not in numbers
    else:
        assert numbers["deepest"] == LAST_DEPTH
        numbers.shows("deepest_score", at[LAST_DEPTH][1].mean())
        _compared(numbers, "lost", at[best][1], at[LAST_DEPTH][1])
    squares = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(X)) ** 2
    across = scipy.spatial.distance.cdist(X, x) ** 2
    gammas = [0.5 / (2.0**k * np.median(scipy.spatial.distance.pdist(X))) ** 2 for k in range(-3, 4)]
    rbf = min((tuned(np.exp(-g * squares), np.exp(-g * across)) for g in gammas), key=lambda one: one[0])[1]
    vote = np.bincount(labels[:POINTS]).argmax() == wanted
    for name, hits in (("rbf", rbf), ("vote", vote)):
        numbers.shows(f"{name}_score", hits.mean())
        _compared(numbers, name, at[taken][1], hits)


def _refitted(A, y, i):
    """What is predicted at the training point i about the mean, from the others alone."""
    others = [j for j in range(len(y)) if j != i]
    return A[i, others] @ np.linalg.solve(A[np.ix_(others, others)], y[others] - y.mean(axis=0))


def _compared(numbers, name, own, other):
    """The difference of two accuracies on the same rows, its error and the verdict."""
    apart = own.astype(float) - other
    gap, error = apart.mean(), scipy.stats.sem(apart)
    verdict = "same" if abs(gap) <= 2 * error else "worse" if gap > 0 else "better"
    numbers.shows(f"{name}_{verdict}", abs(gap))
    numbers.shows(f"{name}_{verdict}_error", error)


def _data(data, family, found, numbers, kernels, u):
    rows = {"digits": load_digits, "wine": load_wine}[data]().data
    chosen = np.random.default_rng(0).permutation(len(rows))[: POINTS + TEST_POINTS]
    train = rows[chosen[:POINTS]]
    if data == "wine":
        rows = (rows - train.mean(axis=0)) / train.std(axis=0)
    unit = rows[chosen] / np.linalg.norm(rows[chosen], axis=1, keepdims=True)
    np.testing.assert_allclose(np.vstack([found.data.X, found.data.x]), unit, atol=1e-14)
    exact = {"n": 5, "m": 2, "dim": rows.shape[1], "seed": 0, "first": 1, "last": LAST_DEPTH}
    for name, value in exact.items():
        assert numbers[name] == value
    assert family in found.summary[3] and data in found.summary[2]
    # five centred rows have rank four
    singular = np.linalg.matrix_rank(unit[:POINTS]) < POINTS
    assert singular == (data == "wine") == ("first_condition" not in numbers) == ("condition" not in numbers)
    if not singular:
        condition = np.linalg.cond(unit[:POINTS]) ** 2
        numbers.shows("first_condition", condition, relative=1e-12)
        numbers.shows("condition", condition, relative=1e-12)
    assert numbers["condition_depth"] == 1 and numbers["last_condition_depth"] == LAST_DEPTH


def _kernel(data, family, found, numbers, kernels, u):
    K = kernels[LAST_DEPTH][0]
    off = [K[i, j] for i in range(POINTS) for j in range(i)]
    assert numbers["kernel_depth"] == LAST_DEPTH
    if family == "relu-ntk":
        numbers.shows("low", min(off), relative=1e-13)
        numbers.shows("high", max(off), relative=1e-13)
        assert numbers["limit"] == 0.25
        return
    limit = mp.findroot(lambda r: (1 + mp.exp(-r)) ** -2 - r, 0.34) if family == "sigmoid" else mp.mpf(1)
    numbers.shows("near_limit", limit)
    numbers.shows("kernel_distance", max(abs(value - limit) for value in off), relative=1e-12)


def _closed_form(data, family, found, numbers, kernels, u):
    size = mp.eigsy(kernels[LAST_DEPTH][0], eigvals_only=True)
    numbers.shows("last_condition", size[POINTS - 1] / size[0], relative=1e-9)
    smallest = [min(mp.eigsy(kernels[depth][0], eigvals_only=True)) for depth in u]
    assert min(smallest) > 0  # so no depth is called indefinite
    assert (numbers["singular"] == 1) if data == "wine" else ("singular" not in numbers)
    deflated = [depth for depth in u if found.kernels.solved[depth].method == "deflated"]
    if deflated:
        assert (numbers["deflated_from"], numbers["deflated_to"]) == (deflated[0], deflated[-1])
        # the bordered system is for s <= c in K = c + s G
        for depth in u:
            level = 1.0 if family == "relu-nngp" else 0.3417854
            G = found.kernels.deflated[depth]
            values = np.array(kernels[depth][0].tolist(), dtype=float)
            np.testing.assert_allclose(G.level + math.exp(G.log_scale) * G.values[:, :POINTS], values, atol=1e-14)
            assert G.level == pytest.approx(level, rel=1e-6)
            assert (math.exp(G.log_scale) <= G.level) == (depth in deflated)
    else:
        assert family == "relu-ntk"
    # residuals of refined solutions are a few units of the right-hand side
    residuals = []
    for depth in u:
        how = found.kernels.solved[depth]
        solved = how.coefficients
        if how.method != "deflated":
            K, B = found.kernels.at(depth)
            residuals.append(np.abs(np.longdouble(K) @ solved - B).max())
        error = np.abs(solved - u[depth]).max() / max(1, np.abs(u[depth]).max())
        assert error <= how.relative_error <= numbers["known"] * 1.05
    assert max(residuals, default=0) <= numbers["residual"] + 4 * EPS and numbers["residual"] <= 20 * EPS
    # condition number times what the entries are known to, eight units of rounding at least
    worst = max(found.kernels.condition[depth] for depth in u)
    assert numbers["known"] <= 1e3 * EPS * worst


def _transport(data, family, found, numbers, kernels, u):
    starts = [depth for depth in u if depth + 1 in u]
    assert numbers["integrations"] == 4 * len(starts) == len(found.transport)
    deflated = [row for row in found.transport if row["system"] == "deflated"]
    forms = found.kernels.deflated  # of no depth for relu-ntk
    spread = [d for d in starts if d in forms and 0 <= math.exp(forms[d].log_scale) < 1e-2 * forms[d].level]
    assert len(deflated) == 4 * len(spread) == ("deflated" in numbers and numbers["deflated"])
    worst, doubt = 0.0, 0.0
    for row in found.transport:
        exact = u[row["depth"] + 1]
        worst = max(worst, np.abs(row["coefficients"] - exact).max() / max(1, np.abs(exact).max()))
        doubt = max(doubt, found.kernels.solved[row["depth"] + 1].relative_error)
    numbers.shows("transport_error", worst, absolute=doubt)
    most = 2e3 * EPS * max(found.kernels.condition[depth] for depth in u)  # of rounding, entries and two solutions
    assert worst - doubt <= numbers["transport_proven"] <= worst + most
    # What the solver says is repeated for the row that decides; |A u - b| is computed at its knots from plain kernels.
    assert numbers["transport_residual"] <= 1e-9
    for clock in ("arc", "psi"):
        row = max((r for r in found.transport if r["clock"] == clock), key=lambda r: (r["steps"], r["residual"]))
        again = rn.transport.between_depths(
            found.family, found.data.X, found.data.x, depth=row["depth"], clock=clock, rhs=row["rhs"]
        )
        assert again.stats["steps"] == numbers[f"{clock}_steps"]
        if again.system == "kernel":
            (K0, B0), (K1, B1) = (plain_kernels(family, found.data.X, found.data.x, row["depth"] + k) for k in (0, 1))
            s = np.asarray(again.clock.position(again.times))[:, None, None]
            held = B1 if row["rhs"] == "paper" else (1 - s) * B0 + s * B1
            residual = np.abs(((1 - s) * K0 + s * K1) @ again.values - held).max()
            assert residual <= numbers["transport_residual"] * 1.05 + 1e3 * EPS


def _exact_driver_end(kernels, depth):
    """log(K0^{-1} K1) and log(K0^{-1} K1) M^{-1} K0^{-1} (B1 - B0), M = K0^{-1} K1 - 1, in 50 digits."""
    (K0, B0), (K1, B1) = kernels[depth], kernels[depth + 1]
    ratio = K0**-1 * K1
    values, vectors = mp.eig(ratio)
    log = vectors * mp.diag([mp.log(value) for value in values]) * vectors**-1
    column = log * (ratio - mp.eye(POINTS)) ** -1 * (K0**-1 * (B1 - B0))
    both = [[mp.re(v) for v in log[i, :]] + [mp.re(v) for v in column[i, :]] for i in range(POINTS)]
    return np.array(both, dtype=float)


def _drivers(data, family, found, numbers, kernels, u):
    assert numbers["channels"] == POINTS * (POINTS + TEST_POINTS)
    for depth in (min(found.drivers.paths), LAST_DEPTH - 1):
        exact = _exact_driver_end(kernels, depth)
        gap = np.abs(found.drivers.paths[depth][-1].reshape(exact.shape) - exact).max() / np.abs(exact).max()
        assert gap <= 200 * EPS * found.kernels.condition[depth]
    largest = max(found.kernels.condition[depth] for depth in found.drivers.paths)
    assert numbers["quadrature"] <= 64 * EPS * largest


def _directions(found):
    """The principal directions by the eigenvectors of the weighted steps' Gram matrix, and what they leave of each."""
    steps = [np.diff(path, axis=0) for path in found.drivers.paths.values()]
    weighted = np.concatenate([step / np.abs(step).sum() for step in steps])
    basis = scipy.linalg.eigh(weighted.T @ weighted)[1][:, -8:]
    return basis, max(1 - np.linalg.norm(step @ basis) / np.linalg.norm(step) for step in steps)


def _signatures(data, family, found, numbers, kernels, u):
    assert (numbers["level"], numbers["directions"]) == (3, 8)
    basis, left = _directions(found)
    assert numbers["left"] == pytest.approx(left, rel=0.51, abs=1e-11)  # one digit, and a Gram matrix's 1e-16/left
    depth = LAST_DEPTH - 1
    steps = np.diff(found.drivers.reduced[depth], axis=0)
    first, second, third = np.zeros(8), np.zeros((8, 8)), np.zeros((8, 8, 8))
    for step in steps:  # Chen's identity with the exponential of a step
        third += np.multiply.outer(second, step) + np.multiply.outer(first, np.multiply.outer(step, step)) / 2
        third += np.multiply.outer(np.multiply.outer(step, step), step) / 6
        second += np.multiply.outer(first, step) + np.multiply.outer(step, step) / 2
        first += step
    whole = np.concatenate([first, second.ravel(), third.ravel()])
    for name, view in found.signatures.views.items():
        gap = np.abs(view.whole[depth] - whole)
        assert gap.max() <= 1e3 * EPS * np.abs(whole).max(), name
    sentence = found.summary[11]
    if len(found.signatures.views) > 1:
        shown = float(re.search(f"largest relative disagreement ({N})", sentence)[1])
        assert shown <= 1e-12 and " agree, " in sentence
    for name in rn.rough.SIGNATURE_BACKENDS:
        assert (name in sentence) and ((f"{name} is absent" in sentence) == (name not in found.signatures.views))


def _levels(path, norm):
    """The 2-variation of both levels of the piecewise-linear lift, over all partitions; outer root taken."""
    at = path - path[0]
    steps = np.diff(path, axis=0)
    parts = at[:-1, :, None] * steps[:, None, :] + steps[:, :, None] * steps[:, None, :] / 2
    area = np.concatenate([np.zeros((1, *parts.shape[1:])), np.cumsum(parts, axis=0)])
    count = len(path)
    first, second = np.zeros((count, count)), np.zeros((count, count))
    for j in range(1, count):
        pieces = area[j] - area[:j] - at[:j, :, None] * (at[j] - at[:j])[:, None, :]
        moved = (at[j] - at[:j]).reshape(j, -1)
        flat = pieces.reshape(j, -1)
        first[:j, j] = (np.abs(moved).sum(1) if norm == "l1" else np.linalg.norm(moved, axis=1)) ** 2
        second[:j, j] = np.abs(flat).sum(1) if norm == "l1" else np.linalg.norm(flat, axis=1)
    return math.sqrt(largest_sum(first)), largest_sum(second)


def _variation(data, family, found, numbers, kernels, u):
    depths = np.array(list(found.drivers.paths), dtype=float)
    middle = depths[depths >= np.median(depths)]
    assert (numbers["fit_from"], numbers["fit_to"]) == (middle[0], middle[-1]) and len(middle) == 3
    x = np.log(middle)
    sizes = np.array([_levels(found.drivers.paths[int(depth)], "l1") for depth in middle])
    for level in (1, 2):
        slope = scipy.stats.linregress(x, np.log(sizes[:, level - 1])).slope
        numbers.shows(f"slope_{level}", slope, absolute=1e-9)
    if family == "sigmoid":
        assert "theory_1" not in numbers
    else:
        rate = np.log(middle) / middle**2 if family == "relu-ntk" else 1 / middle
        for level in (1, 2):
            numbers.shows(f"theory_{level}", level * scipy.stats.linregress(x, np.log(rate)).slope, absolute=1e-12)
        _slope_verdict(family, found, numbers)
    # The verdict's rates: on principal directions, in the l2 norm, over the deeper half, at least three depths.
    half = max(3, math.ceil(len(depths) / 2))
    basis = _directions(found)[0]
    projected = np.array([_levels(found.drivers.paths[int(depth)] @ basis, "l2") for depth in depths[-half:]])
    for level in (1, 2):
        fit = scipy.stats.linregress(np.log(depths[-half:]), -np.log(projected[:, level - 1]))
        width = scipy.stats.t.ppf(0.975, half - 2) * fit.stderr
        numbers.shows(f"rate_{level}", fit.slope, absolute=1e-6)
        numbers.shows(f"rate_error_{level}", width, relative=1e-3)
    assert numbers["p"] == numbers["levels"] == 2 and ("do not" in found.summary[6]) == (family == "sigmoid")


def _slope_verdict(family, found, numbers):
    """Why the slope of level 1 is what it is: within 0.1 of theory, or at depths where theory is meant to hold."""
    gap = abs(found.slopes["level1"] - found.slopes["theory_level1"])
    assert ("gap" in numbers) == (gap <= 0.1)
    if gap <= 0.1:
        numbers.shows("gap", gap, absolute=1e-9)
        assert numbers["within"] == 0.1
        return
    numbers.shows("gap_beyond", gap, absolute=1e-9)
    assert (numbers["far_from"], numbers["far_to"]) == (100_000, 200_000)
    X, x = found.data.X, found.data.x
    if family == "relu-ntk":
        # chords are (a log L + b)/L^2, fitted to layers that rounding has not reached
        L, layers = (500, 2000), _layers(X, x, 2001)
        chords = [np.abs(np.linalg.solve(layers[k - 1][:, :POINTS], layers[k] - layers[k - 1])).sum() for k in L]
        a, b = np.linalg.solve([[math.log(k), 1] for k in L], [c * k**2 for c, k in zip(chords, L, strict=True)])
        near, far = (a * math.log(k) + b for k in (100_000, 200_000))
        assert numbers["far_slope"] == pytest.approx(math.log2(far / near / 4), abs=0.01)
        numbers.shows("far_theory", math.log2(math.log(200_000) / math.log(100_000) / 4), absolute=1e-9)
    else:
        numbers.shows("far_slope", -1, absolute=0.002)  # the angles are 3 pi/L there, and logarithms of ratios 2/L
        numbers.shows("far_theory", -1, absolute=1e-9)
    theta = min(math.acos(X[i] @ X[j]) for i in range(POINTS) for j in range(i))
    assert ("layers" in numbers) == (3 * math.pi / theta > LAST_DEPTH - 1)
    if "layers" in numbers:
        numbers.shows("layers", numbers["three"] * math.pi / theta, absolute=0.5)


def _limit(data, family, found, numbers, kernels, u):
    assert numbers["distance_depth"] == LAST_DEPTH
    X, x = found.data.X, found.data.x
    limit = {"relu-ntk": 1 / (POINTS + 3), "relu-nngp": 1 / POINTS}.get(family)
    if limit is None:  # 40 layers: the multiplier's 40th power is 1e-22, of which 50 digits leave 27
        limit = exact_coefficients(exact_kernels(family, X, x, 40))
    numbers.shows("distance", np.abs(u[LAST_DEPTH] - limit).max(), relative=1e-7)
    if family != "relu-ntk":
        assert "needed_1" not in numbers
        return
    loose = []
    depths = [int(numbers[f"needed_{k}"]) for k in (1, 2, 3)]
    systems = _layers(X, x, 4 * depths[-1])
    for place, (depth, tolerance) in enumerate(zip(depths, TOLERANCES, strict=True), 1):
        assert numbers[f"tolerance_{place}"] == tolerance
        before, at = (np.abs(_solved(systems[level - 1]) - limit).max() for level in (depth - 1, depth))
        assert at <= tolerance < before
        V_A, V_b = _tails(systems, depth)
        size = np.abs(_solved(systems[depth - 1])).max()
        loose.append((V_b + V_A * (size + V_b) * math.exp(V_A)) / at)
    numbers.shows("looseness", max(loose), relative=0.02)


def _solved(system):
    return np.linalg.solve(system[:, :POINTS], system[:, POINTS:])


def _layers(X, x, count):
    """K_L(X, X and x) of the ReLU NTK at the depths 1 .. count, layer by layer, shape (count, n, n + m)."""
    rho = np.clip(np.hstack([X @ X.T, X @ x.T]), -1, 1)
    np.fill_diagonal(rho, 1.0)
    K, found = rho, [rho]
    for layer in range(1, count):
        slope = 1 - np.arccos(rho) / np.pi
        rho = np.minimum(np.sqrt(1 - rho**2) / np.pi + rho * slope, 1.0)
        K = layer / (layer + 1) * slope * K + rho / (layer + 1)
        found.append(K)
    return np.array(found)


def _tails(systems, depth):
    """int |A^{-1} A'| (largest row sum) and int |A^{-1} b'| (largest entry) beyond a depth: sums over layers, and from
    the last one on the integral of (a log L + b)/L^2, fitted to two layers."""
    K = systems[depth - 1 :]
    middle = (K[1:] + K[:-1]) / 2
    rates = np.linalg.solve(middle[:, :, :POINTS], K[1:] - K[:-1])
    sizes = np.abs(rates[:, :, :POINTS]).sum(axis=2).max(axis=1), np.abs(rates[:, :, POINTS:]).max(axis=(1, 2))
    L = depth + 0.5 + np.arange(len(rates))
    tails = []
    for size in sizes:
        places = [len(L) // 2, len(L) - 1]
        a, b = np.linalg.solve([[math.log(L[k]), 1] for k in places], [size[k] * L[k] ** 2 for k in places])
        end = L[-1] + 0.5
        tails.append(size.sum() + (a * (math.log(end) + 1) + b) / end)
    return tails
