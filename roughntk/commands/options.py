"""Options of the command line: those that are made from settings, and those that several commands have."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from roughntk._settings import Setting, settings_of
from roughntk.commands.choices import completion

Times = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of the times, name or number (where it may be either name:2 or number:2), or none; if left out, "
        "one called t, time, times, date, datetime or timestamp.",
    ),
]


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """The command of a function: a parameter whose type is a class of settings becomes an option for each of them.

    The function is called with an instance of that class, made of what the options say.
    """
    groups: dict[str, tuple[type, list[Setting]]] = {}
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        if settings := settings_of(parameter.annotation):
            groups[parameter.name] = (parameter.annotation, settings)
            parameters += [_parameter(each) for each in settings]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    def command(**given: Any) -> None:
        for name, (kind, settings) in groups.items():
            given[name] = kind(**{each.name: _value(each, given.pop(each.name)) for each in settings})
        function(**given)

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    setattr(command, "__signature__", inspect.Signature(parameters))  # noqa: B010  mypy knows no such attribute
    return command


def _value(setting: Setting, given: Any) -> Any:
    return tuple(given or ()) if isinstance(setting.default, tuple) else given


def _parameter(setting: Setting) -> inspect.Parameter:
    """The parameter of a command from which typer makes the option, or the argument, of a setting."""
    kind, default, names = setting.kind, setting.default, list(filter(None, [setting.option]))
    more: dict[str, Any] = {"help": setting.help, "metavar": setting.metavar}
    if setting.names:
        more["autocompletion"] = completion(setting.names)
    if isinstance(default, tuple):
        kind, default = list[str] | None, None
        names = names or [f"--{setting.name}"]
    elif kind is float:
        more |= {"parser": real, "metavar": "<float>"}
    elif not names and kind in (bool, bool | None):
        flag = f"--{setting.name.replace('_', '-')}"
        names = [flag if kind is bool else f"{flag}/--no-{flag[2:]}"]
    if setting.option.isupper():
        made: Any = typer.Argument(**more)
    else:
        made = typer.Option(*names, **more)
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made]
    )


def real(text: str | float) -> float:
    """The number that an option gives, for `typer.Option(parser=real)`: what float64 cannot hold is refused."""
    from roughntk._checks import InputError, number_of_text

    try:
        return number_of_text(text, "a number") if isinstance(text, str) else text
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    except ValueError:
        raise typer.BadParameter(f"expected a number, got {text!r}; write for instance 2.5") from None


__all__ = ["Times", "real", "with_settings"]
