"""Formulas in plain characters: readable in a terminal, and nothing of LaTeX is left."""

import re

import pytest

import roughntk as rn
from roughntk.teaching.plain import plain

EVERY = rn.teaching.questions()


@pytest.mark.parametrize(
    ("markdown", "wanted"),
    [
        (r"$\theta_1 = 1$", "θ₁ = 1"), (r"$\rho_L \to 1$", "ρ_L → 1"), (r"$L \to \infty$", "L → ∞"),
        (r"$K_7^{-1} K_{L+1}$", "K₇⁻¹ K_(L+1)"), (r"$e^{2t}$", "e^(2t)"), (r"$10^{-3}$", "10⁻³"),
        (r"$\frac12 (x\,dy)$", "(1/2) (x dy)"), (r"$\frac34$", "3/4"), (r"$\log\frac{1.35}{1.4}$", "log(1.35/1.4)"),
        (r"$\left(\frac{1 + c}{2}\right)^2$", "((1 + c)/2)²"), (r"$2\sinh\sqrt2$", "2 sinh √2"),
        (r"$\begin{pmatrix} 2 & 1 \\ 1 & 3 \end{pmatrix}$", "[[2, 1], [1, 3]]"), (r"$L_{\mathrm{eff}}/L$", "L_eff/L"),
        (r"$u_\infty^\top y$", "u_∞ᵀ y"), (r"$\lfloor p \rfloor$", "⌊p⌋"), (r"$\log\det K_8$", "log det K₈"),
        (r"$\sum (\Delta B)^2$", "Σ (ΔB)²"), (r"`x_1 = a\b` and $x_1$", r"`x_1 = a\b` and x₁"),
    ],
)  # fmt: skip
def test_a_formula_is_written_in_plain_characters(markdown: str, wanted: str) -> None:
    assert plain(markdown) == wanted


@pytest.mark.parametrize("exercise", EVERY, ids=lambda exercise: exercise.key)
def test_no_latex_is_left_in_an_exercise(exercise: rn.teaching.Exercise) -> None:
    for text in (exercise.question, exercise.hint, exercise.explanation):
        shown = re.sub(r"`[^`]*`", "", plain(text))
        assert not re.search(r"[\\${}]", shown)
        assert all(shown.count(left) == shown.count(right) for left, right in ("()", "[]"))


def test_a_terminal_gets_plain_characters_and_a_notebook_markdown() -> None:
    exercise = rn.teaching.questions(2)[0]
    assert "θ₁ = 1" in repr(exercise) and "$" not in repr(exercise)
    assert r"$\theta_1 = 1$" in exercise._repr_markdown_()
    hint = rn.teaching.hint("1.1")
    assert "u_∞ᵀ y" in repr(hint) and "u_∞ᵀ y" in str(hint) and r"$u_\infty^\top y$" in hint._repr_markdown_()
    checked = rn.teaching.check("1.1", -1.0)
    assert "u_∞ᵀ y" in repr(checked) and r"$u_\infty^\top y$" in checked._repr_markdown_()
