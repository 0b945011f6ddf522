/* The kernel matrix, the coefficients and the predictor at real depth; see roughntk/explorer/tables/families.py. */

const MOST_POINTS = 8, SAMPLES = 241, CERTAIN = 1e-6, TURN = 0.6, TILT = 0.35;

/* Depths that the slider meets exactly: halves, whole numbers, tens, hundreds, as dense as its positions allow. */
const LANDMARKS = [...d3.range(2, 20, 0.5), ...d3.range(20, 60), ...d3.range(60, 500, 10), ...d3.range(500, 10000, 100)];

/* The member at one depth: F(theta), level, factor (K = level + factor F), diagonal F(0). */
function kernelAt(member, depth, same, tools) {
  const numbers = tools.number;
  const along = (coefficients, a) => {
    const polynomial = tools.chebyshev(coefficients, 0, 1), scale = 1 / Math.log1p(Math.PI / a);
    return theta => polynomial(Math.min(1, Math.log1p(theta / a) * scale));
  };
  if (depth === Infinity || member.stops) {
    const at = depth === Infinity ? member.limit : member.stops.find(each => each.depth === depth);
    const value = along(at.coefficients, at.a);
    return { F: theta => theta <= same ? at.diagonal : theta >= Math.PI - same ? at.opposite : value(theta), level: at.level, factor: Math.exp(numbers(at.log_factor)), diagonal: at.diagonal };
  }
  const band = member.bands.find(each => depth <= each.last), s = Math.log(depth);
  const inDepth = coefficients => tools.chebyshev(coefficients, Math.log(band.first), Math.log(band.last))(s);
  const value = along(band.coefficients.map(inDepth), member.scale / depth);
  const level = inDepth(band.level), factor = Math.exp(inDepth(band.log_factor)), diagonal = member.collapses ? value(0) : 1;
  return { F: theta => theta <= same ? diagonal : value(theta), level, factor, diagonal };
}

const length = a => Math.hypot(...a);
const angleBetween = (a, b) => 2 * Math.atan2(length(a.map((x, i) => x - b[i])), length(a.map((x, i) => x + b[i])));

/* The inverse of a matrix by elimination with pivots, or null where one vanishes. */
function inverse(A) {
  const n = A.length, M = A.map((row, i) => [...row, ...row.map((_, j) => i === j ? 1 : 0)]);
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(M[i][k]) > Math.abs(M[best][k])) best = i;
    [M[k], M[best]] = [M[best], M[k]];
    if (!(Math.abs(M[k][k]) > 0)) return null;
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const times = M[i][k] / M[k][k];
      for (let j = k; j < 2 * n; j++) M[i][j] -= times * M[k][j];
    }
  }
  return M.map((row, i) => row.slice(n).map(x => x / row[i]));
}

