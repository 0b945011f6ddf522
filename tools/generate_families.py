"""Reference values of kernel families, and write tests/data/families.json.

Run from the repository root, in any environment with mpmath (two minutes with gmpy2):

    python tools/generate_families.py            # writes tests/data/families.json
    python tools/generate_families.py --check    # exit status 1 if that file is not what would be written

Everything here is the plain layer recursion on covariances with so many digits that no cancellation matters (500;
800 for the sigmoid composition, whose displacement at depth 1000 is 1e-548), so the route shares nothing with the
cancellation-free forms of the package. Inputs x, x' have |x|^2 / n0 = v = 1 and the correlation rho. A family with
weight variance sw2, bias variance sb2 and activation phi is

    Sigma_1 = sw2 v rho + sb2,      Sigma_(L+1) = sw2 E[phi(u) phi(u')] + sb2,      (u, u') ~ N(0, Sigma_L),
    Theta_1 = Sigma_1,              Theta_(L+1) = Theta_L sw2 E[phi'(u) phi'(u')] + Sigma_(L+1),

normalised by the diagonal: nngp = Sigma_L(x, x') / Sigma_L(x, x), ntk = Theta_L(x, x') / Theta_L(x, x). ReLU is
max(u, 0), so that sw2 = 2 is critical, and sw2 = 1, sb2 = bias^2 is the scaling of the paper with biases.

Sources: Y. Cho & L. Saul (2009), for the ReLU expectations; C. Williams (1997), for those of erf; A. Jacot et al.
(2018), for the tangent kernel; S. Hayou et al. (2021), for stable residual networks.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
from mpmath import mp, mpf

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
DIGITS = 500  # working precision; the smallest defect at depth 1000 is 1e-314
SIGMOID_DIGITS = 800
QUADRATURE_DIGITS = 34
STORED = 30
STORED_QUADRATURE = 28
DEPTHS = (1, 2, 3, 5, 10, 30, 100, 300, 1000)
RHOS = ("-1", "-0.9", "-0.5", "0", "0.5", "0.9", "0.99", "0.999999", "0.999999999999", "1")
SMOOTH_RHOS = ("-0.5", "0.3", "0.9")
TIMES = ("0.25", "0.5", "1", "2")

Pair = tuple[mpf, mpf]
Dual = Callable[[mpf, mpf], Pair]
"""(variance q, covariance s) -> (E[phi(u) phi(u')], E[phi'(u) phi'(u')])."""


class Network(NamedTuple):
    """A fully connected family: name, weight variance, bias variance and the expectations of its activation."""

    name: str
    sw2: mpf
    sb2: mpf
    dual: Dual
    activation: str


def relu_dual(q: mpf, s: mpf) -> Pair:
    """E[phi phi'] = q (sin t + (pi - t) cos t) / (2 pi), E of the derivatives = (pi - t) / (2 pi), cos t = s / q."""
    t = mpmath.acos(s / q)
    return (mpmath.sqrt(q * q - s * s) + (mp.pi - t) * s) / (2 * mp.pi), (mp.pi - t) / (2 * mp.pi)


def leaky_relu_dual(slope: mpf) -> Dual:
    """phi(u) = relu(u) - slope relu(-u): four ReLU expectations, two of them at the covariance -s."""

    def dual(q: mpf, s: mpf) -> Pair:
        same, opposite = relu_dual(q, s), relu_dual(q, -s)
        square = 1 + slope * slope
        return square * same[0] - 2 * slope * opposite[0], square * same[1] + 2 * slope * opposite[1]

    return dual


def erf_dual(q: mpf, s: mpf) -> Pair:
    """(2/pi) arcsin(2 s / (1 + 2 q)) and (4/pi) / sqrt((1 + 2 q)^2 - 4 s^2)."""
    return (
        2 / mp.pi * mpmath.asin(2 * s / (1 + 2 * q)),
        4 / (mp.pi * mpmath.sqrt((1 + 2 * q) ** 2 - 4 * s * s)),
    )


def fully_connected() -> list[Network]:
    """The networks of the table, their parameters as exact decimals."""
    found = []
    for slope in ("0.1", "0.5", "-0.5", "-1"):
        a = mpf(slope)
        found.append(
            Network(f"leaky_relu {slope}", 2 / (1 + a * a), mpf(0), leaky_relu_dual(a), "max(u, 0) + a min(u, 0)")
        )
    for sw2, bias in (("1", "1"), ("1", "0.3"), ("2", "0.5")):
        name = f"biased_relu sw2={sw2} bias={bias}"
        found.append(Network(name, mpf(sw2), mpf(bias) ** 2, relu_dual, "max(u, 0)"))
    for sw2, phase in (("1.0", "ordered"), ("1.55211786", "critical"), ("4", "chaotic")):
        found.append(Network(f"erf {phase}", mpf(sw2), mpf("0.1"), erf_dual, "erf(u)"))
    return found


def covariances(network: Network, rhos: Sequence[mpf], depths: Sequence[int]) -> list[dict[int, Pair]]:
    """For each correlation, depth -> (Sigma, Theta); a pair with itself (rho = 1) comes last and is the diagonal."""
    rhos = [*rhos, mpf(1)]
    sigmas = [network.sw2 * rho + network.sb2 for rho in rhos]
    thetas, found = list(sigmas), [{} for _ in rhos]
    for depth in range(1, max(depths) + 1):
        if depth in depths:
            for pair, sigma, theta in zip(found, sigmas, thetas, strict=True):
                pair[depth] = (sigma, theta)
        if depth < max(depths):
            duals = [network.dual(sigmas[-1], sigma) for sigma in sigmas]
            sigmas = [network.sw2 * value + network.sb2 for value, _ in duals]
            thetas = [
                theta * network.sw2 * slope + sigma
                for theta, sigma, (_, slope) in zip(thetas, sigmas, duals, strict=True)
            ]
    return found


def fixed_point(network: Network) -> dict[str, str]:
    """The variance q* that a layer keeps and chi = sw2 E[phi'^2] there: below 1 ordered, above 1 chaotic."""
    q = network.sw2 + network.sb2
    for _ in range(400):
        q = network.sw2 * network.dual(q, q)[0] + network.sb2
    step = network.sw2 * network.dual(q, q)[0] + network.sb2 - q
    assert abs(step) < mpf(10) ** -40, network.name
    return {"q_star": text(q), "chi": text(network.sw2 * network.dual(q, q)[1])}


def text(value: mpf, digits: int = STORED) -> str:
    """A decimal with `digits` significant digits."""
    return mpmath.nstr(value, digits, min_fixed=-4, max_fixed=digits)


def normalised(diagonal: dict[int, Pair], pairs: list[dict[int, Pair]], digits: int = STORED) -> dict[str, Any]:
    """The tables of a family: one row per depth, one column per correlation."""
    found: dict[str, Any] = {
        "depths": list(diagonal),
        "Sigma_diagonal": [text(sigma, digits) for sigma, _ in diagonal.values()],
        "Theta_diagonal": [text(theta, digits) for _, theta in diagonal.values()],
    }
    for index, name in enumerate(("nngp", "ntk")):
        ratios = [[pair[L][index] / value[index] for pair in pairs] for L, value in diagonal.items()]
        found[name] = [[text(ratio, digits) for ratio in row] for row in ratios]
        found[f"{name}_defect"] = [[text(1 - ratio, digits) for ratio in row] for row in ratios]
    return found


def table(network: Network) -> dict[str, Any]:
    """One fully connected family at every depth and correlation."""
    *pairs, diagonal = covariances(network, [mpf(rho) for rho in RHOS], DEPTHS)
    found = {
        "family": network.name,
        "activation": network.activation,
        "sw2": text(network.sw2),
        "sb2": text(network.sb2),
    }
    if network.name.startswith("erf"):
        found |= fixed_point(network)
    return found | normalised(diagonal, pairs)


def sigmoid_composition() -> dict[str, Any]:
    """eta_1 = rho, eta_(L+1) = (1 + e^(-eta))^(-2): values, displacements eta - c and the multiplier at c."""

    def step(eta: mpf) -> mpf:
        return (1 + mpmath.exp(-eta)) ** -2

    with mpmath.workdps(SIGMOID_DIGITS):
        c = mpmath.findroot(lambda z: step(z) - z, mpf("0.3418"))
        multiplier = 2 * c * (1 - mpmath.sqrt(c))
        eta, values, displacements = [mpf(rho) for rho in RHOS], [], []
        for depth in range(1, max(DEPTHS) + 1):
            if depth in DEPTHS:
                values.append([text(value) for value in eta])
                displacements.append([text(value - c) for value in eta])
            eta = [step(value) for value in eta]
        return {
            "family": "sigmoid_composition",
            "map": "eta -> (1 + exp(-eta))^(-2), eta_1 = rho",
            "fixed_point": text(c),
            "multiplier": text(multiplier),
            "depths": list(DEPTHS),
            "eta": values,
            "eta_minus_fixed_point": displacements,
        }


def residual(blocks: int, branch: mpf) -> dict[str, Any]:
    """Sigma' = Sigma + a sw2 E[phi phi'], Theta' = Theta (1 + a sw2 E[derivatives]) + a sw2 E[phi phi'], sw2 = 2."""

    def after(rho: mpf) -> Pair:
        variance, sigma, theta = mpf(1), rho, rho
        for _ in range(blocks):
            value, slope = relu_dual(variance, sigma)
            sigma += 2 * branch * value
            theta = theta * (1 + 2 * branch * slope) + 2 * branch * value
            variance += 2 * branch * relu_dual(variance, variance)[0]
        return sigma, theta

    found = normalised({blocks: after(mpf(1))}, [{blocks: after(mpf(rho))} for rho in RHOS])
    return {"blocks": found.pop("depths")[0], "a": text(branch)} | {key: value[0] for key, value in found.items()}


def residual_limit(tau: mpf, rho: mpf) -> tuple[mpf, mpf, mpf, mpf]:
    """(c, K, 1 - c, 1 - K) of stable residual networks of infinite depth, tau = sw2 t / 2.

    With P(t) = sin t - t cos t the angle obeys d theta / d tau = -P(theta) / (pi sin theta), and, as P' = t sin t,
    Theta / (q P) has the derivative h / P in tau: both follow from one integral in the angle,

        tau = int_theta^theta_0 pi sin / P,      Theta / q = P(theta) [rho / P(theta_0) + int (P + pi cos) sin / P^2],

    regular at theta_0 = pi, where the equation in tau is not. The diagonal of Theta / q is 1 + tau.
    """
    start = mpmath.acos(rho)
    if start == 0:
        return mpf(1), mpf(1), mpf(0), mpf(0)

    def P(t: mpf) -> mpf:
        return mpmath.sin(t) - t * mpmath.cos(t)

    def time(t: mpf) -> mpf:
        return mpmath.quad(lambda u: mp.pi * mpmath.sin(u) / P(u), [t, start], method="gauss-legendre")

    # Small angles obey d theta / d tau = -theta^2 / (3 pi), large ones fall by less.
    angle = 1 / (1 / start + tau / (3 * mp.pi))
    for _ in range(40):
        error = time(angle) - tau
        angle += error * P(angle) / (mp.pi * mpmath.sin(angle))
        if abs(error) < mpf(10) ** (10 - mp.dps):
            break
    else:
        raise RuntimeError(f"Newton's method did not converge at tau = {tau}, rho = {rho}")
    inner = mpmath.quad(
        lambda u: (P(u) + mp.pi * mpmath.cos(u)) * mpmath.sin(u) / P(u) ** 2, [angle, start], method="gauss-legendre"
    )
    K = P(angle) * (rho / P(start) + inner) / (1 + tau)
    return mpmath.cos(angle), K, 2 * mpmath.sin(angle / 2) ** 2, 1 - K


def residual_limits() -> dict[str, Any]:
    """The tables of `residual_limit`, with the equation itself integrated from rho = 0 as a check."""
    with mpmath.workdps(40):
        field = mpmath.odefun(
            lambda _, y: [
                (mpmath.sin(y[0]) - y[0] * mpmath.cos(y[0])) / (-mp.pi * mpmath.sin(y[0])),
                -y[0] / mp.pi * y[1] + (mpmath.sin(y[0]) + (mp.pi - y[0]) * mpmath.cos(y[0])) / mp.pi,
            ],
            0,
            [mp.pi / 2, mpf(0)],
        )
        angle, ratio = field(mpf(1))
        c, K, _, _ = residual_limit(mpf(1), mpf(0))
        assert abs(c - mpmath.cos(angle)) < mpf(10) ** -30 and abs(K - ratio / 2) < mpf(10) ** -30
    with mpmath.workdps(80):
        tables = []
        for s in (2, 1):
            for t in TIMES:
                columns = [residual_limit(s * mpf(t) / 2, mpf(rho)) for rho in RHOS]
                names = ("nngp", "ntk", "nngp_defect", "ntk_defect")
                found = {name: [text(column[i]) for column in columns] for i, name in enumerate(names)}
                tables.append({"s": s, "t": t} | found)
        return {"what": "limit of many blocks with a = 1 / blocks, in depth time t; s = sw2", "values": tables}


def smooth_activation(name: str) -> tuple[Callable[[mpf], Pair], Callable[[mpf, Pair], Pair], mpf]:
    """(u -> (phi, phi'), (u, those at u) -> those at -u, half the width of a strip where phi is analytic)."""
    root = mpmath.sqrt(2 * mp.pi)

    def tanh(u: mpf) -> Pair:
        value = mpmath.tanh(u)
        return value, 1 - value * value

    def gelu(u: mpf) -> Pair:
        below = mpmath.ncdf(u)
        return u * below, below + u * mpmath.exp(-u * u / 2) / root

    def erf(u: mpf) -> Pair:
        return mpmath.erf(u), 2 / mpmath.sqrt(mp.pi) * mpmath.exp(-u * u)

    def odd(_: mpf, at: Pair) -> Pair:
        return -at[0], at[1]

    def gelu_reflected(u: mpf, at: Pair) -> Pair:
        return at[0] - u, 1 - at[1]

    return {
        "tanh": (tanh, odd, mp.pi / 2),
        "gelu": (gelu, gelu_reflected, mpf(2)),
        "erf": (erf, odd, mpf(2)),
    }[name]


def trapezoidal_dual(name: str, refinement: str = "1") -> Dual:
    """Gaussian expectations by the trapezoidal rule, which converges like exp(-2 pi d / step), d the distance of poles.

    (u, u') = sqrt(q) (x, c x + sqrt(1 - c^2) y) with x, y independent standard normal variables, c = s / q.
    """
    activation, reflected, pole = smooth_activation(name)

    def dual(q: mpf, s: mpf) -> Pair:
        bits = mp.dps * mpmath.log(10)
        step = 2 * mp.pi * pole / mpmath.sqrt(q) / bits / mpf(refinement)
        count = int(mpmath.sqrt(2 * bits) / step) + 1
        weights = [step * mpmath.exp(-((k * step) ** 2) / 2) / mpmath.sqrt(2 * mp.pi) for k in range(count + 1)]
        deviation = mpmath.sqrt(q)
        along, across = s / deviation, mpmath.sqrt(q - s * s / q)
        first, second = mpf(0), mpf(0)
        for k in range(count + 1):  # x = k step; -x is reached by reflecting both
            x = k * step
            here = activation(deviation * x)
            there = reflected(deviation * x, here)
            rows = range(-count, count + 1) if across else (0,)
            for i in (i for i in rows if i * i + k * k <= count * count):
                u = along * x + across * i * step
                at = activation(u) if across else here
                opposite = reflected(u, at)
                weight = weights[k] * (weights[abs(i)] if across else 1) / (1 if k else 2)
                first += weight * (here[0] * at[0] + there[0] * opposite[0])
                second += weight * (here[1] * at[1] + there[1] * opposite[1])
        return first, second

    return dual


def smooth(name: str) -> dict[str, Any]:
    """NNGP and NTK at depths 1 to 3 by quadrature."""
    depths = (1, 2, 3)
    formula = {"tanh": "tanh(u)", "gelu": "u (1 + erf(u / sqrt 2)) / 2"}[name]
    network = Network(name, mpf("1.5"), mpf("0.1"), trapezoidal_dual(name), formula)
    *pairs, diagonal = covariances(network, [mpf(rho) for rho in SMOOTH_RHOS], depths)
    finer = network._replace(dual=trapezoidal_dual(name, "1.2"))
    checked, _ = covariances(finer, [mpf(SMOOTH_RHOS[1])], depths[:2])
    assert all(abs(a - b) < mpf(10) ** -30 for a, b in zip(checked[2], pairs[1][2], strict=True)), name
    found = {"family": name, "activation": formula, "sw2": "1.5", "sb2": "0.1", "rho": list(SMOOTH_RHOS)}
    return found | normalised(diagonal, pairs, STORED_QUADRATURE)


def check_quadrature() -> None:
    """The same quadrature on erf, whose expectations are known."""
    for q, s in ((mpf("1.6"), mpf("0.4")), (mpf("0.7"), mpf("0.7"))):
        for value, exact in zip(trapezoidal_dual("erf")(q, s), erf_dual(q, s), strict=True):
            assert abs(value - exact) < mpf(10) ** -30, (q, s, value - exact)


def document() -> dict[str, Any]:
    """All tables."""
    with mpmath.workdps(DIGITS):
        angles = [text(mpmath.acos(mpf(rho))) for rho in RHOS]
        tables = [table(network) for network in fully_connected()]
        one = mpf(1)
        cases = [(b, one / b) for b in (1, 2, 10, 100, 1000)] + [(b, one / 10) for b in (1, 100)]
    with mpmath.workdps(100):
        blocks = [residual(*case) for case in cases]
    with mpmath.workdps(QUADRATURE_DIGITS):
        check_quadrature()
        quadratures = [smooth(name) for name in ("tanh", "gelu")]
    return {
        "what": (
            "Normalised NNGP and NTK of kernel families at integer depth, for inputs with |x|^2/n0 = 1 and "
            f"correlation rho (exact decimals), by the plain recursion with {DIGITS} digits; tables are indexed "
            "[depth][rho]; a defect is 1 - value with its own full precision; tools/generate_families.py"
        ),
        "input_variance": "1",
        "rho": list(RHOS),
        "theta_1": angles,
        "fully_connected": tables,
        "sigmoid_composition": sigmoid_composition(),
        "residual_relu": {
            "what": (
                "x + branch, branch variance a sw2 E[relu relu], sw2 = 2, Sigma_1 = Theta_1 = rho; a = 1/blocks, "
                "then a = 0.1 (the case of 10 blocks is in both); rows indexed [rho]"
            ),
            "values": blocks,
        },
        "residual_relu_limit": residual_limits(),
        "quadrature": quadratures,
    }


def as_json(found: dict[str, Any]) -> str:
    """JSON with one innermost list per line."""

    def joined(match: re.Match[str]) -> str:
        return "[" + re.sub(r"\s*\n\s*", " ", match.group(1).strip()) + "]"

    return re.sub(r"\[([^\[\]{}]*)\]", joined, json.dumps(found, indent=1)) + "\n"


def write_or_check(content: str, file: Path) -> int:
    """Write the file, or with --check compare it; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help=f"compare with {file.name} instead of writing it")
    if not parser.parse_args().check:
        file.write_text(content, encoding="utf-8")
        return 0
    same = file.exists() and file.read_text(encoding="utf-8") == content
    print(f"{file.name} is {'up to date' if same else 'not what this script writes'}")
    return not same


if __name__ == "__main__":
    sys.exit(write_or_check(as_json(document()), DATA / "families.json"))
