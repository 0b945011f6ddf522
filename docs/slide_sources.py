"""What the slides show: title and claim from the docstring of each example and tutorial, and the figures it draws."""

import ast
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

_PIECE = re.compile(r"\$(?P<math>[^$]+)\$|`(?P<code>[^`]+)`")
_TOKEN = re.compile(r"\\(?P<command>[A-Za-z]+|[,;!{}|])|(?P<number>\d+(?:\.\d+)?)|(?P<letter>[A-Za-z])|(?P<other>\S)")
_NAMES = {
    "to": "->", "infty": "infinity", "cdot": "dot", "cdots": "dots.c", "ldots": "dots", "times": "times",
    "otimes": "times.o", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "!=", "neq": "!=", "approx": "approx",
    "sim": "tilde", "in": "in", "sum": "sum", "int": "integral", "prod": "product", "partial": "partial",
    "ell": "ell", "circ": "compose", "top": "top", "pm": "plus.minus", "mapsto": "|->", "propto": "prop",
    ",": "thin", ";": "med", "!": "", "{": "{", "}": "}", "|": "||", "left": "", "right": "", "quad": "quad",
    **{name: name for name in (
        "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu",
        "nu", "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "Theta", "Sigma", "Gamma", "Delta",
        "Lambda", "Phi", "Psi", "Omega", "log", "exp", "cos", "sin", "tan", "tanh", "arccos", "arcsin", "max", "min",
        "sup", "inf", "lim", "det", "dim", "ln",
    )},
}  # fmt: skip
"""Commands of LaTeX, and what they are in Typst."""
_WRAPPED = {
    "sqrt": "sqrt({})", "mathbf": "bold({})", "mathrm": "upright({})", "text": 'upright("{}")', "bar": "overline({})",
    "hat": "hat({})", "tilde": "tilde({})", "dot": "dot({})", "mathbb": "bb({})", "operatorname": 'op("{}")',
}  # fmt: skip
_QUOTED = ("text", "operatorname")


LONGEST_CLAIM = 700


class SourceError(ValueError):
    """A script from which no slide can be made."""


def scripts(root: Path) -> list[Path]:
    """The tutorials in their order, then the examples, as far as they draw a figure."""
    found = [*sorted((root / "examples" / "tutorials").glob("[0-9]*.py")), *sorted((root / "examples").glob("*.py"))]
    return [path for path in found if re.search(r"\bsys\.argv\[1\]|teaching\.keep\(", path.read_text(encoding="utf-8"))]


def described(script: Path) -> tuple[str, str]:
    """Title and claim of a script, from its docstring.

    Raises:
        SourceError: no docstring, or no paragraph that begins with "Claim".
    """
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    title, *paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    claims = [paragraph for paragraph in paragraphs if paragraph.startswith("Claim")]
    if not title or len(claims) != 1:
        raise SourceError(
            f"expected a title and one paragraph that begins with 'Claim' in the docstring of {script.name}, got "
            f"{len(claims)}; write it"
        )
    claim = claims[0].partition(":")[2].strip()
    if len(claim) > LONGEST_CLAIM:
        raise SourceError(
            f"expected a claim of at most {LONGEST_CLAIM} characters in {script.name}, got {len(claim)}; a longer one "
            f"does not fit on a slide"
        )
    if not re.match(r"\S+ =", claim):  # no formula
        claim = claim[0].upper() + claim[1:]
    return title.removesuffix("."), claim


def slides_of(script: Path, figures: Path, folder: Path) -> list[dict[str, Any]]:
    """The slides of a script, one a figure; its figures are copied into `folder`, or drawn where there are none."""
    title, claim = described(script)
    pictures = drawn(script, figures)
    if not pictures:
        print(f"{script.name}: no figure in {figures.name}, so it is run", file=sys.stderr, flush=True)
        _run(script, folder / "drawn")
        pictures = drawn(script, folder / "drawn")
    slides = []
    for picture in pictures:
        shutil.copy(picture, folder / picture.name)
        place = script.relative_to(script.parents[2 if script.parent.name == "tutorials" else 1]).as_posix()
        slides.append(
            {
                "title": pieces(title, script.name), "claim": pieces(claim, script.name), "script": place,
                "figure": picture.name, "aspect": aspect(picture), "tutorial": script.parent.name == "tutorials",
            }
        )  # fmt: skip
    return slides


