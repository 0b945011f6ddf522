"""`roughntk limit`: coefficients and predictions at one depth, and the depth that is deep enough."""

from typing import Annotated

import typer

from roughntk._settings import values_of
from roughntk.commands.options import real, with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import at_work
from roughntk.files.reading_settings import ReadingSettings
from roughntk.study.settings import FamilySettings, PointSettings

EXAMPLES = (
    "roughntk limit",
    "roughntk limit wine --depth 12.5 --points 20",
    "roughntk limit digits --tolerance 1e-6 --out coefficients.csv",
)
HEADINGS = ("test row", "prediction", "target", "largest coefficient", "smallest", "|u - limit|")


@with_settings
def limit(
    choice: PointSettings,
    depth: Annotated[str, typer.Option(help="Depth L >= 1: whole, real, or inf.")] = "inf",
    tolerance: Annotated[
        float,
        typer.Option(
            parser=real, metavar="<float>", help="Find the depth from which |u_L - u_inf| is at most this; above 0."
        ),
    ] = 1e-3,
    *,
    network: FamilySettings,
    reading: ReadingSettings,
    out: Annotated[str | None, typer.Option(help="Write all coefficients to this .csv or .npy file.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Coefficients and predictions at a real or infinite depth, and the depth needed for a tolerance."""
    with clear_errors(), at_work("limit", quiet):
        from roughntk.commands.answers import limits
        from roughntk.files import results
        from roughntk.files.tables import Reading
        from roughntk.study.data import load
        from roughntk.study.families import member

        written = results.check_target(out, "--out", limits.SUFFIXES, [choice.data])
        chosen = load(**values_of(choice, PointSettings), reading=Reading.of(reading))
        result = limits.at_depth(member(str(network.family), network.parameters), chosen, depth, tolerance)
        if written is not None:
            results.write(written, result.content(written.suffix.lower()))
    if as_json:
        say_json(
            {
                "data": chosen.describe(),
                "family": network.family,
                "settings": list(network.parameters),
                **result.record(),
            }
        )
        return
    if not quiet:
        say(
            f"Data: {chosen.name}, {choice.points} training points, {choice.test_points} test points, "
            f"{chosen.projection} projection; {network.family}."
        )
        for line in (*chosen.notes, *chosen.target_notes()):
            say(line)
        say(result.note, head=f"Depth {result.depth:g}:")
    say_table(HEADINGS, result.rows)
    say(result.answer)
    if written is not None:
        say(str(written), head="Coefficients:")


__all__ = ["EXAMPLES", "limit"]
