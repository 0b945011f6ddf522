"""A family from its name and settings such as weight_variance=2, as the command line has them."""

from collections.abc import Sequence
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, family
from roughntk.kernels.registry import parameters


def member(name: str, settings: Sequence[str] = ()) -> KernelFamily:
    """The family of that name with `settings`.

    Raises:
        InputError: an unknown family or parameter, or a setting that is not NAME=VALUE.

    >>> float(member("erf-ntk", ["weight_variance=2"]).weight_variance)
    2.0
    """
    return family(name, **values_of(name, settings))


def values_of(name: str, settings: Sequence[str]) -> dict[str, Any]:
    """The parameters of the family of that name that `settings`, such as weight_variance=2, give."""
    known = parameters(name)
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key, text = key.strip(), text.strip()
        if not equals:
            raise InputError(f"expected --set NAME=VALUE, got {setting!r}; write for instance --set weight_variance=2")
        if not known:
            raise InputError(f"expected no --set for {name}, which has no parameters, got {setting!r}; leave it out")
        _checks.choice(key, tuple(known), f"parameter of {name}")
        values[key] = _value(text, key, known[key])
    return values


def _value(text: str, key: str, default: Any) -> Any:
    """The text as the number that it is; as a word where the default is one."""
    try:
        return int(text) if isinstance(default, int) else _checks.number_of_text(text, key)
    except InputError:
        raise
    except ValueError:
        if isinstance(default, str):
            return text
        what = "a whole number" if isinstance(default, int) else "a number"
        raise InputError(f"expected {what} for {key}, got {text!r}; write it as {default}") from None


__all__ = ["member", "values_of"]
