"""The rooms of the package, and who may import whom: data flows downwards."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "roughntk"

# A room may import the rooms before it, less those it is to know nothing of.
ROOMS = (
    "_process", "_checks", "_compiled", "sphere", "linalg", "maps", "kernels", "rough", "regression", "depth",
    "transport", "files", "study", "commands", "cli",
)  # fmt: skip
KNOWS_NOTHING_OF = {
    "maps": {"sphere", "linalg"},
    "rough": {"sphere", "linalg", "maps", "kernels"},
    "regression": {"rough"},
    "depth": {"rough"},
    "files": {"_compiled", "sphere", "linalg", "maps", "kernels", "rough", "regression", "depth", "transport"},
}
ENTRANCE = ("roughntk", "roughntk.__main__")  # the package's face: may import every room
OPTIONAL = {
    "esig",
    "iisignature",
    "roughpy",
    "pysiglib",
    "flint",
}  # imported where they are used, never on import of a room


def sources() -> dict[str, str]:
    """The text of every module of the package, by dotted name; a package's is that of its __init__."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name + (":package" if parts[-1] == "__init__" else "")] = path.read_text(encoding="utf-8")
    return found


def imports(module: str, source: str) -> Iterator[tuple[str, str | None, bool]]:
    """Each import: (module, name taken from it or None, whether it runs when the module is imported)."""
    name, _, kind = module.partition(":")
    package = name if kind else name.rpartition(".")[0]
    tree = ast.parse(source)
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
