"""The command line: `roughntk study`, `limit`, `classify`, `signature`, `variation`, `figure1`, `doctor`."""

import contextlib
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from roughntk import __version__
from roughntk import doctor as doctor_room
from roughntk import study as study_room
from roughntk._checks import InputError, MissingBackendError
from roughntk.kernels import FAMILIES
from roughntk.kernels import criteria as criteria_room
from roughntk.rough import SIGNATURE_BACKENDS as BACKENDS
from roughntk.study import classes as classes_room
from roughntk.study import limit as limit_room
from roughntk.study import options
from roughntk.study import path_files as files_room
from roughntk.study import paths as paths_room
from roughntk.study import phase as phase_room
from roughntk.study.config import StudyConfig
from roughntk.study.data import BUILT_IN, PROJECTIONS, load
from roughntk.study.run import Report

app = typer.Typer(
    help="The depth of an infinitely wide neural network as a continuous parameter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out_console = Console(highlight=False, soft_wrap=True)
err_console = Console(stderr=True, highlight=False, soft_wrap=True)
DEFAULTS = StudyConfig()
Parameters = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the family; repeatable.")
]


@contextlib.contextmanager
def clear_errors(lower: str = "--points, --samples or the number of depths") -> Iterator[None]:
    """Bad input ends with one message and exit code 2, without a traceback; `lower` says what to lower for memory."""
    try:
        yield
    except (InputError, MissingBackendError) as error:
        err_console.print(f"[bold red]Error:[/] {escape(str(error))}")
        raise typer.Exit(2) from None
    except MemoryError as error:
        err_console.print(
            f"[bold red]Error:[/] expected a job that fits in memory, got more ({escape(str(error))}); lower {lower}"
        )
        raise typer.Exit(2) from None


def show_version(wanted: bool) -> None:
    if wanted:
        out_console.print(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Version.")] = False,
) -> None:
    """The depth of an infinitely wide neural network as a continuous parameter."""


@app.command()
def study(
    data: Annotated[
        str, typer.Argument(help=f"{', '.join(BUILT_IN)}, or a file, one point a row: {options.FILE_HELP}.")
    ] = DEFAULTS.data,
    points: Annotated[int, typer.Option(help="Training points n.")] = DEFAULTS.points,
    test_points: Annotated[int, typer.Option(help="Test points m.")] = DEFAULTS.test_points,
    seed: Annotated[int, typer.Option(help="Fixes the choice of points.")] = DEFAULTS.seed,
    projection: Annotated[str, typer.Option(help=", ".join(PROJECTIONS) + ".")] = DEFAULTS.projection,
    depths: Annotated[str, typer.Option(help="First and last depth.")] = DEFAULTS.depths,
    family: Annotated[str, typer.Option(help=", ".join(FAMILIES) + ".")] = DEFAULTS.family_name,
    set_: Parameters = None,
    p: Annotated[float, typer.Option(help="Variation exponent, at least 2.")] = DEFAULTS.p,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Use the first of rows that coincide on the sphere.")
    ] = False,
    dim: Annotated[int | None, typer.Option(help="Dimension of sphere (10) and cube (128).")] = None,
    signature_channels: Annotated[
        int, typer.Option(help="Principal directions for signatures.")
    ] = DEFAULTS.signature_channels,
    samples: Annotated[int, typer.Option(help="Points at which each driver is sampled.")] = DEFAULTS.samples,
    target: options.Target = None,
    standardise: options.Standardise = False,
    drop: options.Drop = None,
    missing: options.MissingInPoints = "error",
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    out: Annotated[str, typer.Option(help="Folder of the report.")] = "study-report",
) -> None:
    """Kernels, coefficients, Theorem 3, drivers, signatures and p-variation on DATA, with a report."""
    clock = time.perf_counter()
    with clear_errors(), progress_display() as report:
        result = study_room.run(
            data, out=out, command=" ".join(["roughntk", *map(shlex.quote, sys.argv[1:])]), progress=report,
            points=points, test_points=test_points, seed=seed, projection=projection, depths=depths, family=family,
            parameters=tuple(set_ or ()), p=p,
            drop_duplicates=drop_duplicates, dimension=dim, signature_channels=signature_channels, samples=samples,
            target=target, standardise=standardise, drop=tuple(drop or ()), missing=missing, header=header,
            delimiter=delimiter, decimal=decimal,
        )  # fmt: skip
    _print_lines(result.data.said)
    for number, line in enumerate(result.summary, 1):
        out_console.print(f"[bold cyan]{number:2d}[/] {escape(line)}")
    seconds = time.perf_counter() - clock
    out_console.print(f"[bold]Report:[/] {escape(f'{out}/report.html')} ({seconds:.0f} s)")


