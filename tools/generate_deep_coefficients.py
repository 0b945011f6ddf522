"""Coefficients u_L(x) = K_L(X,X)^(-1) K_L(X,x) of deep kernels, and write tests/data/deep_coefficients.json.

Run from the repository root, in any environment with mpmath and numpy (about a quarter of an hour with gmpy2):

    python tools/generate_deep_coefficients.py            # writes tests/data/deep_coefficients.json
    python tools/generate_deep_coefficients.py --check    # exit status 1 if that file is not what would be written

Data set: rows = numpy.random.default_rng(seed).standard_normal((n + m, n0)), divided by numpy.linalg.norm(rows, axis=1,
keepdims=True); X is the first n rows, the test points are the last m. Everything after these float64 rows is done in
multiple precision; the angle is 2 atan2(|x - z|, |x + z|). Routes:

* inversion: the plain recursion with enough digits that K_L(X,X), nearly singular, can be inverted as it is;
* kriging: K = c 11^T + s G solved as [G 1; 1^T -s/c] [u; mu] = [g; 1], exact, with G from a linearisation
  - sigmoid composition from depth 1000: the Koenigs function, G = lim (eta_L - c) / lambda^(L-1);
  - erf beyond depth 400: (1 - c_L, Theta_L(x,x) - Theta_L(x,x')) propagated by the linearised layer;
* ReLU NNGP at depth 10^6: the Abel function of the angle map, from its own formal series, then inversion.

Every route is compared here with plain inversion at the same depth, or with twice the depth, where that is affordable.
Families and conventions are those of generate_families.py.
"""

import functools
import hashlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
from generate_families import DATA, Network, as_json, erf_dual, relu_dual, text, write_or_check
from mpmath import mp, mpf

STORED = 20
TESTS = 4
ALL_TESTS_UP_TO = 12  # points; larger sets keep the coefficients of the first test point only
CHECKED_SEEDS = (0, 1)  # the sets on which the dear checks are made
KOENIGS_STEPS = 140  # lambda^140 = 3e-77
LINEAR_FROM = 400  # erf: the defect there is 1e-40
SERIES_ORDER = 44
SMALL_ANGLE = mpf("0.06")

SIZES = (5, 6, 7, 8, 9, 10, 11, 12, 12, 13, 14, 15, 16, 18, 20, 22, 24, 26, 28, 30)
DIMENSIONS = {2: 4, 9: 4, 14: 4, 5: 10, 11: 10, 17: 10}  # seed -> n0 where it is not 6
SETS = [(seed, n, DIMENSIONS.get(seed, 6)) for seed, n in enumerate(SIZES)]

Matrix = list[list[mpf]]


class DataSet(NamedTuple):
    """A data set: its parameters, the angles among X, and those of X with the test points that are kept."""

    seed: int
    n: int
    n0: int
    angles: Matrix
    test_angles: Matrix
    digest: str


class Coefficients(NamedTuple):
    """u, one list per test point, and the number of negative eigenvalues of K_L(X,X)."""

    u: Matrix
    negative: int


def rows_of(seed: int, n: int, n0: int) -> np.ndarray:
    """The n + TESTS unit rows in float64."""
    rows = np.random.default_rng(seed).standard_normal((n + TESTS, n0))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def angle(x: np.ndarray, z: np.ndarray) -> mpf:
    """2 atan2(|x - z|, |x + z|) of two float64 rows."""
    x, z = [mpf(float(v)) for v in x], [mpf(float(v)) for v in z]
    minus, plus = (mpmath.sqrt(mpmath.fsum((a + s * b) ** 2 for a, b in zip(x, z, strict=True))) for s in (-1, 1))
    return 2 * mpmath.atan2(minus, plus)


def data_set(seed: int, n: int, n0: int) -> DataSet:
    """Angles to the precision in force."""
    rows = rows_of(seed, n, n0)
    X, tests = rows[:n], rows[n:]
    if n > ALL_TESTS_UP_TO:
        tests = tests[:1]
    return DataSet(
        seed,
        n,
        n0,
        [[angle(X[max(i, j)], X[min(i, j)]) if i != j else mpf(0) for j in range(n)] for i in range(n)],
        [[angle(x, z) for x in X] for z in tests],
        hashlib.sha256(rows.tobytes()).hexdigest()[:16],
    )


