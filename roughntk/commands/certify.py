"""`roughntk certify`: numbers whose printed digits are proven."""

from typing import Annotated, Any

import typer

from roughntk._settings import listed, settings_of
from roughntk.commands.choices import completion
from roughntk.commands.options import with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import at_work
from roughntk.files.reading_settings import ReadingSettings
from roughntk.study.settings import PointSettings

EXAMPLES = (
    "roughntk certify kernel --rho 0.5 --depth 1000 --digits 15",
    "roughntk certify theta --rho -1/3 --depth 20 --digits 30",
    "roughntk certify kernel --family sigmoid --rho 0.1 --depth 5",
    "roughntk certify coefficients wine --standardise --points 8 --test-points 2 --depth 12.5",
    "roughntk certify limit --depth 1000 --rho 0.5",
)
QUANTITIES = ("kernel", "theta", "correlation", "coefficients", "limit")
FAMILIES = ("relu-ntk", "relu-nngp", "sigmoid")


@with_settings
def certify(
    quantity: Annotated[
        str,
        typer.Argument(
            metavar="QUANTITY",
            help=f"{listed(QUANTITIES)}: K_L, the angle theta_L, rho_L, u_L of DATA, or the limit of K_L.",
            autocompletion=completion(QUANTITIES),
        ),
    ],
    choice: PointSettings,
    rho: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="Correlation of the inputs, from -1 to 1, exactly as it is written: 0.1 is one tenth, 1/3 one third.",
        ),
    ] = None,
    depth: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Depth L >= 1, exactly as it is written; 2.1, 7/2, and inf where it is."),
    ] = None,
    digits: Annotated[int, typer.Option(help="Significant decimals to prove, 1 to 1000.")] = 15,
    family: Annotated[
        str,
        typer.Option(help=f"{listed(FAMILIES)} (of kernel and limit only).", autocompletion=completion(FAMILIES)),
    ] = "relu-ntk",
    *,
    reading: ReadingSettings,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print a QUANTITY with digits that are proven, by ball arithmetic (python-flint), and no others.

    DATA and the options of points and files are for coefficients; their rows are taken as the numbers that they are.
    """
    with clear_errors("--points or --digits"), at_work("certify", quiet):
        from roughntk.commands.answers import certificates
        from roughntk.files.tables import Reading

        given = {**_changed(choice, PointSettings), **_changed(reading, ReadingSettings)}
        request = certificates.Request.of(quantity, family, rho, depth, digits, tuple(given))
        result = certificates.answer(request, choice, Reading.of(reading))
    if as_json:
        say_json(result.record)
        return
    for line in () if quiet else result.before:
        say(line)
    if result.rows:
        say_table(result.headings, result.rows)
    for line in result.values:
        say(line)
    for line in () if quiet else result.remarks:
        say(line)


def _changed(settings: object, kind: type) -> dict[str, Any]:
    """The options that are not at their defaults, as the command line calls them."""
    values = {}
    for each in settings_of(kind):
        value = getattr(settings, each.name)
        if value != each.default:
            values[each.option or f"--{each.name.replace('_', '-')}"] = value
    return values


__all__ = ["EXAMPLES", "certify"]