@contextlib.contextmanager
def progress_display() -> Iterator[Report]:
    """A progress bar a stage on a terminal; a line a stage elsewhere."""
    if not err_console.is_terminal:
        yield _plain_progress
        return
    with Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err_console,
    ) as bars:
        tasks: dict[str, object] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done)  # type: ignore[arg-type]

        yield report


def _plain_progress(stage: str, done: int, total: int) -> None:
    if done == total:
        err_console.print(f"{stage}: {total} done")


@app.command()
def figure1(
    out: Annotated[str, typer.Option(help="Folder of the pictures.")] = "figure1",
    points: Annotated[int, typer.Option(help="Training points n.")] = 10,
    depths: Annotated[int, typer.Option(help="Deepest network.")] = 30,
    seed: Annotated[int, typer.Option(help="Fixes the points.")] = 0,
) -> None:
    """The paper's Figure 1 for the three families under both input laws, with the true limits dashed."""
    with clear_errors():
        for picture in study_room.figure1(out, points_per_law=points, depths=depths, seed=seed):
            out_console.print(escape(str(picture.png)))


@app.command()
def limit(
    data: Annotated[str, typer.Argument(help="As for `study`.")] = DEFAULTS.data,
    depth: Annotated[str, typer.Option(help="Depth L >= 1: whole, real, or inf.")] = "inf",
    tolerance: Annotated[float, typer.Option(help="Find the depth from which |u_L - u_inf| is at most this.")] = 1e-3,
    points: Annotated[int, typer.Option(help="Training points n.")] = DEFAULTS.points,
    test_points: Annotated[int, typer.Option(help="Test points m.")] = DEFAULTS.test_points,
    seed: Annotated[int, typer.Option(help="Fixes the choice of points.")] = DEFAULTS.seed,
    projection: Annotated[str, typer.Option(help=", ".join(PROJECTIONS) + ".")] = DEFAULTS.projection,
    family: Annotated[str, typer.Option(help=", ".join(FAMILIES) + ".")] = DEFAULTS.family_name,
    set_: Parameters = None,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Use the first of rows that coincide on the sphere.")
    ] = False,
    dim: Annotated[int | None, typer.Option(help="Dimension of sphere (10) and cube (128).")] = None,
    target: options.Target = None,
    standardise: options.Standardise = False,
    drop: options.Drop = None,
    missing: options.MissingInPoints = "error",
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    out: Annotated[str | None, typer.Option(help="Write all coefficients to this .csv or .npy file.")] = None,
) -> None:
    """Coefficients and predictions at a real or infinite depth, and the depth needed for a tolerance."""
    with clear_errors():
        written = files_room.check_target(out, "--out", limit_room.OUT_SUFFIXES, [data])
        member = classes_room.member(family, set_ or ())
        chosen = load(
            data, points=points, test_points=test_points, seed=seed, projection=projection,
            drop_duplicates=drop_duplicates, dimension=dim, target=target, standardise=standardise,
            reading=options.reading(header, delimiter, decimal, drop, missing),
        )  # fmt: skip
        found = limit_room.at_depth(member, chosen, depth, tolerance)
        if written is not None:
            files_room.write(written, found.content(written.suffix.lower()))
    out_console.print(f"Data: {escape(chosen.name)}, {points} training points, {test_points} test points; {family}.")
    _print_lines(chosen.said)
    out_console.print(f"[bold]Depth {found.depth:g}[/]: {escape(found.note)}")
    headings = ("test row", "prediction", "target", "largest coefficient", "smallest", "|u - limit|")
    out_console.print(_table(headings, found.rows))
    out_console.print(escape(found.answer))
    if written is not None:
        out_console.print(f"[bold]Coefficients:[/] {escape(str(written))}")


