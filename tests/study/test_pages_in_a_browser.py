"""The pages of a study, of a comparison and of an audit in a real browser: for anyone, on a laptop and a phone."""

import dataclasses

import laws_of_pages as laws
import pytest
from browsing import NARROW, WIDE

import roughntk as rn
from roughntk.audit.claim import DIGITS, Evidence
from roughntk.study.auditing import pipeline
from roughntk.study.comparison import figure, page
from roughntk.study.comparison.result import Comparison, Member
from roughntk.study.comparison.sentences import summary_lines
from roughntk.study.result import Picture

SCROLLING = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth + 1).length"


def keeps_every_law(visit, source, file) -> bool:
    """At 1280 and 390 px, light and dark; and on a laptop no table or figure is cut."""
    visit.size(WIDE).open(file)
    found = laws.violations(visit, source) + laws.tab_reaches_everything(visit)
    assert found == []
    assert visit.size(WIDE).page.evaluate(SCROLLING) == 0
    return True


def test_the_page_of_a_study_keeps_every_law(written, visit, axe_if_there):
    assert keeps_every_law(visit, axe_if_there, written.folder / "report.html")


def test_what_is_wider_than_a_phone_says_so_and_scrolls_by_keyboard(written, visit):
    visit.size(NARROW).open(written.folder / "report.html").settle()
    boxes = visit.page.locator(".scroll[tabindex='0'][role=group]")
    assert boxes.count() == visit.page.evaluate(SCROLLING) > 5
    hint = "getComputedStyle(document.querySelector('.scroll[tabindex]'), '::before').content"
    assert "scroll sideways" in visit.page.evaluate(hint)
    boxes.first.focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.wait_for_function("document.querySelector('.scroll[tabindex]').scrollLeft > 0")
    visit.size(WIDE)
    assert boxes.count() == 0


def test_a_click_or_the_keyboard_sorts_a_table(written, visit):
    visit.size(WIDE).open(written.folder / "report.html")
    table = visit.page.locator("section#depth-by-depth table")
    head = table.locator("th").nth(1)

    def column():
        return [float(text.replace(",", "")) for text in table.locator("tbody td:nth-child(2)").all_text_contents()]

    before = column()
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending" and column() == sorted(before) != before
    visit.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending" and column() == sorted(before, reverse=True)
    table.locator("th button").first.click()
    assert head.get_attribute("aria-sort") is None and column() == before


def test_a_link_of_the_contents_leads_to_its_section(written, visit):
    visit.size(NARROW).open(written.folder / "report.html")
    for link in visit.page.locator("nav a").all():
        link.click()
        head = visit.page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top")
        assert head < NARROW[1]


def test_the_page_of_a_comparison_keeps_every_law(written, visit, axe_if_there, tmp_path):
    study, predicted = written.study, written.study.prediction
    names = ("relu-ntk", "a family with a long name", "residual-relu-ntk", "erf-nngp")
    members = []
    for name in names:
        config = dataclasses.replace(study.config, family=rn.kernels.sequence(lambda c, depth: c, name=name))
        members.append(Member(config, dataclasses.replace(study, config=config)))
    members.append(Member(config, None, "InputError: expected finite values, got nan at depth 6; " * 3))
    found = Comparison(study.data, members, predicted, {})
    found.summary = summary_lines(found)
    drawing, title, caption = figure.families(found.curves, found.baselines)
    drawing.savefig(tmp_path / "families.svg")
    file = tmp_path / "report.html"
    file.write_text(page.render(found, [Picture("families", title, caption, tmp_path / "families.png")]), "utf-8")
    assert keeps_every_law(visit, axe_if_there, file)


@pytest.fixture
def audited(tmp_path, monkeypatch):
    """The page of all claims of the paper, with evidence that costs nothing; every second one needs its correction."""

    def examination(right):
        pieces = [Evidence("statement", "K_L(x, x) is 1 to 0.0e+00, at depths 1 to 1,000.", right, DIGITS)]
        pieces.append(
            Evidence("correction", "The quotient goes down to -0.06839 (at correlation -0.795).", True, DIGITS)
        )
        return lambda subject: (pieces, None)

    for place, (key, claim) in enumerate(list(pipeline.CLAIMS.items())):
        right = not claim.correction and place % 2 == 0
        monkeypatch.setitem(pipeline.CLAIMS, key, dataclasses.replace(claim, examine=examination(right)))
    rn.study.audit(out=tmp_path / "report")
    return tmp_path / "report" / "report.html"


def test_the_page_of_an_audit_keeps_every_law(audited, visit, axe_if_there):
    assert keeps_every_law(visit, axe_if_there, audited)
    assert "Theorem 3, drivers: holds with correction" in visit.page.locator("nav").inner_text()


def test_rows_of_evidence_stand_below_each_other_on_a_phone(audited, visit):
    visit.size(NARROW).open(audited)
    cell = "document.querySelector('section#proposition-2 tbody td:nth-child(2)')"
    assert "supports it" in visit.page.evaluate(f"getComputedStyle({cell}, '::before').content")
    assert visit.page.evaluate(f"getComputedStyle({cell}).display") == "block"
