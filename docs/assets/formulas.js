// Formulas: what the Markdown extension has marked is drawn by KaTeX, which lies beside the pages.
for (const element of document.querySelectorAll(".arithmatex")) {
  const source = element.textContent.trim();
  const display = source.startsWith("\\[");
  katex.render(source.slice(2, -2), element, { displayMode: display, throwOnError: false, output: "htmlAndMathml" });
}
// A table or a formula that is wider than the page scrolls inside itself; the keyboard can do that, too.
for (const element of document.querySelectorAll(".md-typeset__table, .md-typeset pre > code, div.arithmatex")) {
  element.tabIndex = 0;
}
