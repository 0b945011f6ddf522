"""The files around the package agree with it, and hold nothing that belongs to one machine."""

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import roughntk

ROOT = Path(__file__).resolve().parent.parent

# Written in pieces, so that this file passes its own tests.
MACHINE_PATH = re.compile(
    r"(?<![\w.<~\-/])/(?:" + "|".join(["work", "root", "tmp/scratch", r"home/\w+", r"Users/\w+"]) + r")(?![\w\-.])"
)
REGISTRY_HOST = re.compile(
    "|".join(
        [
            r"pypi\.(?:org|io)",
            "python" + "hosted",
            r"registry\.(?:npm" + "js|yarnpkg)",
            "deb" + r"\.debian\.org",
        ]
    )
)


def text_files() -> Iterator[tuple[str, str]]:
    """Name and text of every file that is committed or about to be."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("git cannot list the files here")
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file():
            data = path.read_bytes()
            if b"\0" not in data:
                yield name, data.decode("utf-8", errors="replace")


def offences(pattern: re.Pattern[str], files: Iterator[tuple[str, str]]) -> list[str]:
    return [
        f"{name}:{number}: {match.group()}"
        for name, text in files
        for number, line in enumerate(text.splitlines(), start=1)
        for match in pattern.finditer(line)
    ]


def version_in_pyproject() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def version_in_citation() -> str:
    return re.findall(r"^version:\s*[\"']?([^\s\"']+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[0]


def version_in_changelog() -> str:
    entries = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert len(set(entries)) == len(entries)  # a merge once made two of one
    return next(entry for entry in entries if entry != "Unreleased")


@pytest.mark.parametrize("version", [version_in_pyproject, version_in_citation, version_in_changelog])
def test_the_version_is_the_same_everywhere(version: Callable[[], str]) -> None:
    assert version() == roughntk.__version__


def test_a_version_has_each_heading_once() -> None:
    for version in re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (.*)$", version, re.MULTILINE)
        assert len(set(headings)) == len(headings), version.splitlines()[0]


def test_the_release_date_is_the_same_in_the_changelog_and_the_citation() -> None:
    dated = re.findall(r"^## \[[^\]]+\] - (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    cited = re.findall(r"^date-released:\s*(\S+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert dated[:1] == cited


def test_every_direct_requirement_is_pinned_in_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    names = {re.split(r"[^\w-]", requirement, maxsplit=1)[0] for requirement in wanted}
    assert names <= set(pins())


def pins() -> dict[str, list[str]]:
    """The packages of constraints.txt with the hashes of their files."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if match := re.match(r"([\w-]+)==\S+ ", line):
            found[match[1]] = last = []
        elif match := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})(?: \\)?", line):
            last.append(match[1])
        else:
            assert line.startswith("#"), line
    return found


def test_every_pinned_package_has_the_hashes_of_its_files() -> None:
    hashes = pins()
    assert len(hashes) > 50
    assert [name for name, files in hashes.items() if not files] == []
    assert "--constraint constraints.txt" in (ROOT / ".ci" / "setup").read_text()


def test_64_bit_is_on_in_the_tests() -> None:
    import jax.numpy as jnp

    assert jnp.zeros(1).dtype == jnp.float64


def test_types_of_numbers_are_not_mixed_unseen() -> None:
    import jax
    import jax.numpy as jnp

    with pytest.raises(jax.dtypes.TypePromotionError, match="strict"):
        jnp.zeros(1) + jnp.arange(1)


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY_HOST], ids=["machine path", "registry host"])
def test_no_committed_file_names_a(pattern: re.Pattern[str]) -> None:
    files = list(text_files())
    assert "pyproject.toml" in dict(files)
    assert offences(pattern, iter(files)) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATH, "see /" + "work/main/file.py"),
        (MACHINE_PATH, '"/' + 'root"'),
        (MACHINE_PATH, "=/" + "home/someone/data"),
        (MACHINE_PATH, "cd /tmp" + "/scratch"),
        (REGISTRY_HOST, "https://pypi" + ".org/simple"),
        (REGISTRY_HOST, "files.python" + "hosted.org"),
    ],
)
def test_the_search_finds(pattern: re.Pattern[str], line: str) -> None:
    assert len(offences(pattern, iter([("a.txt", line)]))) == 1


