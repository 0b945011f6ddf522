"""A tutorial as a Jupyter notebook and as a marimo file, made from the same script as its page."""

import base64
import importlib.metadata
import textwrap
from pathlib import Path
from typing import Any

import nbformat
from tutorial_source import Cell, Tutorial

ANSWER = """{name} = None  # your answer
rn.teaching.check("{key}", {name}) if {name} is not None else None"""

INSTALL = (
    "This notebook needs the package roughntk and nothing else. Run the cells from top to bottom, change them, and run "
    "them again."
)


def notebook(tutorial: Tutorial, outcome: dict[str, Any], folder: Path) -> str:
    """The text of an .ipynb file, with the outputs of the execution; figures are read from the folder."""
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell(_lead(tutorial))]
    for cell, output in zip((tutorial.top, *tutorial.cells), outcome["outputs"], strict=True):
        if cell.markdown:
            cells.append(v4.new_markdown_cell(cell.markdown))
        if not cell.code:
            continue
        shown = [v4.new_output("stream", name="stdout", text=output["text"])] if output["text"] else []
        for file in output["figures"]:
            picture = base64.b64encode((folder / file).read_bytes()).decode()
            shown.append(v4.new_output("display_data", data={"image/png": picture, "text/plain": "figure"}))
        cells.append(v4.new_code_cell(cell.code, outputs=shown))
    for each in outcome["exercises"]:
        cells += [v4.new_markdown_cell(_question(each)), v4.new_code_cell(_answer(each))]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def marimo_file(tutorial: Tutorial, outcome: dict[str, Any]) -> str:
    """The text of a marimo file; run by Python it is a script."""
    cells = [cell for cell in (tutorial.top, *tutorial.cells) if cell.code]
    shared = frozenset({"mo"}).union(*(cell.assigned for cell in cells))
    version = importlib.metadata.version("marimo")
    head = f'import marimo\n\n__generated_with = "{version}"\napp = marimo.App()\n'
    parts = [head, _marimo_cell("import marimo as mo", [], ["mo"])]
    parts.append(_marimo_text(_lead(tutorial)))
    for cell in (tutorial.top, *tutorial.cells):
        if cell.markdown:
            parts.append(_marimo_text(cell.markdown))
        if cell.code:
            parts.append(_of_script(cell, shared))
    for each in outcome["exercises"]:
        name = _answer_name(each)
        parts += [_marimo_text(_question(each)), _marimo_cell(_answer(each), ["rn"], [name])]
    parts.append('if __name__ == "__main__":\n    app.run()\n')
    return "\n\n".join(parts)


def _lead(tutorial: Tutorial) -> str:
    return f"# {tutorial.number}. {tutorial.title}\n\n{tutorial.introduction}\n\n{INSTALL}"


def _question(each: dict[str, str]) -> str:
    return f"**Exercise {each['key']}.** {each['question']}"


def _answer_name(each: dict[str, str]) -> str:
    return f"answer_{each['key'].replace('.', '_')}"


def _answer(each: dict[str, str]) -> str:
    return ANSWER.format(name=_answer_name(each), key=each["key"])


def _of_script(cell: Cell, shared: frozenset[str]) -> str:
    takes = sorted((cell.used - cell.assigned) & shared)
    gives = sorted(name for name in cell.assigned if not name.startswith("_"))
    return _marimo_cell(cell.code, takes, gives)


def _marimo_text(markdown: str) -> str:
    text = markdown.replace('"""', '\\"\\"\\"')
    return _marimo_cell(f'mo.md(r"""\n{text}\n""")', ["mo"], [], decorator="@app.cell(hide_code=True)")


def _marimo_cell(code: str, takes: list[str], gives: list[str], decorator: str = "@app.cell") -> str:
    given = f" ({gives[0]},)" if len(gives) == 1 else f" {', '.join(gives)}" if gives else ""
    return f"{decorator}\ndef _({', '.join(takes)}):\n{textwrap.indent(code, '    ')}\n    return{given}\n"
