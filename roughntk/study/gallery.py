"""All figures of a study."""

from pathlib import Path

import matplotlib

from roughntk.study import driver_figures, figures
from roughntk.study.figures import Picture, save
from roughntk.study.result import Study

ALWAYS = (
    figures.kernel_entries,
    figures.coefficients,
    figures.errors,
    driver_figures.driver_components,
    driver_figures.signature_terms,
    driver_figures.variation,
    figures.conditioning,
)


def draws(study: Study) -> tuple:
    """The functions that draw the figures of this study; each returns (figure, title, caption)."""
    return ALWAYS if study.deep is None else (*ALWAYS, figures.infinite_depth)


def draw_all(study: Study, folder: Path) -> list[Picture]:
    """Draw every figure of the study into `folder`."""
    pictures = []
    with matplotlib.rc_context(figures.STYLE):
        for draw in draws(study):
            figure, title, caption = draw(study)
            pictures.append(Picture(draw.__name__, title, caption, save(figure, folder, draw.__name__)))
    return pictures
