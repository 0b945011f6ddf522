"""Tables that do not depend on anybody's data: computed once, and kept as JSON beside the modules that compute them.

`tools/generate_explorer_tables.py` writes them anew; the tests compare entries of them with the package.
"""

import functools
import json
from importlib import resources
from typing import Any


@functools.cache
def _text(name: str) -> str:
    return (resources.files(__package__) / f"{name}.json").read_text(encoding="utf-8")


def stored_table(name: str) -> dict[str, Any]:
    """The stored table of the panel `name`, a new dictionary each time."""
    return json.loads(_text(name))


def as_text(table: dict[str, Any]) -> str:
    """The table as the text of its file: a line for each of its entries."""
    lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in table.items()]
    return "{" + ",\n".join(lines) + "}\n"


__all__ = ["as_text", "stored_table"]