def data_sets() -> list[DataSet]:
    return [data_set(*parameters) for parameters in SETS]


def kernel_matrices(data: DataSet, kernel: Callable[[mpf], mpf]) -> tuple[Matrix, Matrix]:
    """Kernel of the angles: (n x n, one row per test point), the recursion run once per pair."""
    known: dict[mpf, mpf] = {}

    def value(theta: mpf) -> mpf:
        if theta not in known:
            known[theta] = kernel(theta)
        return known[theta]

    return tuple([[value(theta) for theta in row] for row in part] for part in (data.angles, data.test_angles))


def solve(A: Matrix, right: Matrix) -> tuple[Matrix, list[mpf]]:
    """Solutions of the symmetric A u = b for every row b of `right`, and the pivots, in the order of the rows."""
    n = len(A)
    M = [list(A[i]) + [b[i] for b in right] for i in range(n)]
    for k in range(n):
        for i in range(k + 1, n):
            factor = M[i][k] / M[k][k]
            for j in range(k + 1, len(M[i])):
                M[i][j] -= factor * M[k][j]
    found = []
    for column in range(n, n + len(right)):
        u = [mpf(0)] * n
        for i in reversed(range(n)):
            u[i] = (M[i][column] - mpmath.fdot(M[i][i + 1 : n], u[i + 1 :])) / M[i][i]
        found.append(u)
    residual = max(abs(mpmath.fdot(A[i], u) - b[i]) for u, b in zip(found, right, strict=True) for i in range(n))
    assert residual < mpf(10) ** (25 - mp.dps), residual
    return found, [M[k][k] for k in range(n)]


def invert(data: DataSet, kernel: Callable[[mpf], mpf]) -> Coefficients:
    """The coefficients by elimination on the kernel matrix as it is."""
    A, right = kernel_matrices(data, kernel)
    u, pivots = solve(A, right)
    smallest = min(abs(pivot) for pivot in pivots)
    assert smallest > mpf(10) ** (40 - mp.dps), (data.seed, "more digits are needed", smallest)
    return Coefficients(u, sum(pivot < 0 for pivot in pivots))


def krige(data: DataSet, shape: Callable[[mpf], mpf], ratio: mpf) -> Coefficients:
    """The coefficients of K = c (11^T + ratio G), exactly, ratio = 0 being the limit; `shape` gives G of the angle.

    A constant t added to G is taken from c, 11^T + r G = (1 - r t) 11^T + r (G + t 11^T), so that no pivot is zero.
    """
    G, right = kernel_matrices(data, shape)
    shift = max(abs(value) for row in [*G, *right] for value in row)
    ratio /= 1 - ratio * shift
    G, right = ([[value + shift for value in row] + [mpf(1)] for row in part] for part in (G, right))
    u, pivots = solve([*G, [mpf(1)] * data.n + [-ratio]], right)
    # The border adds one negative eigenvalue to those of G on the complement of 1, where K has its own.
    return Coefficients([column[: data.n] for column in u], sum(pivot < 0 for pivot in pivots) - 1)


def difference(a: Coefficients, b: Coefficients) -> mpf:
    """max |a - b| / max(1, |b|)."""
    return max(
        abs(p - q) / max(1, max(map(abs, right)))
        for left, right in zip(a.u, b.u, strict=True)
        for p, q in zip(left, right, strict=True)
    )


# --- sigmoid composition -------------------------------------------------------------------------------------------


def sigmoid_step(eta: mpf) -> mpf:
    return (1 + mpmath.exp(-eta)) ** -2


def sigmoid_kernel(depth: int) -> Callable[[mpf], mpf]:
    def kernel(theta: mpf) -> mpf:
        eta = mpmath.cos(theta)
        for _ in range(depth - 1):
            eta = sigmoid_step(eta)
        return eta

    return kernel


@functools.cache
def sigmoid_fixed_point(digits: int) -> tuple[mpf, mpf]:
    """(c, lambda) with so many digits."""
    with mpmath.workdps(digits):
        c = mpmath.findroot(lambda z: sigmoid_step(z) - z, mpf("0.3418"))
        return c, 2 * c * (1 - mpmath.sqrt(c))


