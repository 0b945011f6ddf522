"""`roughntk limit`: coefficients and predictions at one depth, and the depth that is deep enough."""

from typing import Annotated

import typer

from roughntk.commands.options import (
    Data,
    Decimal,
    Delimiter,
    Dimension,
    Drop,
    DropDuplicates,
    Encoding,
    Family,
    Header,
    MissingInPoints,
    Parameters,
    Points,
    Projection,
    Seed,
    Standardise,
    Target,
    TestPoints,
    reading_of,
    real,
)
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import at_work

EXAMPLES = (
    "roughntk limit",
    "roughntk limit wine --depth 12.5 --points 20",
    "roughntk limit digits --tolerance 1e-6 --out coefficients.csv",
)
HEADINGS = ("test row", "prediction", "target", "largest coefficient", "smallest", "|u - limit|")


def limit(
    data: Data = "digits",
    depth: Annotated[str, typer.Option(help="Depth L >= 1: whole, real, or inf.")] = "inf",
    tolerance: Annotated[
        float,
        typer.Option(
            parser=real, metavar="<float>", help="Find the depth from which |u_L - u_inf| is at most this; above 0."
        ),
    ] = 1e-3,
    points: Points = 40,
    test_points: TestPoints = 5,
    seed: Seed = 0,
    projection: Projection = "canonical",
    family: Family = "relu-ntk",
    set_: Parameters = None,
    drop_duplicates: DropDuplicates = False,
    dim: Dimension = None,
    target: Target = None,
    standardise: Standardise = False,
    drop: Drop = None,
    missing: MissingInPoints = "error",
    header: Header = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    out: Annotated[str | None, typer.Option(help="Write all coefficients to this .csv or .npy file.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Coefficients and predictions at a real or infinite depth, and the depth needed for a tolerance."""
    with clear_errors(), at_work("limit", quiet):
        from roughntk.commands.answers import limits
        from roughntk.files import results
        from roughntk.study.data import load
        from roughntk.study.families import member

        written = results.check_target(out, "--out", limits.SUFFIXES, [data])
        chosen = load(
            data, points=points, test_points=test_points, seed=seed, projection=projection,
            drop_duplicates=drop_duplicates, dimension=dim, target=target, standardise=standardise,
            reading=reading_of(header, delimiter, decimal, drop, missing, encoding),
        )  # fmt: skip
        found = limits.at_depth(member(family, set_ or ()), chosen, depth, tolerance)
        if written is not None:
            results.write(written, found.content(written.suffix.lower()))
    if as_json:
        say_json({"data": chosen.describe(), "family": family, "settings": list(set_ or ()), **found.record()})
        return
    if not quiet:
        say(f"Data: {chosen.name}, {points} training points, {test_points} test points; {family}.")
        for line in chosen.said:
            say(line)
        say(found.note, head=f"Depth {found.depth:g}:")
    say_table(HEADINGS, found.rows)
    say(found.answer)
    if written is not None:
        say(str(written), head="Coefficients:")


__all__ = ["EXAMPLES", "limit"]
