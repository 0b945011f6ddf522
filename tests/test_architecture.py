"""The rooms of the package, and who may import whom: data flows downwards."""

import ast
import functools
import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "roughntk"

# A room may import the rooms before it, less those it is to know nothing of.
ROOMS = (
    "_process", "_settings", "_caches", "_checks", "_display", "_compiled", "sphere", "linalg", "maps", "certify",
    "kernels", "rough", "files", "regression", "depth", "networks", "transport", "audit", "study",
    "explorer", "teaching", "commands", "cli",
)  # fmt: skip
KNOWS_NOTHING_OF = {
    "maps": {"sphere", "linalg"},
    "certify": {"sphere", "linalg"},
    "rough": {"sphere", "linalg", "maps", "certify", "kernels"},
    "regression": {"rough"},
    "depth": {"rough", "files"},
    "transport": {"files", "networks"},
    "audit": {"files"},
    "files": {
        "_caches",
        "_compiled",
        "sphere",
        "linalg",
        "maps",
        "kernels",
        "rough",
    },
}
ENTRANCE = ("roughntk", "roughntk.__main__")  # the package's face: may import every room
OPTIONAL = {
    "esig",
    "iisignature",
    "roughpy",
    "pysiglib",
    "flint",
    "optax",
    "safetensors",
    "anywidget",
}  # imported where they are used, never on import of a room


def sources() -> dict[str, str]:
    """The text of every module of the package, by dotted name; a package's is that of its __init__."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name + (":package" if parts[-1] == "__init__" else "")] = path.read_text(encoding="utf-8")
    return found


@functools.cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def imports(module: str, source: str) -> Iterator[tuple[str, str | None, bool]]:
    """Each import: (module, name taken from it or None, whether it runs when the module is imported)."""
    name, _, kind = module.partition(":")
    package = name if kind else name.rpartition(".")[0]
    tree = parsed(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        at_import = id(node) not in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, at_import
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                yield base, alias.name, at_import
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.args[0].value, None, at_import


def room_of(dotted: str) -> str | None:
    """The room of a module of the package; None for the package itself."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else None


def forbidden(modules: Mapping[str, str]) -> list[str]:
    """One line for each import that goes against the order of the rooms."""
    problems = []
    for module, source in modules.items():
        name = module.partition(":")[0]
        if name in ENTRANCE:
            continue
        room = room_of(name)
        if room not in ROOMS:
            problems.append(f"{name}: the room {room} has no place in the order {ROOMS}")
            continue
        allowed = {room, *ROOMS[: ROOMS.index(room)]} - KNOWS_NOTHING_OF.get(room, set())
        for base, taken, _ in imports(module, source):
            if base.split(".")[0] != "roughntk":
                continue
            if base == "roughntk" and taken == "__version__":
                continue
            wanted = room_of(base) or taken
            if wanted is None:
                problems.append(f"{name}: imports the whole package; import the rooms it needs")
            elif wanted not in allowed:
                problems.append(f"{name}: imports {wanted}")
    return problems


def eager_optional(modules: Mapping[str, str]) -> list[str]:
    """One line for each optional package that is imported together with a module of ours."""
    return [
        f"{module.partition(':')[0]}: imports {base} at the top"
        for module, source in modules.items()
        for base, _, at_import in imports(module, source)
        if at_import and base.split(".")[0] in OPTIONAL
    ]


def cycles(modules: Mapping[str, str]) -> list[str]:
    """Modules that import each other in a circle, imports inside functions included."""
    known = {module.partition(":")[0]: module for module in modules}
    graph: dict[str, set[str]] = {name: set() for name in known}
    for name, module in known.items():
        for base, taken, _ in imports(module, modules[module]):
            target = f"{base}.{taken}" if f"{base}.{taken}" in known else base
            if target in known and target != name and taken != "__version__":
                graph[name].add(target)
    while graph:
        leaves = {name for name, targets in graph.items() if not targets}
        if not leaves:
            break
        graph = {name: targets - leaves for name, targets in graph.items() if name not in leaves}
    # What is left lies on a circle or leads to one; drop what nothing left imports.
    while graph:
        imported = set().union(*graph.values())
        if imported >= set(graph):
            break
        graph = {name: targets for name, targets in graph.items() if name in imported}
    return sorted(graph)


