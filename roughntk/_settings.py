"""Settings that are spelt once: a field of a dataclass with its type, its default, its help and its range.

Options of the command line are made from the fields (`roughntk.commands.options`), keywords of functions too, and what
a field says of its range is checked (`roughntk.study.config`). Nothing is imported but the standard library.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: of the field, and of the keyword.
        kind: its type; where a field has several, that of the default, which the command line takes.
        default: its default.
        help: one sentence on it, with its range.
        option: its name on the command line; empty for that of the field, or "DATA" in capitals for an argument.
        metavar: what stands for its value in the help.
        names: values that a shell completes.
        strict: whether it takes no others.
        least, most: of a whole number.
    """

    name: str
    kind: Any
    default: Any
    help: str
    option: str = ""
    metavar: str | None = None
    names: tuple[str, ...] = ()
    strict: bool = False
    least: int | None = None
    most: int | None = None

    @property
    def words(self) -> str:
        """What a message calls it."""
        return self.name.replace("_", " ")


def setting(default: Any, help: str, **more: Any) -> Any:
    """A field of a class of settings; `more` are attributes of `Setting`."""
    return dataclasses.field(default=default, metadata={"help": help, **more})


def settings_of(kind: type) -> list[Setting]:
    """The settings of a class, in the order of its fields; empty for what is no class of settings."""
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return []
    return [
        Setting(
            field.name, type(field.default) if isinstance(field.type, str) else field.type, field.default,
            **field.metadata,
        )
        for field in dataclasses.fields(kind) if "help" in field.metadata
    ]  # fmt: skip


def values_of(settings: object, kind: type) -> dict[str, Any]:
    """The values of the settings of `kind` that an object has, as keywords."""
    return {each.name: getattr(settings, each.name) for each in settings_of(kind)}


def listed(names: Sequence[str]) -> str:
    """The names as a help text shows them."""
    return ", ".join(names)


__all__ = ["Setting", "listed", "setting", "settings_of", "values_of"]
