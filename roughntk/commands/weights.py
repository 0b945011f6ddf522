"""`roughntk weights`: how rough the weights of trained networks are through their layers."""

from typing import Annotated

import typer

from roughntk.commands.options import real
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import at_work

EXAMPLES = (
    'roughntk weights model.safetensors --pattern "blocks.{}.mlp.weight" --figure weights.png',
    'roughntk weights trained.npz --pattern "block.{}" --initial untrained.npz --p 2.5',
    "roughntk weights 16.npy 32.npy 64.npy 128.npy --beta 0.5",
)


def weights(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Weights of a network: .safetensors, .npz, .npy with the layers along the first axis, or a folder of "
            ".npy or .safetensors files; never a pickle. Of several networks a file each: they are compared.",
        ),
    ],
    pattern: Annotated[
        str | None, typer.Option(help="Names of the layers, with one {} for the number of the layer.")
    ] = None,
    initial: Annotated[
        list[str] | None, typer.Option(help="Weights before training, a file for each FILE (repeat the option).")
    ] = None,
    distances: Annotated[
        bool, typer.Option("--distances", help="FILE holds the L x L matrix of distances of the layers' weights.")
    ] = False,
    beta: Annotated[
        float,
        typer.Option(parser=real, metavar="<float>", help="Power of L in the driver L^-beta (W_1 + ... + W_k), >= 0."),
    ] = 0.5,
    p: Annotated[float, typer.Option(parser=real, metavar="<float>", help="Variation exponent p >= 1.")] = 2.0,
    level: Annotated[int, typer.Option(help="From 1 to 2; 2 adds the second level of the driver's Ito lift.")] = 1,
    coarsest: Annotated[
        int | None, typer.Option(help="Largest lag in layers, at least 2; if left out a sixth of the layers.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Write the matrix of distances of one network, .npy or .csv, for --distances.")
    ] = None,
    figure: Annotated[
        str | None, typer.Option(help="Draw the increments against their lag and the distances of the layers.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Are the trained weights in FILE those of an ODE, an SDE or neither, as a path through the layers?"""
    with clear_errors("the number of layers"), at_work("weights", quiet):
        from roughntk.commands.answers import layers as answers
        from roughntk.files import results

        inputs = [*files, *(initial or ())]
        picture = results.check_target(figure, "--figure", answers.FIGURES, inputs)
        table = results.check_target(out, "--out", answers.TABLES, inputs)
        answers.check_options(files, initial or [], distances, pattern, level=level, coarsest=coarsest, out=out)
        answer = answers.answer(
            files, pattern, initial or [], distances=distances, beta=beta, p=p, level=level, coarsest=coarsest
        )
        if table is not None:
            results.write(table, answers.distance_bytes(answer, table.suffix))
        if picture is not None:
            answers.draw(answer, picture)
    if as_json:
        say_json(answer.record())
        return
    for line in () if quiet else answer.described:
        say(line)
    say(f"{answer.result.verdict}.", head="Verdict:")
    for line in answer.result.evidence:
        say(line)
    say_table(answers.HEADINGS, answer.rows())
    for head, target in (("Distances:", table), ("Figure:", picture)):
        if target is not None:
            say(str(target), head=head)


__all__ = ["EXAMPLES", "weights"]