@pytest.mark.parametrize("line", ["frame/work/x", "</root>", "../root", "a/home", "/workers", "https://example.org/a"])
def test_the_search_passes_over(line: str) -> None:
    assert offences(MACHINE_PATH, iter([("a.txt", line)])) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "[a](there.md) ![b](there.md) [c](#head-ing) [d](there.md#top) <img src='there.md'> `[e](no.md)`",
            0,
        ),
        ("[a](https://example.org/no.md) [b](mailto:a@example.org)", 0),
        ("[a](no.md)", 1),
        ("![a](no.png)", 1),
        ("[![a](no.png)](there.md)", 1),
        ("<img alt='x' src='no.png'>", 1),
        ("[a]: no.md", 1),
        ("[a](there.md#bottom)", 1),
        ("[a](../outside.md)", 1),
    ],
)
def test_the_link_check_tells_good_from_broken(
    tmp_path: Path, text: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.md").write_text("# Outside\n")
    (root / "there.md").write_text("# Top\n")
    (root / "README.md").write_text(f"# Head ing\n\n{text}\n")
    main = runpy.run_path(str(ROOT / "docs" / "check_links.py"))["main"]
    assert main(root) == code
    capsys.readouterr()


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("```python\nx = 2\nx / 3  # = 0.667\n[x, 2.5]  # = [2, 2.5]\n(x, 'a')  # = (2, 'a')\n```\n", None),
        ("```python\nx = 2\n```\n\ntext\n\n```python\nx + 1  # = 3\n```\n", None),
        ("```\nnot run\n```\n", None),
        ("```python\n2 / 3  # = 0.66\n```\n", "line 2: 2 / 3 is 0.66"),
        ("```python\n[1, 2]  # = [1]\n```\n", "line 2"),
        ("```python\n'a'  # = b\n```\n", "line 2"),
        ("```python\n'0.12345678901234567'  # = '0.12345678901234568'\n```\n", "line 2"),
        ("\n\n```python\nx = 1\nmissing\n```\n", "line 5: missing: NameError"),
        ("```sh\nroughntk variation none.csv\n```\n", "line 2: roughntk variation none.csv: exit code 2"),
        ("```sh\nroughntk variation none.csv  # exit code 2\n```\n", None),
        ("```sh\nroughntk variation examples/path.csv\n```\n", None),
        ("```sh\nroughntk limit examples/points.csv --target none\n```\n", "exit code 2"),
    ],
)
def test_the_snippets_of_a_page_are_run_and_their_values_compared(
    tmp_path: Path, page: str, problem: str | None
) -> None:
    (tmp_path / "page.md").write_text(page)
    _, problems = runpy.run_path(str(ROOT / "docs" / "run_snippets.py"))["run_page"](tmp_path / "page.md")
    assert len(problems) == (problem is not None)
    assert problem is None or problem in problems[0]


def test_the_readme_can_be_followed_from_a_clone_on() -> None:
    """Clone, set up, activate, call, in this order; each block of commands has the activation in or just before it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = ("git clone ", "make study", "make test", "source .venv/bin/activate", "\nroughntk study ")
    places = [text.index(step) for step in steps]
    assert places == sorted(places) and re.search(r"make test .*minutes", text)
    blocks = list(re.finditer(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    assert len(blocks) >= 2
    for block in blocks:
        assert ".venv/bin/activate" in text[max(0, block.start() - 300) : block.start()] + block[1]
    files = re.findall(r"examples/\S+?\.csv", text)
    assert set(files) >= {"examples/points.csv", "examples/path.csv"}
    assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(
    ("word", "explained"),
    [
        ("driver", "paths that drive this equation"),
        ("signature", "iterated integrals"),
        ("p-variation", "supremum over all partitions"),
        ("clock", "says how fast"),
        ("stereographic", "from the north pole"),
        ("jointly", "fixed ratio"),
        ("collapse", "come to look alike"),
        ("deflated", "has been taken out"),
    ],
)
def test_the_readme_explains_a_word_where_it_is_first_used(word: str, explained: str) -> None:
    """In its sentence or next to it; the code of snippets does not count as a use."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    first = " ".join(prose.split()).index(word)
    assert explained in " ".join(prose.split())[max(0, first - 200) : first + 300]


def test_every_example_says_what_is_under_way() -> None:
    scripts = sorted((ROOT / "examples").glob("*.py"))
    assert len(scripts) >= 8
    assert [script.name for script in scripts if "file=sys.stderr, flush=True" not in script.read_text()] == []


def test_a_paired_ratio_is_the_ratio_of_the_times_without_the_warm_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = runpy.run_path(str(ROOT / "benchmarks" / "paired.py"))
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    calls: list[str] = []

    def takes(name: str, first: float, later: float) -> Callable[[], None]:
        def call() -> None:
            clock[0] += later if name in calls else first
            calls.append(name)

        return call

    ratio = module["paired_ratio"](takes("a", 100.0, 3.0), takes("b", 1.0, 2.0), repeats=3)
    assert calls == ["a", "b"] * 4
    assert (ratio.min, ratio.median, ratio.max) == (1.5, 1.5, 1.5)
    with pytest.raises(ValueError, match="at least 3 repeats"):
        module["paired_ratio"](lambda: None, lambda: None, repeats=2)


LONGEST_TEST_FILE = 500


def long_files(folder: Path, most: int) -> set[str]:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py")}
    return {path.relative_to(folder).as_posix() for path, length in lengths.items() if length > most}


def test_files_of_tests_are_short() -> None:
    assert long_files(ROOT / "tests", LONGEST_TEST_FILE) == set()


def test_a_long_file_is_found(tmp_path: Path) -> None:
    for name, lines in (("a.py", 500), ("b.py", 501), ("c.txt", 900)):
        (tmp_path / name).write_text("x = 1\n" * lines)
    assert long_files(tmp_path, 500) == {"b.py"}


def test_the_wheel_holds_the_package_and_says_that_it_is_typed(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "tools").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "tools/long_description.py"):
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(ROOT / "roughntk", copy / "roughntk", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"roughntk/py.typed", "roughntk/__init__.py"} <= names
    modules = {path.relative_to(copy).as_posix() for path in (copy / "roughntk").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}


def commands_of(target: str) -> list[str]:
    """The commands of a target of the Makefile, with the variable of Python written out."""
    block = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert block is not None, target
    return [line.strip().removeprefix("@").replace("$(RUN)", ".venv/bin/python") for line in block[1].splitlines()]


def hooks(text: str) -> list[str]:
    return re.findall(r"^\s+entry: (.*)$", text, re.MULTILINE)


def test_pre_commit_runs_what_make_lint_and_make_types_run() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert hooks(text) == commands_of("lint") + commands_of("types")
    assert re.findall(r"repo: (.*)", text) == ["local"]
    number = len(hooks(text))
    assert number == 3 and text.count("language: system") == text.count("pass_filenames: false") == number