def test_a_room_imports_only_rooms_above_it() -> None:
    modules = sources()
    assert "roughntk:package" in modules
    assert forbidden(modules) == []


def test_optional_packages_are_imported_where_they_are_used() -> None:
    assert eager_optional(sources()) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycles(sources()) == []


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("roughntk.kernels.base", "from roughntk import _checks, sphere", []),
        ("roughntk.kernels.base", "from ..sphere import angles", []),
        ("roughntk.maps.duals", "from . import families", []),
        ("roughntk.kernels:package", "from .duals import dual", []),
        ("roughntk.study.pipeline", "from roughntk import __version__", []),
        ("roughntk.study.pipeline", "import numpy, jax.numpy as jnp", []),
        ("roughntk:package", "from . import study, rough", []),
        ("roughntk.maps.duals", "from roughntk import depth", ["roughntk.maps.duals: imports depth"]),
        (
            "roughntk.maps.duals",
            "from ..rough.path import Path",
            ["roughntk.maps.duals: imports rough"],
        ),
        (
            "roughntk.depth.infinite",
            "import roughntk.rough.paths.piecewise_linear",
            ["roughntk.depth.infinite: imports rough"],
        ),
        (
            "roughntk.rough.paths.piecewise_linear",
            "from roughntk.sphere import lift",
            ["roughntk.rough.paths.piecewise_linear: imports sphere"],
        ),
        ("roughntk.rough:package", "from ..kernels import ReluNTK", ["roughntk.rough: imports kernels"]),
        (
            "roughntk.rough.equations.rde",
            "def f():\n    from ... import depth",
            ["roughntk.rough.equations.rde: imports depth"],
        ),
        ("roughntk.sphere", "from . import transport", ["roughntk.sphere: imports transport"]),
        ("roughntk.files.paths", "from roughntk import rough", ["roughntk.files.paths: imports rough"]),
        ("roughntk.files.drawing", "from ..sphere import lift", ["roughntk.files.drawing: imports sphere"]),
        ("roughntk._checks", "from .sphere import angles", ["roughntk._checks: imports sphere"]),
        ("roughntk.study.pipeline", "from ..cli import main", ["roughntk.study.pipeline: imports cli"]),
        (
            "roughntk.transport.drivers",
            "__import__('roughntk.study')",
            ["roughntk.transport.drivers: imports study"],
        ),
        (
            "roughntk.study.pipeline",
            "import roughntk",
            ["roughntk.study.pipeline: imports the whole package; import the rooms it needs"],
        ),
        ("roughntk.attic", "", [f"roughntk.attic: the room attic has no place in the order {ROOMS}"]),
    ],
)
def test_the_order_of_the_rooms_is_told_from(module: str, source: str, found: list[str]) -> None:
    assert forbidden({module: source}) == found


def test_an_optional_package_at_the_top_is_found_and_one_in_a_function_is_not() -> None:
    module = "roughntk.rough.signatures.evaluation"
    assert eager_optional({module: "def f():\n    import esig"}) == []
    assert eager_optional({module: "try:\n    import esig\nexcept ImportError:\n    pass"}) != []
    assert eager_optional({module: "from flint import arb"}) != []


def test_a_circle_is_found_and_a_shared_import_is_not() -> None:
    a, b, c = "roughntk.rough.a", "roughntk.rough.b", "roughntk.rough.c"
    assert cycles({a: "from . import b, c", b: "from . import c", c: "import numpy"}) == []
    assert cycles({a: "from .b import f", b: "def f():\n    from . import a", c: "from . import a"}) == [a, b]
    assert cycles({"roughntk.rough:package": "from .a import f", a: "from roughntk.rough import g"}) != []


# Words that say nothing about what a name holds, or say it by a picture.
NO_NAMES = {
    "found", "said", "saying", "room", "rooms", "house", "journey", "strangers", "twin", "twins", "crowd", "coat",
    "coats", "astray", "landed", "unasked", "mine", "alive", "learnt", "march", "thing", "things", "stuff",
}  # fmt: skip