def drawn(script: Path, figures: Path) -> list[Path]:
    """The figures of a script in a folder: NAME.png, NAME-2.png, ..."""
    numbered = [path for path in figures.glob(f"{script.stem}-*.png") if re.search(r"-\d+\.png$", path.name)]
    first = figures / f"{script.stem}.png"
    return [path for path in (first, *sorted(numbered, key=lambda path: (len(path.name), path.name))) if path.is_file()]


def _run(script: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(script), str(folder / f"{script.stem}.png")]
    settings = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    result = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SourceError(f"{script.name}: exit code {result.returncode}\n{result.stderr[-1000:]}")


def aspect(picture: Path) -> float:
    """Width over height of a .png file."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width / height


def pieces(text: str, where: str) -> list[list[str]]:
    """A text as pairs of a kind ("text", "math" in Typst's notation, "code") and what is of this kind.

    >>> pieces("to $1/4$ by `f`", "")
    [['text', 'to '], ['math', '1 slash 4'], ['text', ' by '], ['code', 'f']]
    """
    found, end = [], 0
    for match in _PIECE.finditer(text):
        found.append(["text", text[end : match.start()]])
        found.append(["math", mathematics(match["math"], where)] if match["math"] else ["code", match["code"]])
        end = match.end()
    return [piece for piece in [*found, ["text", text[end:]]] if piece[1]]


def mathematics(formula: str, where: str) -> str:
    r"""A formula of LaTeX in Typst's notation; only what the docstrings use.

    Raises:
        SourceError: a command that is not known, or braces that do not match.

    >>> mathematics(r"\sqrt{n}\to x_{ij}^2", "")
    'sqrt(n) -> x_(i j)^2'
    """
    tokens = list(_TOKEN.finditer(formula))
    text, end = _group(tokens, 0, where)
    if end != len(tokens):
        raise SourceError(f"expected matching braces in the formula {formula} of {where}; mend it")
    return re.sub(r" ?([_^]) ?", r"\1", " ".join(text.split()))


def _group(tokens: list[re.Match[str]], start: int, where: str) -> tuple[str, int]:
    """The tokens up to a closing brace, and the place of that brace."""
    parts, place = [], start
    while place < len(tokens) and tokens[place][0] != "}":
        part, place = _one(tokens, place, where)
        parts.append(part)
    return " ".join(parts), place


def _argument(tokens: list[re.Match[str]], place: int, where: str) -> tuple[str, int]:
    """A group in braces or a single token, without its braces."""
    if place >= len(tokens):
        raise SourceError(f"expected something after the last command of a formula of {where}; mend it")
    if tokens[place][0] == "{":
        inner, end = _group(tokens, place + 1, where)
        return inner, end + 1
    return _one(tokens, place, where)


def _one(tokens: list[re.Match[str]], place: int, where: str) -> tuple[str, int]:
    token = tokens[place]
    if token[0] in ("_", "^"):
        inner, end = _argument(tokens, place + 1, where)
        return f"{token[0]}({inner})" if " " in inner else f"{token[0]}{inner}", end
    if token[0] == "{":
        return _argument(tokens, place, where)
    if token["other"] == "/":
        return "slash", place + 1
    command = token["command"]
    if command is None:
        return ("\\" + token[0] if token[0] in '#"$&@' else token[0]), place + 1
    if command in ("frac", "tfrac", "dfrac", "binom"):
        above, middle = _argument(tokens, place + 1, where)
        below, end = _argument(tokens, middle, where)
        return (f"binom({above}, {below})" if command == "binom" else f"frac({above}, {below})"), end
    if command in _WRAPPED:
        inner, end = _argument(tokens, place + 1, where)
        return _WRAPPED[command].format(inner.replace(" ", "") if command in _QUOTED else inner), end
    if command not in _NAMES:
        raise SourceError(f"expected a command of docs/slide_sources.py in {where}, got \\{command}; add it there")
    return _NAMES[command], place + 1
