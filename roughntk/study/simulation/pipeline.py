"""One simulation of finite networks, from data to its page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roughntk import __version__, _checks
from roughntk.files import folders
from roughntk.files.tables import Reading, printable
from roughntk.study.pipeline import plain, write_csv
from roughntk.study.report import Part, Section, drawn, key_of, template
from roughntk.study.result import Picture
from roughntk.study.simulation import figures, measured
from roughntk.study.simulation.config import SimulationConfig
from roughntk.study.simulation.measured import Report
from roughntk.study.simulation.result import ANSWER, HEADINGS, RANDOM, TRAINED, Simulation
from roughntk.study.split import split
from roughntk.study.threads import fitting_threads

NUMBERS = "Which numbers are these"
FIGURES = {ANSWER: ("real_depth",), RANDOM: ("tangent_kernel",), TRAINED: ("trained_outputs",)}


def simulate(
    data: str = "digits", *, out: str | Path | None = "finite-report", command: str | None = None,
    progress: Report | None = None, reading: Reading | None = None, **settings: Any,
) -> Simulation:  # fmt: skip
    """Simulated networks of finite width on `data`, beside infinite width and the limit of wide and deep networks.

    Bias-free ReLU networks, h_l = sqrt(2/n) relu(W_l h_{l-1}): their kernels exactly in law
    (`rn.networks.sample_tangent_kernel`), their real depths (`effective_depth`), the scatter of the tangent kernel
    (`tangent_moments`, exactly), and some that are trained (`train`) against f_t = `rn.predict`.

    Args:
        data: a built-in name with a target (digits, wine, breast_cancer), or a file.
        out: folder of the report: report.html, figures/, tables/, finite.json; None writes nothing.
        command: the command line to record.
        progress: called as progress(stage, done, in all).
        reading: how a file is read.
        settings: width, depth (of the package: 1 is the input layer), samples, trained, time, points, test_points,
            seed, projection, drop_duplicates, target, task, standardise; `roughntk.study.settings` says what they mean.

    Returns:
        A `Simulation`.

    Raises:
        InputError: a bad setting or bad data, before anything is written; a width below the number of points plus 2.
        MissingBackendError: optax, which trains, is not installed; the message says how to install it.

    Source: HaninNica2020; LiNicaRoy2022.

    >>> import roughntk as rn
    >>> found = rn.study.simulate("wine", width=32, samples=8, trained=0, points=4, test_points=2, out=None)
    >>> found
    <Simulation: 8 networks of width 32 and depth 5 (4 hidden layers) at 4 points of wine>
    """
    _checks.require_x64("a simulation of networks")
    for name in settings:
        _checks.choice(name, sorted(set(SimulationConfig.__dataclass_fields__) - {"data"}), "setting")
    config = SimulationConfig(data=str(data), **settings)
    report = progress or (lambda stage, done, most: None)
    if out is None:
        return _computed(config, reading, report)
    with folders.replacing(out, folders.SIMULATION) as folder:
        result = _computed(config, reading, report)
        result.out = Path(out)
        _write(result, folder, command)
    return result


def _computed(config: SimulationConfig, reading: Reading | None, report: Report) -> Simulation:
    data = split(config.split_settings(), Reading() if reading is None else reading, distinct=True)
    with fitting_threads(len(data.X)):
        runs = measured.trained(config, data, report) if config.trained else None
        seen = measured.simulated(config, data, report)
        laws = measured.laws(config, seen.angle, report)
    return Simulation(config, data, seen, laws, runs)


def _write(result: Simulation, folder: Path, command: str | None) -> None:
    pictures = figures.draw_all(result, folder / "figures")
    (folder / "tables").mkdir()
    write_csv(folder / "tables" / "networks.csv", result.to_dataframe().to_dict("records"))
    write_csv(folder / "tables" / "beside.csv", [dict(zip(HEADINGS, row, strict=True)) for row in result.table()])
    (folder / "report.html").write_text(render(result, pictures), encoding="utf-8")
    given = printable(command or f"roughntk.study.simulate({result.config.data!r})", 10**5)
    record = plain({"version": __version__, "command": given} | result.record())
    (folder / folders.SIMULATION[0]).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def render(result: Simulation, pictures: Sequence[Picture]) -> str:
    """The whole page."""
    sections, first = [], 1
    for title, lines in result.summary_groups().items():
        own = [picture for picture in pictures if picture.name in FIGURES[title]]
        parts = drawn(own)
        if title == RANDOM:
            parts.insert(0, Part(head=HEADINGS, rows=result.table()))
        sections.append(Section(key_of(title), title, lines, first, parts))
        first += len(lines)
    notes = [Part(text=sentence) for sentence in result.data.notes]
    sections.append(Section(key_of(NUMBERS), NUMBERS, parts=[*notes, Part(text=_note(result))]))
    return template("simulation.html.j2").render(
        name=result.data.name, version=__version__, width=f"{result.config.width:,}", depth=f"{result.config.depth:,}",
        headline=result.headline, test_points=len(result.data.x), sections=sections,
    )  # fmt: skip


def _note(result: Simulation) -> str:
    return (
        "Kernels of random networks are drawn exactly in law, without their weights. Errors behind ± are standard "
        "errors over networks. What is said of wide and deep networks together, with hidden layers over width = "
        f"{result.config.time_of_depth:.4g}, was derived and measured, not proved; E Theta^2/(E Theta)^2 is exact. "
        "Training is full-batch gradient descent on all weights; f_t is the mean of infinitely wide networks at that "
        "time. The numbers of each network are in tables/networks.csv, everything else is in finite.json."
    )


__all__ = ["render", "simulate"]
