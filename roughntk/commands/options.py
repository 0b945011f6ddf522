"""Options that several commands have, with their ranges."""

from typing import Annotated

import typer

from roughntk.commands.choices import DATA, FAMILIES, PROJECTIONS, completion, listed

Parameters = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the family; repeatable.")
]
Data = Annotated[
    str,
    typer.Argument(
        help=f"{listed(DATA)}, or a .npy, .npz or .csv file (one point a row).", autocompletion=completion(DATA)
    ),
]
Points = Annotated[int, typer.Option(help="Training points n, at least 1.")]
TestPoints = Annotated[int, typer.Option(help="Test points m, at least 1.")]
Seed = Annotated[int, typer.Option(help="Fixes the choice of points; at least 0.")]
Projection = Annotated[
    str,
    typer.Option(
        help="How rows come onto the sphere: canonical (x/|x|), stereographic (from the pole, one dimension more), or "
        "none (they are on it).",
        autocompletion=completion(PROJECTIONS),
    ),
]
Family = Annotated[str, typer.Option(help=f"{listed(FAMILIES)}.", autocompletion=completion(FAMILIES))]
DropDuplicates = Annotated[
    bool, typer.Option("--drop-duplicates", help="Use the first of rows that coincide on the sphere.")
]
Dimension = Annotated[int | None, typer.Option(help="Dimension of sphere (10 if left out) and cube (128), at least 1.")]
Times = Annotated[
    str | None, typer.Option(help="Column of the times: name, number, or none; left out: one called t, time or times.")
]  # fmt: skip

__all__ = [
    "Data", "Dimension", "DropDuplicates", "Family", "Parameters", "Points", "Projection", "Seed", "TestPoints",
    "Times",
]  # fmt: skip
