"""axe-core, which looks for what keeps people from using a page. From npm at one version, checked; not committed here.

python tests/axe_core.py     fetch it, and say where it is
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""Of the package, as npm's own lock files write it."""
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "browser"
GRAVE = ("serious", "critical")


class NoAxe(Exception):
    """axe-core cannot be had here; the message says why, and what to do."""


def axe_source(cache: Path = CACHE) -> str:
    """The script, from `cache`, where npm put its package if it was not there. NoAxe where that fails."""
    package = cache / f"axe-core-{VERSION}.tgz"
    if not package.exists():
        _fetch(cache)
    data = package.read_bytes()
    found = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != SHA512:
        package.unlink()
        raise NoAxe(f"no axe-core: the package of version {VERSION} has sha512 {found}, expected {SHA512}; try again")
    with tarfile.open(package) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def _fetch(cache: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NoAxe("no axe-core: npm is not on PATH; run `apt-get install npm`")
    cache.mkdir(parents=True, exist_ok=True)
    call = [npm, "pack", f"axe-core@{VERSION}", "--silent", "--ignore-scripts", "--pack-destination", str(cache)]
    try:
        run = subprocess.run(call, cwd=cache, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise NoAxe("no axe-core: npm gave no answer in 60 seconds; try again where npm reaches its registry") from None
    if run.returncode:
        said = " ".join(run.stderr.split())[:200]
        raise NoAxe(f"no axe-core: npm could not fetch version {VERSION} ({said}); try again where npm has a network")


_RUN = """async ({ rules, known }) => {
    const outside = { exclude: [["svg[role=img] > *"]] };
    let context = outside, seen = [];
    if (known) {
        const kinds = new Map(), backs = new Map();
        const back = element => {
            if (!element) return "";
            if (!backs.has(element)) {
                const style = getComputedStyle(element), own = style.backgroundColor;
                const above = back(element.parentElement);
                const behind = own === "rgba(0, 0, 0, 0)" ? above : own + (own.startsWith("rgba") ? above : "");
                backs.set(element, behind + (style.opacity === "1" ? "" : style.opacity));
            }
            return backs.get(element);
        };
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            if (!texts.currentNode.nodeValue.trim()) continue;
            if (element.closest("svg[role=img], script, style, noscript")) continue;
            if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
            const style = getComputedStyle(element), key = [element.tagName, style.color, style.fill, style.fontSize,
                style.fontWeight, element.closest("a, button, code, pre, th")?.tagName, back(element)].join();
            const alike = kinds.get(key) ?? [];
            if (alike.length < 3 && !known.includes(key)) kinds.set(key, [...alike, element]);
        }
        if (!kinds.size) return { seen, violations: [] };
        seen = [...kinds.keys()];
        context = { include: [...kinds.values()].flat(), ...outside };
    }
    const options = { resultTypes: ["violations"] };
    if (rules.length) options.runOnly = { type: "rule", values: rules };
    else options.rules = { "color-contrast": { enabled: false } };
    const why = node => node.target.join(" ") + ": " + (node.any[0] ?? node.all[0] ?? node.none[0])?.message;
    const violations = (await axe.run(context, options)).violations.map(
        one => ({ id: one.id, impact: one.impact, help: one.help, nodes: one.nodes.map(why) }));
    return { seen, violations };
}"""


def axe(visit: Any, source: str, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe-core finds that is serious or critical, one line each: by these rules, or by all but that on contrast.

    What is inside of a drawing that is one image is left out: nobody meets it by itself.
    """
    return _found(visit, source, rules, None)


def contrast(visit: Any, source: str, known: set[str] | None = None) -> list[str]:
    """Texts that axe-core finds too pale: of those with the same colours, size, weight and tag three are looked at.

    `known` keeps from one page to the next which kinds of text those are; none of them is looked at again.
    """
    return _found(visit, source, ("color-contrast",), set() if known is None else known)


def _found(visit: Any, source: str, rules: tuple[str, ...], known: set[str] | None) -> list[str]:
    if not visit.page.evaluate("typeof window.axe === 'object'"):
        visit.run(source)
    found = visit.page.evaluate(_RUN, {"rules": rules, "known": None if known is None else list(known)})
    if known is not None:
        known.update(found["seen"])
    return [
        f"axe {one['id']} ({one['impact']}): {one['help']}; {len(one['nodes'])} at {json.dumps(one['nodes'][:3])}"
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]


if __name__ == "__main__":
    print(len(axe_source()), "characters of axe-core", VERSION, "in", CACHE)
