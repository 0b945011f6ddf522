"""The build of the site: citations, links, the menu, the reference, stamps, and the check of what was built.

Nothing here builds the site; `make site` does, and checks every page.
"""

import dataclasses
import inspect
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

pytest.importorskip("pybtex", reason="the site needs the extra docs: bash .ci/setup dev docs")
pytest.importorskip("griffe", reason="the site needs the extra docs: bash .ci/setup dev docs")

import bibliography  # noqa: E402
import build_site  # noqa: E402
import check_site  # noqa: E402
import docstrings  # noqa: E402
import gallery  # noqa: E402
import llms  # noqa: E402
import reference  # noqa: E402
import staging  # noqa: E402
import stamps  # noqa: E402

PLACE = PurePosixPath("explanation/page.md")


# Citations


def test_a_citation_becomes_a_link_to_its_entry() -> None:
    found = bibliography.cited("As in [@ChoSaul2009, section 2; @Jacot2018].", PLACE)
    assert found == (
        "As in [Cho & Saul 2009](../reference/bibliography.md#ChoSaul2009), section 2; "
        "[Jacot et al. 2018](../reference/bibliography.md#Jacot2018)."
    )


def test_a_citation_of_an_unknown_key_stops_the_build() -> None:
    with pytest.raises(bibliography.UnknownKey, match="'Nobody1999'"):
        bibliography.cited("[@Nobody1999]", PLACE)


def test_every_entry_of_the_bibliography_has_an_anchor_and_a_label_of_its_own() -> None:
    page = bibliography.page()
    keys = set(bibliography.bibliography().entries)
    assert len(keys) > 30 and set(re.findall(r"\{ #(\w+) \}$", page, re.MULTILINE)) == keys
    assert len({bibliography.label(key) for key in keys}) == len(keys)
    assert "{" not in re.sub(r"\{ #\w+ \}", "", page)  # no mark of LaTeX is left


# Pages


