"""The names and settings that help texts show and a shell completes.

They belong to the rooms that compute; they are written here again so that `--help`, `--version` and completion import
none of these. `tests/study/test_output_of_commands.py` compares the two.
"""

from collections.abc import Callable

DATA = ("digits", "wine", "breast_cancer", "sphere", "cube")
PROJECTIONS = ("canonical", "stereographic", "none")
FAMILIES = (
    "relu-ntk", "relu-nngp", "sigmoid", "leaky-relu-ntk", "leaky-relu-nngp", "biased-relu-ntk", "biased-relu-nngp",
    "erf-ntk", "erf-nngp", "tanh-ntk", "tanh-nngp", "gelu-ntk", "gelu-nngp", "activation-ntk", "activation-nngp",
    "residual-relu-ntk", "residual-relu-nngp", "composition",
)  # fmt: skip
BACKENDS = ("jax", "esig", "iisignature", "roughpy", "pysiglib", "auto")
BASES = ("lyndon", "hall", "words")
NORMS = ("l1", "l2")
MISSING_RULES = ("error", "drop", "interpolate")


def completion(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    """What a shell offers for a word that was begun."""

    def offered(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return offered


def listed(names: tuple[str, ...]) -> str:
    """The names as a help text shows them."""
    return ", ".join(names)


__all__ = ["BACKENDS", "BASES", "DATA", "FAMILIES", "MISSING_RULES", "NORMS", "PROJECTIONS", "completion", "listed"]
