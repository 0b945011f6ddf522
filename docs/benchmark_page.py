"""The page of the benchmarks: benchmarks/README.md, and what the scripts measured, from benchmarks/results/."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from docstrings import inline
from staging import Stage

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PLACE = PurePosixPath("benchmarks.md")
MOST_NUMBERS = 6  # of a list that is shown


def literal(text: str) -> str:
    """Text without any mark of Markdown."""
    return inline(text, lambda name: None)


def shown(value: Any) -> str:
    """A number with four digits, anything else as it is."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        first = ", ".join(shown(each) for each in value[:MOST_NUMBERS])
        return first if len(value) <= MOST_NUMBERS else f"{first}, … ({len(value)})"
    return str(value)


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
    """What a result holds, flat; a ratio with its spread is one thing."""
    if not isinstance(value, dict) or "median" in value:
        return [(": ".join(path), value)]
    return [leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))]


def ratio(value: dict[str, float]) -> tuple[str, str, str]:
    """Median, range and number of pairs of a ratio."""
    spread = f"{shown(value['min'])} to {shown(value['max'])}" if {"min", "max"} <= set(value) else "–"
    return shown(value["median"]), spread, shown(value.get("pairs", "–"))


def section(file: Path) -> list[str]:
    """What one script measured: ratios in a table, the other numbers folded away."""
    content = json.loads(file.read_text(encoding="utf-8"))
    lines = [f"## {file.stem.replace('_', ' ').capitalize()}", ""]
    if "what" in content:
        lines += [literal(content["what"][:1].upper() + content.pop("what")[1:].rstrip(".")) + ".", ""]
    script = next((ROOT / "benchmarks").rglob(f"{'compare' if file.stem == 'peers' else file.stem}.py"), None)
    source = f"[script](../{script.relative_to(ROOT).as_posix()}), " if script is not None else ""
    lines += [f"{source}[all numbers](../benchmarks/results/{file.name})", ""]
    found = leaves(content)
    ratios = [(name, ratio(value)) for name, value in found if isinstance(value, dict) and "median" in value]
    others = [(name, shown(value)) for name, value in found if not (isinstance(value, dict) and "median" in value)]
    if ratios:
        lines += ["| ratio | median | range | pairs |", "|---|---|---|---|"]
        lines += [f"| {literal(name)} | {' | '.join(cells)} |" for name, cells in ratios]
        lines += [""]
    if others:
        lines += [
            '??? note "Other numbers, and the conditions of the run"',
            "",
            "    | what | value |",
            "    |---|---|",
        ]
        lines += [f"    | {literal(name)} | {literal(value)} |" for name, value in others]
        lines += [""]
    return lines


def write(stage: Stage) -> PurePosixPath:
    """Write the page; where it is."""
    source = PurePosixPath("benchmarks/README.md")
    text = (ROOT / source).read_text(encoding="utf-8").rstrip()
    results = "\n".join(line for file in sorted(RESULTS.glob("*.json")) for line in section(file))
    stage.put(
        PLACE, stage.converted(f"{text}\n\n", source, PLACE) + stage.converted(results, PurePosixPath("docs/x"), PLACE)
    )
    return PLACE