@pytest.fixture
def stage(tmp_path: Path) -> staging.Stage:
    root = tmp_path / "project"
    for name in ("docs/figures/a.png", "examples/one.py", "tests/data.csv", "docs/pages/explanation/other.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return staging.Stage(tmp_path / "stage", root)


@pytest.mark.parametrize(
    ("text", "converted"),
    [
        ("![f](../../figures/a.png)", "![f](../figures/a.png)"),
        ("[o](other.md#part)", "[o](other.md#part)"),
        ("[e](../../../examples/one.py)", "[e](../gallery/one.md)"),
        ("[t](../../../examples/tutorials/01_a.py)", "[t](../tutorials/01_a.md)"),
        ("[`t`](../../../tests/data.csv)", "[`t`](../files/tests/data.csv)"),
        ("[c](../../../CHANGELOG.md)", "[c](../changelog.md)"),
        ("[b](../../references.bib#Kahan2006)", "[b](../reference/bibliography.md#Kahan2006)"),
        ("[s](https://example.org/a.md) [h](#here)", "[s](https://example.org/a.md) [h](#here)"),
        ("`a[0](x)` and [@Kahan2006]", "`a[0](x)` and [Kahan 2006](../reference/bibliography.md#Kahan2006)"),
        ("    [@Kahan2006] of a list", "    [Kahan 2006](../reference/bibliography.md#Kahan2006) of a list"),
        ("```\n[@Nobody1999](no.csv) `rn.classify`\n```", "```\n[@Nobody1999](no.csv) `rn.classify`\n```"),
        ("`rn.sphere.project(X)`", "[`rn.sphere.project(X)`](../reference/sphere.md#roughntk.sphere.project)"),
        ("`rn.classify`", "[`rn.classify`](../reference/roughntk.md#roughntk.classify)"),
        ("[see `rn.classify`](other.md)", "[see `rn.classify`](other.md)"),
        ("# `rn.classify`", "# `rn.classify`"),
        ("so that\n$$ x\n= 1 $$\nholds, $y$", "so that\n\n$$ x\n= 1 $$\n\nholds, $y$"),
        ("`rn.nothing`", "`rn.nothing`"),
    ],
)  # fmt: skip
def test_links_citations_and_names_lead_into_the_site(stage: staging.Stage, text: str, converted: str) -> None:
    assert stage.converted(text, PurePosixPath("docs/pages") / PLACE, PLACE) == converted


def test_a_file_that_is_linked_to_is_copied(stage: staging.Stage) -> None:
    stage.converted("[t](../../../tests/data.csv)", PurePosixPath("docs/pages") / PLACE, PLACE)
    assert (stage.folder / "files" / "tests" / "data.csv").is_file()


@pytest.mark.parametrize("link", ["../../../tests/none.csv", "../../../CONTRIBUTING.md", "../../../../outside.csv"])
def test_a_link_to_a_file_that_the_site_cannot_hold_stops_the_build(stage: staging.Stage, link: str) -> None:
    with pytest.raises(staging.BrokenLink, match=re.escape(link)):
        stage.converted(f"[n]({link})", PurePosixPath("docs/pages") / PLACE, PLACE)


# The menu


def menu_entries() -> list[Any]:
    text = (ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8")
    return re.findall(r"^ +- (?:[\w -]+: )?(\S+(?:\.md|/))$", text.partition("\nnav:")[2], re.MULTILINE)


def test_every_page_is_in_the_menu_once() -> None:
    pages = {path.relative_to(ROOT / staging.PAGES).as_posix() for path in (ROOT / staging.PAGES).rglob("*.md")}
    listed = menu_entries()
    assert len(set(listed)) == len(listed)
    assert sorted(pages - set(listed) - {"tutorials/index.md"}) == []  # the first page of a generated section
    generated = {"benchmarks.md", "changelog.md", "downloads.md", "tutorials/", "gallery/", "reference/"}
    assert sorted(set(listed) - pages - generated) == []


def test_a_page_of_the_menu_that_is_not_there_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n")
    made = {"gallery/": [PurePosixPath("gallery/index.md"), PurePosixPath("gallery/one.md")]}
    menu = build_site.menu_of([{"A": "a.md"}, {"Part": [{"G": "gallery/"}, "a.md"]}], made, tmp_path)
    assert menu == [{"A": "a.md"}, {"Part": [{"G": ["gallery/index.md", "gallery/one.md"]}, "a.md"]}]
    with pytest.raises(build_site.BuildError, match=r"docs/pages/b\.md"):
        build_site.menu_of([{"B": "b.md"}], made, tmp_path)
    with pytest.raises(build_site.BuildError, match="'unknown/'"):
        build_site.menu_of([{"B": "unknown/"}], made, tmp_path)


# The reference


def test_the_reference_has_every_public_name_of_every_room() -> None:
    rooms = reference.rooms()
    assert {"", "sphere", "kernels", "rough", "transport", "study"} <= set(rooms)
    listed = {(each.room, each.name) for each in reference.public_names()}
    wanted = {(room, name) for room, module in rooms.items() for name in module.__all__ if room or name not in rooms}
    assert listed == wanted
    for room in rooms:
        directives = re.findall(r"^::: (\S+)$", reference.page(room), re.MULTILINE)
        assert directives == [each.path for each in reference.public_names() if each.room == room]


def test_a_name_without_its_anchor_is_missing() -> None:
    pages = {
        reference.page_of(room).with_suffix(".html").as_posix(): "".join(
            f'<h2 id="{each.path}">' for each in reference.public_names() if each.room == room
        )
        for room in reference.rooms()
    }
    assert reference.missing(pages) == []
    pages["reference/sphere.html"] = pages["reference/sphere.html"].replace('id="roughntk.sphere.project"', "")
    assert reference.missing(pages) == ["roughntk.sphere.project"]
    assert "roughntk.rough.signature" in reference.missing({**pages, "reference/rough.html": ""})


DOCSTRING = """The sum of a_i * b_i_j < 3, see `signature` and :func:`project`.

Two columns:
    K_L = S_L / L

Args:
    a, b: numbers, shape (n,); [0, 1]
        or what stands for them.
    options: of `signature`.

Returns:
    A number,
    or two.

Raises:
    InputError: a < 0.
Source: ChoSaul2009, section 2;
    Jacot2018.

>>> 1 + 1
2
"""


def test_a_docstring_keeps_its_formulas_sections_sources_and_examples() -> None:
    found = docstrings.markdown(DOCSTRING, lambda name: reference.anchor_of(name, "rough"))
    assert "a&#95;i &#42; b&#95;i&#95;j &#60; 3, see [`signature`][roughntk.rough.signature] and `project`." in found
    assert (
        "**Parameters**\n\n`a`, `b`\n:   numbers, shape (n,); &#91;0, 1&#93;\n    or what stands for them.\n" in found
    )
    assert "**Returns**\n\nA number,\nor two.\n" in found
    assert "**Raises**\n\n[`InputError`][roughntk.InputError]\n:   a &#60; 0.\n" in found
    assert "**Source:** [Cho & Saul 2009][ChoSaul2009], section 2; [Jacot et al. 2018][Jacot2018].\n" in found
    assert found.endswith("```pycon\n>>> 1 + 1\n2\n```\n")


@dataclasses.dataclass
class Listed:
    """A documented name, and the arguments that it takes."""

    name: str
    documented: set[str]
    taken: set[str]


def listed_arguments() -> list[Listed]:
    found = []
    for each in reference.public_names():
        value = getattr(reference.rooms()[each.room], each.name)
        if each.kind != "function" or not value.__doc__:
            continue
        parts = dict(docstrings.sections(inspect.cleandoc(value.__doc__).splitlines()))
        names = re.findall(r"^    (\*{0,2}\w+(?:, \*{0,2}\w+)*):", "\n".join(parts.get("Args", [])), re.MULTILINE)
        documented = {name.strip("*") for group in names for name in group.split(", ")}
        code = inspect.unwrap(value).__code__
        taken = {
            *inspect.signature(value).parameters,
            *code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 2],
        }
        found.append(Listed(each.path, documented, taken))
    return found


def test_every_documented_argument_is_one_of_the_function() -> None:
    listed = listed_arguments()
    assert sum(bool(each.documented) for each in listed) > 80
    assert {each.name: each.documented - each.taken for each in listed if each.documented - each.taken} == {}


# Figures


def test_a_figure_is_fresh_until_one_of_its_sources_changes(tmp_path: Path) -> None:
    (tmp_path / "roughntk").mkdir()
    (tmp_path / "examples").mkdir()
    source, script, figure = tmp_path / "roughntk" / "a.py", tmp_path / "examples" / "one.py", tmp_path / "one.png"
    source.write_text("x = 1\n")
    script.write_text("pass\n")
    assert not stamps.is_fresh(figure, stamps.stamp_of(script, tmp_path))
    figure.write_bytes(b"a picture")
    assert not stamps.is_fresh(figure, stamps.stamp_of(script, tmp_path))
    stamps.write(script, figure, tmp_path)
    assert stamps.is_fresh(figure, stamps.stamp_of(script, tmp_path))
    for changed in (source, script):
        before = changed.read_text()
        changed.write_text(before + "# another\n")
        assert not stamps.is_fresh(figure, stamps.stamp_of(script, tmp_path))
        changed.write_text(before)
    assert stamps.is_fresh(figure, stamps.stamp_of(script, tmp_path))


def test_the_page_of_an_example_has_its_claim_and_its_source() -> None:
    script = ROOT / "examples" / "vanishing_drivers.py"
    page = gallery.page(script, has_figure=False)
    assert page.startswith("# Vanishing drivers\n") and "Claim: the level-k size" in page and "figure.png" not in page
    assert script.read_text(encoding="utf-8").rstrip() in page
    assert gallery.title_of(Path("wong_zakai_and_ito.py")) == "Wong–Zakai and Ito"


# What was built


def built(site: Path, body: str, **others: str) -> list[str]:
    site.mkdir(exist_ok=True)
    (site / "index.html").write_text(f"<html><body>{body}</body></html>")
    for name, text in others.items():
        (site / name.replace("_", ".")).write_text(text)
    check_site.page_at.cache_clear()
    return check_site.problems_of(site / "index.html", site) + [
        line for style in site.glob("*.css") for line in check_site.problems_of(style, site)
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="other.html#there">a</a> <h1 id="top">t</h1> <a href="#top">b</a> <a href="/other.html">c</a>', None),
        ('<a href="https://example.org/">a</a> <a href="mailto:a@example.org">b</a>', None),
        ('<img src="a.png" alt="a"> <img src="data:image/png;base64,AA" alt="">', None),
        ('<a href="none.html">a</a>', "none.html: no such file"),
        ('<a href="other.html#nowhere">a</a>', "#nowhere: no such anchor"),
        ('<a href="#nowhere">a</a>', "#nowhere: no such anchor"),
        ('<a href="../outside.html">a</a>', "outside the site"),
        ('<img src="none.png" alt="a">', "none.png: no such file"),
        ('<img src="a.png">', "a picture without a text"),
        ('<i id="a"></i><i id="a"></i>', "an anchor twice"),
        ("<code>$x$</code> <pre>$$ x $$</pre> for 5 $ and 6 $", None),
        ("<p>as $x_1$ says</p>", "$x_1$: a formula that is not drawn"),
        ('<script src="https://example.org/a.js"></script>', "loaded from elsewhere"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loaded from elsewhere"),
        ('<link rel="preconnect" href="https://example.org">', "loaded from elsewhere"),
        ('<img srcset="a.png 1x, https://example.org/a.png 2x" src="a.png" alt="a">', "loaded from elsewhere"),
        ('<i style="background: url(https://example.org/a.png)"></i>', "loaded from elsewhere"),
        ("<style>@import 'https://example.org/a.css';</style>", "loaded from elsewhere"),
    ],
)
def test_the_check_tells_good_from_broken(tmp_path: Path, body: str, problem: str | None) -> None:
    (tmp_path / "outside.html").write_text("")
    found = built(tmp_path / "site", body, other_html='<h2 id="there">', a_png="a picture")
    assert len(found) == (problem is not None), found
    assert problem is None or problem in found[0]


def test_fonts_of_a_style_sheet_are_looked_for(tmp_path: Path) -> None:
    style = "@font-face{font-family:A;src:url(fonts/a.woff2) format('woff2'),url(fonts/a.ttf) format('truetype')}"
    assert len(built(tmp_path, "", a_css=style)) == 2
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "a.woff2").write_text("a font")
    assert built(tmp_path, "", a_css=build_site.with_fonts_there(style, tmp_path)) == []


# llms.txt


def test_the_pages_are_listed_with_title_and_first_sentence(tmp_path: Path) -> None:
    text = "# A page\n\n![f](a.png)\n\nIt is about [things](b.md). More.\n"
    assert llms.title_of(text, PLACE) == "A page" and llms.first_sentence(text) == "It is about things."
    pages, site = tmp_path / "pages", tmp_path / "site"
    (pages / "reference").mkdir(parents=True)
    (pages / "a.md").write_text(text)
    (pages / "reference" / "r.md").write_text("# R\n\n::: roughntk.sphere.project\n    options:\n      heading: x\n")
    llms.write([{"First": "a.md"}, {"Second": [{"Inner": ["reference/r.md"]}]}], pages, site)
    brief = (site / "llms.txt").read_text()
    assert brief.startswith("# roughntk\n\n> ")
    assert "## First\n\n- [A page](a.md): It is about things.\n\n## Second\n\n- [R](reference/r.md)" in brief
    full = (site / "llms-full.txt").read_text()
    assert "## rn.sphere.project(" in full and ":::" not in full and "More." in full
