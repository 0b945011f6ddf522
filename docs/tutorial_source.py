"""Tutorials as they are written: scripts of examples/tutorials/, read as a title, and cells of Markdown and code.

A script has a docstring (its first line is the title, its last how it is run), imports and helpers, and `def main():`
whose body is made of cells. A cell begins with a line `# %%`; the comment lines right after it are Markdown, the rest
is its code. A name is assigned in one cell only, for in marimo the order of the cells is that of the names; names that
begin with an underscore stay in their cell.
"""

import ast
import io
import re
import symtable
import tokenize
from dataclasses import dataclass
from pathlib import Path

MOST_LINES = 99
MARK = re.compile(r"    # ?%%(.*)")
RESERVED = {"mo": "marimo itself", "__file__": "the path of a script, which a notebook does not have"}


class TutorialError(ValueError):
    """A script that is no tutorial, or whose claim does not hold: file, line and what is wrong."""


@dataclass(frozen=True)
class Cell:
    """A part of a tutorial.

    Attributes:
        line: of its mark in the script, from 1.
        markdown: its text; "" where it has none.
        code: its code, as at the top of a file; "" where it has none.
        assigned: the names that it gives to the cells after it.
        used: the names that it takes from elsewhere.
        statements: its code as parsed, with the lines of the script.
    """

    line: int
    markdown: str
    code: str
    assigned: frozenset[str]
    used: frozenset[str]
    statements: tuple[ast.stmt, ...]


@dataclass(frozen=True)
class Tutorial:
    """A script that has been read.

    Attributes:
        path: of the script.
        number: that its name begins with.
        title: the first line of its docstring.
        introduction: the rest of it in Markdown, without the line that says how it is run.
        top: imports and helpers, as a cell without text.
        cells: those of `main`.
        lines: of code, without blank lines, comments and docstrings.
    """

    path: Path
    number: int
    title: str
    introduction: str
    top: Cell
    cells: tuple[Cell, ...]
    lines: int

    @property
    def summary(self) -> str:
        """The first paragraph of the introduction, in one line."""
        return " ".join(self.introduction.split("\n\n")[0].split())

    @property
    def exercises(self) -> Path:
        """The module of its exercises, in the package beside examples/."""
        return self.path.parents[2] / "roughntk" / "teaching" / "answers" / f"tutorial_{self.number:02d}.py"


def read(path: Path) -> Tutorial:
    """The tutorial in a script.

    Raises:
        TutorialError: the script is not written as this module says; the line is named.
    """
    source = path.read_text(encoding="utf-8")
    number = re.fullmatch(r"(\d\d)_[a-z0-9_]+", path.stem)
    if number is None:
        raise _wrong(path, 1, f"expected a file name as 02_half_a_layer.py, got {path.name}")
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError as error:
        raise _wrong(path, error.lineno or 1, f"no Python: {error.msg}") from error
    title, introduction = _docstring(path, tree)
    main = _main(path, tree)
    lines = source.splitlines()
    first = tree.body[0].end_lineno or 1
    top = _cell(path, lines, first + 1, main.lineno, tree.body[1 : tree.body.index(main)], indent=0)
    cells = tuple(_cells(path, lines, main))
    count = lines_of_code(source)
    if count > MOST_LINES:
        raise _wrong(path, 1, f"expected fewer than {MOST_LINES + 1} lines of code, got {count}")
    _check_names(path, top, cells)
    return Tutorial(path, int(number[1]), title, introduction, top, cells, count)


