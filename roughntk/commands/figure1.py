"""`roughntk figure1`: the paper's Figure 1 with its limits."""

from typing import Annotated

import typer

from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json
from roughntk.commands.terminal.progress import at_work

EXAMPLES = ("roughntk figure1", "roughntk figure1 --points 20 --depths 60 --out figure1-deeper")


def figure1(
    out: Annotated[str, typer.Option(help="Folder of the pictures; earlier ones there are replaced.")] = "figure1",
    points: Annotated[int, typer.Option(help="Training points n, 2 to 100.")] = 10,
    depths: Annotated[int, typer.Option(help="Deepest network, 2 to 1000.")] = 30,
    seed: Annotated[int, typer.Option(help="Fixes the points; at least 0.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The paper's Figure 1 for three families under both input laws, with the true limits dashed."""
    with clear_errors("--points or --depths"), at_work("figure 1", quiet):
        from roughntk.study.figures.paper import figure1 as draw

        pictures = draw(out, points_per_law=points, depths=depths, seed=seed)
    names = [str(picture.png) for picture in pictures]
    if as_json:
        say_json({"pictures": names, "points": points, "depths": depths, "seed": seed})
        return
    for name in names:
        say(name)


__all__ = ["EXAMPLES", "figure1"]
