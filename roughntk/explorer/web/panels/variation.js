/* The p-variation of a path that is drawn, exactly, with a partition that attains it.

The dynamic programme over all partitions of the points: best[j] = max over i < j of best[i] + |x_j - x_i|^p. What is
summed are the gains best[i + 1] - best[i], so that steps far smaller than the whole are as well chosen. The tests compare it with rn.rough.p_variation and rn.rough.p_variation_partition, and the signature with rn.rough.signature. */

const SPACING = 0.012;

const mathematics = {
  /* { value, partition } of points [[x, y], ...], at least one of them; norm "l2" or "l1" of an increment. */
  pVariation(points, p, norm = "l2") {
    const count = points.length, gains = new Float64Array(count), from = new Int32Array(count);
    const xs = Float64Array.from(points, each => each[0]), ys = Float64Array.from(points, each => each[1]);
    let unit = 0, total = 0;  // sizes relative to it, so that no power is out of range
    for (let i = 0; i < count; i++) unit = Math.max(unit, Math.abs(xs[i] - xs[0]), Math.abs(ys[i] - ys[0]));
    if (!(unit > 0)) return { value: 0, partition: count > 1 ? [0, count - 1] : [0] };
    const euclidean = norm === "l2", power = euclidean ? p / 2 : p;
    for (let j = 1; j < count; j++) {
      if (j > 1 && xs[j] === xs[j - 1] && ys[j] === ys[j - 1]) { from[j] = from[j - 1]; continue; }  // a repeated point
      let ahead = 0, gain = 0, place = j - 1, longest = 0;  // ahead: the best sum found less best[i]
      for (let i = j - 1; i >= 0; i--) {  // gains are at least 0, so that only an i farther away than all later ones can gain
        const dx = (xs[j] - xs[i]) / unit, dy = (ys[j] - ys[i]) / unit;
        const size = euclidean ? dx * dx + dy * dy : Math.abs(dx) + Math.abs(dy);
        if (i < j - 1) ahead += gains[i];
        if (size <= longest) continue;
        longest = size;
        const own = Math.pow(size, power);
        if (own > ahead) { gain += own - ahead; ahead = own; place = i; }
      }
      gains[j - 1] = gain;
      total = ahead;
      from[j] = place;
    }
    const partition = [count - 1];
    while (partition[0] > 0) partition.unshift(from[partition[0]]);
    return { value: unit * Math.pow(total, 1 / p), partition };
  },

  /* Levels 1 and 2 of the signature: [1, 2, 11, 12, 21, 22]. */
  signature(points) {
    let x = 0, y = 0, s11 = 0, s12 = 0, s21 = 0, s22 = 0;
    for (let k = 1; k < points.length; k++) {
      const dx = points[k][0] - points[k - 1][0], dy = points[k][1] - points[k - 1][1];
      s11 += x * dx + dx * dx / 2;
      s12 += x * dy + dx * dy / 2;
      s21 += y * dx + dy * dx / 2;
      s22 += y * dy + dy * dy / 2;
      x += dx;
      y += dy;
    }
    return [x, y, s11, s12, s21, s22];
  },

  length(points) {
    let sum = 0;
    for (let k = 1; k < points.length; k++) sum += Math.hypot(points[k][0] - points[k - 1][0], points[k][1] - points[k - 1][1]);
    return sum;
  },

  /* Every other point, with both ends. */
  thinned: points => points.filter((_, k) => k % 2 === 0 || k === points.length - 1),
};

const plain = value => String(value).replace("-", "−");
const EXPONENTS = [...d3.range(1, 1.99, 0.0625), ...d3.range(2, 5.01, 0.25)];

