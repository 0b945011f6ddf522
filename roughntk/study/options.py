"""Options of the command line that say how a table is read; the same for every command that reads one."""

from typing import Annotated

import typer

from roughntk.study.tables import MISSING_RULES, Reading

FILE_HELP = ".csv, .tsv, .txt, .json, .parquet, .npy, .npz, any of them as .gz, or - for standard input"

Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line holds names; if left out, it is looked at."),
]
Delimiter = Annotated[
    str | None,
    typer.Option(help="What stands between cells: a character, tab or space; if left out, it is looked for."),
]
Decimal = Annotated[str | None, typer.Option(help="The decimal mark, . or a comma; if left out, it is looked for.")]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="COLUMN", help="A column to leave out, name or number; repeatable."),
]
MissingInPaths = Annotated[
    str, typer.Option("--missing", help=f"Rows with missing cells: {', '.join(MISSING_RULES)} (linearly in time).")
]
MissingInPoints = Annotated[str, typer.Option("--missing", help="Rows with missing cells: error or drop.")]
Target = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of the targets, name or number; y in a .npz if left out.")
]
Standardise = Annotated[
    bool,
    typer.Option("--standardise", help="Give every column mean 0 and standard deviation 1 on the training points."),
]
Times = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of the times, name or number, or none; if left out, one called t, time, times, date, datetime or "
        "timestamp.",
    ),
]


def reading(
    header: bool | None, delimiter: str | None, decimal: str | None, drop: list[str] | None, missing: str
) -> Reading:
    """The options in one object. Raises `InputError` for those that mean nothing."""
    return Reading(header, delimiter, decimal, tuple(drop or ()), missing)


__all__ = [
    "FILE_HELP", "Decimal", "Delimiter", "Drop", "Header", "MissingInPaths", "MissingInPoints", "Standardise", "Target",
    "Times", "reading",
]  # fmt: skip
