"""The cheat sheet and the slides: their calls are run, their captions are the claims of the scripts, they fit."""

import doctest
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHEET = ROOT / "docs" / "cheat-sheet" / "cheat_sheet.typ"
SHOWN = (
    "f.at_correlation(", "rn.coefficients(", "rn.depth_needed(", "rn.transport.between_depths",
    "rn.transport.to_depth(", "rn.depth.criteria.check(", "rn.classify(", "rn.predict(", "rn.rough.signature(",
    "rn.rough.log_signature(", "rn.rough.p_variation(", "rn.rough.p_variation_distance(", "rn.rough.lift(",
    "rn.rough.ito_lift(", "rn.rough.solve_rde(", "rn.networks.effective_depth(", "rn.depth.joint(",
    "rn.kernels.sequence(", "rn.regression.solve(", "rn.certify.kernel(",
)  # fmt: skip
TALL, WIDE = (72, 96), (150, 60)


@pytest.fixture
def docs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of docs/build_pdfs.py, with what it imports of docs/."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    return runpy.run_path(str(ROOT / "docs" / "build_pdfs.py"))


def picture(path: Path, size: tuple[int, int]) -> Path:
    from matplotlib.figure import Figure

    Figure(figsize=(size[0] / 10, size[1] / 10), dpi=10).savefig(path)
    return path


SCRIPT = '''"""A title, with $K_{L+1}\\\\to 1/4$.

Claim: of `this` the number is $\\\\frac{1}{n+3}$.

    python examples/one.py [FIGURE.png]
"""
import sys

print(sys.argv[1])
'''


def root_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "examples" / "tutorials").mkdir(parents=True)
    (tmp_path / "examples" / "tutorials" / "01_one.py").write_text(text)
    (tmp_path / "examples" / "two.py").write_text(SCRIPT.replace("A title", "Another"))
    (tmp_path / "examples" / "draws_nothing.py").write_text('"""No figure."""\n')
    return tmp_path


def test_the_sheet_shows_a_call_for_each_formula_that_it_should() -> None:
    text = SHEET.read_text(encoding="utf-8")
    blocks = runpy.run_path(str(ROOT / "docs" / "run_snippets.py"))["BLOCK"].findall(text)
    assert text.count("```") == 2 * len(blocks) > 30
    code = "\n".join(body for _, body in blocks)
    for call in SHOWN:
        assert call in code
    assert code.count("  # = ") >= 20


def test_a_wrong_value_on_the_sheet_is_found(tmp_path: Path) -> None:
    text = SHEET.read_text(encoding="utf-8")
    start = text.index("```python\nrn.sphere.project")
    block = text[start : text.index("```\n", start + 3) + 4]
    page = tmp_path / "sheet.typ"
    for wanted, wrong in (("[0.6, 0.8]", 0), ("[0.6, 0.9]", 1)):
        names = "```python\nimport roughntk as rn\nX = x = rn.sphere.uniform(2, 3, seed=0)\n```\n"
        page.write_text(names + block.replace("[0.6, 0.8]", wanted).replace("(9, 2)", "(2, 2)"))
        _, problems = runpy.run_path(str(ROOT / "docs" / "run_snippets.py"))["run_page"](page)
        assert len(problems) == wrong


def test_the_sheet_is_one_page(docs: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("typst")
    assert docs["main"](["--only", "cheat-sheet", "--no-run", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "cheat-sheet.pdf").read_bytes().startswith(b"%PDF")


def test_a_slide_shows_a_figure_with_the_claim_of_its_script(docs: dict[str, Any], tmp_path: Path) -> None:
    sources = docs["slide_sources"]
    root = root_with(tmp_path, SCRIPT)
    tutorial, example = sources.scripts(root)
    figures, folder = tmp_path / "figures", tmp_path / "slides"
    figures.mkdir(), folder.mkdir()
    picture(figures / "01_one.png", TALL), picture(figures / "01_one-2.png", WIDE), picture(figures / "two.png", WIDE)
    first, second = sources.slides_of(tutorial, figures, folder)
    assert first["title"][1] == ["math", "K_(L + 1) -> 1 slash 4"]
    assert first["claim"][:2] == [["text", "Of "], ["code", "this"]]
    assert first["claim"][3] == ["math", "frac(1, n + 3)"]
    assert (first["script"], first["figure"], first["aspect"]) == ("examples/tutorials/01_one.py", "01_one.png", 0.75)
    assert (second["figure"], second["aspect"]) == ("01_one-2.png", 2.5)
    assert sources.slides_of(example, figures, folder)[0]["script"] == "examples/two.py"


def test_the_slides_have_a_page_for_each_figure(docs: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("typst")
    figures = tmp_path / "figures"
    figures.mkdir()
    for script in docs["slide_sources"].scripts(ROOT):
        picture(figures / f"{script.stem}.png", TALL)
    assert docs["main"](["--only", "slides", "--figures", str(figures), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "slides.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SCRIPT.replace("Claim", "Statement"), "a title and one paragraph"),
        (SCRIPT.replace("Claim:", "Claim: " + 100 * "very long "), "at most 700 characters"),
        (SCRIPT.replace("frac", "unknown"), "got .unknown; add it there"),
        (SCRIPT.replace("{n+3}", "{n+3}}"), "matching braces"),
    ],
)
def test_a_script_without_a_caption_that_can_be_set_is_named(
    docs: dict[str, Any], tmp_path: Path, text: str, problem: str
) -> None:
    sources = docs["slide_sources"]
    script = sources.scripts(root_with(tmp_path, text))[0]
    picture(tmp_path / "01_one.png", WIDE)
    (tmp_path / "slides").mkdir()
    with pytest.raises(sources.SourceError, match=problem) as caught:
        sources.slides_of(script, tmp_path, tmp_path / "slides")
    assert "01_one.py" in str(caught.value)


def test_every_claim_of_the_examples_can_be_set(docs: dict[str, Any]) -> None:
    sources = docs["slide_sources"]
    found = sources.scripts(ROOT)
    assert len(found) >= 15
    for script in found:
        title, claim = sources.described(script)
        assert sources.pieces(title, script.name) and sources.pieces(claim, script.name)


def test_the_examples_of_the_formulas_are_right(docs: dict[str, Any]) -> None:
    failed, tried = doctest.testmod(docs["slide_sources"])
    assert (failed, tried) == (0, 2)