def koenigs(theta: mpf) -> mpf:
    """(eta_L - c) / lambda^(L-1) at L = KOENIGS_STEPS + 1, which is the limit to 75 digits."""
    c, multiplier = sigmoid_fixed_point(mp.dps)
    return (sigmoid_kernel(KOENIGS_STEPS + 1)(theta) - c) / multiplier**KOENIGS_STEPS


# --- ReLU NNGP at great depth --------------------------------------------------------------------------------------


def multiply(a: list[mpf], b: list[mpf]) -> list[mpf]:
    return [mpmath.fdot(a[: k + 1], reversed(b[: k + 1])) for k in range(len(a))]


def angle_map_series(order: int) -> list[mpf]:
    """p_0 = 0, p_1, ...: f(t) = t (1 + sum p_k t^k); f^2 = 2 sum_j (4 y)^j / (j^2 C(2j, j)), y = (1 - cos f) / 2."""
    size = order + 1  # of series in t after the division by t^2
    versine = []  # (1 - cos f) / t^2
    for k in range(2, size + 2):
        sin = mpf(0) if k % 2 == 0 else (-1) ** (k // 2) / mpmath.factorial(k)
        cos = (-1) ** (k // 2) / mpmath.factorial(k) if k % 2 == 0 else mpf(0)
        before = (-1) ** ((k - 1) // 2) / mpmath.factorial(k - 1) if k % 2 else mpf(0)  # of t cos t
        versine.append(-cos - (sin - before) / mp.pi)
    # y = t^2 versine / 2, so f^2 / t^2 = 2 sum_j (2 versine)^j t^(2j-2) / (j^2 C(2j, j)).
    double = [2 * value for value in versine]
    square, power = [mpf(0)] * size, [mpf(1)] + [mpf(0)] * (size - 1)
    for j in range(1, size // 2 + 2):
        power = multiply(power, double)
        factor = 2 / (mpf(j) ** 2 * mpmath.binomial(2 * j, j))
        for k in range(size - (2 * j - 2)):
            square[k + 2 * j - 2] += factor * power[k]
    root = [mpmath.sqrt(square[0])]
    for k in range(1, size):
        root.append((square[k] - mpmath.fsum(root[i] * root[k - i] for i in range(1, k))) / (2 * root[0]))
    assert abs(root[0] - 1) < mpf(10) ** (5 - mp.dps)
    return [mpf(0)] + root[1:]


def abel_series(order: int) -> list[mpf]:
    """a_1, a_2, ... of alpha = 3 pi/t + (3/2) log(t / (3 pi)) + sum a_k t^k, from alpha(f(t)) = alpha(t) + 1.

    With f = t (1 + p) the equation is (3 pi/t) (1/(1+p) - 1) + (3/2) log(1+p) + sum a_k t^k ((1+p)^k - 1) = 1, whose
    coefficient of t^(k+1) determines a_k.
    """
    p = angle_map_series(order + 2)
    size = len(p)
    ratio = [mpf(1)] + p[1:]
    inverse = [mpf(1)]
    for k in range(1, size):
        inverse.append(-mpmath.fsum(ratio[i] * inverse[k - i] for i in range(1, k + 1)))
    derivative = [(k + 1) * ratio[k + 1] for k in range(size - 1)] + [mpf(0)]
    logarithm = [mpf(0)] + [value / (k + 1) for k, value in enumerate(multiply(derivative, inverse)[:-1])]
    left = [3 * mp.pi * inverse[k + 1] + mpf(3) / 2 * logarithm[k] for k in range(size - 1)]
    left[0] -= 1
    assert abs(left[0]) < mpf(10) ** (5 - mp.dps) and abs(left[1]) < mpf(10) ** (5 - mp.dps)
    power, found = list(ratio), []
    for k in range(1, order + 1):
        found.append(-left[k + 1] / (k * p[1]))
        for i in range(1, size - 1 - k):
            left[i + k] += found[-1] * power[i]
        power = multiply(power, ratio)
    return found


def relu_angle(theta: mpf) -> mpf:
    value = (mpmath.sin(theta) + (mp.pi - theta) * mpmath.cos(theta)) / mp.pi
    return mpmath.acos(value)


def abel(theta: mpf, series: list[mpf]) -> mpf:
    """Abel time: the angle is pushed forward until the series holds."""
    steps = 0
    while theta > SMALL_ANGLE:
        theta, steps = relu_angle(theta), steps + 1
    w = 3 * mp.pi / theta
    return w - mpf(3) / 2 * mpmath.log(w) + mpmath.polyval([*reversed(series), 0], theta) - steps


def deep_angle(time: mpf, series: list[mpf]) -> mpf:
    """The angle at a great Abel time, by w = time + (3/2) log w - sum a_k (3 pi/w)^k, a contraction."""
    w = time
    for _ in range(200):
        following = time + mpf(3) / 2 * mpmath.log(w) - mpmath.polyval([*reversed(series), 0], 3 * mp.pi / w)
        if abs(following - w) < abs(w) * mpf(10) ** (3 - mp.dps):
            return 3 * mp.pi / following
        w = following
    raise RuntimeError("the inverse of the Abel function did not converge")


def relu_nngp(depth: int, series: list[mpf] | None) -> Callable[[mpf], mpf]:
    """cos theta_L by the Abel function, or by the recursion without a series."""

    def kernel(theta: mpf) -> mpf:
        if theta == 0:
            return mpf(1)
        if series is not None:
            return mpmath.cos(deep_angle(abel(theta, series) + depth - 1, series))
        for _ in range(depth - 1):
            theta = relu_angle(theta)
        return mpmath.cos(theta)

    return kernel


# --- networks with biases ------------------------------------------------------------------------------------------


def diagonal(network: Network, depth: int) -> list[tuple[mpf, mpf]]:
    """(Sigma_L(x,x), Theta_L(x,x)) for L = 1 .. depth."""
    sigma = network.sw2 + network.sb2
    found = [(sigma, sigma)]
    for _ in range(depth - 1):
        sigma, theta = found[-1]
        value, slope = network.dual(sigma, sigma)
        sigma = network.sw2 * value + network.sb2
        found.append((sigma, theta * network.sw2 * slope + sigma))
    return found


def network_kernels(network: Network, depth: int) -> tuple[Callable[[mpf], mpf], Callable[[mpf], mpf]]:
    """Normalised NNGP and NTK of the angle by the recursion, run once per angle for both."""
    on = diagonal(network, depth)

    @functools.cache
    def both(angle: mpf) -> tuple[mpf, mpf]:
        sigma = theta = network.sw2 * mpmath.cos(angle) + network.sb2
        for q, _ in on[:-1]:
            value, slope = network.dual(q, sigma)
            sigma = network.sw2 * value + network.sb2
            theta = theta * network.sw2 * slope + sigma
        return sigma / on[-1][0], theta / on[-1][1]

    return tuple(lambda angle, i=i: both(angle)[i] if angle else mpf(1) for i in (0, 1))


def linearised_erf_ntk(network: Network, depths: tuple[int, ...]) -> list[tuple[Callable[[mpf], mpf], mpf]]:
    """(angle -> G, s / c) of the NTK at depths beyond LINEAR_FROM, then in the limit.

    For e = Sigma(x,x) - Sigma(x,x') and d = Theta(x,x) - Theta(x,x'), both below 1e-35, a layer is linear to twice as
    many digits: e' = sw2 phi1 e, d' = sw2 (phi1 d + Theta(x,x) phi2 e) + e', with phi1 = E[phi'^2] and phi2 =
    E[phi''^2] = dE[phi' phi'] / ds at s = q. For erf phi1 = (4/pi) w^(-1/2) and phi2 = (16/pi) q w^(-3/2), w = 1 + 4 q.
    Then d_L = de e + dd d, where de / dd grows like L: the limit is that of the NNGP, G = -e, at the rate 1/L.
    """
    nngp, ntk = network_kernels(network, LINEAR_FROM)
    on = diagonal(network, max(depths))
    q0, theta0 = on[LINEAR_FROM - 1]
    ee, de, dd = mpf(1), mpf(0), mpf(1)  # e_L = ee e, d_L = de e + dd d
    found = []

    def shape(angle: mpf, mixture: mpf) -> mpf:
        return -q0 * (1 - nngp(angle)) - mixture * theta0 * (1 - ntk(angle))

    for depth in range(LINEAR_FROM + 1, max(depths) + 1):
        q, theta = on[depth - 2]
        w = 1 + 4 * q
        phi1 = 4 / (mp.pi * mpmath.sqrt(w))
        phi2 = 16 * q / (mp.pi * w * mpmath.sqrt(w))
        ee = network.sw2 * phi1 * ee
        de = network.sw2 * (phi1 * de + theta * phi2 * ee / (network.sw2 * phi1)) + ee
        dd = network.sw2 * phi1 * dd
        if depth in depths:  # 1 - K_L = d_L / Theta_L(x,x) = (de / Theta) (e + (dd / de) d)
            found.append((functools.partial(shape, mixture=dd / de), de / on[depth - 1][1]))
    return [*found, (functools.partial(shape, mixture=mpf(0)), mpf(0))]


# --- the file ------------------------------------------------------------------------------------------------------


def case(name: str, depth: int | list, route: str, found: list[Coefficients], **more: Any) -> dict[str, Any]:
    print(name, depth, flush=True)
    return {
        "family": name,
        "depth": depth,
        "route": route,
        **more,
        "negative_eigenvalues": [value.negative for value in found],
        "u": [[[text(v, STORED) for v in row] for row in value.u] for value in found],
    }


def sigmoid_cases() -> list[dict[str, Any]]:
    cases = []
    with mpmath.workdps(160):
        sets = data_sets()
        for depth in (10, 40):
            found = [invert(data, sigmoid_kernel(depth)) for data in sets]
            cases.append(case("sigmoid_composition", depth, "inversion, 160 digits", found))
        limit = [krige(data, koenigs, mpf(0)) for data in sets]
        c, multiplier = sigmoid_fixed_point(mp.dps)
        for depth in (1000, 10**6):
            for seed in CHECKED_SEEDS:
                finite = krige(sets[seed], koenigs, multiplier ** (depth - 1) / c)
                assert difference(finite, limit[seed]) < mpf(10) ** -100
    with mpmath.workdps(1300):
        for seed in CHECKED_SEEDS:
            exact = invert(data_set(*SETS[seed]), sigmoid_kernel(1000))
            gap = difference(exact, limit[seed])
            print("sigmoid: kriging against inversion at depth 1000, 1300 digits:", mpmath.nstr(gap, 3))
            assert gap < mpf(10) ** -50
    route = "kriging with the Koenigs function; the depths agree to 75 digits; inversion with 1300 digits agrees"
    return [*cases, case("sigmoid_composition", [1000, 10**6, "inf"], route, limit)]


def nngp_cases() -> list[dict[str, Any]]:
    with mpmath.workdps(90):
        series, sets = abel_series(SERIES_ORDER), data_sets()
        theta = SMALL_ANGLE * mpf("0.95")
        gap = abel(relu_angle(theta), series) - abel(theta, series) - 1
        print("Abel equation at", mpmath.nstr(theta, 3), mpmath.nstr(gap, 3))
        assert abs(gap) < mpf(10) ** -40
        cases = []
        for depth in (1000, 10**6):
            found = [invert(data, relu_nngp(depth, series)) for data in sets]
            if depth == 1000:
                for seed in CHECKED_SEEDS:
                    gap = difference(invert(sets[seed], relu_nngp(depth, None)), found[seed])
                    print("ReLU NNGP: Abel function against recursion at depth 1000:", mpmath.nstr(gap, 3))
                    assert gap < mpf(10) ** -30
            route = "Abel function, inversion, 90 digits; agrees with the recursion at depth 1000"
            cases.append(case("relu_nngp", depth, route, found))
    return cases


def biased_cases() -> list[dict[str, Any]]:
    network = Network("biased_relu sw2=1 bias=1", mpf(1), mpf(1), relu_dual, "max(u, 0)")
    found: dict[tuple[int, int], list[Coefficients]] = {}
    for depth, digits in ((20, 90), (200, 220)):
        with mpmath.workdps(digits):
            sets, kernels = data_sets(), network_kernels(network, depth)
            for index in (0, 1):
                found[depth, index] = [invert(data, kernels[index]) for data in sets]
    with mpmath.workdps(400):
        kernels = network_kernels(network, 400)
        for seed in CHECKED_SEEDS:
            for index in (0, 1):
                deeper = invert(data_set(*SETS[seed]), kernels[index])
                gap = difference(deeper, found[200, index][seed])
                print("biased ReLU", ("NNGP", "NTK")[index], "depth 400 against 200:", mpmath.nstr(gap, 3))
                assert gap < mpf(10) ** -22
    return [
        case(f"biased_relu_{kind}", depths, f"inversion, {digits} digits", found[depth, index], sw2="1", bias="1")
        for index, kind in ((1, "ntk"), (0, "nngp"))
        for depth, depths, digits in ((20, 20, 90), (200, [200, "inf"], 220))
    ]


def erf_cases() -> list[dict[str, Any]]:
    with mpmath.workdps(140):
        network = Network("erf ordered", mpf(1), mpf("0.1"), erf_dual, "erf(u)")
        sets, kernel = data_sets(), network_kernels(network, 200)[1]
        at_200 = [invert(data, kernel) for data in sets]
        at_1000, limit = (
            [krige(data, shape, ratio) for data in sets] for shape, ratio in linearised_erf_ntk(network, (1000,))
        )
        for seed in CHECKED_SEEDS:
            gaps = [mpmath.nstr(difference(found[seed], limit[seed]), 3) for found in (at_200, at_1000)]
            print("erf: distance from the limit at depths 200 and 1000:", *gaps)
    with mpmath.workdps(320):
        network = Network("erf ordered", mpf(1), mpf("0.1"), erf_dual, "erf(u)")
        kernel = network_kernels(network, 1000)[1]
        for seed in CHECKED_SEEDS:
            gap = difference(invert(data_set(*SETS[seed]), kernel), at_1000[seed])
            print("erf: linearised against inversion at depth 1000, 320 digits:", mpmath.nstr(gap, 3))
            assert gap < mpf(10) ** -30
    linear = f"kriging, linearised from depth {LINEAR_FROM}; inversion with 320 digits agrees at depth 1000"
    return [
        case("erf_ntk", 200, "inversion, 140 digits", at_200, sw2="1", sb2="0.1"),
        case("erf_ntk", 1000, linear, at_1000, sw2="1", sb2="0.1"),
        case("erf_ntk", "inf", "kriging with the limit of the NNGP defects, error 1e-39", limit, sw2="1", sb2="0.1"),
    ]


def circle() -> dict[str, Any]:
    """Six equispaced points of a great circle: K_L of the sigmoid composition is circulant, with known eigenvalues."""
    depths, smallest = (2, 3, 4, 5, 10), []
    with mpmath.workdps(60):
        for depth in depths:
            row = [sigmoid_kernel(depth)(k * mp.pi / 3) for k in range(6)]
            spectrum = [mpmath.fsum(row[k] * mpmath.cos(k * j * mp.pi / 3) for k in range(6)) for j in range(6)]
            smallest.append(text(min(spectrum), STORED))
    return {"what": circle.__doc__, "depths": list(depths), "smallest_eigenvalue": smallest}


def document() -> dict[str, Any]:
    with mpmath.workdps(30):
        sets = data_sets()
    return {
        "what": (
            "Coefficients u = K_L(X,X)^-1 K_L(X,x), indexed u[data set][test point][component]: all test points for "
            f"n <= {ALL_TESTS_UP_TO}, else the first. rows = default_rng(seed).standard_normal((n + m, n0)) / norm in "
            "float64, X first; angles 2 atan2(|x-z|, |x+z|) of the rows; depth lists hold depths with the same 20 "
            "digits. At infinite depth relu_nngp is 1/n each. tools/generate_deep_coefficients.py"
        ),
        "m": TESTS,
        "data_sets": [{"seed": d.seed, "n": d.n, "n0": d.n0, "sha256_of_rows": d.digest} for d in sets],
        "sigmoid_on_six_points_of_a_circle": circle(),
        "cases": [*sigmoid_cases(), *nngp_cases(), *biased_cases(), *erf_cases()],
    }


if __name__ == "__main__":
    sys.exit(write_or_check(as_json(document()), DATA / "deep_coefficients.json"))