/* u = K^{-1} k and the predictor, from F by the bordered system where K collapses; `error` bounds that of u. */
function solve(kernel, collapses, vectors, test, targets, tableError, tools) {
  const n = vectors.length, bordered = collapses && kernel.level !== 0;
  const F = vectors.map((a, i) => vectors.map((b, j) => i === j ? kernel.diagonal : kernel.F(angleBetween(a, b))));
  const across = vectors.map(a => kernel.F(angleBetween(a, test)));
  const K = F.map(row => row.map(x => kernel.level + kernel.factor * x)), k = across.map(x => kernel.level + kernel.factor * x);
  const M = bordered ? [...F.map(row => [...row, 1]), [...F.map(() => 1), -kernel.factor / kernel.level]] : F;
  const right = values => bordered ? [...values[0], values[1]] : values[0];
  const signed = tools.algebra.eigenvalues(M), eigenvalues = signed.map(Math.abs).sort((a, b) => a - b);
  const solved = { K, k, condition: eigenvalues[eigenvalues.length - 1] / eigenvalues[0], u: null, predict: null };
  const every = tools.algebra.eigenvalues(K), sizes = every.map(Math.abs), largest = Math.max(...sizes), least = Math.min(...sizes);
  const doubt = n * ((collapses ? 1 + 2 * kernel.factor : 1) * tableError + 4 * n * 2.3e-16);  // of every eigenvalue
  /* The border has an eigenvalue of its own, with the sign of -s/c; the other signs are those of K. */
  const negative = signed.filter(x => x < -M.length * (tableError + 4 * n * 2.3e-16)).length - (bordered && kernel.level > 0 ? 1 : 0);
  solved.spectrum = { condition: largest / least, error: largest * doubt / least / Math.max(least - doubt, 0), atLeast: largest / (least + doubt),
    singular: kernel.factor === 0, vanishing: least < doubt, negative, smallest: every[0] < -doubt ? every[0] : null, doubt };
  const inverted = inverse(M);
  if (!inverted) return solved;
  const norm = Math.max(...inverted.map(row => row.reduce((sum, x) => sum + Math.abs(x), 0)));
  const refined = b => {  // one step of refinement
    const x = tools.algebra.multiply(inverted, b), rest = tools.algebra.multiply(M, x).map((y, i) => b[i] - y);
    return tools.algebra.multiply(inverted, rest).map((y, i) => x[i] + y);
  };
  const u = refined(right([across, 1])).slice(0, n);
  const size = u.reduce((sum, x) => sum + Math.abs(x), 1);
  solved.error = norm * size * (tableError + 4 * n * 2.3e-16);
  if (!(solved.error < CERTAIN * Math.max(1, ...u.map(Math.abs)))) return solved;
  const beta = refined(right([targets, 0])), offset = bordered ? beta[n] : 0;
  solved.u = u;
  solved.prediction = u.reduce((sum, x, i) => sum + x * targets[i], 0);
  solved.predictionError = solved.error * targets.reduce((sum, y) => sum + Math.abs(y), 0);
  solved.predict = point => vectors.reduce((sum, a, i) => sum + kernel.F(angleBetween(a, point)) * beta[i], offset);
  return solved;
}

function circlePoint(angle) { return [Math.cos(angle), Math.sin(angle)]; }

/* Turns about the vertical axis by `yaw`, then tilts by `pitch`: what is in front has a positive third coordinate. */
function turned([x, y, z], yaw, pitch) {
  const a = x * Math.cos(yaw) + z * Math.sin(yaw), b = -x * Math.sin(yaw) + z * Math.cos(yaw);
  return [a, y * Math.cos(pitch) - b * Math.sin(pitch), y * Math.sin(pitch) + b * Math.cos(pitch)];
}
function turnedBack([x, y, z], yaw, pitch) {
  const b = -y * Math.sin(pitch) + z * Math.cos(pitch), v = y * Math.cos(pitch) + z * Math.sin(pitch);
  return [x * Math.cos(yaw) - b * Math.sin(yaw), v, x * Math.sin(yaw) + b * Math.cos(yaw)];
}
const unit = a => a.map(x => x / length(a));

function ownSphere() {
  return [[0.9, 0.3, 0.4], [-0.5, 0.7, 0.6], [0.1, -0.8, 0.5], [-0.8, -0.3, 0.3], [0.4, 0.8, -0.4], [-0.15, -0.25, 0.9],
    [-0.3, 0.4, -0.9], [0.7, -0.5, -0.3]].map(unit);
}