@app.command()
def classify(
    family: Annotated[str, typer.Argument(help=f"{', '.join(FAMILIES)}, or all.")] = DEFAULTS.family_name,
    set_: Parameters = None,
    criteria: Annotated[
        bool, typer.Option("--criteria", help="Also try the paper's conditions (Section 6) on hard point sets.")
    ] = False,
    phase_diagram: Annotated[
        str | None, typer.Option(metavar="OUT", help="Write the phase diagram of the erf network to this folder.")
    ] = None,
) -> None:
    """Fixed point, multiplier, phase, rate and limit of FAMILY as depth grows, all measured."""
    with clear_errors():
        members = classes_room.members(family, set_ or [])
        if phase_diagram is not None:
            diagram = phase_room.phase_diagram(phase_diagram)
            out_console.print(_table(phase_room.HEADINGS, phase_room.cells(diagram)))
            out_console.print(f"[bold]Figure:[/] {escape(f'{phase_diagram}/phase_diagram.png')}")
            return
        found = classes_room.classified(members)
        if len(found) == 1:
            out_console.print(_table(("quantity", "measured"), found[0].rows()))
            for line in (*found[0].evidence, *(f"note: {note}" for note in found[0].notes)):
                out_console.print(f"  {escape(str(line))}")
        else:
            out_console.print(_table(classes_room.HEADINGS, [classes_room.cells(each) for each in found]))
        for member in members if criteria else ():
            tried = criteria_room.check(member)
            out_console.print(f"[bold]Section 6, {tried.name}[/]: 'holds' means that no counterexample was found")
            out_console.print(
                _table(("condition", "verdict", "from depth", "counterexample", "evidence"), tried.rows())
            )


@app.command()
def signature(
    file: Annotated[str, typer.Argument(help=f"A path, points in rows: {options.FILE_HELP}.")],
    level: Annotated[int, typer.Option(help="Truncation level N >= 1.")] = 2,
    log: Annotated[bool, typer.Option("--log", help="The log-signature.")] = False,
    basis: Annotated[
        str | None, typer.Option(help=f"Of the log-signature: {', '.join(paths_room.BASES)}; lyndon if left out.")
    ] = None,
    backend: Annotated[str, typer.Option(help=", ".join((*BACKENDS, "auto")) + ".")] = "jax",
    times: options.Times = None,
    drop: options.Drop = None,
    missing: options.MissingInPaths = "error",
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    out: Annotated[str | None, typer.Option(help="Write all entries, all digits: .csv, .npy or .json.")] = None,
) -> None:
    """The signature or log-signature of the piecewise-linear path in FILE."""
    with clear_errors("--level or the number of channels"):
        target = files_room.check_target(out, "--out", paths_room.OUT_SUFFIXES, [file])
        read = files_room.read_paths(file, times, options.reading(header, delimiter, decimal, drop, missing))
        found = paths_room.signature_table(read, level, log=log, basis=basis, backend=backend)
        if target is not None:
            files_room.write(target, found.content(target.suffix.lower()))
    _print_lines(found.described())
    out_console.print(f"[bold]{escape(found.title())}[/]")
    rows = found.rows()
    out_console.print(_table(found.headings(), rows))
    _print_lines(found.left_out())
    if target is not None:
        out_console.print(f"[bold]Written:[/] {escape(str(target))}")


