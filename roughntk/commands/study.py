"""`roughntk study`: the whole chain on one data set, with a report."""

import shlex
import sys
import time
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
    real,
)
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, out_console, say, say_json
from roughntk.commands.terminal.progress import stages

EXAMPLES = (
    "roughntk study",
    "roughntk study wine --points 12 --depths 1:12 --out wine-report",
    "roughntk study points.csv --projection stereographic --points 30",
    "roughntk study digits --family leaky-relu-ntk --set slope=0.2",
)


def study(
    data: Data = "digits",
    points: Points = 40,
    test_points: TestPoints = 5,
    seed: Seed = 0,
    projection: Projection = "canonical",
    depths: Annotated[str, typer.Option(help="First and last depth, FIRST:LAST with 1 <= FIRST < LAST.")] = "1:30",
    family: Family = "relu-ntk",
    set_: Parameters = None,
    p: Annotated[
        float,
        typer.Option(
            parser=real,
            metavar="<float>",
            help="Variation exponent p, from 1 to below 4; the levels 1 to floor(p) enter.",
        ),
    ] = 2.0,
    drop_duplicates: DropDuplicates = False,
    dim: Dimension = None,
    signature_channels: Annotated[
        int, typer.Option(help="Principal directions of the drivers that signatures are computed on, 1 to 40.")
    ] = 8,
    samples: Annotated[int, typer.Option(help="Points at which each driver is sampled, 3 to 2000.")] = 33,
    target: Target = None,
    standardise: Standardise = False,
    drop: Drop = None,
    missing: MissingInPoints = "error",
    header: Header = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    out: Annotated[str, typer.Option(help="Folder of the report; an earlier report there is replaced.")] = (
        "study-report"
    ),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Kernels, coefficients, Theorem 3, drivers, signatures and p-variation on DATA, with a report.

    A driver is the path that the controlled equation of Theorem 3 follows from one depth to the next.
    """
    clock = time.perf_counter()
    command = " ".join(["roughntk", *map(shlex.quote, sys.argv[1:])])
    with clear_errors(), stages(quiet) as report:
        from roughntk.study.pipeline import as_json as record
        from roughntk.study.pipeline import run

        result = run(
            data, out=out, command=command, progress=report,
            points=points, test_points=test_points, seed=seed, projection=projection, depths=depths, family=family,
            parameters=tuple(set_ or ()), p=p,
            drop_duplicates=drop_duplicates, dimension=dim, signature_channels=signature_channels, samples=samples,
            target=target, standardise=standardise, drop=tuple(drop or ()), missing=missing, header=header,
            delimiter=delimiter, decimal=decimal, encoding=encoding,
        )  # fmt: skip
    if as_json:
        say_json(record(result, command))
        return
    if not quiet:
        for line in result.data.said:
            say(line)
        for number, line in enumerate(result.summary, 1):
            out_console.print(f"[bold cyan]{number:2d}[/]", end=" ")
            say(line)
    say(f"{out}/report.html ({time.perf_counter() - clock:.0f} s)", head="Report:")


__all__ = ["EXAMPLES", "study"]
