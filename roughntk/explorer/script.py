"""The explorer's JavaScript and style sheet, each as one text: for the page, and as a module for notebooks."""

import base64
import functools
import re
from importlib import resources

ORDER = ("depth", "driver", "pure_area", "ito", "finite", "variation")
"""Panels in the order in which they are read; others follow by name."""

_FONT_FACE = re.compile(r"@font-face\{[^}]*?url\((fonts/[\w-]+\.woff2)\)[^}]*\}")
_FAMILY = re.compile(r"font-(?:family|style|weight):[^;}]+")
_UMD = """(function () {{
const module = {{ exports: {{}} }}, exports = module.exports, require = () => {needs}, define = undefined;
{text}
return module.exports; }}).call({{}})"""


@functools.cache
def script() -> str:
    """The definition of `explore(root, data)`, for the inside of a function: it leaks no name.

    The vendored files are modules of the universal kind; each is given the surroundings of a CommonJS module, so that
    it sets no global name and runs under the strict rules of an ECMAScript module.
    """
    libraries = [
        ("d3", "d3.min.js", "undefined"),
        ("Plot", "plot.min.js", "d3"),
        ("katex", "katex.min.js", "undefined"),
    ]
    parts = [_licences()]
    for name, file, needs in libraries:
        parts.append(f"const {name} = {_UMD.format(needs=needs, text=_text('vendor', file))};")
    parts += ["const panels = {};", _text("tools.js")]
    parts += [f"(() => {{\n{_text('panels', f'{name}.js')}\n}})();" for name in panel_names()]
    parts.append(_text("main.js"))
    whole = "\n".join(parts)
    return whole.replace("</script", "<\\/script")


@functools.cache
def style() -> str:
    """The style sheet, with the fonts of formulas inside it."""
    dark = _text("dark.css").strip()
    rules = (
        f"@media (prefers-color-scheme: dark) {{ .roughntk:not([data-theme=light]) {{ {dark} }} }}\n"
        f".roughntk[data-theme=dark] {{ {dark} }}"
    )
    return _formulas() + "\n" + _text("page.css").replace("{{ dark_rules }}", rules)


def module() -> str:
    """An ECMAScript module whose default export is what anywidget asks for: `{ render({ model, el }) }`."""
    return (
        f"const explore = (() => {{\n'use strict';\n{script()}\nreturn explore;\n}})();\n"
        "export default { render({ model, el }) {\n"
        '  const root = document.createElement("div");\n'
        "  el.append(root);\n"
        '  return explore(root, JSON.parse(model.get("data")));\n'
        "} };\n"
    )


def panel_names() -> list[str]:
    """The panels that there are, in the order of the page."""
    folder = resources.files(__package__) / "web" / "panels"
    names = [each.name[:-3] for each in folder.iterdir() if each.name.endswith(".js")]
    return sorted(names, key=lambda name: (*(name != first for first in ORDER), name))


def _formulas() -> str:
    """The style sheet of KaTeX with its fonts inside; those that are not in the package are left out."""

    def face(match: re.Match[str]) -> str:
        font = resources.files(__package__) / "web" / "vendor" / match[1]
        if not font.is_file():
            return ""
        content = base64.b64encode(font.read_bytes()).decode()
        described = ";".join(_FAMILY.findall(match[0]))
        return f'@font-face{{font-display:block;{described};src:url(data:font/woff2;base64,{content}) format("woff2")}}'

    return _FONT_FACE.sub(face, _text("vendor", "katex.min.css"))


def _licences() -> str:
    """The notices of the vendored files, as a comment."""
    names = ["NOTICE", "d3.LICENSE.txt", "plot.LICENSE.txt", "katex.LICENSE.txt"]
    return "/*\n" + "\n\n".join(_text("vendor", name).strip() for name in names) + "\n*/"


def _text(*names: str) -> str:
    return (resources.files(__package__) / "web").joinpath(*names).read_text(encoding="utf-8")


__all__ = ["module", "panel_names", "script", "style"]
