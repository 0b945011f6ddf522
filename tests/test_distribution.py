"""What is distributed: contents and metadata of wheel and sdist, the conda recipe, the citation, the forms."""

import datetime
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = ROOT / "tools" / "conda" / "recipe.yaml"
CHECK = runpy.run_path(str(ROOT / "tools" / "check_distribution.py"))
DESCRIPTION = runpy.run_path(str(ROOT / "tools" / "long_description.py"))

FILES = {"roughntk/__init__.py", "roughntk/py.typed", "roughntk/study/templates/report.css"}
NOTES = {f"roughntk-1.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
WHEEL = FILES | NOTES | {"roughntk-1.0.dist-info/licenses/LICENSE"}


def test_both_distributions_of_this_checkout_are_as_they_should_be(tmp_path: Path) -> None:
    assert CHECK["main"](["--no-environments", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"roughntk-{PROJECT['version']}-py3-none-any.whl",
        f"roughntk-{PROJECT['version']}.tar.gz",
    ]


def test_the_package_holds_every_kind_of_file_that_it_reads() -> None:
    kinds = {Path(name).suffix for name in CHECK["package_files"](ROOT)}
    assert kinds >= {".py", ".typed", ".j2", ".css", ".js"}


@pytest.mark.parametrize(
    ("missing", "surplus"),
    [
        ("", ""),
        ("roughntk/py.typed", ""),
        ("roughntk/study/templates/report.css", ""),
        ("roughntk-1.0.dist-info/licenses/LICENSE", ""),
        ("", "tests/test_house.py"),
        ("", "roughntk/__pycache__/cli.cpython-311.pyc"),
    ],
)
def test_a_wheel_with_a_file_too_few_or_too_many_is_found(missing: str, surplus: str) -> None:
    names = WHEEL - {missing} | ({surplus} - {""})
    problems = CHECK["wheel_problems"](names, FILES, "1.0", {"LICENSE"})
    assert len(problems) == bool(missing) + bool(surplus)
    assert all((missing or surplus) in problem for problem in problems)


def test_a_source_distribution_holds_no_tests() -> None:
    names = {f"roughntk-1.0/{name}" for name in FILES | CHECK["BESIDE_THE_PACKAGE"]}
    assert CHECK["sdist_problems"](names, FILES, "1.0") == []
    (problem,) = CHECK["sdist_problems"](names | {"roughntk-1.0/tests/test_house.py"}, FILES, "1.0")
    assert "tests/test_house.py" in problem


def test_vendored_files_stand_in_their_notice_with_checksum_and_licence(tmp_path: Path) -> None:
    folder = tmp_path / "roughntk" / "web" / "vendor"
    (folder / "fonts").mkdir(parents=True)
    for name in ("d3.js", "fonts/a.woff2", "d3.LICENSE.txt"):
        (folder / name).write_text(name)
    sums = [f"  sha256 {CHECK['sha256'](name.encode())}  {name}\n" for name in ("d3.js", "fonts/a.woff2")]
    (folder / "NOTICE").write_text("d3 7.9.0  licence ISC, see d3.LICENSE.txt\n" + "".join(sums))

    def problems() -> list[str]:
        found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
        return CHECK["vendored_problems"](tmp_path, found)

    assert problems() == []
    (folder / "d3.js").write_text("changed")
    assert "d3.js is not the file" in problems()[0]
    (folder / "d3.js").write_text("d3.js")
    (folder / "other.js").write_text("")
    assert "other.js" in problems()[0]
    (folder / "other.js").unlink(), (folder / "d3.LICENSE.txt").unlink()
    assert "lacks d3.LICENSE.txt" in problems()[0]


def test_a_python_that_is_not_there_is_named_and_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert CHECK["new_environment"]("3.12", tmp_path / "environment") is None
    assert "Python 3.12 is not tried: not on this machine" in capsys.readouterr().out
    (tmp_path / "python3.12").write_text("#!/bin/sh\necho 3.10\n")
    (tmp_path / "python3.12").chmod(0o755)
    assert CHECK["new_environment"]("3.12", tmp_path / "environment") is None
    assert "1 candidates, none of which" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("readme", "shown", "absolute"),
    [
        ("[a](https://b.org/c)", "[a](https://b.org/c)", "[a](https://b.org/c)"),
        ("see [the\npage](docs/a.md#b)", "see the\npage (`docs/a.md`)", "see [the\npage](docs/a.md#b)"),
        ("[LICENSE](LICENSE)", "LICENSE", "[LICENSE](LICENSE)"),
        ("[above](#top)", "above", "[above](#top)"),
        ("a\n\n![b](c.png)\n\n*d: e.*\n\nf", "a\n\nf", "a\n\n![b](c.png)\n\n*d: e.*\n\nf"),
        ("![b](c.png)\n\n*d* is text", "\n\n*d* is text", "![b](c.png)\n\n*d* is text"),
        ("[`x`](y.md) `[x](y.md)`", "`x` (`y.md`) `[x](y.md)`", "[`x`](y.md) `[x](y.md)`"),
        ("```\n[x](y.md)\n```", "```\n[x](y.md)\n```", "```\n[x](y.md)\n```"),
    ],
)
def test_the_readme_of_an_index_has_no_relative_link(readme: str, shown: str, absolute: str) -> None:
    assert DESCRIPTION["for_an_index"](readme) == shown
    there = DESCRIPTION["for_an_index"](readme, "https://a.org/")
    assert there.replace("https://a.org/", "") == absolute
    assert DESCRIPTION["relative_targets"](there) == []


@pytest.mark.parametrize("readme", ["<img src='a.png'>", "[a]: b.md", '[a](b.md "title")'])
def test_a_link_that_cannot_be_rewritten_is_an_error(readme: str) -> None:
    with pytest.raises(ValueError, match=r"a\.png|b\.md"):
        DESCRIPTION["for_an_index"](readme)


def yaml_of(text: str) -> dict[str, Any]:
    return pytest.importorskip("yaml").safe_load(text)


def recipe() -> dict[str, Any]:
    return yaml_of(RECIPE.read_text(encoding="utf-8"))


#: Packages that conda-forge has under another name.
RENAMED = {"matplotlib": "matplotlib-base"}


def test_the_conda_recipe_requires_what_the_package_requires() -> None:
    wanted = [re.fullmatch(r"([\w-]+)(>=\S+)", requirement) for requirement in PROJECT["dependencies"]]
    assert all(wanted)
    names = [f"{RENAMED.get(match[1], match[1])} {match[2]}" for match in wanted if match]
    assert recipe()["requirements"]["run"] == ["python >=${{ python_min }}", *names]
    assert PROJECT["requires-python"] == f">={recipe()['context']['python_min']}"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert [name.replace(" ", "") for name in recipe()["requirements"]["host"][2:]] == build


def test_the_conda_recipe_says_what_pyproject_says() -> None:
    found = recipe()
    assert found["context"]["version"] == PROJECT["version"]
    assert found["build"]["python"]["entry_points"] == [f"{k} = {v}" for k, v in PROJECT["scripts"].items()]
    assert found["build"]["noarch"] == "python" and found["schema_version"] == 1
    about = found["about"]
    assert (about["summary"], about["license"]) == (PROJECT["description"], PROJECT["license"])
    assert about["license_file"] == PROJECT["license-files"]


def test_the_citation_is_valid_with_and_without_a_doi() -> None:
    """By the rules of the Citation File Format 1.2.0 for the keys that are used."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for given in (text, text.replace("# doi: 10.REGISTRANT/NAME", "doi: 10.1234/a.b-c")):
        found = yaml_of(given)
        required, optional = {"cff-version", "message", "title", "authors"}, {
            "abstract", "date-released", "doi", "keywords", "license", "references", "type", "version",
        }  # fmt: skip
        assert required <= set(found) <= required | optional
        assert found["cff-version"] == "1.2.0" and found["type"] in ("software", "dataset")
        assert isinstance(found["date-released"], datetime.date)
        assert all(set(author) <= {"name", "family-names", "given-names", "orcid"} for author in found["authors"])
        assert len(set(found["keywords"])) == len(found["keywords"])
        assert re.fullmatch(r"10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+", found.get("doi", "10.1234/x"))
        for reference in found["references"]:
            assert {"type", "title", "authors"} <= set(reference)
    assert "doi: 10.1234/a.b-c" in given


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*_*.yml")), ids=lambda p: p.stem)
def test_a_form_for_issues_is_complete(path: Path) -> None:
    form = yaml_of(path.read_text(encoding="utf-8"))
    assert set(form) == {"name", "description", "body"}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["type"] in ("input", "textarea") and field["attributes"]["label"] for field in fields)
    asked = {field["id"] for field in fields if field.get("validations", {}).get("required")}
    wanted = {"bug_report": {"doctor"}, "wrong_number": {"doctor", "inputs", "expected", "reference"}}
    assert asked >= wanted.get(path.stem, set()) and asked


def test_the_modules_and_options_that_security_names_are_there() -> None:
    text = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
    places = re.findall(r"`(roughntk/[\w/.]+)`", text)
    assert len(places) >= 8
    assert [place for place in places if not (ROOT / place).exists()] == []
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "roughntk").rglob("*.py"))
    assert [name for name in re.findall(r"`(?!JAX|NUMBA)([A-Z_]+)=?\d?`", text) if name not in sources] == []


def test_nothing_but_the_cache_of_compiled_functions_is_unpickled() -> None:
    """What SECURITY.md says: one place unpickles, no place evaluates text or starts a program."""
    unpickle = re.compile(r"pickle\.loads?\(|allow_pickle=True|joblib\.load|\btorch\.load\(")
    evaluate = re.compile(r"(?<![\w.])(?:eval|exec)\(|\bsubprocess\b|os\.(?:system|popen|exec|spawn)")
    found = {}
    for path in sorted((ROOT / "roughntk").rglob("*.py")):
        lines = [
            line for line in path.read_text(encoding="utf-8").splitlines() if "safetensors.torch.save_file" not in line
        ]
        for line in lines:
            for kind, pattern in (("unpickle", unpickle), ("evaluate", evaluate)):
                if pattern.search(line):
                    found.setdefault(kind, set()).add(path.relative_to(ROOT).as_posix())
    assert found == {"unpickle": {"roughntk/_compiled.py"}}
