"""All figures of a study. A function draws one of a finished study and returns it with its title and caption."""

from pathlib import Path

import matplotlib

from roughntk.files import drawing
from roughntk.study.figures import drivers, kernels, prediction
from roughntk.study.result import Picture, Study

ALWAYS = (
    kernels.kernel_entries,
    kernels.coefficients,
    kernels.errors,
    drivers.driver_components,
    drivers.signature_terms,
    drivers.variation,
    kernels.conditioning,
)


def draws(study: Study) -> tuple:
    """The functions that draw the figures of this study; each returns (figure, title, caption)."""
    first = () if study.prediction is None else (prediction.prediction,)
    last = () if study.deep is None else (kernels.infinite_depth,)
    return (*first, *ALWAYS, *last)


def draw_all(study: Study, folder: Path) -> list[Picture]:
    """Draw every figure of the study into `folder`."""
    pictures = []
    with matplotlib.rc_context(drawing.STYLE):
        for draw in draws(study):
            figure, title, caption = draw(study)
            pictures.append(Picture(draw.__name__, title, caption, drawing.save(figure, folder, draw.__name__)))
    return pictures


__all__ = ["draw_all", "draws"]
