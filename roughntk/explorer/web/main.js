/* Puts the panels on the page. `explore(root, data)` fills the element `root` and returns a function that undoes it. */

function explore(root, data) {
  const undo = [], listeners = new Set(), dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = { listeners, dark: () => root.dataset.theme ? root.dataset.theme === "dark" : dark.matches };
  const changed = () => { for (const each of listeners) each(); };
  root.classList.add("roughntk");
  dark.addEventListener("change", changed);
  undo.push(() => dark.removeEventListener("change", changed));

  const names = Object.keys(data.panels).filter(name => panels[name]);
  const links = element("ol"), switcher = element("select", { id: freshId("theme"), "data-name": "theme" },
    ...["system", "light", "dark"].map(each => element("option", { value: each }, each)));
  switcher.addEventListener("change", () => {
    if (switcher.value === "system") delete root.dataset.theme; else root.dataset.theme = switcher.value;
    changed();
  });
  const head = element("header", {},
    element("h1", {}, data.title),
    element("p", { class: "sub" }, data.subtitle),
    ...data.notes.map(text => element("p", { class: "note" }, text)),
    element("div", { class: "control theme" }, element("label", { for: switcher.id }, "Colours"), switcher));
  const body = element("main");
  root.append(head, element("nav", { "aria-label": "Panels" }, links), body);
  for (const name of names) {
    const anchor = freshId(name), title = element("h2", { id: anchor }, panels[name].title), place = element("div");
    const section = element("section", { "data-panel": name, "aria-labelledby": anchor }, title);
    if (panels[name].intro) section.append(element("p", {}, richText(panels[name].intro)));
    section.append(place);
    body.append(section);
    links.append(element("li", {}, element("a", { href: `#${anchor}` }, panels[name].title)));
    const ended = panels[name].mount(place, data.panels[name], makeTools(name, theme, undo));
    if (typeof ended === "function") undo.push(ended);
  }
  root.append(element("footer", {}, element("p", { class: "note" }, data.footer)));
  root.dataset.ready = "true";
  return () => { for (const each of undo) each(); root.replaceChildren(); };
}
