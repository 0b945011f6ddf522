"""The page of a tutorial: its text, code, output and figures, and its exercises."""

import re
import textwrap
from typing import Any

from tutorial_source import Tutorial

LEAD = """# {number}. {title}

{introduction}

Take it along as a [notebook]({stem}/{stem}.ipynb){{ download }}, a [marimo file]({stem}/{stem}.marimo.py){{ download }}
or the [script]({stem}/{stem}.py){{ download }}. Everything below was computed when this page was built.

"""

LONG = 8  # lines of code that draws: as many are folded away
CHECK = 'rn.teaching.check("{key}", answer)'


def page(tutorial: Tutorial, outcome: dict[str, Any]) -> str:
    """The page in Markdown; files that belong to it lie in a folder beside it that is called as the script.

    Args:
        tutorial: the script as it was read.
        outcome: of its execution, as `tutorial_execution.execute` returns it.
    """
    stem = tutorial.path.stem
    parts = [
        LEAD.format(number=tutorial.number, title=tutorial.title, introduction=tutorial.introduction, stem=stem),
    ]
    for number, (cell, output) in enumerate(zip((tutorial.top, *tutorial.cells), outcome["outputs"], strict=True)):
        if cell.markdown:
            parts.append(cell.markdown + "\n\n")
        if cell.code:
            code = fenced("python", cell.code)
            folded = bool(output["figures"]) and cell.code.count("\n") >= LONG
            parts.append(f'??? example "Code of the figure"\n\n{textwrap.indent(code, "    ")}' if folded else code)
        if output["text"].strip():
            parts.append(fenced('text title="Output"', output["text"].rstrip()))
        for file in output["figures"]:
            parts.append(f"[![{alternative(tutorial, number)}]({stem}/{file})]({stem}/{file})\n\n")
    if outcome["exercises"]:
        parts.append(exercises(outcome["exercises"]))
    return "".join(parts).rstrip() + "\n"


def alternative(tutorial: Tutorial, number: int) -> str:
    """What a figure shows, in words: the last paragraph of the text of its cell, or else the title."""
    text = (tutorial.top, *tutorial.cells)[number].markdown.rpartition("\n\n")[2]
    words = " ".join(text.split()) if text and not text.startswith(("#", "$$")) else f"Figure of: {tutorial.title}"
    return re.sub(r"[\[\]$`*\\]", "", words)


def exercises(listed: list[dict[str, str]]) -> str:
    """The questions with their hints folded, and how an answer is checked."""
    parts = [
        "## Exercises\n\n",
        "Answers are computed by the package when they are checked: `rn.teaching.check` says whether yours is right, "
        "and if it is not, what is wrong with it.\n\n",
    ]
    for each in listed:
        inside = f"{each['question']}\n\n{fenced('python', CHECK.format(key=each['key']))}"
        inside += f'??? tip "Hint"\n\n{textwrap.indent(each["hint"], "    ")}\n'
        parts.append(f'!!! question "Exercise {each["key"]}"\n\n{textwrap.indent(inside, "    ")}\n')
    return "".join(parts)


def fenced(language: str, text: str) -> str:
    """A block of code."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}\n\n"
