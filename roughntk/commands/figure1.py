"""`roughntk figure1`: the paper's Figure 1 with its limits, on its own points or on a user's."""

from typing import Annotated

import typer

from roughntk._settings import values_of
from roughntk.commands.options import with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json
from roughntk.commands.terminal.progress import at_work
from roughntk.files.reading_settings import ReadingSettings
from roughntk.study.settings import FigureSettings

EXAMPLES = (
    "roughntk figure1",
    "roughntk figure1 --points 20 --depths 60 --out figure1-deeper",
    "roughntk figure1 points.csv --target price --projection stereographic --standardise --out figure1-points",
)


@with_settings
def figure1(
    choice: FigureSettings,
    out: Annotated[str, typer.Option(help="Folder of the pictures; earlier ones there are replaced.")] = "figure1",
    depths: Annotated[int, typer.Option(help="Deepest network, 2 to 1000.")] = 30,
    *,
    reading: ReadingSettings,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The paper's Figure 1 for three families, under both input laws or on DATA, with the true limits dashed."""
    with clear_errors("--points or --depths"), at_work("figure 1", quiet):
        from roughntk.files.tables import Reading
        from roughntk.study.figures.paper import figure1 as draw

        values = values_of(choice, FigureSettings)
        points = values.pop("points")
        drawn = draw(out, points_per_law=points, depths=depths, reading=Reading.of(reading), **values)
    names = [str(picture.png) for picture in drawn]
    if as_json:
        say_json({"pictures": names, "data": choice.data, "points": points, "depths": depths, "seed": choice.seed})
        return
    for name in names:
        say(name)
    for line in () if quiet else dict.fromkeys(line for picture in drawn for line in picture.notes):
        say(line)


__all__ = ["EXAMPLES", "figure1"]
