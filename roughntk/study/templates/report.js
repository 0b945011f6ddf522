for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, place = head.cellIndex, body = head.closest("table").tBodies[0];
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const key = row => row.cells[place].textContent.trim();
    const number = text => /^-?(\d|inf)/.test(text) ? parseFloat(text.replace(/,/g, "").replace("inf", "Infinity")) : NaN;
    const compare = (a, b) => {
      const x = number(key(a)), y = number(key(b));
      if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
      const order = isNaN(x) ? key(a).localeCompare(key(b)) : x - y || 0;
      return rising ? order : -order;
    };
    body.append(...[...body.rows].sort(compare));
  });
}
const scrolls = new ResizeObserver(boxes => {
  for (const { target: box } of boxes) {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "scrolls sideways");
    } else for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
});
for (const box of document.querySelectorAll(".scroll")) scrolls.observe(box);
