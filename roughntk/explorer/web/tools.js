/* What the panels of the explorer share.

The contract of a panel, in roughntk/explorer/web/panels/NAME.js, beside roughntk/explorer/tables/NAME.py:

    panels.NAME = {
      title: "Depth",                      heading of the section, plain text
      intro: "One or two sentences, $x$",  Markdown-free text; what stands between $ signs is a formula
      mount(root, data, tools) { ... }     fills the element `root`, once; may return a function that undoes it
    };

`data` is what `table(points)` of tables/NAME.py returned, after JSON: numbers, text, lists, objects (infinity is the text
"inf"; tools.number reads it). Every file is wrapped in a function of its own; in scope are d3, Plot, katex, panels, and
what stands at the head of this file outside `makeTools`. A panel reaches only into `root`, asks nothing of the network
and keeps nothing between visits.

Marks for tests: a section is [data-panel=NAME], a control [data-name=NAME], a readout [data-readout=NAME] with
all digits in data-value, a figure [data-figure=NAME], a draggable mark [data-handle=NAME]. main.js lists them.

tools, made for each panel (names are unique within a panel):

    tools.slider({ name, label, min, max, value, step, log, infinity, whole, stops, landmarks, field, format, onInput })
        a native range input with label and value, in an element to append. .element, .value, .set(value).
        log: positions are even in the logarithm; infinity: one position more at the end, whose value is Infinity;
        whole: values are rounded to whole numbers; stops: only these values, in place of min and max; landmarks: values
        that the position nearest to each takes exactly; field: the value can be typed, too, in [data-field=NAME].
        The input's data-value holds the value with all digits. Setting the
        input's data-exact to a number and then sending an input event takes just that number (for tests).
    tools.select({ name, label, options: [{ value, label }], value, onChange })   .element, .value, .set(value)
    tools.button({ name, label, onClick })                                        .element
    tools.readout({ name, label, digits, unit })   .element, .set(number, error), .clear(text); label may hold $formulas$.
        With an error only the digits that are known are shown, 0 for a number below its error; data-value has them all,
        and data-error the error
    tools.controls(...items), tools.readouts(...items)   rows of them: elements, or the objects above
    tools.columns(...elements)                     side by side where there is room
    tools.note(text)                               a small paragraph with $formulas$; .element, .set(text)
    tools.legend([[text, colour, dash], ...])      lines and what they stand for, with $formulas$; an element
    tools.chart({ name, label, caption, height, margin, draw })
        a figure with an SVG that follows the width of its place. draw({ svg, width, height, inner, margin, animate })
        gets an emptied d3 selection of a group moved to the margin, and the inner width and height (inner.width,
        inner.height); it is called on every change of size and by .redraw(), which waits for the next frame.
        height is a number or a function of the width. .element, .redraw(), .drawNow(), .caption(text)
        What is being dragged or has the focus is found again after a redraw by its data-handle.
    tools.plot({ name, label, caption, options })  the same for an Observable Plot: options(width) gives Plot.plot's
    tools.axes(svg, { x, y, width, height, xLabel, yLabel, xTicks, yTicks, xFormat, yFormat, yPadding, grid })
        d3 axes with labels in the page's style; yPadding: pixels between the numbers and the axis
    tools.handle(node, { name, label, text, onMove(x, y), onKey(dx, dy), onTurn(dx, dy) })
        makes an SVG node draggable by mouse and touch (x, y in the chart's inner units) and by arrow keys
        (dx, dy in -1, 0, 1; ten times with Shift)
    tools.colour(i)                                the i-th curve colour as a CSS value (colour-blind safe, both themes)
    tools.diverging(t)                             colour for t in [-1, 1] in the present theme; tools.onColour(t): ink on it
    tools.schedule(f)                              f in the next frame, once however often asked
    tools.reducedMotion()                          whether the reader asked for no animation
    tools.animate(step)                            step(seconds) every frame until it returns false; returns stop().
                                                   With reduced motion nothing runs: it calls step(Infinity) once
    tools.chebyshev(coefficients, first, last)     x -> the sum of c_k T_k, by Clenshaw, on [first, last]
    tools.number(x)                                numbers as they are, "inf" as Infinity, null as NaN
    tools.format(x, digits)                        significant digits, plain where readable, "∞"
    tools.digitsKnown(x, error, most)              how many significant digits of x an error leaves, 1 to most
    tools.algebra                                  cholesky(A), solveCholesky(L, b), eigenvalues(A) of symmetric matrices,
                                                   multiply(A, b)
*/

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
/* Two widgets on one page are two modules, each with a count of its own. */
const instance = Math.random().toString(36).slice(2, 8);
let identifiers = 0;
const freshId = name => `roughntk-${name}-${instance}-${++identifiers}`;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function formatNumber(x, digits = 4) {
  if (x === Infinity) return "∞";
  if (x === -Infinity) return "−∞";
  if (Number.isNaN(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e6 || size < 1e-4 ? x.toExponential(digits - 1) : Number(x.toPrecision(digits)).toString();
  return text.replace(/-/g, "−").replace(/e\+?(−?)(\d+)/, (_, sign, power) => "\u00a0·\u00a010" + [...sign + power].map(
    c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join(""));
}

/* As many as half a unit of the last one is not below the error; one at least. */
const digitsKnown = (x, error, most) => error > 0 && x !== 0
  ? Math.max(1, Math.min(most, Math.floor(Math.log10(Math.abs(x))) + 1 + Math.floor(-Math.log10(2 * error)))) : most;

function texElement(formula) {
  const made = element("span", { class: "formula" });
  katex.render(formula, made, { throwOnError: false, output: "htmlAndMathml" });
  return made;
}

/* Text with its formulas; what touches a formula, a bracket or a comma, stays on its line. */
function richText(text) {
  const fragment = document.createDocumentFragment();
  let word = [];
  const ended = () => {
    if (word.length > 1) fragment.append(element("span", { class: "joined" }, ...word)); else fragment.append(...word);
    word = [];
  };
  text.split("$").forEach((piece, place) => {
    if (place % 2) return word.push(texElement(piece));
    piece.split(/(\s+)/).forEach((part, k) => { if (k % 2) { ended(); fragment.append(part); } else if (part) word.push(part); });
  });
  ended();
  fragment.normalize();
  return fragment;
}

function chebyshev(coefficients, first, last) {
  const scale = 2 / (last - first), count = coefficients.length;
  return x => {
    const t = (x - first) * scale - 1;
    let b1 = 0, b2 = 0;
    for (let k = count - 1; k > 0; k--) { const b = 2 * t * b1 - b2 + coefficients[k]; b2 = b1; b1 = b; }
    return t * b1 - b2 + coefficients[0];
  };
}

const algebra = {
  /* The lower triangular factor of a symmetric matrix, or null where it is not positive definite. */
  cholesky(A) {
    const n = A.length, L = A.map(() => new Float64Array(n));
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) {
      let sum = A[i][j];
      for (let k = 0; k < j; k++) sum -= L[i][k] * L[j][k];
      if (i === j) { if (!(sum > 0)) return null; L[i][i] = Math.sqrt(sum); } else L[i][j] = sum / L[j][j];
    }
    return L;
  },
  solveCholesky(L, b) {
    const n = L.length, x = Float64Array.from(b);
    for (let i = 0; i < n; i++) { for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k]; x[i] /= L[i][i]; }
    for (let i = n - 1; i >= 0; i--) { for (let k = i + 1; k < n; k++) x[i] -= L[k][i] * x[k]; x[i] /= L[i][i]; }
    return Array.from(x);
  },
  multiply: (A, b) => Array.from(A, row => { let sum = 0; for (let j = 0; j < b.length; j++) sum += row[j] * b[j]; return sum; }),
  /* In rising order, by Jacobi rotations. */
  eigenvalues(A) {
    const n = A.length, M = A.map(row => Array.from(row));
    for (let sweep = 0; sweep < 60; sweep++) {
      let off = 0, total = 0;
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) { total += M[i][j] ** 2; if (i !== j) off += M[i][j] ** 2; }
      if (off <= 1e-34 * total) break;
      for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) {
        if (M[p][q] === 0) continue;
        const theta = (M[q][q] - M[p][p]) / (2 * M[p][q]);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1), s = t * c;
        for (let k = 0; k < n; k++) { const a = M[k][p], b = M[k][q]; M[k][p] = c * a - s * b; M[k][q] = s * a + c * b; }
        for (let k = 0; k < n; k++) { const a = M[p][k], b = M[q][k]; M[p][k] = c * a - s * b; M[q][k] = s * a + c * b; }
      }
    }
    return M.map((row, i) => row[i]).sort((a, b) => a - b);
  },
};

const prefersReducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/* The tools of one panel. `theme` is { dark(), listeners: Set }, `undo` a list of functions for the end. */
function makeTools(theme, undo) {
  const waiting = new Set();
  const schedule = task => {
    if (!waiting.size) requestAnimationFrame(() => { const now = [...waiting]; waiting.clear(); for (const each of now) each(); });
    waiting.add(task);
  };
  const elementOf = item => item.element ?? item;
  const row = kind => (...items) => element("div", { class: kind }, ...items.map(elementOf));

  function slider({ name, label, min, max, value, step, log = false, infinity = false, whole = false, stops,
                    landmarks = [], field = false, format = x => formatNumber(x, 4), onInput = () => {} }) {
    const positions = stops ? stops.length - 1 : step ? Math.round((max - min) / step) : 1000;
    const id = freshId(name), last = positions + (infinity ? 1 : 0);
    const at = place => {
      if (stops) return stops[place];
      if (place > positions) return Infinity;
      if (marked.has(place)) return marked.get(place);
      const t = place / positions, raw = log ? min * Math.pow(max / min, t) : min + t * (max - min);
      return whole ? Math.round(raw) : step ? Number((min + place * step).toPrecision(12)) : place === positions ? max : raw;
    };
    const placeOf = x => stops ? d3.minIndex(stops, each => x === each ? -1 : Math.abs(Math.log(each / x)))
      : x === Infinity ? last : Math.round(positions * (log ? Math.log(x / min) / Math.log(max / min) : (x - min) / (max - min)));
    const marked = new Map(landmarks.map(x => [placeOf(x), x]));
    const input = element("input", { type: "range", id, min: 0, max: last, step: 1, "data-name": name });
    const output = field ? element("input", { type: "text", inputmode: "decimal", class: "field", autocomplete: "off", "data-field": name, "aria-label": `${label.replace(/\$/g, "")}, as a number` })
      : element("output", { for: id, "data-output": name });
    const made = element("div", { class: "control slider" }, element("label", { for: id }, richText(label)), output, input);
    const control = { element: made, input, value, set(x, tell = false) {
      control.value = x;
      input.value = placeOf(x);
      show();
      if (tell) onInput(x);
    } };
    const show = () => {
      input.dataset.value = String(control.value);
      const text = format(control.value);
      if (field) output.value = text; else output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    if (field) output.addEventListener("change", () => {
      const text = output.value.trim().toLowerCase().replace("−", "-").replace(",", ".");
      const typed = ["∞", "inf", "infinity"].includes(text) ? Infinity : text === "" ? NaN : Number(text);
      if (Number.isNaN(typed)) return show();
      if (stops) control.set(stops[placeOf(Math.max(typed, stops[0]))], true);
      else control.set(typed === Infinity ? (infinity ? Infinity : max) : Math.min(max, Math.max(min, typed)), true);
    });
    input.addEventListener("input", () => {
      const exact = input.dataset.exact;
      delete input.dataset.exact;
      let next = exact === undefined ? at(Number(input.value)) : Number(exact);
      if (whole && exact === undefined && next === control.value && Number(input.value) !== placeOf(next)) {
        next = Math.min(max, Math.max(min, next + Math.sign(Number(input.value) - placeOf(next))));  // an arrow key moves by one at least
        input.value = placeOf(next);
      }
      control.value = next;
      if (exact !== undefined) input.value = placeOf(next);
      show();
      onInput(next);
    });
    control.set(value);
    return control;
  }

  function select({ name, label, options, value, onChange = () => {} }) {
    const id = freshId(name);
    const input = element("select", { id, "data-name": name },
      ...options.map(each => element("option", { value: each.value }, each.label)));
    const control = { element: element("div", { class: "control" }, element("label", { for: id }, richText(label)), input), input,
      get value() { return input.value; }, set(next) { input.value = next; } };
    if (value !== undefined) input.value = value;
    input.addEventListener("change", () => onChange(input.value));
    return control;
  }

  function button({ name, label, onClick }) {
    const made = element("button", { type: "button", "data-name": name }, label);
    made.addEventListener("click", () => onClick());
    return { element: made };
  }

  function readout({ name, label, digits = 6, unit = "" }) {
    const value = element("span", { class: "value", "data-readout": name });
    const made = element("div", { class: "readout" }, element("span", { class: "name" }, richText(label)), value);
    return { element: made,
      set(x, error = 0) {
        value.dataset.value = String(x);
        if (error > 0) value.dataset.error = String(error); else delete value.dataset.error;
        value.textContent = (Math.abs(x) < error ? "0" : formatNumber(x, digitsKnown(x, error, digits))) + (unit ? ` ${unit}` : "");
      },
      clear(text = "–") { delete value.dataset.value; delete value.dataset.error; value.textContent = text; } };
  }

  function note(text = "") {
    const made = element("p", { class: "note" });
    const control = { element: made, set(next) { if (made.dataset.text !== next) { made.dataset.text = next; made.replaceChildren(richText(next)); } } };
    control.set(text);
    return control;
  }

  function legend(entries) {
    return element("div", { class: "legend" }, ...entries.map(([text, colour, dash]) => {
      const svg = d3.create("svg").attr("width", 26).attr("height", 12).attr("aria-hidden", "true");
      svg.append("path").attr("d", "M1,6h24").attr("stroke", colour).attr("stroke-width", 2.4).attr("stroke-dasharray", dash ?? null);
      return element("span", {}, svg.node(), " ", richText(text));
    }));
  }

  /* Empties a chart. A mark that a finger is on stays, unseen, until it is let go: a browser drops the touch with its node. */
  let dragged = null;
  function clear(group) {
    const kept = dragged && [...group.children].find(each => each.contains(dragged));
    for (const each of [...group.children]) if (each !== kept) each.remove();
    if (!kept || kept === dragged.keptWith) return;
    dragged.keptWith = kept;
    kept.setAttribute("opacity", 0);
    kept.setAttribute("pointer-events", "none");
    kept.setAttribute("aria-hidden", "true");
    for (const each of [kept, ...kept.querySelectorAll("*")]) for (const name of ["data-handle", "tabindex", "role", "aria-label"]) each.removeAttribute(name);
  }

  /* A figure that is drawn for the width of its place, and anew when that or the theme changes. */
  function followed(made, words, draw) {
    let width = 0;
    const drawNow = () => { if (width) draw(width); }, redraw = () => schedule(drawNow);
    const observer = new ResizeObserver(entries => {
      const next = Math.floor(entries[0].contentRect.width);
      if (next && next !== width) { width = next; redraw(); }
    });
    observer.observe(made);
    undo.push(() => observer.disconnect());
    theme.listeners.add(redraw);
    return { element: made, redraw, drawNow, caption(text) { words.replaceChildren(richText(text)); } };
  }

  function chart({ name, label, caption = "", height = 260, margin = {}, draw }) {
    const space = { top: 12, right: 16, bottom: 45, left: 52, ...margin };
    const svg = document.createElementNS(SVG_NAMESPACE, "svg");
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", label);
    const group = document.createElementNS(SVG_NAMESPACE, "g");
    group.setAttribute("transform", `translate(${space.left},${space.top})`);
    svg.append(group);
    const words = element("figcaption", {}, richText(caption));
    const made = element("figure", { "data-figure": name }, svg, words);
    const figure = followed(made, words, width => {
      const tall = typeof height === "function" ? height(width) : height;
      const root = svg.getRootNode(), active = root.activeElement;
      const focused = active && svg.contains(active) ? active.dataset.handle : undefined;
      svg.setAttribute("viewBox", `0 0 ${width} ${tall}`);
      svg.setAttribute("width", width);
      svg.setAttribute("height", tall);
      clear(group);
      draw({ svg: d3.select(group), width, height: tall, margin: space,
        inner: { width: width - space.left - space.right, height: tall - space.top - space.bottom } });
      if (focused !== undefined) svg.querySelector(`[data-handle="${focused}"]`)?.focus({ preventScroll: true });
    });
    return { ...figure, svg };
  }

  function plot({ name, label, caption = "", options }) {
    const place = element("div"), words = element("figcaption", {}, richText(caption));
    const made = element("figure", { "data-figure": name }, place, words);
    return followed(made, words, width => {
      const drawn = Plot.plot({ width, style: { background: "transparent", color: "inherit", fontSize: "12px" }, ...options(width) });
      for (const part of drawn.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label");  // a plain g may have none
      drawn.setAttribute("role", "img");
      drawn.setAttribute("aria-label", label);
      place.replaceChildren(drawn);
    });
  }

  function axes(svg, { x, y, width, height, xLabel, yLabel, xTicks, yTicks, xFormat, yFormat, yPadding = 6, grid = true }) {
    if (y) {
      const axis = d3.axisLeft(y).ticks(yTicks ?? Math.max(3, Math.floor(height / 50)), typeof yFormat === "string" ? yFormat : undefined).tickSizeOuter(0);
      if (Array.isArray(yTicks)) axis.tickValues(yTicks);
      if (typeof yFormat === "function") axis.tickFormat(yFormat);
      if (grid) axis.tickSizeInner(-width);
      axis.tickPadding(yPadding);
      svg.append("g").attr("class", "axis").call(axis);
      if (yLabel) svg.append("text").attr("class", "axis-label").attr("transform", `translate(${-40},${height / 2}) rotate(-90)`).attr("text-anchor", "middle").text(yLabel);
    }
    if (x) {
      const axis = d3.axisBottom(x).ticks(xTicks ?? Math.max(2, Math.floor(width / 80)), typeof xFormat === "string" ? xFormat : undefined).tickSizeOuter(0);
      if (Array.isArray(xTicks)) axis.tickValues(xTicks);
      if (typeof xFormat === "function") axis.tickFormat(xFormat);
      if (grid) axis.tickSizeInner(-height);
      axis.tickPadding(11);
      svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height})`).call(axis);
      if (xLabel) svg.append("text").attr("class", "axis-label").attr("x", width / 2).attr("y", height + 39).attr("text-anchor", "middle").text(xLabel);
    }
  }

  function handle(node, { name, label, text, onMove, onKey, onTurn }) {
    const marked = node.node ? node.node() : node;
    marked.dataset.handle = name;
    marked.classList.add("handle");
    marked.setAttribute("tabindex", "0");
    marked.setAttribute("role", "slider");
    marked.setAttribute("aria-label", label);
    marked.setAttribute("aria-valuetext", text ?? label);
    marked.setAttribute("aria-valuenow", "0");
    marked.addEventListener("touchstart", event => event.preventDefault(), { passive: false });  // or the page scrolls
    marked.addEventListener("pointerdown", event => {
      event.preventDefault();
      const svg = marked.ownerSVGElement, group = svg.firstElementChild;
      marked.focus({ preventScroll: true });
      dragged = marked;
      let last = null;
      const place = move => {
        const matrix = group.getScreenCTM().inverse();
        const point = new DOMPoint(move.clientX, move.clientY).matrixTransform(matrix);
        return [point.x, point.y];
      };
      last = place(event);
      const moved = move => {
        if (move.pointerId !== event.pointerId) return;
        const [px, py] = place(move);
        if (onTurn) onTurn(px - last[0], py - last[1]);
        if (onMove) onMove(px, py);
        last = [px, py];
      };
      const ended = end => {
        if (end.pointerId !== event.pointerId) return;
        removeEventListener("pointermove", moved);
        removeEventListener("pointerup", ended);
        removeEventListener("pointercancel", ended);
        if (dragged === marked) dragged = null;
        marked.keptWith?.remove();
      };
      addEventListener("pointermove", moved);
      addEventListener("pointerup", ended);
      addEventListener("pointercancel", ended);
    });
    marked.addEventListener("keydown", event => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step || !onKey) return;
      event.preventDefault();
      const times = event.shiftKey ? 10 : 1;
      onKey(step[0] * times, step[1] * times);
    });
    return node;
  }

  function animate(step) {
    if (prefersReducedMotion()) { step(Infinity); return () => {}; }
    let going = true;
    const begun = performance.now();
    const frame = now => { if (going && step(Math.max(0, now - begun) / 1000) !== false) requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    const stop = () => { going = false; };
    undo.push(stop);
    return stop;
  }

  const colours = () => theme.dark()
    ? d3.interpolateRgbBasis(["#7db4f0", "#2b4d73", "#1c222c", "#74402f", "#f0886f"])
    : d3.interpolateRgbBasis(["#2c6fbb", "#a9c8ea", "#ffffff", "#f0bfb2", "#c8553d"]);
  const diverging = t => colours()((1 - Math.max(-1, Math.min(1, t))) / 2);
  const onColour = t => {
    const channel = v => { const s = v / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; };
    const { r, g, b } = d3.rgb(diverging(t));
    const light = 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    return light > 0.179 ? "#000000" : "#ffffff";
  };

  return {
    slider, select, button, readout, legend, note, chart, plot, axes, handle, schedule, animate, diverging, onColour,
    controls: row("controls"), readouts: row("readouts"), columns: row("columns"), element,
    colour: i => `var(--curve-${i % 10})`, reducedMotion: prefersReducedMotion,
    chebyshev, algebra, format: formatNumber, digitsKnown,
    number: x => x === "inf" ? Infinity : x === "-inf" ? -Infinity : x === null ? NaN : x,
  };
}
