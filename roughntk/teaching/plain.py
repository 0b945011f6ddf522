r"""Formulas as a terminal can show them: `$\theta_1 = \frac{\pi}{2}$` is printed as θ₁ = π/2.

No more than what the exercises use: Greek letters, signs, functions, fractions, roots, matrices, and the places above
and below a line where they are numbers.
"""

import re

_SIGNS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "eta": "η", "theta": "θ", "lambda": "λ", "pi": "π", "rho": "ρ",
    "psi": "ψ", "Theta": "Θ", "infty": "∞", "approx": "≈", "cdot": "·", "to": "→", "mapsto": "↦", "in": "∈",
    "gg": "≫", "sum": "Σ", "dots": "...", "top": "ᵀ", "left": "", "right": "", " ": " ", ",": " ",
}  # fmt: skip
_FUNCTIONS = "log|sinh|cosh|sin|cos|exp|det"
_ABOVE, _BELOW = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"), str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_INSIDE = r"\{((?:[^{}]|\{[^{}]*\})*)\}"  # braces with at most one pair within
_PART = rf"(?:{_INSIDE}|(\d))"


def plain(markdown: str) -> str:
    r"""Markdown with the formulas between dollars in plain characters; all else stays as it is.

    >>> plain(r"the angle $\theta_1 = \frac{\pi}{2}$ and $K_7^{-1} K_8$")
    'the angle θ₁ = π/2 and K₇⁻¹ K₈'
    """
    return re.sub(r"\$([^$]+)\$", lambda match: _formula(match[1]), markdown)


def _formula(text: str) -> str:
    text = text.replace(r"\mathbf{1}\mathbf{1}^\top", "1·1ᵀ")
    text = re.sub(r"\\(?:mathbf|mathbb|mathrm|operatorname)\{(\w+)\}", r"\1", text)
    text = re.sub(r"\\lfloor\s*(.*?)\s*\\rfloor", r"⌊\1⌋", text)
    text = re.sub(r"\\Delta\s*", "Δ", text)
    text = re.sub(r"\\begin\{pmatrix\}\s*(.*?)\s*\\end\{pmatrix\}", _matrix, text)
    text = re.sub(rf"(\\(?:{_FUNCTIONS}))?\\t?frac\s*{_PART}{_PART}(?=\s*((?!\\right)[\w(\\|])?)", _fraction, text)
    text = re.sub(rf"\\sqrt\s*{_PART}", lambda match: "√" + (match[2] or f"({match[1]})"), text)
    text = re.sub(rf"(?<=[\w)])\\({_FUNCTIONS})\b", r" \\\1", text)
    text = re.sub(rf"\\({_FUNCTIONS})(?=[\\\w√])", r"\1 ", text)
    text = re.sub(r"\\([a-zA-Z]+|.)", lambda match: _SIGNS.get(match[1], match[1]), text)
    text = re.sub(rf"\^(?:{_INSIDE}|(\d))", lambda match: _place(match, "^", _ABOVE), text)
    text = re.sub(rf"_(?:{_INSIDE}|(\d))", lambda match: _place(match, "_", _BELOW), text)
    return " ".join(text.replace("^ᵀ", "ᵀ").split())


def _fraction(match: re.Match[str]) -> str:
    above, below = (each if re.fullmatch(r"[\w.\\]+", each) else f"({each})" for each in (
        match[2] or match[3], match[4] or match[5]
    ))  # fmt: skip
    both = f"{above}/{below}"
    if match[1]:
        return f"{match[1]}({both})"
    return f"({both})" if match[6] else both


def _matrix(match: re.Match[str]) -> str:
    rows = [", ".join(entry.strip() for entry in row.split("&")) for row in re.split(r"\\\\", match[1])]
    return f"[[{'], ['.join(rows)}]]"


def _place(match: re.Match[str], mark: str, numbers: dict[int, int]) -> str:
    inside = match[1] if match[1] is not None else match[2]
    if all(ord(sign) in numbers for sign in inside):
        return inside.translate(numbers)
    return mark + (inside if inside.isalnum() and len(inside) != 2 else f"({inside})")