def hidden_modules(names: Iterable[str]) -> list[str]:
    """The modules that cannot be had as attributes of their packages, since something else has taken their names."""
    modules = {name: importlib.import_module(name) for name in names}
    for module in modules.values():
        for public in getattr(module, "__all__", ()):
            getattr(module, public)  # packages that load their names when they are touched
    pairs = ((name, *name.rsplit(".", 1)) for name in modules if "." in name)
    return sorted(name for name, package, own in pairs if vars(sys.modules[package])[own] is not modules[name])


def private_names(source: str) -> set[str]:
    """The private names that a module gives to functions, classes, variables and attributes."""
    names: set[str] = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return {name for name in names if is_private(name)}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def foreign_private(modules: Mapping[str, str]) -> list[str]:
    """Each use of a private name that another room defines, and this one does not: (module: name)."""
    of_room: dict[str, set[str]] = {}
    for module, source in modules.items():
        name = module.partition(":")[0]
        of_room.setdefault(room_of(name) or name, set()).update(private_names(source))
    uses = set()
    for module, source in modules.items():
        name = module.partition(":")[0]
        room = room_of(name) or name
        foreign = set().union(*(theirs for other, theirs in of_room.items() if other != room)) - of_room[room]
        for node in ast.walk(parsed(source)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in foreign
                and ast.unparse(node.value) not in ("self", "cls")
            ):
                uses.add(f"{name}: {node.attr}")
        for base, taken, _ in imports(module, source):
            elsewhere = base.split(".")[0] == "roughntk" and (room_of(base) or taken) != room
            if elsewhere and room_of(base) is not None and taken is not None and is_private(taken):
                uses.add(f"{name}: {taken}")
    return sorted(uses)


CHANGES = {"add", "append", "extend", "insert", "register", "setdefault", "update"}


def registrations(modules: Mapping[str, str]) -> list[str]:
    """Statements that change an object of another room when a module is imported, by assignment or by a call."""
    problems = []
    for module, source in modules.items():
        name = module.partition(":")[0]
        taken = {
            alias.asname or alias.name.split(".")[0]: room
            for node in parsed(source).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            for room in [_room_imported(module, node, alias.name)]
            if room is not None and room != room_of(name)
        }
        for node in _run_on_import(parsed(source).body):
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
                targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
                changed = [target for target in targets if isinstance(target, ast.Subscript | ast.Attribute)]
            elif isinstance(node, ast.Call):
                called = _called(node.func)
                changed = [node.func] if _changes(called) else node.args[:1] if called in ("setattr", "delattr") else []
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                changed = [each for each in node.decorator_list if _changes(_called(each))]
            else:
                continue
            problems += [f"{name}:{node.lineno}: {ast.unparse(node)}" for each in changed if _root(each) in taken]
    return problems


def _called(function: ast.AST) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _changes(called: str) -> bool:
    return called in CHANGES or called.startswith("register")


def _room_imported(module: str, node: ast.Import | ast.ImportFrom, name: str) -> str | None:
    """The room that an import of this name reaches into; None for other packages."""
    for base, taken, _ in imports(module, ast.unparse(node)):
        if base.split(".")[0] == "roughntk" and (taken or base) == name:
            return room_of(base) or taken
    return None


def _root(node: ast.AST) -> str:
    """The name that a chain of attributes, calls and subscripts begins with."""
    while not isinstance(node, ast.Name):
        inner = getattr(node, "value", None) or getattr(node, "func", None)
        if not isinstance(inner, ast.AST):
            return ""
        node = inner
    return node.id


