"""`roughntk predict`: predictions of a target at several depths, how sure they are, and how right."""

import contextlib
from typing import Annotated

import typer

from roughntk.commands.devices import DeviceSettings, devices_of
from roughntk.commands.options import real, with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table, tell
from roughntk.commands.terminal.progress import stages
from roughntk.files.reading_settings import ReadingSettings
from roughntk.study.settings import FamilySettings, PredictionSettings

EXAMPLES = (
    "roughntk predict",
    "roughntk predict points.csv --target price --test-points 10 --standardise --out predictions.csv",
    "roughntk predict rows.npy --target 65 --depth 50 --devices 8",
    "roughntk predict train.csv --target kind --test new.csv --depth 2,5,10.5,inf --figure depths.png",
    "roughntk predict large.parquet --target price --test new.parquet --depth 1000 --scratch /tmp/rows",
)


@with_settings
def predict(
    choice: PredictionSettings,
    depth: Annotated[
        str | None,
        typer.Option(
            metavar="DEPTHS",
            help="Numbers from 1 on, inf, or FIRST:LAST, with commas; if left out some from 1 to inf.",
        ),
    ] = None,
    time: Annotated[
        float,
        typer.Option(parser=real, metavar="<float>", help="Training time t >= 0; inf trains to convergence."),
    ] = float("inf"),
    ridge: Annotated[
        float,
        typer.Option(parser=real, metavar="<float>", help="R >= 0, added to the diagonal of the kernel, which is 1."),
    ] = 1e-6,
    *,
    network: FamilySettings,
    reading: ReadingSettings,
    computing: DeviceSettings,
    out: Annotated[str | None, typer.Option(help="Write all predictions, all digits, to this .csv file.")] = None,
    figure: Annotated[
        str | None, typer.Option(help="Draw the error against depth, and the predictions: .png, .svg or .pdf.")
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep in this folder what was finished, and the solve that is under way: the same command goes on "
            "there. It is removed when all is done.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Predict a column of DATA at several depths, with uncertainty, and measure the error on test points.

    Text and class labels are classified, numbers are predicted as numbers.
    """
    with (
        clear_errors(),
        devices_of(computing) as devices,
        stages(quiet or not devices.first) as report,
        contextlib.ExitStack() as under,
    ):
        from roughntk.commands.answers import kept_predictions, prediction_figure
        from roughntk.commands.answers import predictions as answers
        from roughntk.files import results
        from roughntk.files.tables import Reading
        from roughntk.study.families import member
        from roughntk.study.split import keep, scratch_of, split

        inputs = [choice.data, choice.test or ""]
        written = results.check_target(out, "--out", answers.SUFFIXES, inputs)
        answers.check_earlier(written)
        drawn = results.check_target(figure, "--figure", prediction_figure.SUFFIXES, inputs)
        training = answers.Training.of(depth, time, ridge)
        family = member(str(network.family), network.parameters)
        scratch = under.enter_context(folder) if (folder := scratch_of(choice)) else None
        data = split(choice, Reading.of(reading), distinct=training.ridge == 0, scratch=scratch)
        told = (lambda line: None) if quiet or not devices.first else tell
        keeper_of = under.enter_context(
            kept_predictions.checkpointed(checkpoint, family, data, training, devices.devices, told)
        )
        result = answers.predictions(family, data, training, report, devices.devices, keeper_of)
        if not devices.first:
            return
        kept = keep(data, scratch) if scratch is not None and choice.keep_scratch else None
        if drawn is not None:
            results.write(drawn, prediction_figure.content_of(result, family.name, drawn.suffix.lower()))
        if written is not None:
            results.write(written, result.content())
    if as_json:
        say_json({"family": network.family, "settings": list(network.parameters), **result.record()})
        return
    say(result.answer())
    say_table(result.headings(), result.rows())
    for line in result.notes():
        say(line)
    if not quiet:
        say_table(*result.first())
        for line in (*result.remarks(), *data.notes):
            say(line)
    if written is not None:
        say(str(written), head="Predictions:")
    if drawn is not None:
        say(str(drawn), head="Figure:")
    if kept is not None:
        say(str(kept), head="Rows:")


__all__ = ["EXAMPLES", "predict"]
