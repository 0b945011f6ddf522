"""The paper's conclusion: what happens when depth over width stays bounded away from 0, path by path."""

import math

import numpy as np

from roughntk.audit import simulated
from roughntk.audit.claim import DIGITS, MEASURED, SIMULATION, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.ingredients import Numbers
from roughntk.audit.subject import Subject

SIGMAS = 4.5
"""Standard errors of a mean that chance reaches once in 150,000."""
PAIR = np.array([[1.0, 0.0], [0.5, math.sqrt(0.75)]])
ANGLE = math.pi / 3
SHAPE = 0.75
WIDTHS = 50, 150, 400
NETWORKS = 40
QUANTILES = 0.05, 0.25, 0.5, 0.75, 0.95
OWN = 150
"""Networks with all their weights that the ratio is compared with."""
TIMES = 0.1, 0.25, 0.5, 1.0, 2.0


def standard_error(values: Numbers) -> float:
    """Of their mean."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def ratios_of(tangent: Numbers) -> Numbers:
    """Theta_12/sqrt(Theta_11 Theta_22) of the networks in which neither input has a gradient of 0."""
    sizes = tangent[:, 0, 0] * tangent[:, 1, 1]
    return np.asarray(tangent[sizes > 0, 0, 1] / np.sqrt(sizes[sizes > 0]), dtype=np.float64)


def _weights(layers: int, width: int, dimension: int, seed: int) -> list[Numbers]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((width, dimension if layer == 0 else width)) for layer in range(layers)]


def _driver_ground(subject: Subject) -> Evidence:
    """Of given weights: the driver, and the equation along both lifts, against plain numpy."""
    layers, width = 30, 40
    weights = _weights(layers, width, 2, 5)
    slopes = (1 + SHAPE / math.sqrt(width), 1 - SHAPE / math.sqrt(width))
    given = subject.networks.driven(PAIR, weights, layers, width, SHAPE)
    walk = simulated.shaped_walk(weights, PAIR, slopes)
    kappa = width * (slopes[0] - slopes[1]) ** 2 / (math.pi * (slopes[0] ** 2 + slopes[1] ** 2))
    along = simulated.along_ito_lift(walk, kappa, 1 / width)
    polygon = math.exp(walk.increments[:, 0, 0].sum()) * walk.factors[0, 0, 0]
    off = {
        "increments": float(np.abs(given.increments - walk.increments).max()),
        "factors": float(np.abs(given.factors - walk.factors).max()),
        "ito": float(np.abs(given.ito - along).max()),
        "polygon": float(abs(given.polygon[0, 0] - polygon)),
    }
    text = ", ".join(f"{name} {value:.0e}" for name, value in off.items())
    return Evidence(
        "ground", f"The driver of given weights and the equation along both lifts, against plain numpy: {text}.",
        max(off["increments"], off["factors"]) < 1e-9 and max(off["ito"], off["polygon"]) < 1e-6, DIGITS, off,
    )  # fmt: skip


def _law_ground(subject: Subject) -> Evidence:
    """Networks in law against networks with all their weights, and the law of the depth against simulated paths."""
    _, tangent = subject.networks.in_law(PAIR, 8, 24, 1500, 31)
    own = simulated.random_networks(PAIR, 8, 24, 1500, 32)
    ratios = [ratios_of(each) for each in (tangent, own.tangent)]
    ratio = (ratios[0].mean() - ratios[1].mean()) / math.hypot(*map(standard_error, ratios))
    mean = (tangent[:, 0, 0].mean() - 8) / standard_error(tangent[:, 0, 0])
    layers, width = 50, 100
    start = (depth_of_angles(np.array([ANGLE]))[0] - 1 + 1.5 * math.log(layers)) / width
    depths = 1 + width * (simulated.scaled_depths(start, layers / width, 4000, 200, 33) - start)
    given = subject.networks.depth_quantiles(layers, width, ANGLE, QUANTILES)
    scores = [_score(depths, value, q) for value, q in zip(given, QUANTILES, strict=True)]
    worst = max(abs(float(ratio)), abs(float(mean)), *map(abs, scores))
    return Evidence(
        "ground",
        f"Networks in law: E Theta(x, x)/L is {mean:+.1f} standard errors from 1, the mean ratio {ratio:+.1f} from "
        f"that of networks with all their weights; quantiles of the law of the depth are at most "
        f"{max(map(abs, scores)):.1f} from those of simulated paths.",
        worst < SIGMAS, SIMULATION, {"standard_errors": worst},
    )  # fmt: skip


def _score(values: Numbers, quantile: float, q: float) -> float:
    """How many standard errors the share of values below a q-quantile is from q."""
    share = float((np.asarray(values) <= quantile).mean())
    return (share - q) / math.sqrt(q * (1 - q) / len(values))


def depth_of_angles(angles: Numbers, most: int = 30_000) -> Numbers:
    """The Abel clock of each angle: depths of the infinitely wide network, 1 at no angle, counted as alpha.

    From 3 pi/theta - (3/2) log(3 pi/theta) + 0.7344218 theta at small angles, after enough layers.
    """
    theta, layers = np.asarray(angles, dtype=float).copy(), np.zeros(len(angles))
    for _ in range(most):
        large = theta > 0.02
        if not large.any():
            break
        cosine = (np.sin(theta[large]) + (np.pi - theta[large]) * np.cos(theta[large])) / np.pi
        theta[large] = np.arccos(np.minimum(cosine, 1.0))
        layers[large] += 1
    w = 3 * np.pi / theta
    return np.asarray(w - 1.5 * np.log(w) + 0.7344218261 * theta - layers, dtype=np.float64)


def _random_kernel(subject: Subject) -> list[Evidence]:
    """The diagonal of the tangent kernel stays random, as much as the exact recursion says."""
    pairs = ((4, 16), (16, 64), (64, 64), (256, 256))
    off = max(abs(subject.networks.second_moment(*pair) / simulated.second_moment(*pair) - 1) for pair in pairs)
    own = simulated.random_networks(PAIR[:1], 4, 16, 6000, 34).tangent[:, 0, 0] / 4
    wanted = subject.networks.second_moment(4, 16)
    away = ((own**2).mean() - wanted) / standard_error(own**2)
    at = {n: subject.networks.second_moment(n // 4, n) for n in (40, 400, 4000)}
    limit, shallow = simulated.limit_of_second_moment(0.25), subject.networks.second_moment(10, 100_000)
    shown = ", ".join(f"{value:.4f}" for value in at.values())
    return [
        Evidence(
            "statement",
            f"E Theta^2/(E Theta)^2 on the diagonal of the tangent kernel is exact at every width: the recursion over "
            f"layers agrees with another form of it to {off:.0e}, and with 6,000 networks of 4 layers of width 16 "
            f"({wanted:.4f}) to {away:+.1f} standard errors.",
            off < 1e-10 and abs(away) < SIGMAS, SIMULATION, {"difference": off, "standard_errors": float(away)},
        ),
        Evidence(
            "statement",
            f"So kernels stay random: at depth over width 1/4 it is {shown} at widths 40, 400 and 4,000, towards "
            f"{limit:.4f}, not 1; with 10 layers of width 100,000 it is {shallow:.4f}.",
            abs(at[4000] / limit - 1) < abs(at[400] / limit - 1) < 0.02 and abs(at[4000] / limit - 1) < 0.002
            and abs(shallow - 1) < 0.01,
            DIGITS, {"second_moments": list(at.values()), "limit": limit},
        ),
    ]  # fmt: skip


def _along_own_weights(subject: Subject) -> tuple[list[Evidence], Picture]:
    """Root mean square errors of log V^11 along both lifts, by width."""
    rms: dict[str, list[float]] = {"ito": [], "polygon": []}
    doubt: dict[str, list[float]] = {"ito": [], "polygon": []}
    gaps = []
    for width in WIDTHS:
        errors: dict[str, list[float]] = {"ito": [], "polygon": []}
        for seed in range(NETWORKS):
            driven = subject.networks.driven(PAIR, 1000 * width + seed, width, width, SHAPE)
            network = math.log(driven.factors[-1, 0, 0])
            errors["ito"].append(2 * (math.log(driven.ito[0, 0]) - network))
            errors["polygon"].append(2 * (math.log(driven.polygon[0, 0]) - network))
        for kind, values in errors.items():
            squares = np.array(values) ** 2
            rms[kind].append(math.sqrt(squares.mean()))
            doubt[kind].append(standard_error(squares) / 2 / math.sqrt(squares.mean()))
        gaps.append((float(np.mean(errors["polygon"])), standard_error(np.array(errors["polygon"]))))
    theory = [math.sqrt(3) * 2 * SHAPE / math.sqrt(width) for width in WIDTHS]
    away = max(abs(a - b) / error for a, b, error in zip(rms["ito"], theory, doubt["ito"], strict=True))
    logs, relative = np.log(WIDTHS), np.array(doubt["ito"]) / np.array(rms["ito"])
    centred = logs - logs.mean()
    slope = float(centred @ np.log(rms["ito"]) / (centred @ centred))
    unsure = float(np.sqrt((centred**2 * relative**2).sum()) / (centred @ centred))
    last, error = gaps[-1]
    evidence = [
        Evidence(
            "statement",
            f"Along the Ito lift of its own weights the equation meets the network: over {NETWORKS} networks as deep "
            f"as wide the root mean square error of log V^11 is {_with_errors(rms['ito'], doubt['ito'])} at widths "
            f"{', '.join(map(str, WIDTHS))}, falling like n^({slope:.2f} +- {unsure:.2f}); derived: "
            f"sqrt(3) 1.5 n^(-1/2), at most {away:.1f} standard errors away.",
            abs(slope + 0.5) < SIGMAS * unsure and slope < -SIGMAS * unsure and away < SIGMAS, SIMULATION,
            {"errors": rms["ito"], "standard_errors": doubt["ito"], "slope": slope, "slope_error": unsure},
        ),
        Evidence(
            "statement",
            f"Along the piecewise-linear lift of the same increments it does not: "
            f"{_with_errors(rms['polygon'], doubt['polygon'])}; on average log V^11 ends {last:.3f} +- {error:.3f} too "
            "high at the last width (derived: t/2 = 0.5). The lift decides, not the path.",
            abs(last - 0.5) < SIGMAS * error and last > SIGMAS * error and rms["polygon"][-1] > 2 * rms["ito"][-1],
            SIMULATION, {"errors": rms["polygon"], "gap": last, "gap_error": error},
        ),
    ]  # fmt: skip
    widths = tuple(map(float, WIDTHS))
    curves = (
        Curve("Ito lift", widths, tuple(rms["ito"]), marks=True),
        Curve("piecewise-linear lift", widths, tuple(rms["polygon"]), marks=True),
        Curve(r"$\sqrt{3}\,1.5\,n^{-1/2}$", widths, tuple(theory)),
    )
    caption = "A network is the solution along its weights' path on one lift of it, up to n^(-1/2)."
    picture = Picture(
        "A network along its own weights", "width $n$", "error of $\\log V^{11}$", curves, (), "xy", caption
    )
    return evidence, picture


def _with_errors(values: list[float], errors: list[float]) -> str:
    return ", ".join(f"{value:.3f} +- {error:.3f}" for value, error in zip(values, errors, strict=True))


def _random_depth(subject: Subject) -> Evidence:
    """Shares of networks below the quantiles of the law."""
    layers, width, samples = 50, 100, 600
    V, _ = subject.networks.in_law(PAIR, layers, width, samples, 35)
    sine = np.sqrt(np.maximum(V[:, 0, 0] * V[:, 1, 1] - V[:, 0, 1] ** 2, 0.0))
    depths = depth_of_angles(np.arctan2(sine, V[:, 0, 1])) - depth_of_angles(np.array([ANGLE])) + 1
    quantiles = subject.networks.depth_quantiles(layers, width, ANGLE, QUANTILES)
    shares = [float((depths <= value).mean()) for value in quantiles]
    scores = [_score(depths, value, q) for value, q in zip(quantiles, QUANTILES, strict=True)]
    low, high = np.quantile(depths, [0.05, 0.95])
    worst = max(map(abs, scores))
    return Evidence(
        "statement",
        f"The angle of two inputs is that of an infinitely wide network of a random real depth: of {samples} networks "
        f"of {layers} layers of width {width}, 5 % are less than {low:.0f} deep and 5 % more than {high:.0f}. "
        f"Below the law's 5, 25, 50, 75 and 95 % quantiles lie {', '.join(f'{share:.3f}' for share in shares)} of "
        f"them, at most {worst:.1f} standard errors away.",
        worst < SIGMAS, SIMULATION, {"shares": shares, "standard_errors": worst},
    )  # fmt: skip


def _path_by_path(subject: Subject) -> Looked:
    """Random kernels, path by path, and the random depth."""
    along, picture = _along_own_weights(subject)
    grounds = [_driver_ground(subject), _law_ground(subject)]
    return [*along, *_random_kernel(subject), _random_depth(subject), *grounds], picture


def _joint_limit(subject: Subject) -> Looked:
    """The ratio off and on the diagonal, by depth over width."""
    samples = 3000
    drawn = {t: subject.networks.ratios(t, samples, 50 + k) for k, t in enumerate((*TIMES, 16.0))}
    means = [float(drawn[t].mean()) for t in TIMES]
    errors = [standard_error(drawn[t]) for t in TIMES]
    deep, above = drawn[16.0], [float((drawn[t] > 0.9).mean()) for t in (0.5, 2.0, 16.0)]
    rises = [(b - a) / math.hypot(e, f) for a, b, e, f in zip(means, means[1:], errors, errors[1:], strict=False)]
    small = subject.networks.ratios(0.01, samples, 42)
    start = float(small.mean())
    networks = {}
    for layers, width in ((32, 64), (64, 64)):
        networks[layers / width] = ratios_of(simulated.random_networks(PAIR, layers, width, OWN, 43).tangent)
    shown = ", ".join(f"{t:g}: {mean:.3f} +- {error:.3f}" for t, mean, error in zip(TIMES, means, errors, strict=True))
    measured = {t: (float(each.mean()), standard_error(each)) for t, each in networks.items()}
    # the first layers of a network count as well: at infinite width they hold the ratio above 1/4 by O(log L/L)
    gaps = [
        (mean - means[TIMES.index(t)], math.hypot(error, errors[TIMES.index(t)]))
        for t, (mean, error) in measured.items()
    ]
    evidence = [
        Evidence(
            "statement",
            f"In the limit of wide and deep networks the mean of Theta_12/sqrt(Theta_11 Theta_22) grows with depth "
            f"over width t ({samples:,} samples): {shown}, and {float(deep.mean()):.3f} at t = 16; each rise is "
            f"{min(rises):.0f} standard errors or more.",
            min(rises) > SIGMAS and float(deep.mean()) > means[-1] + 0.2, SIMULATION,
            {"times": list(TIMES), "means": means, "standard_errors": errors, "deep": float(deep.mean())},
        ),
        Evidence(
            "statement",
            f"The ratio exceeds 0.9 in {above[0]:.1%} of samples at t = 0.5, {above[1]:.1%} at 2 and {above[2]:.1%} at "
            f"16: that it tends to 1 is read off this trend.",
            above[0] < above[1] < above[2] and above[2] > 0.4, MEASURED, {"above": above},
        ),
        Evidence(
            "statement",
            f"At t = 0.01 its mean is {start:.4f} +- {standard_error(small):.4f}, the 1/4 of infinite width.",
            abs(start - 0.25) < 0.02, SIMULATION, {"mean": start},
        ),
        Evidence(
            "statement",
            f"Networks with all their weights ({OWN} each, width 64, 60 degrees apart): "
            + ", ".join(f"{mean:.3f} +- {error:.3f} at t = {t:g}" for t, (mean, error) in measured.items())
            + ", above the limit by what is left of their first layers.",
            all(-SIGMAS * error < gap < SIGMAS * error + 0.1 for gap, error in gaps), SIMULATION,
            {"means": [mean for mean, _ in measured.values()]},
        ),
    ]  # fmt: skip
    curve = Curve("mean", (*TIMES, 16.0), (*means, float(deep.mean())), marks=True)
    levels = (("infinite width", 0.25), ("matrix of ones", 1.0))
    caption = "What Theorem 2 says of infinite width is, as measured, what networks much deeper than wide do."
    title = "The matrix of ones"
    return evidence, Picture(title, "depth over width $t$", "mean of the ratio", (curve,), levels, "x", caption)


CLAIMS = (
    Claim(
        "conclusion-conjecture", "Conclusion",
        "If depth over width stays bounded away from 0, there is a limit with respect to each sample path: kernels "
        "stay random, and a network is the solution of a rough differential equation along the Ito lift of the path of "
        "its own weights. (Derived and measured, not proved.)",
        _path_by_path,
    ),
    Claim(
        "joint-limit-ones", "Theorem 2 and conclusion",
        "Towards the matrix of ones, of which Theorem 2 speaks, the tangent kernel of networks goes that are deeper "
        "than wide: its mean ratio off and on the diagonal grows with depth over width, from 1/4 on. (Our reading, "
        "measured; that it tends to 1 is a conjecture.)",
        _joint_limit,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "depth_of_angles", "ratios_of", "standard_error"]