def _run_on_import(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Every node that is evaluated when a module is imported: all but the bodies of functions."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _run_on_import([*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)])
        elif not isinstance(node, ast.Lambda):
            yield from _run_on_import(ast.iter_child_nodes(node))


def odd_names(modules: Mapping[str, str]) -> list[str]:
    """Names of functions, classes, arguments, variables and attributes that hold a word of NO_NAMES."""
    problems = set()
    for module, source in modules.items():
        for node in ast.walk(parsed(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = node.name
            elif isinstance(node, ast.arg):
                name = node.arg
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                name = node.id if isinstance(node, ast.Name) else node.attr
            else:
                continue
            words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
            if words & NO_NAMES or "what_is_left" in name:
                problems.add(f"{module.partition(':')[0]}: {name}")
    return sorted(problems)


def names_of_modules() -> list[str]:
    return [module.partition(":")[0] for module in sources() if not module.startswith("roughntk.__main__")]


def test_no_name_of_a_package_hides_a_module_of_it() -> None:
    assert hidden_modules(names_of_modules()) == []


def test_every_public_name_exists() -> None:
    modules = [importlib.import_module(name) for name in names_of_modules()]
    pairs = [(module, public) for module in modules for public in getattr(module, "__all__", ())]
    assert len(pairs) > 200
    assert [f"{module.__name__}.{public}" for module, public in pairs if not hasattr(module, public)] == []


def test_private_names_stay_in_their_room() -> None:
    assert foreign_private(sources()) == []


def test_nothing_registers_itself_in_another_room_when_it_is_imported() -> None:
    assert registrations(sources()) == []


def test_names_say_what_they_hold() -> None:
    assert odd_names(sources()) == []


def test_a_hidden_module_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "hiding"
    package.mkdir()
    (package / "__init__.py").write_text("from hiding.one import one\nfrom hiding.two import three\n")
    (package / "one.py").write_text("def one():\n    return 1\n")
    (package / "two.py").write_text("three = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ["hiding", "hiding.one", "hiding.two"]
    assert hidden_modules(names) == ["hiding.one"]
    for name in names:
        del sys.modules[name]


KERNELS = {
    "roughntk.kernels.base": "class A:\n    def _layer(self): return self._held\n    def f(self): self._held = 1"
}


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("roughntk.study.phase", "family._layer()", ["roughntk.study.phase: _layer"]),
        ("roughntk.study.phase", "f(family)._held = 2\n_held = 1", []),
        ("roughntk.study.phase", "f(family)._held", ["roughntk.study.phase: _held"]),
        ("roughntk.study.phase", "class B(A):\n    def f(self): return self._layer()", []),
        ("roughntk.kernels.relu", "family._layer()", []),
        ("roughntk.study.phase", "pair._replace(a=1)", []),
        (
            "roughntk.study.phase",
            "from roughntk.kernels.base import _layer",
            ["roughntk.study.phase: _layer"],
        ),
        ("roughntk.study.phase", "from roughntk import _checks\nfrom roughntk._checks import level", []),
    ],
)
def test_the_use_of_a_private_name_is_told_from(module: str, source: str, expected: list[str]) -> None:
    assert foreign_private({**KERNELS, module: source}) == expected


@pytest.mark.parametrize(
    ("source", "counts"),
    [
        ("from roughntk import kernels\nkernels.rules.TABLE['a'] = 1", 1),
        ("from roughntk.kernels.rules import TABLE\nif True:\n    TABLE['a'] = 1", 1),
        ("from roughntk.kernels.rules import TABLE\nTABLE.update(a=1)", 1),
        ("from roughntk.kernels.rules import register\nregister('a', 1)", 1),
        ("from roughntk.kernels.rules import register_table\n@register_table('a')\ndef f(): ...", 1),
        ("from roughntk.kernels import relu\n@relu.register\ndef f(): ...", 1),
        ("from roughntk.kernels.relu import ReluNTK\nsetattr(ReluNTK, 'table', 1)", 1),
        ("from roughntk.kernels.relu import ReluNTK\nReluNTK.table = 1", 1),
        ("from roughntk.kernels.rules import TABLE\ndef f():\n    TABLE['a'] = 1", 0),
        ("from roughntk.depth.rules import TABLE\nTABLE['a'] = 1", 0),
        ("TABLE = {}\nTABLE['a'] = 1", 0),
        ("import codecs\ncodecs.register_error('a', print)", 0),
    ],
)
def test_a_registration_is_told_from_what_is_none(source: str, counts: int) -> None:
    assert len(registrations({"roughntk.depth.phases": source})) == counts


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("found = 1", ["roughntk.maps.duals: found"]),
        ("def f(**said): ...", ["roughntk.maps.duals: said"]),
        ("class Journey: ...\nself.rooms = 1", ["roughntk.maps.duals: Journey", "roughntk.maps.duals: rooms"]),
        ("def least_of_what_is_left(): ...", ["roughntk.maps.duals: least_of_what_is_left"]),
        ("foundation = mushrooms = 1\nprint(found)", []),
    ],
)
def test_an_odd_name_is_told_from(source: str, expected: list[str]) -> None:
    assert odd_names({"roughntk.maps.duals": source}) == expected
