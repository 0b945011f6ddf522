"""What the tests of the study share: a plain route to the kernels, and a quick way to draw every figure."""

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import image

import roughntk as rn
from roughntk.study import figures, gallery

POINTS, TEST_POINTS, LAST_DEPTH = 5, 2, 7


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


def draw_every_figure(study: rn.study.Study) -> int:
    """Draw and rasterise all figures coarsely; warnings are errors here. Returns how many there were."""
    draw = gallery.draws(study)
    with matplotlib.rc_context(figures.STYLE):
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
