// Formulas: what the Markdown extension has marked is drawn by KaTeX, which lies beside the pages.
for (const element of document.querySelectorAll(".arithmatex")) {
  const source = element.textContent.trim();
  const display = source.startsWith("\\[");
  katex.render(source.slice(2, -2), element, { displayMode: display, throwOnError: false, output: "htmlAndMathml" });
}

// A table, a formula or code that is wider than the page scrolls inside itself; the keyboard can do that, too.
const scrolling = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
window.addEventListener("load", () => {
  for (const element of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code, div.arithmatex")) {
    scrolling.observe(element);
  }
  for (const element of document.querySelectorAll(".md-code__nav")) element.setAttribute("role", "presentation");
});

// The search and the parts of the menu have names.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
for (const menu of document.querySelectorAll("nav.md-nav[aria-labelledby]")) {
  const label = document.getElementById(menu.getAttribute("aria-labelledby"));
  const title = menu.parentElement.querySelector(".md-nav__link .md-ellipsis")?.textContent.trim();
  if (!label?.textContent.trim() && title) {
    menu.removeAttribute("aria-labelledby");
    menu.setAttribute("aria-label", title);
  }
}