def lines_of_code(source: str) -> int:
    """The lines of a script that hold code: no blank ones, no comments, no docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def spaced(markdown: str) -> str:
    """The text as all readers of Markdown understand it alike.

    Formulas that stand by themselves get blank lines around them, and a line that begins by chance like an item of a
    list, as with "1. ", is joined to the one before.

    >>> spaced("It is\\n$$ x = 1. $$\\nSo it is.")
    'It is\\n\\n$$ x = 1. $$\\n\\nSo it is.'
    """
    text = re.sub(r"\n*^(\$\$.*?\$\$)$\n*", r"\n\n\1\n\n", markdown, flags=re.MULTILINE | re.DOTALL).strip("\n")
    paragraphs = text.split("\n\n")
    for place, paragraph in enumerate(paragraphs):
        if not re.match(r" *(?:\d+\.|[-+*]) |\$\$|```| {4}|>|\|", paragraph):
            paragraphs[place] = re.sub(r"\n(?=(?:\d+\.|[-+*]) )", " ", paragraph)
    return "\n\n".join(paragraphs)


def _wrong(path: Path, line: int, what: str) -> TutorialError:
    return TutorialError(f"{path}:{line}: {what}")


def _docstring(path: Path, tree: ast.Module) -> tuple[str, str]:
    text = ast.get_docstring(tree)
    if text is None:
        raise _wrong(path, 1, "expected a docstring: its title, what it is about, and how it is run")
    title, _, rest = text.partition("\n")
    rest, _, usage = rest.strip().rpartition("\n")
    command = f"python examples/tutorials/{path.name}"
    if not usage.strip().startswith(command) or not rest.strip():
        raise _wrong(path, 1, f"expected a docstring of title, text and, last, `{command} [FIGURE.png]`")
    return title.strip().rstrip("."), spaced(rest.strip())


def _main(path: Path, tree: ast.Module) -> ast.FunctionDef:
    mains = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    if len(mains) != 1:
        raise _wrong(path, 1, "expected one function main()")
    main, after = mains[0], tree.body[tree.body.index(mains[0]) + 1 :]
    if main.args.args or main.decorator_list:
        raise _wrong(path, main.lineno, "expected main() without arguments and decorators")
    if [ast.unparse(node) for node in after] != ["if __name__ == '__main__':\n    main()"]:
        line = after[0].lineno if after else main.end_lineno or 1
        raise _wrong(path, line, 'expected nothing after main() but `if __name__ == "__main__": main()`')
    return main


def _cells(path: Path, lines: list[str], main: ast.FunctionDef) -> list[Cell]:
    body = main.body[1:] if ast.get_docstring(main) is not None else main.body
    last = main.end_lineno or main.lineno
    while last < len(lines) and (not lines[last].strip() or lines[last].startswith("    ")):
        last += 1  # comments at the end of the body
    marks = [line for line in range(main.lineno + 1, last + 1) if MARK.fullmatch(lines[line - 1])]
    if not marks or any(node.lineno < marks[0] for node in body):
        raise _wrong(path, body[0].lineno, "expected main() to begin with a cell, a line `# %%`")
    cells = []
    for start, end in zip(marks, [*marks[1:], last + 1], strict=True):
        inside = [node for node in body if start < node.lineno < end]
        if any((node.end_lineno or 0) >= end for node in inside):
            raise _wrong(path, end, "a line `# %%` within a statement")
        cells.append(_cell(path, lines, start, end, inside, indent=4))
    return cells


def _cell(path: Path, lines: list[str], start: int, end: int, body: list[ast.stmt], *, indent: int) -> Cell:
    """The cell of the lines from `start` to `end`, the latter without."""
    markdown: list[str] = []
    code = start
    if indent:
        heading = MARK.fullmatch(lines[start - 1])
        markdown = [f"## {heading[1].strip()}", ""] if heading and heading[1].strip() else []
        code = start + 1
        while code < end and re.match(r"    #( |$)", lines[code - 1]):
            markdown.append(lines[code - 1][6:])
            code += 1
    blank = " " * indent
    text = "\n".join(line.removeprefix(blank) for line in lines[code - 1 : end - 1]).strip("\n").rstrip()
    try:
        same = ast.dump(ast.parse(text)) == ast.dump(ast.Module(body, []))
    except SyntaxError:
        same = False
    if not same:
        raise _wrong(path, code, "the cell reads otherwise without its indentation: break no strings over lines in it")
    _check_statements(path, body, last_shows=bool(indent))
    assigned, used = _names(text)
    return Cell(start, spaced("\n".join(markdown).strip()), text, assigned, used, tuple(body))


def _check_statements(path: Path, body: list[ast.stmt], *, last_shows: bool) -> None:
    for statement in body:
        alone = statement.value if statement is body[-1] and isinstance(statement, ast.Expr) else None
        functions = {
            id(inner)
            for node in ast.walk(statement)
            if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef)
            for inner in ast.walk(node)
        }
        for node in ast.walk(statement):
            if isinstance(node, ast.Return | ast.Yield | ast.Await) and id(node) not in functions:
                raise _wrong(path, node.lineno, "a notebook has no return and no yield; let the cell go to its end")
            if isinstance(node, ast.Global | ast.Nonlocal):
                raise _wrong(path, node.lineno, "names are global in a notebook, local here: return a value instead")
            if last_shows and _keeps(node) and node is not alone:
                raise _wrong(path, node.lineno, "expected keep(figure) alone, as the last statement of its cell")


def _keeps(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("teaching.keep")


def _names(code: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that code at the top of a file assigns, and those that it or its functions use."""
    table = symtable.symtable(code, "cell", "exec")
    assigned = {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()}
    used = {each.get_name() for each in table.get_symbols() if each.is_referenced()}
    inner = list(table.get_children())
    while inner:
        child = inner.pop()
        inner += child.get_children()
        used |= {each.get_name() for each in child.get_symbols() if each.is_referenced() and each.is_global()}
    return frozenset(assigned), frozenset(used)


def _check_names(path: Path, top: Cell, cells: tuple[Cell, ...]) -> None:
    """Each name in one cell only, private ones used where they are assigned, none that a notebook reserves."""
    owner: dict[str, Cell] = {}
    for cell in (top, *cells):
        for name in sorted((cell.assigned | cell.used) & set(RESERVED)):
            raise _wrong(path, cell.line, f"the name {name} is {RESERVED[name]}; use another")
        for name in sorted(cell.assigned):
            if name.startswith("_"):
                continue
            if name in owner:
                where = owner[name].line
                raise _wrong(
                    path,
                    cell.line,
                    f"the cell assigns {name} again, first assigned by the cell of line {where}: in marimo a name "
                    f"belongs to one cell; give it another name, or one that begins with an underscore",
                )
            owner[name] = cell
    private = {name: cell for cell in (top, *cells) for name in cell.assigned if name.startswith("_")}
    for cell in (top, *cells):
        for name in sorted(cell.used - cell.assigned):
            if name in private:
                raise _wrong(path, cell.line, f"the cell uses {name} of another one; leave out the underscore")