panels.variation = {
  title: "p-variation of a path you draw",
  intro: "$\\|x\\|_p=\\bigl(\\sup\\sum_i|x_{t_{i+1}}-x_{t_i}|^p\\bigr)^{1/p}$ over all partitions of the points of a path. For $p=1$ it is the "
    + "length, attained by all points; as a rule, the larger $p$, the fewer and longer the pieces of the best partition. Draw a path in the "
    + "square with mouse, finger or pen. By keyboard: the arrow keys move the pen (Shift: further), space adds a point, Backspace "
    + "takes the last one away.",
  mathematics,
  mount(root, data, tools) {
    let points = data.paths[0].points, p = 2, pen = [0, 0], spacing = SPACING, thinnings = 0, drawing = false, best = null, drawn = [], sampled = [];
    const labels = { drawn: "drawn by you" };
    const pathSelect = tools.select({ name: "path", label: "path", value: data.paths[0].name,
      options: [...data.paths.map(each => ({ value: each.name, label: each.label })), { value: "drawn", label: labels.drawn }],
      onChange: name => {
        const found = data.paths.find(each => each.name === name);
        begin(found ? found.points : []);
      } });
    const norm = tools.select({ name: "norm", label: "size of an increment", value: "l2",
      options: [{ value: "l2", label: "Euclidean, √(dx² + dy²)" }, { value: "l1", label: "sum, |dx| + |dy|" }], onChange: () => changed() });
    const pSlider = tools.slider({ name: "p", label: "exponent $p$", min: 1, max: 5, value: p, step: 0.05, onInput: value => { p = value; update(); } });
    const undo = tools.button({ name: "undo", label: "Take the last point away", onClick: () => { own(points.slice(0, -1)); } });
    const clear = tools.button({ name: "clear", label: "Clear", onClick: () => { begin([]); pathSelect.set("drawn"); } });
    const shown = {
      points: tools.readout({ name: "points", label: "points" }),
      variation: tools.readout({ name: "variation", label: "$\\|x\\|_p$", digits: 8 }),
      pieces: tools.readout({ name: "pieces", label: "pieces" }),
      length: tools.readout({ name: "length", label: "length" }),
      area: tools.readout({ name: "area", label: "signed area" }),
      S1: tools.readout({ name: "S1", label: "$S^{1}$" }),
      S2: tools.readout({ name: "S2", label: "$S^{2}$" }),
      S11: tools.readout({ name: "S11", label: "$S^{11}$" }),
      S12: tools.readout({ name: "S12", label: "$S^{12}$" }),
      S21: tools.readout({ name: "S21", label: "$S^{21}$" }),
      S22: tools.readout({ name: "S22", label: "$S^{22}$" }),
    };
    const told = tools.note();

    const surface = tools.chart({ name: "surface", label: "The square in which paths are drawn", height: width => Math.min(width, 460),
      caption: "The path (blue), the points of a partition that attains the $p$-variation (red), its start (ring) and the pen (cross).",
      draw({ svg, inner }) {
        const unit = Math.min(inner.width, inner.height) / 2, left = inner.width / 2 - unit;
        const x = d3.scaleLinear([-1, 1], [left, left + 2 * unit]), y = d3.scaleLinear([-1, 1], [2 * unit, 0]);
        const group = svg.append("g").attr("transform", `translate(${left},0)`);
        tools.axes(group, { x: x.copy().range([0, 2 * unit]), y, width: 2 * unit, height: 2 * unit, xLabel: "x", yLabel: "y",
          xTicks: [-1, -0.5, 0, 0.5, 1], yTicks: [-1, -0.5, 0, 0.5, 1], xFormat: plain, yFormat: plain });
        const line = d3.line(each => x(each[0]), each => y(each[1]));
        if (best) svg.append("path").attr("d", line(best.partition.map(k => drawn[k]))).attr("fill", "none").attr("stroke", tools.colour(1)).attr("stroke-width", 1.4);
        svg.append("path").attr("d", drawn.length ? line(drawn) : null).attr("fill", "none").attr("stroke", tools.colour(0)).attr("stroke-width", 2);
        if (best) for (const k of best.partition) svg.append("circle").attr("cx", x(drawn[k][0])).attr("cy", y(drawn[k][1])).attr("r", 3.2).attr("fill", tools.colour(1));
        if (drawn.length) svg.append("circle").attr("cx", x(drawn[0][0])).attr("cy", y(drawn[0][1])).attr("r", 6).attr("fill", "none").attr("stroke", "var(--ink)").attr("stroke-width", 1.5);
        svg.append("path").attr("d", `M${x(pen[0]) - 6},${y(pen[1])}h12M${x(pen[0])},${y(pen[1]) - 6}v12`).attr("stroke", "var(--ink)").attr("stroke-width", 1.5);
        sheet.attr("transform", svg.attr("transform") ?? null).attr("x", left).attr("width", 2 * unit).attr("height", 2 * unit);
      } });

    /* It stays while the figure is drawn anew, or the finger on it would be lost. */
    const sheet = d3.select(surface.svg).append("rect").attr("fill", "transparent").attr("tabindex", 0).attr("role", "application")
      .attr("data-handle", "surface").style("touch-action", "none").style("cursor", "crosshair")
      .attr("aria-label", "Drawing area: the arrow keys move the pen, space adds a point, Backspace takes the last one away");
    sheet.on("pointerdown", event => {
      event.preventDefault();
      sheet.node().focus({ preventScroll: true });
      follow(event);
    });
    sheet.on("touchstart", event => event.preventDefault(), { passive: false });  // or the page would scroll
    sheet.on("keydown", key);
    const place = event => {
      const box = sheet.node().getBoundingClientRect();
      return [2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height];
    };

    const curve = tools.chart({ name: "curve", label: "The p-variation against p", height: width => Math.min(width, 460), margin: { right: 20 },
      caption: "$\\|x\\|_p$ of this path against $p$; the dot is the $p$ chosen.",
      draw({ svg, inner }) {
        const top = sampled.length ? sampled[0] : best ? best.value : 1;
        const x = d3.scaleLinear([1, 5], [0, inner.width]), y = d3.scaleLinear([0, 1.05 * top || 1], [inner.height, 0]);
        tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "exponent p", yLabel: "p-variation", xTicks: [1, 2, 3, 4, 5], xFormat: plain });
        svg.append("path").attr("d", d3.line((_, k) => x(EXPONENTS[k]), value => y(value))(sampled)).attr("fill", "none").attr("stroke", tools.colour(0)).attr("stroke-width", 2);
        if (best) svg.append("circle").attr("cx", x(p)).attr("cy", y(best.value)).attr("r", 5).attr("fill", tools.colour(1));
      } });

    const scale = 10 ** data.decimals, rounded = value => Math.round(Math.max(-1, Math.min(1, value)) * scale) / scale;

    function begin(next) {
      points = next;
      spacing = SPACING;
      thinnings = 0;
      changed();
    }

    function own(next) {
      points = next;
      pathSelect.set("drawn");
      tools.schedule(changed);  // once a frame, however many points came
    }

    function add(x, y) {
      points = [...points, [rounded(x), rounded(y)]];
      if (points.length > data.most) {
        points = mathematics.thinned(points);
        spacing *= 2;
        thinnings += 1;
      }
      own(points);
    }

    /* The pointer, from where it went down until it is lifted. */
    function follow(down) {
      pathSelect.set("drawn");
      root.style.minHeight = `${root.offsetHeight}px`;  // nor may the end of the page come nearer
      begin([]);
      drawing = true;
      const reached = event => {
        pen = place(event).map(rounded);
        const last = points[points.length - 1];
        if (!last || Math.hypot(pen[0] - last[0], pen[1] - last[1]) >= spacing) add(...pen);
      };
      reached(down);
      const moved = event => {
        if (event.pointerId !== down.pointerId) return;
        const all = event.getCoalescedEvents?.() ?? [];  // where the pointer was; the event itself may be a prediction
        (all.length ? all : [event]).forEach(reached);
      };
      const ended = event => {
        if (event.pointerId !== down.pointerId) return;
        drawing = false;
        root.style.minHeight = "";
        removeEventListener("pointermove", moved);
        removeEventListener("pointerup", ended);
        removeEventListener("pointercancel", ended);
        changed();
      };
      addEventListener("pointermove", moved);
      addEventListener("pointerup", ended);
      addEventListener("pointercancel", ended);
    }

    function key(event) {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (step) {
        const far = event.shiftKey ? 0.25 : 0.05;
        pen = pen.map((value, k) => rounded(value + far * step[k]));
        surface.redraw();
      } else if (event.key === " ") {
        if (pathSelect.value !== "drawn") { pathSelect.set("drawn"); begin([]); }
        add(...pen);
      } else if (event.key === "Backspace") own(points.slice(0, -1));
      else return;
      event.preventDefault();
    }

    /* The curve over p, a few exponents a frame, begun again when the path changes. */
    let round = 0;
    function sample() {
      const now = ++round;
      sampled = [];
      if (points.length < 2) return curve.redraw();
      const next = () => {
        if (now !== round) return;
        for (let k = 0; k < 8 && sampled.length < EXPONENTS.length; k++)
          sampled.push(mathematics.pVariation(points, EXPONENTS[sampled.length], norm.value).value);
        curve.redraw();
        if (sampled.length < EXPONENTS.length) tools.schedule(next);
      };
      tools.schedule(next);
    }

    function changed() {
      update();
      if (!drawing) sample();
    }

    function update() {
      drawn = points;
      best = points.length > 1 ? mathematics.pVariation(points, p, norm.value) : null;
      surface.svg.dataset.points = JSON.stringify(points);
      surface.svg.dataset.partition = JSON.stringify(best ? best.partition : []);
      shown.points.set(points.length);
      if (best) {
        const [S1, S2, S11, S12, S21, S22] = mathematics.signature(points);
        shown.variation.set(best.value);
        shown.pieces.set(best.partition.length - 1);
        shown.length.set(mathematics.length(points));
        shown.area.set((S12 - S21) / 2);
        Object.entries({ S1, S2, S11, S12, S21, S22 }).forEach(([name, value]) => shown[name].set(value));
      } else Object.entries(shown).forEach(([name, each]) => { if (name !== "points") each.clear(); });
      told.set(thinnings
        ? `More than ${data.most} points were drawn: every other one was left out ${thinnings === 1 ? "once" : `${thinnings} times`}, and all numbers are those of the ${points.length} points left.`
        : `All numbers are those of the points shown, joined by straight lines: at most ${data.most}, rounded to ${data.decimals} decimals, those drawn at least ${SPACING} apart.`);
      surface.redraw();
      curve.redraw();
    }

    root.append(tools.controls(pathSelect, pSlider, norm, undo, clear), tools.columns(surface, curve),
      tools.readouts(...Object.values(shown)), told.element);  // below: what is drawn on must not move while numbers grow
    changed();
    return () => { round = -1; };
  },
};
