// Formulas: what the Markdown extension has marked is drawn by KaTeX, which lies beside the pages.
for (const element of document.querySelectorAll(".arithmatex")) {
  const source = element.textContent.trim();
  const display = source.startsWith("\\[");
  katex.render(source.slice(2, -2), element, { displayMode: display, throwOnError: false, output: "htmlAndMathml" });
}
// A table, a formula or code that is wider than the page scrolls inside itself; the keyboard can do that, too.
for (const element of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code, div.arithmatex")) {
  if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
}
// A dialog has a name.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