panels.depth = {
  title: "Depth as a real number",
  intro: "The kernel $K_L$ of an infinitely wide network at depth $L$, the coefficients $u = K_L(X,X)^{-1} K_L(X,x)$ of the test point $x$, and the prediction $f(x) = u^\\top y$: for a tangent kernel (-ntk) that of the trained network, for -nngp that of a network of which the last layer alone is trained. The sigmoid composition need not be a covariance.",
  mount(root, data, tools) {
    const members = data.members, own = data.data, drawn = own && own.dimension <= 3;
    const state = {
      mode: own ? (own.dimension === 2 ? "circle" : own.dimension === 3 ? "sphere" : "data") : "circle",
      depth: tools.number(data.start.depth), member: data.start.member, count: 5, yaw: TURN, pitch: TILT, turning: null,
      circle: [0.2, 1.1, 2.1, 3.6, 5.1, 4.3, 2.8, 5.8].map(circlePoint), circleTest: circlePoint(Math.PI / 2),
      sphere: ownSphere(), sphereTest: unit([0.3, 0.3, 0.8]), targets: [1, -1, 1, -1, 1, -1, 1, -1],
    };
    if (own) {
      state.count = own.vectors.length;
      own.targets.forEach((y, i) => { state.targets[i] = y; });
      state.data = own.vectors;
      state.dataTest = own.test;
      if (drawn) {
        own.vectors.forEach((a, i) => { state[state.mode][i] = a; });
        state[`${state.mode}Test`] = own.test;
      }
    }
    const vectors = () => state[state.mode].slice(0, state.mode === "data" ? own.vectors.length : state.count);
    const test = () => state[`${state.mode}Test`];
    const targets = () => state.targets.slice(0, vectors().length);
    let result = null;

    const families = [...new Set(Object.values(members).map(each => each.family))];
    const family = tools.select({ name: "family", label: "family", value: members[state.member].family, options: families.map(each => ({ value: each, label: each })),
      onChange: name => { fillParameters(name); choose(parameters.value); } });
    const parameters = tools.select({ name: "parameters", label: "parameters", options: [], onChange: key => choose(key) });
    function fillParameters(name) {
      const keys = Object.keys(members).filter(key => members[key].family === name);
      parameters.input.replaceChildren(...keys.map(key => tools.element("option", { value: key }, members[key].described)));
      parameters.input.disabled = keys.length < 2;
    }
    const depthPlace = tools.element("div");
    let depth = null;
    function choose(key) {
      state.member = key;
      const member = members[key], options = { name: "depth", label: "depth $L$", value: state.depth, field: true, onInput: x => { state.depth = x; update(); } };
      if (member.bands) {
        depth = tools.slider({ ...options, min: 2, max: member.bands[member.bands.length - 1].last, log: true, infinity: member.limit !== null, landmarks: LANDMARKS });
      } else {
        const stops = [...member.stops.map(each => each.depth), ...(member.limit ? [Infinity] : [])];
        depth = tools.slider({ ...options, stops });
        state.depth = stops[Number(depth.input.value)];
        depth.set(state.depth);
      }
      depthPlace.replaceChildren(depth.element);
      update();
    }
    const modes = [{ value: "circle", label: "a circle" }, { value: "sphere", label: "a turning sphere" }];
    if (own && !drawn) modes.unshift({ value: "data", label: `the sphere in ${own.dimension} dimensions` });
    const mode = tools.select({ name: "points-on", label: "points on", value: state.mode, options: modes, onChange: value => { state.mode = value; showMode(); update(); } });
    const count = tools.slider({ name: "points", label: "training points $n$", min: 2, max: MOST_POINTS, step: 1, value: Math.max(2, Math.min(MOST_POINTS, state.count)),
      onInput: n => { state.count = n; update(); } });
    const turn = tools.button({ name: "turn", label: "Turn the sphere", onClick: () => {
      if (state.turning) { state.turning(); state.turning = null; turn.element.textContent = "Turn the sphere"; return; }
      const begun = state.yaw;
      if (tools.reducedMotion()) { state.yaw += Math.PI / 8; update(); return; }
      turn.element.textContent = "Stop turning";
      state.turning = tools.animate(seconds => { state.yaw = begun + seconds / 2; place.drawNow(); return true; });
    } });
    const note = tools.note(""), refusal = tools.note("");
    function showMode() {
      const sphere = state.mode === "sphere";
      turn.element.hidden = !sphere;
      if (!sphere && state.turning) { state.turning(); state.turning = null; turn.element.textContent = "Turn the sphere"; }
      count.element.hidden = state.mode === "data";
      place.element.hidden = state.mode === "data";
      note.set(state.mode === "data"
        ? `Rows ${own.rows.join(", ")} of ${own.name}, on the sphere in ${own.dimension} dimensions, which no picture shows: the kernel sees their angles, and these are the data's own. The curve below goes along the great circle through point 1 and the test point.`
        : sphere ? "Drag a point, or the sphere; the arrow keys move the point that has the focus. Hollow points are behind. The curve below goes along the great circle through point 1 and the test point."
        : "Drag the points or the test point $x$ (a diamond); the arrow keys move the one that has the focus. In the last picture the targets can be dragged.");
    }

    function move(index, vector) {
      if (index === -1) state[`${state.mode}Test`] = vector; else state[state.mode][index] = vector;
      update();
    }
    function mark(svg, index, px, py, hidden) {
      const name = index === -1 ? "test" : `point-${index}`, label = index === -1 ? "test point x" : `training point ${index + 1}`;
      const group = svg.append("g").attr("transform", `translate(${px},${py})`).attr("opacity", hidden ? 0.55 : 1);
      group.append("circle").attr("r", 15).attr("fill", "transparent");
      if (index === -1) group.append("path").attr("d", d3.symbol(d3.symbolDiamond, 190)()).attr("fill", hidden ? "var(--paper)" : "var(--ink)").attr("stroke", "var(--ink)").attr("stroke-width", 2);
      else group.append("circle").attr("r", 8).attr("fill", hidden ? "var(--paper)" : tools.colour(index)).attr("stroke", tools.colour(index)).attr("stroke-width", 2);
      return { group, name, label };
    }
    function drawCircle(svg, inner) {
      const radius = Math.min(inner.width, inner.height) / 2 - 24, cx = inner.width / 2, cy = inner.height / 2;
      svg.append("circle").attr("cx", cx).attr("cy", cy).attr("r", radius).attr("fill", "none").attr("stroke", "var(--muted)");
      for (const index of [...vectors().keys(), -1]) {
        const [x, y] = index === -1 ? test() : state.circle[index], angle = Math.atan2(y, x);
        const { group, name, label } = mark(svg, index, cx + radius * x, cy - radius * y, false);
        svg.append("text").attr("x", cx + (radius + (index === -1 ? 24 : 18)) * x).attr("y", cy - (radius + (index === -1 ? 24 : 18)) * y + 4).attr("text-anchor", "middle").text(index === -1 ? "x" : index + 1);
        tools.handle(group, { name, label, text: `${tools.format(angle * 180 / Math.PI, 4)} degrees`,
          onMove: (px, py) => { if (Math.hypot(px - cx, py - cy) > 1) move(index, circlePoint(Math.atan2(cy - py, px - cx))); },
          onKey: (dx, dy) => move(index, circlePoint(angle + (dx + dy) * Math.PI / 180)) });
      }
    }
    function drawSphere(svg, inner) {
      const radius = Math.min(inner.width, inner.height) / 2 - 24, cx = inner.width / 2, cy = inner.height / 2;
      const see = a => turned(a, state.yaw, state.pitch);
      const ball = svg.append("circle").attr("cx", cx).attr("cy", cy).attr("r", radius).attr("fill", "var(--panel)").attr("stroke", "var(--muted)");
      const turnBy = (dx, dy) => { state.yaw += dx; state.pitch = Math.max(-1.5, Math.min(1.5, state.pitch + dy)); place.redraw(); };
      tools.handle(ball, { name: "sphere", label: "the sphere, turn it", text: `turned by ${tools.format(state.yaw * 180 / Math.PI, 4)} degrees`,
        onTurn: (dx, dy) => turnBy(dx / radius, dy / radius), onKey: (dx, dy) => turnBy(dx * 0.05, -dy * 0.05) });
      const line = d3.line().defined(p => p[2] >= 0).x(p => cx + radius * p[0]).y(p => cy - radius * p[1]);
      const lines = [];
      for (let k = 0; k < 6; k++) lines.push(d3.range(0, 361, 6).map(t => { const s = t * Math.PI / 180, l = k * Math.PI / 6; return [Math.cos(s) * Math.cos(l), Math.sin(s), Math.cos(s) * Math.sin(l)]; }));
      for (const height of [-0.6, 0, 0.6]) lines.push(d3.range(0, 361, 6).map(t => { const s = t * Math.PI / 180, r = Math.sqrt(1 - height * height); return [r * Math.cos(s), height, r * Math.sin(s)]; }));
      svg.append("g").attr("pointer-events", "none").selectAll("path").data(lines).join("path").attr("d", points => line(points.map(see))).attr("fill", "none").attr("stroke", "var(--line)").attr("stroke-width", 1.2);
      for (const index of [...vectors().keys(), -1]) {
        const [x, y, z] = see(index === -1 ? test() : state.sphere[index]);
        const { group, name, label } = mark(svg, index, cx + radius * x, cy - radius * y, z < 0);
        const away = Math.max(Math.hypot(x, y), 1e-9), shift = (radius * away + 18) / radius / away;
        group.append("text").attr("x", radius * x * (shift - 1)).attr("y", -radius * y * (shift - 1) + 4).attr("text-anchor", "middle").text(index === -1 ? "x" : index + 1);
        const to = (a, b) => {
          const size = Math.hypot(a, b), [p, q] = size > 1 ? [a / size, b / size] : [a, b];
          move(index, unit(turnedBack([p, q, Math.sqrt(Math.max(0, 1 - p * p - q * q))], state.yaw, state.pitch)));
        };
        tools.handle(group, { name, label, text: z < 0 ? "behind" : `at ${tools.format(x, 3)}, ${tools.format(y, 3)} of the picture`,
          onMove: (px, py) => to((px - cx) / radius, (cy - py) / radius),
          onKey: (dx, dy) => to(x + 0.02 * dx, y + 0.02 * dy) });
      }
    }
    const place = tools.chart({ name: "points", label: "Training points and the test point", height: width => Math.min(width, 360),
      margin: { top: 4, right: 4, bottom: 4, left: 4 },
      draw: ({ svg, inner }) => state.mode === "circle" ? drawCircle(svg, inner) : state.mode === "sphere" ? drawSphere(svg, inner) : null });

    const matrix = tools.chart({ name: "matrix", label: "The kernel matrix", height: width => Math.min(width, 360) * 0.97,
      margin: { top: 22, right: 4, bottom: 4, left: 24 }, caption: "Rows and columns are the training points; the last row is the test point: $K_L(x, X)$.",
      draw({ svg, inner }) {
        if (!result) return;
        const rows = [...result.K, result.k], n = result.K.length, side = Math.min(inner.width / n, inner.height / (n + 1));
        const size = Math.max(8, Math.min(14, side / 3.2)), digits = side > 56 ? 4 : side > 26 ? 3 : 2;
        rows.forEach((row, i) => {
          svg.append("text").attr("x", -8).attr("y", side * (i + 0.5) + 4).attr("text-anchor", "end").text(i === n ? "x" : i + 1);
          row.forEach((value, j) => {
            if (i === 0) svg.append("text").attr("x", side * (j + 0.5)).attr("y", -8).attr("text-anchor", "middle").text(j + 1);
            svg.append("rect").attr("x", side * j).attr("y", side * i).attr("width", side - 1).attr("height", side - 1).attr("fill", tools.diverging(value));
            svg.append("text").attr("x", side * (j + 0.5)).attr("y", side * (i + 0.5) + size / 3).attr("text-anchor", "middle").style("font-size", `${size}px`).style("fill", tools.onColour(value))
              .attr("data-readout", i === n ? `k-x-${j}` : `k-${i}-${j}`).attr("data-value", String(value)).text(value.toFixed(digits - 1).replace("-", "−"));
          });
        });
      } });

    const bars = tools.chart({ name: "coefficients", label: "Coefficients u", height: 230, caption: "The coefficients $u_1, \\dots, u_n$ of the test point.",
      draw({ svg, inner }) {
        if (!result?.u) return;
        const x = d3.scaleBand(d3.range(result.u.length), [0, inner.width]).padding(0.25);
        const y = d3.scaleLinear(d3.extent([0, ...result.u]), [inner.height, 0]).nice();
        tools.axes(svg, { y, width: inner.width, height: inner.height, yTicks: 5 });
        result.u.forEach((value, i) => {
          svg.append("rect").attr("x", x(i)).attr("width", x.bandwidth()).attr("y", y(Math.max(0, value))).attr("height", Math.abs(y(value) - y(0))).attr("fill", tools.colour(i));
          svg.append("text").attr("x", x(i) + x.bandwidth() / 2).attr("y", inner.height + 18).attr("text-anchor", "middle").text(i + 1);
        });
        svg.append("line").attr("x2", inner.width).attr("y1", y(0)).attr("y2", y(0)).attr("stroke", "var(--muted)");
        svg.append("text").attr("class", "axis-label").attr("x", inner.width / 2).attr("y", inner.height + 34).attr("text-anchor", "middle").text("training point");
      } });

    /* The great circle that the predictor is drawn along: the circle itself, or that through point 1 and the test point. */
    function greatCircle() {
      const all = vectors(), first = state.mode === "circle" ? [1, 0] : all[0];
      if (state.mode === "circle") return { at: circlePoint, marks: all.map((a, i) => [i, Math.atan2(a[1], a[0])]), test: Math.atan2(test()[1], test()[0]) };
      const other = test(), along = first.reduce((sum, x, i) => sum + x * other[i], 0);
      const rest = other.map((x, i) => x - along * first[i]), second = length(rest) > 1e-9 ? unit(rest) : unit(first.map((x, i) => i === first.indexOf(Math.min(...first)) ? x + 1 : x));
      return { at: t => first.map((x, i) => Math.cos(t) * x + Math.sin(t) * second[i]), marks: [[0, 0]], test: angleBetween(first, other) };
    }
    const positive = t => (t % (2 * Math.PI) + 2 * Math.PI) % (2 * Math.PI);
    const curve = tools.chart({ name: "predictor", label: "The predictor along the circle", height: 260,
      draw({ svg, inner }) {
        if (!result?.predict) return;
        const circle = greatCircle(), even = d3.range(SAMPLES).map(i => 2 * Math.PI * i / (SAMPLES - 1));
        const near = circle.marks.flatMap(([, t]) => [-0.03, -0.01, -0.003, 0, 0.003, 0.01, 0.03].map(step => positive(t) + step));
        const ts = d3.sort([...even, ...near.filter(t => t >= 0 && t <= 2 * Math.PI)]);
        const values = ts.map(t => result.predict(circle.at(t))), shown = targets();
        const x = d3.scaleLinear([0, 2 * Math.PI], [0, inner.width]);
        const y = d3.scaleLinear(d3.extent([...values, ...circle.marks.map(([i]) => shown[i]), -1.5, 1.5]), [inner.height, 0]).nice();
        tools.axes(svg, { x, y, width: inner.width, height: inner.height, yPadding: 15, xTicks: d3.range(5).map(k => k * Math.PI / 2), xFormat: t => `${Math.round(t * 180 / Math.PI)}°`, yTicks: 5, xLabel: "angle along the circle" });
        svg.append("path").attr("d", d3.line().x((_, i) => x(ts[i])).y(v => y(v))(values)).attr("fill", "none").attr("stroke", tools.colour(0)).attr("stroke-width", 2);
        const at = positive(circle.test);
        svg.append("path").attr("transform", `translate(${x(at)},${y(result.prediction)})`).attr("d", d3.symbol(d3.symbolDiamond, 150)()).attr("fill", "var(--ink)");
        for (const [i, t] of circle.marks) {
          const spot = svg.append("g").attr("transform", `translate(${x(positive(t))},${y(shown[i])})`);
          spot.append("circle").attr("r", 14).attr("fill", "transparent");
          spot.append("circle").attr("r", 6).attr("fill", tools.colour(i)).attr("stroke", "var(--paper)").attr("stroke-width", 1.5);
          const set = value => { state.targets[i] = Math.max(-3, Math.min(3, value)); update(); };
          tools.handle(spot, { name: `target-${i}`, label: `target of point ${i + 1}`, text: tools.format(shown[i], 4), onMove: (_, py) => set(y.invert(py)), onKey: (dx, dy) => set(shown[i] + 0.05 * (dx + dy)) });
        }
      }, caption: "The prediction along the circle (line), the targets (points), and the test point (diamond). At infinite depth it may jump at the training points." });

    const readouts = {
      condition: tools.readout({ name: "condition", label: "condition number of $K_L(X,X)$" }),
      solved: tools.readout({ name: "condition-solved", label: "condition of the system solved" }),
      prediction: tools.readout({ name: "prediction", label: "prediction $u^\\top y$" }),
      error: tools.readout({ name: "error", label: "error of every $u_i$ is below", digits: 2 }),
      table: tools.readout({ name: "table-error", label: "error of the kernel's table, absolute", digits: 2 }),
    };
    const indefinite = tools.note("");
    const coefficients = d3.range(MOST_POINTS).map(i => tools.readout({ name: `u-${i}`, label: `$u_{${i + 1}}$` }));
    const report = tools.element("div", { hidden: "", "data-state": "" });

    function compute() {
      const member = members[state.member], kernel = kernelAt(member, state.depth, data.same, tools);
      result = solve(kernel, member.collapses, vectors(), test(), targets(), Math.max(member.error, 1e-13), tools);
      report.dataset.state = JSON.stringify({ member: state.member, family: member.family, parameters: member.parameters,
        depth: state.depth === Infinity ? "inf" : state.depth, X: vectors(), x: test(), y: targets() });
      const { spectrum } = result;
      if (spectrum.singular) readouts.condition.clear("∞, singular");
      else if (spectrum.error < spectrum.condition / 20) readouts.condition.set(spectrum.condition, spectrum.error);
      else readouts.condition.clear(`above ${tools.format(10 ** Math.floor(Math.log10(spectrum.atLeast)), 1)}${spectrum.vanishing ? ", singular to the digits known" : ""}`);
      indefinite.set(spectrum.negative < 1 ? "" : "Indefinite, and so no covariance matrix: $K_L(X,X)$ has " + (spectrum.smallest === null
        ? "a negative eigenvalue, too near to 0 to be shown." : `the eigenvalue ${tools.format(spectrum.smallest, tools.digitsKnown(spectrum.smallest, spectrum.doubt, 3))}.`)
        + (result.u ? " $u$ solves the system nevertheless." : ""));
      readouts.table.set(member.error);
      coefficients.forEach((each, i) => { each.element.hidden = i >= result.K.length; if (result.u && i < result.u.length) each.set(result.u[i], result.error); else each.clear(); });
      if (result.u) {
        readouts.solved.set(result.condition); readouts.prediction.set(result.prediction, result.predictionError); readouts.error.set(result.error);
        refusal.set(!member.collapses ? "" : spectrum.singular
          ? "At infinite depth all entries of this kernel matrix are one value. It is singular, and there is no $K_L(X,X)^{-1}K_L(X,x)$: what is shown is the limit of $u$ as the depth grows, from the limit of the deflated form, $K_L = c + s\\,G$."
          : "All entries of this kernel matrix tend to one value as the depth grows, so it becomes singular; $u$ is solved from its deflated form, $K_L = c + s\\,G$, which does not.");
      } else {
        readouts.solved.clear(); readouts.prediction.clear(); readouts.error.clear();
        refusal.set("No coefficients are shown: $u$ would be known to fewer than six digits. " + (spectrum.negative < 1
          ? "Two points are too near to each other, or to a symmetry that this kernel does not tell apart."
          : "The matrix is near to a singular one, between a positive and a negative eigenvalue, or two points are too near to each other."));
      }
    }
    const update = () => tools.schedule(refresh);
    function refresh() {
      compute();
      for (const each of [place, matrix, bars, curve]) each.drawNow();
    }
    root.append(tools.controls(mode, count, family, parameters, depthPlace, turn), note.element, tools.columns(place, matrix),
      refusal.element, indefinite.element, tools.readouts(...Object.values(readouts)), tools.readouts(...coefficients), tools.columns(bars, curve), report);
    fillParameters(members[state.member].family);
    parameters.set(state.member);
    showMode();
    choose(state.member);
    compute();
    return () => state.turning?.();
  },
};