@app.command()
def variation(
    paths: Annotated[list[str], typer.Argument(metavar="FILE...", help=f"Paths, points in rows: {options.FILE_HELP}.")],
    p: Annotated[float, typer.Option(help="Variation exponent p >= 1.")] = 2.0,
    against: Annotated[
        str | None, typer.Option(metavar="LIMIT", help="Distance to this path; several FILEs: do they converge to it?")
    ] = None,
    level: Annotated[
        int | None, typer.Option(help="Level of the lift; if left out 1, and 1 .. floor(p) for a distance.")
    ] = None,
    norm: Annotated[str | None, typer.Option(help="l1 or l2; if left out l2, and l1 for a distance.")] = None,
    root: Annotated[bool, typer.Option(help="Whether to take the outer root.")] = True,
    critical: Annotated[bool, typer.Option("--critical", help="Estimate the critical exponent.")] = False,
    scale: Annotated[
        str | None, typer.Option(help="Of the sequence of FILEs, for the rates: numbers with commas.")
    ] = None,
    times: options.Times = None,
    drop: options.Drop = None,
    missing: options.MissingInPaths = "error",
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    figure: Annotated[
        str | None, typer.Option(help="Draw the path with its maximising partition, or the distances of a sequence.")
    ] = None,
) -> None:
    """Exact p-variation of the paths in FILE..., or their p-variation distance to LIMIT, level by level."""
    with clear_errors("--level, or the number of points or channels"):
        target = files_room.check_target(figure, "--figure", paths_room.FIGURE_SUFFIXES, [*paths, against or ""])
        paths_room.check_options(len(paths), against, level, root=root, critical=critical, scale=scale, figure=figure)
        how = options.reading(header, delimiter, decimal, drop, missing)
        files_room.check_standard_input([*paths, against or ""])
        read = [path for each in paths for path in files_room.read_paths(each, times, how)]
        paths_room.check_options(len(read), against, level, root=root, critical=critical, scale=scale, figure=figure)
        limit = None if against is None else files_room.read_path(against, times, how)
        if limit is None:
            measured = [
                paths_room.measure(each, p, level=level, norm=norm, root=root, critical=critical) for each in read
            ]
            if target is not None:
                paths_room.draw_paths(measured, target)
            for each in measured:
                _print_lines(each.lines())
        elif len(read) == 1:
            compared = paths_room.compare(read[0], limit, p, level=level, norm=norm)
            _print_lines([*read[0].lines(), *limit.lines()])
            out_console.print(_table(("level", "distance"), compared.rows()))
            _print_lines(compared.lines())
        else:
            found = paths_room.converge(read, limit, p, norm=norm, scale=scale)
            if target is not None:
                paths_room.draw_convergence(found, target)
            _print_lines([sentence for each in read for sentence in each.said])
            _print_lines(
                [f"Limit: {limit.describe()}", *limit.said, f"p = {p:g}, {found.norm} norm, outer root taken."]
            )
            heads = ("file", "scale", *(f"level {k}" for k in found.levels))
            out_console.print(_table(heads, paths_room.convergence_rows(read, found)))
            _print_lines([f"The sequence {found.verdict}." if "conv" in found.verdict else "Undecided.", found.rule])
    if target is not None:
        out_console.print(f"[bold]Figure:[/] {escape(str(target))}")


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        out_console.print(escape(line))


def _table(headings, rows) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


@app.command()
def doctor() -> None:
    """Versions, backends present and absent, 64-bit mode, one numeric self-test per backend."""
    checks = doctor_room.examine()
    colours = {"ok": "green", "absent": "yellow", "wrong": "bold red"}
    for check in checks:
        out_console.print(f"[{colours[check.state]}]{check.state:<7}[/] {check.name:<24} {escape(check.detail)}")
    if any(check.state == "wrong" for check in checks):
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
