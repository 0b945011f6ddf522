"""The names that help texts show and a shell completes, beside those of `roughntk.study.settings`.

They belong to modules that take a while to import, and are written here again, so that `--help` and completion import
none of these. `tests/study/test_output_of_commands.py` compares the two.
"""

from collections.abc import Callable

BACKENDS = ("jax", "esig", "iisignature", "roughpy", "pysiglib", "auto")
BASES = ("lyndon", "hall", "words")
NORMS = ("l1", "l2")


def completion(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    """What a shell offers for a word that was begun."""

    def offered(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return offered


__all__ = ["BACKENDS", "BASES", "NORMS", "completion"]
