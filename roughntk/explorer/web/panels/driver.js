/* Theorem 3's driver between two depths; every number comes from roughntk/explorer/tables/driver.py. */

panels.driver = {
  title: "The driver between two depths",
  intro: "Between the depths $L$ and $L+1$ let $A$ go in a straight line from $K_L(X,X)$ to $K_{L+1}(X,X)$, and $b$ from $K_L(X,x)$ to $K_{L+1}(X,x)$. Theorem 3: the coefficients $u = A^{-1}b$ solve $du = dv_b - dv_A\\,u$ with $dv_A = A^{-1}\\,dA$ and $dv_b = A^{-1}\\,db$. The path $v = (v_A, v_b)$ is the driver. Its channel $v(i,j)$ is row $i$, column $j$; the last column, $x$, is $v_b$, of the test point.",
  mount(root, data, tools) {
    const shown = { depth: data.drivers[0].depth, clock: "arc", a: 0, b: Math.min(4, data.channels.length - 1) };
    /* The deflated system has a row and a column more, and a family may need it at some depths only. */
    const namesOf = size => d3.range(size).flatMap(i => d3.range(size + 1).map(j => `v(${i === data.points ? "c" : i + 1},${j === size ? "x" : j === data.points ? "c" : j + 1})`));
    const optionsOf = all => all.map((label, value) => ({ value: String(value), label }));
    let names = namesOf(data.drivers[0].size);
    const options = optionsOf(names);
    function rename() {
      const next = namesOf(driver().size);
      if (next.length === names.length) return;
      for (const [key, control] of [["a", first], ["b", second]]) {
        shown[key] = Math.max(0, next.indexOf(names[shown[key]]));
        control.input.replaceChildren(...optionsOf(next).map(each => tools.element("option", { value: each.value }, each.label)));
        control.set(String(shown[key]));
      }
      names = next;
    }
    const driver = () => data.drivers.find(each => each.depth === shown.depth && each.clock === shown.clock);
    const depths = [...new Set(data.drivers.map(each => each.depth))];

    const depth = tools.slider({ name: "depth", label: "depth $L$", stops: depths, value: shown.depth, format: x => `${x} to ${x + 1}`, onInput: x => { shown.depth = x; update(); } });
    const clock = tools.select({ name: "clock", label: "clock", value: "arc", options: [{ value: "arc", label: "arc: place on the segment" }, { value: "psi", label: "psi: the paper's" }], onChange: x => { shown.clock = x; update(); } });
    const first = tools.select({ name: "channel-a", label: "channel $a$", value: String(shown.a), options, onChange: x => { shown.a = Number(x); update(); } });
    const second = tools.select({ name: "channel-b", label: "channel $b$", value: String(shown.b), options, onChange: x => { shown.b = Number(x); update(); } });

    const readouts = {
      one: tools.readout({ name: "level-1-a", label: "$S^{a}$, the increment" }), two: tools.readout({ name: "level-1-b", label: "$S^{b}$" }),
      ab: tools.readout({ name: "level-2-ab", label: "$S^{ab}$" }), ba: tools.readout({ name: "level-2-ba", label: "$S^{ba}$" }),
      area: tools.readout({ name: "area", label: "area $\\tfrac12(S^{ab} - S^{ba})$" }),
    };
    const variations = data.exponents.map(p => tools.readout({ name: `variation-${p}`, label: `$p$-variation, $p = ${p}$` }));

    const channels = tools.chart({ name: "channels", label: "Channels of the driver against time", height: 290, margin: { top: 26 },
      caption: "All channels against the time of the clock; the two chosen ones are thick.",
      draw({ svg, inner }) {
        const { times, samples } = driver();
        const x = d3.scaleLinear(d3.extent(times), [0, inner.width]), y = d3.scaleLinear(d3.extent(samples.flat()), [inner.height, 0]).nice();
        tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "time", yTicks: 5 });
        const line = d3.line().x((_, k) => x(times[k])).y(v => y(v));
        samples.forEach((values, k) => {
          if (k !== shown.a && k !== shown.b) svg.append("path").attr("d", line(values)).attr("fill", "none").attr("stroke", "var(--muted)").attr("stroke-width", 1).attr("opacity", 0.6);
        });
        [[shown.a, 0], [shown.b, 1]].forEach(([k, colour]) => {
          svg.append("path").attr("d", line(samples[k])).attr("fill", "none").attr("stroke", tools.colour(colour)).attr("stroke-width", 3).attr("stroke-dasharray", colour ? "7 4" : null);
        });
      } });
    const plane = tools.chart({ name: "plane", label: "The two channels against each other, with the area", height: 290, margin: { top: 26 },
      caption: "Channel $b$ against channel $a$. The shaded area, between path and chord, is what level 2 adds to the increments.",
      draw({ svg, inner }) {
        const { samples } = driver(), a = samples[shown.a], b = samples[shown.b], end = a.length - 1;
        const x = d3.scaleLinear(d3.extent(a), [0, inner.width]).nice(), y = d3.scaleLinear(d3.extent(b), [inner.height, 0]).nice();
        const line = d3.line().x(k => x(a[k])).y(k => y(b[k])), places = d3.range(a.length);
        tools.axes(svg, { x, y, width: inner.width, height: inner.height, xTicks: Math.max(2, Math.floor(inner.width / 90)), yTicks: 5, yPadding: 10, xLabel: `a = ${names[shown.a]}` });
        svg.append("text").attr("class", "axis-label").attr("x", -44).attr("y", -12).text(`b = ${names[shown.b]}`);
        svg.append("path").attr("d", line(places) + "Z").attr("fill", tools.colour(2)).attr("fill-opacity", 0.25);
        svg.append("path").attr("d", line([0, end])).attr("fill", "none").attr("stroke", "var(--muted)").attr("stroke-dasharray", "4 4");
        svg.append("path").attr("d", line(places)).attr("fill", "none").attr("stroke", tools.colour(2)).attr("stroke-width", 2.5);
        svg.append("circle").attr("cx", x(a[0])).attr("cy", y(b[0])).attr("r", 4).attr("fill", "var(--ink)");
      } });
    const terms = tools.chart({ name: "areas", label: "Areas of all pairs of channels", height: width => Math.min(width, 380) * 0.98,
      margin: { top: 44, right: 4, bottom: 4, left: 44 }, caption: "Level 2 of the log-signature: the area of every pair of channels, row $a$ and column $b$ (blue positive, red negative, each relative to the largest). The outlined square is the pair that is chosen; a click on another one chooses it.",
      draw({ svg, inner }) {
        const { areas } = driver(), n = names.length, side = Math.min(inner.width, inner.height) / n, most = d3.max(areas, Math.abs) || 1;
        names.forEach((name, k) => {
          const middle = (k + 0.5) * side + 4;
          svg.append("text").attr("x", -6).attr("y", middle).attr("text-anchor", "end").style("font-size", "10px").text(name);
          svg.append("text").attr("transform", `translate(${middle},-6) rotate(-90)`).style("font-size", "10px").text(name);
        });
        let place = 0;
        for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) {
          const area = areas[place++];
          for (const [r, c, v] of [[i, j, area], [j, i, -area]]) svg.append("rect").attr("x", c * side).attr("y", r * side).attr("width", side - 1).attr("height", side - 1).attr("fill", tools.diverging(v / most)).style("cursor", "pointer")
            .on("click", () => { shown.a = r; shown.b = c; first.set(String(r)); second.set(String(c)); update(); })
            .append("title").text(`a = ${names[r]}, b = ${names[c]}: area ${tools.format(v, 4)}`);
        }
        svg.append("rect").attr("x", shown.b * side - 1).attr("y", shown.a * side - 1).attr("width", side + 1).attr("height", side + 1).attr("pointer-events", "none").attr("fill", "none").attr("stroke", "var(--ink)").attr("stroke-width", 2.5);
      } });
    /* Of the increments' axis: a power of ten where all of them are small. */
    const unit = () => { const most = d3.max(driver().level_1, Math.abs); return most > 0 && most < 1e-3 ? 10 ** Math.floor(Math.log10(most)) : 1; };
    const increments = tools.plot({ name: "increments", label: "Increments of all channels",
      caption: "Level 1 of the signature: the increment of every channel; the two chosen ones are coloured.",
      options: width => ({
        height: Math.min(width, 380) * 0.98, marginLeft: 56, marginBottom: 58, x: { label: null, tickRotate: -90 }, y: { label: unit() === 1 ? "increment" : `increment, in units of ${tools.format(unit(), 1)}`, grid: true, tickFormat: x => tools.format(x / unit(), 3) },
        marks: [
          Plot.barY(driver().level_1, { x: (_, k) => names[k], y: d => d, fill: (_, k) => k === shown.a ? tools.colour(0) : k === shown.b ? tools.colour(1) : "var(--muted)" }),
          Plot.ruleY([0], { stroke: "var(--muted)" }),
        ],
        color: { type: "identity" },
      }) });
    const note = tools.note("");

    function update() {
      rename();
      const { level_1, level_2, areas, p_variation, system } = driver(), n = names.length, { a, b } = shown;
      const [i, j] = a < b ? [a, b] : [b, a];
      const area = a === b ? 0 : areas[i * n - i * (i + 1) / 2 + (j - i - 1)] * (a < b ? 1 : -1);
      readouts.one.set(level_1[a]); readouts.two.set(level_1[b]);
      readouts.ab.set(level_2[a * n + b]); readouts.ba.set(level_2[b * n + a]); readouts.area.set(area);
      variations.forEach((each, k) => each.set(p_variation[k]));
      note.set(`Family ${data.family}, the first ${data.points} training points and the test point. ` + (system === "deflated" ? "This kernel collapses, and the driver is that of its deflated system: $A$ has one more row and column, c, which belong to the common value of the entries. " : "")
        + "A change of clock moves the curves in time and leaves signature and $p$-variation as they are, up to the sampling at 65 times. The size of an increment in the $p$-variation is the sum of the absolute values of its channels (norm=\"l1\", as rn.rough.p_variation takes by itself). In this norm, since each channel here rises or falls throughout, one step from the first time to the last is a best partition at every $p$, and the $p$-variation is the same for all of them.");
      if (p_variation[0] < 1e-12) note.set(note.element.dataset.text + " All of it is below the rounding error of its samples: to the digits known this driver is 0.");
      const monotone = driver().samples.every(values => { const steps = d3.pairs(values, (s, t) => t - s); return steps.every(s => s >= -1e-12) || steps.every(s => s <= 1e-12); });
      if (!monotone) note.set(note.element.dataset.text.replace(/In this norm, since.*? for all of them\./, "Some channels turn back. The $p$-variation does not rise with $p$."));
      channels.redraw(); plane.redraw(); terms.redraw(); increments.redraw();
    }
    root.append(tools.controls(depth, clock, first, second), tools.columns(channels, plane), tools.readouts(...Object.values(readouts), ...variations), note.element, tools.columns(increments, terms));
    update();
  },
};
