/* Puts the panels on the page. `explore(root, data)` fills the element `root` and returns a function that undoes it;
root[data-ready] says that it is done.

What tests and readers of the markup can rely on, in [data-panel=NAME]:
    [data-name=X]      a control; a slider's data-value has all digits, its data-exact is taken at the next input event
    [data-field=X]     a text field beside a slider in which its value can be typed
    [data-readout=X]   a number; data-value has all digits and is missing where no number is known;
                       data-error is the error of a number that states one
    [data-figure=X]    a figure
    [data-handle=X]    a mark that is dragged, or moved by arrow keys

The page: [data-name=theme] (system, light, dark).
depth: controls points-on (circle, sphere, data), points, family, parameters, depth, turn; readouts condition,
    condition-solved, prediction, error, table-error, u-0 .. u-7, and in the matrix k-I-J and k-x-J; figures points, matrix,
    coefficients, predictor; handles point-I, test, sphere, target-I. [data-state] has, as JSON in data-state, member, family,
    parameters, depth, X, x and y with all digits: what to give the package to get the same numbers.
driver: controls depth, clock (arc, psi), channel-a, channel-b (places in the table's channels); readouts level-1-a,
    level-1-b, level-2-ab, level-2-ba, area, variation-P; figures channels, plane, increments,
    areas.
finite: controls layers, width; readouts q05, q25, q50, q75, q95, time, mean, sd, below, kernel-ratio, kernel-limit; figures
    quantiles, density.
ito: controls lambda, pieces, level, width, network; readouts network-log-variance, log-variance, gap, ito-gap, expected,
    network-correlation, correlation, ito-error, polygon-error; figures solutions, gap.
pure_area: controls n, p; readouts radius, turns, area, length, variation, variation2, distance-limit, distance-identity;
    figures plane, area, variation, frame.
variation: controls path, norm, p, undo, clear; readouts points, variation, pieces, length, area, S1, S2, S11, S12, S21, S22;
    figures surface, curve.
*/

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
    const ended = panels[name].mount(place, data.panels[name], makeTools(theme, undo));
    if (typeof ended === "function") undo.push(ended);
  }
  root.append(element("footer", {}, element("p", { class: "note" }, data.footer)));
  root.dataset.ready = "true";
  return () => { for (const each of undo) each(); root.replaceChildren(); };
}
