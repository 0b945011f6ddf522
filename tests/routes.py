"""What the tests of the study share: a plain route to the kernels, and a quick way to draw every figure."""

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import image
from mpmath import mp

import roughntk as rn
from roughntk.files import drawing
from roughntk.study import figures

POINTS, TEST_POINTS, LAST_DEPTH = 5, 2, 7
FIGURES = (
    "prediction",
    "kernel_entries",
    "coefficients",
    "errors",
    "driver_components",
    "signature_terms",
    "variation",
    "conditioning",
    "infinite_depth",
)


def plain_kernels(family: str, X: np.ndarray, x: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """K_L(X,X) and K_L(X,x) by the textbook recursion in rho; good to about 1e-13 at small depths."""

    def at(rho):
        K = rho = np.clip(rho, -1.0, 1.0)
        for layer in range(1, depth):
            if family == "sigmoid":
                K = rho = (1 + np.exp(-rho)) ** -2.0
                continue
            slope = (np.pi - np.arccos(rho)) / np.pi
            rho = np.minimum(np.sqrt(1 - rho**2) / np.pi + rho * slope, 1.0)
            K = rho if family == "relu-nngp" else layer / (layer + 1) * slope * K + rho / (layer + 1)
        return K

    within = X @ X.T
    np.fill_diagonal(within, 1.0)  # arccos loses half of the digits just below 1
    return at(within), at(X @ x.T)


def exact_kernels(family: str, X: np.ndarray, x: np.ndarray, depth: int):
    """K_L(X,X) and K_L(X,x) by the same recursion in 50 digits, from the rows themselves, as mpmath matrices."""
    mp.dps = 50
    rows = [[mp.mpf(float(v)) for v in row] for row in np.vstack([X, x])]
    rows = [[v / mp.sqrt(mp.fdot(row, row)) for v in row] for row in rows]
    n, count = len(X), len(rows)

    def at(rho):
        K = rho
        for layer in range(1, depth):
            if family == "sigmoid":
                K = rho = (1 + mp.exp(-rho)) ** -2
                continue
            slope = 1 - mp.acos(rho) / mp.pi
            rho = mp.sqrt(1 - rho**2) / mp.pi + rho * slope
            K = rho if family == "relu-nngp" else (layer * slope * K + rho) / (layer + 1)
        return K

    on_diagonal = at(mp.mpf(1))
    found = mp.matrix(n, count)
    for i in range(n):
        for j in range(i, count):
            found[i, j] = on_diagonal if i == j else at(mp.fdot(rows[i], rows[j]))
            if j < n:
                found[j, i] = found[i, j]
    return found[:, :n], found[:, n:]


def exact_coefficients(system) -> np.ndarray:
    """K(X,X)^{-1} K(X,x) of what `exact_kernels` returns, as float64."""
    K, B = system
    u = K**-1 * B
    return np.array(u.tolist(), dtype=float).reshape(B.rows, B.cols)


def largest_sum(cost: np.ndarray) -> float:
    """sup over partitions of the sum of cost(i, j)."""
    best = [0.0]
    for j in range(1, len(cost)):
        best.append(max(best[i] + cost[i, j] for i in range(j)))
    return best[-1]


def draw_every_figure(study: rn.study.Study) -> int:
    """Draw and rasterise all figures coarsely; warnings are errors here. Returns how many there were."""
    draw = figures.draws(study)
    with matplotlib.rc_context(drawing.STYLE):
        for one in draw:
            figure, title, caption = one(study)
            assert title and caption
            figure.set_layout_engine("none")
            figure.savefig(io.BytesIO(), format="png", dpi=20)
    return len(draw)


def is_drawn(picture: Path) -> bool:
    """Whether a PNG shows something: at least one pixel in a thousand differs from the first, its background."""
    pixels = image.imread(picture)[..., :3]
    return float(np.mean(np.any(pixels != pixels[0, 0], axis=-1))) > 1e-3
