"""The settings of a study are spelt once: what is a field is an option of the command line and a keyword of `run`."""

import dataclasses
import inspect

import pytest
import typer
from typer.testing import CliRunner

import roughntk as rn
from roughntk._settings import setting, settings_of
from roughntk.commands import limit, options, signature, study, variation
from roughntk.files.reading_settings import ReadingSettings
from roughntk.study.config import StudyConfig
from roughntk.study.settings import FamilySettings, PointSettings, StudySettings

OTHERS = {"out", "as_json", "quiet", "resume"}
"""Options of `roughntk study` that are no settings: where the report goes, and what is printed."""


def test_every_setting_is_an_option_and_every_option_a_setting():
    shown = inspect.signature(study.study).parameters
    names = {field.name for field in dataclasses.fields(StudyConfig)}
    assert names == {each.name for each in settings_of(StudySettings)} == set(shown) - OTHERS
    for each in settings_of(StudySettings):
        default = None if isinstance(each.default, tuple) else each.default
        assert shown[each.name].default == default, each.name
        assert shown[each.name].annotation.__metadata__[0].help == each.help
    text = CliRunner().invoke(rn_app(), ["study", "--help"], env={"COLUMNS": "200"}).stdout
    for each in settings_of(StudySettings):
        option = each.option or "--" + each.name.replace("_", "-")
        assert (each.name if option.isupper() else option) in text, option


def rn_app() -> typer.Typer:
    from roughntk.cli import app

    return app


@pytest.mark.parametrize(
    ("command", "groups"),
    [
        (limit.limit, (PointSettings, FamilySettings, ReadingSettings)),
        (signature.signature, (ReadingSettings,)),
        (variation.variation, (ReadingSettings,)),
    ],
)
def test_commands_share_the_settings_of_points_families_and_tables(command, groups):
    shown = inspect.signature(command).parameters
    for each in (each for group in groups for each in settings_of(group)):
        assert shown[each.name].annotation.__metadata__[0].help == each.help


NO_SETTINGS = ("out", "command", "progress", "resume", "tell")


def test_every_setting_is_a_keyword_of_run():
    shown = inspect.signature(rn.study.run).parameters
    assert {name: shown[name].default for name in shown if name not in NO_SETTINGS} == {
        each.name: each.default for each in settings_of(StudyConfig)
    }


@dataclasses.dataclass(frozen=True)
class Wider(StudySettings):
    layers_apart: int = setting(3, "Layers between two depths, 1 to 9.", least=1, most=9)
    exact: bool = setting(False, "Whether nothing is rounded.")
    beside: tuple[str, ...] = setting((), "Another file; repeatable.", metavar="FILE")


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ((), (3, False, (), None)),
        (("--layers-apart", "5", "--exact", "--beside", "a", "--beside", "b"), (5, True, ("a", "b"), None)),
        (("--no-header", "wine"), (3, False, (), False)),
    ],
)
def test_a_new_field_is_an_option_at_once(words, values):
    taken = []

    def command(settings: Wider, quiet: bool = False) -> None:
        taken.append(settings)

    app = typer.Typer()
    app.command()(options.with_settings(command))
    assert CliRunner().invoke(app, list(words)).exit_code == 0
    (got,) = taken
    assert (got.layers_apart, got.exact, got.beside, got.header) == values
    assert got.data == ("wine" if "wine" in words else "digits")


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("points", 0, "points from 1 to"),
        ("signature_channels", 41, "signature channels from 1 to 40, got 41"),
        ("samples", 2.5, "samples"),
        ("drop_duplicates", "yes", "drop_duplicates"),
        ("header", 1, "header"),
        ("projection", "flat", "projection"),
        ("missing", "guess", "missing"),
    ],
)
def test_what_a_field_says_of_its_range_is_checked(name, value, match):
    with pytest.raises(rn.InputError, match=match):
        StudyConfig(**{name: value})
