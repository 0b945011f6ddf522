"""Options that several commands have, with their ranges."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from roughntk.commands.choices import DATA, FAMILIES, MISSING_RULES, PROJECTIONS, completion, listed

if TYPE_CHECKING:
    from roughntk.files.tables import Reading

FILE_HELP = ".csv, .tsv, .txt, .json, .parquet, .npy, .npz, any of them as .gz, or - for standard input"

Parameters = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the family; repeatable.")
]
Data = Annotated[
    str,
    typer.Argument(help=f"{listed(DATA)}, or a file, one point a row: {FILE_HELP}.", autocompletion=completion(DATA)),
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
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of the times, name or number (where it may be either name:2 or number:2), or none; if left out, "
        "one called t, time, times, date, datetime or timestamp.",
    ),
]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line holds names; if left out, it is looked at."),
]
Delimiter = Annotated[
    str | None,
    typer.Option(help="What stands between cells: a character, tab or space; if left out, it is looked for."),
]
Decimal = Annotated[str | None, typer.Option(help="The decimal mark, . or a comma; if left out, it is looked for.")]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of text and JSON: utf-8, cp1252, utf-16, shift_jis or another that Python knows; if left out "
        "UTF-8, or what other bytes look like.",
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        "--drop", metavar="COLUMN", help="A column to leave out, name or number (name:2, number:2); repeatable."
    ),
]
MissingInPaths = Annotated[
    str,
    typer.Option(
        "--missing",
        help=f"Rows with missing cells: {listed(MISSING_RULES)} (linearly in time).",
        autocompletion=completion(MISSING_RULES),
    ),
]
MissingInPoints = Annotated[
    str,
    typer.Option(
        "--missing", help="Rows with missing cells: error or drop.", autocompletion=completion(MISSING_RULES[:2])
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column of the targets, name or number (name:2, number:2); y in a .npz if left out."
    ),
]
Standardise = Annotated[
    bool,
    typer.Option("--standardise", help="Give every column mean 0 and standard deviation 1 on the training points."),
]


def real(text: str | float) -> float:
    """The number that an option gives, for `typer.Option(parser=real)`: what float64 cannot hold is refused."""
    from roughntk._checks import InputError, number_of_text

    try:
        return number_of_text(text, "a number") if isinstance(text, str) else text
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    except ValueError:
        raise typer.BadParameter(f"expected a number, got {text!r}; write for instance 2.5") from None


def reading_of(
    header: bool | None, delimiter: str | None, decimal: str | None, drop: Sequence[str] | None, missing: str,
    encoding: str | None,
) -> "Reading":  # fmt: skip
    """How a file is read, from what the options of a command say."""
    from roughntk.files.tables import Reading

    return Reading(header, delimiter, decimal, tuple(drop or ()), missing, encoding)


__all__ = [
    "FILE_HELP", "Data", "Decimal", "Delimiter", "Dimension", "Drop", "DropDuplicates", "Encoding", "Family", "Header",
    "MissingInPaths", "MissingInPoints", "Parameters", "Points", "Projection", "Seed", "Standardise", "Target",
    "TestPoints", "Times", "reading_of", "real",
]  # fmt: skip
