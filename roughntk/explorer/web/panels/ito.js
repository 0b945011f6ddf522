/* Ito against Stratonovich on a network's own driver.

Two inputs, M lower triangular with entries a, c, d: V = M M^T. The fields of dM = M dX + M Psi(M^{-1} b M^{-T}) ds are
(a, c, 0), (0, d, 0), (0, 0, d) for the channels 11, 21, 22 of X, and (0, G, -c G/d) for depth time, with
G = kappa (d - c atan2(d, c)). Davie's scheme of level 2 on a lift whose second level over one layer is mu/2 dX (x) dX is

    y + sum_i X^i V_i + sum_ij X^ij DV_j V_i.

The tests compare it with rn.rough.solve_rde on rn.rough.perturb(driver.ito_lift(), mu/2 dX (x) dX). */

const mathematics = {
  /* To the nearest whole number, halves to the even one, as NumPy rounds. */
  roundHalfEven(x) {
    const low = Math.floor(x), rest = x - low;
    return rest < 0.5 ? low : rest > 0.5 ? low + 1 : low % 2 ? low + 1 : low;
  },

  /* How many layers lie before the ends of the pieces. */
  ends: (layers, pieces) => d3.range(pieces + 1).map(k => k === pieces ? layers : mathematics.roundHalfEven(k * (layers / pieces))),

  /* The columns of V at y = (a, c, d), and the drift's derivatives by c and d: [G, G_c, G_d]. */
  drift(c, d, kappa) {
    const angle = Math.atan2(Math.abs(d), c), square = c * c + d * d, sign = Math.sign(d);
    return [kappa * (Math.abs(d) - c * angle), kappa * (c * Math.abs(d) / square - angle), kappa * sign * d * d / square];
  },

  /* One step of Davie's scheme: x, four increments; xx, sixteen entries of the second level (row i, column j), or null. */
  step([a, c, d], x, xx, kappa) {
    const [G, Gc, Gd] = mathematics.drift(c, d, kappa);
    const fields = [[a, c, 0], [0, d, 0], [0, 0, d], [0, G, -c * G / d]];
    const next = [a, c, d];
    for (let i = 0; i < 4; i++) for (let k = 0; k < 3; k++) next[k] += x[i] * fields[i][k];
    if (!xx) return next;
    for (let i = 0; i < 4; i++) {
      const [va, vc, vd] = fields[i], slope = Gc * vc + Gd * vd;
      const moved = [[va, vc, 0], [0, vd, 0], [0, 0, vd], [0, slope, -c * slope / d - (vc / d - c * vd / (d * d)) * G]];
      for (let j = 0; j < 4; j++) for (let k = 0; k < 3; k++) next[k] += xx[4 * i + j] * moved[j][k];
    }
    return next;
  },

  /* The solution along the lift of the increments, flat rows 11, 21, 22 of a network of that width: { layers, states },
  with so many pieces, seeing the second level or not. */
  solve(increments, start, kappa, width, { mu, pieces, level }) {
    const layers = increments.length / 3, ends = mathematics.ends(layers, pieces), states = [start];
    let y = start;
    for (let piece = 0; piece < pieces; piece++) {
      const x = [0, 0, 0, 0], xx = new Float64Array(16);
      for (let l = ends[piece]; l < ends[piece + 1]; l++) {
        const dx = [increments[3 * l], increments[3 * l + 1], increments[3 * l + 2], 1 / width];
        for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) xx[4 * i + j] += (x[i] + mu / 2 * dx[i]) * dx[j];
        for (let i = 0; i < 4; i++) x[i] += dx[i];
      }
      y = mathematics.step(y, x, level > 1 ? xx : null, kappa);
      states.push(y);
    }
    return { layers: ends, states };
  },

  logVariance: ([a]) => 2 * Math.log(Math.abs(a)),
  correlation: ([, c, d]) => c / Math.hypot(c, d),
};

panels.ito = {
  title: "Ito against Stratonovich on a network's own driver",
  intro: "A network's own weights make a random walk $X$, whose step in each layer is $dX=\\mathrm{chol}(Z^{\\top}Z/n)-I$ with the whitened "
    + "preactivations $Z$, and the Gram matrix $V=MM^{\\top}$ of its hidden states follows $dM=M\\,dX+M\\,\\Psi(M^{-1}b\\,M^{-\\top})\\,ds$ along it, $ds=1/n$ a layer. Here $b$ is the bend of the activation, "
    + "$b^{12}=\\kappa\\,(\\sqrt{1-\\rho^2}-\\rho\\arccos\\rho)\\sqrt{V^{11}V^{22}}$ with $\\rho=\\rho^{12}$, $b^{11}=b^{22}=0$; $\\Psi$ takes the strict lower part and half of the diagonal. "
    + "The increments of $X$ do not say what the solution is: the second level does. With $\\lambda\\cdot\\tfrac12\\,dX\\otimes dX$ in each layer, $\\lambda=0$ is the Ito lift, "
    + "which gives the network up to $O(n^{-1/2})$, and $\\lambda=1$ that of the polygon (Stratonovich), whose $\\log V^{11}$ is larger than that of the Ito solution by $t/2$, up to $O(n^{-1/2})$ again: no width makes the difference vanish.",
  mathematics,
  mount(root, data, tools) {
    let width = 200, number = 0, mu = 0.5, pieces = 200, level = 2, clipped = false;
    const samples = data.networks[0].samples.length;
    const widthSelect = tools.select({ name: "width", label: "width $n$ = layers", value: String(width),
      options: data.widths.map(each => ({ value: String(each), label: String(each) })), onChange: value => { const all = pieces >= width; width = Number(value); if (all || pieces > width) { pieces = width; pieceSlider.set(width); } update(); } });
    const numberSlider = tools.slider({ name: "network", label: "network", min: 1, max: samples, value: 1, step: 1, onInput: value => { number = value - 1; update(); } });
    const muSlider = tools.slider({ name: "lambda", label: "$\\lambda$, from Ito (0) to Stratonovich (1)", min: 0, max: 1, value: mu, step: 0.01, onInput: value => { mu = value; update(); } });
    const pieceSlider = tools.slider({ name: "pieces", label: "pieces of the layers", min: 10, max: Math.max(...data.widths), value: pieces, log: true, whole: true, onInput: value => { pieces = value; update(); } });
    const levelSelect = tools.select({ name: "level", label: "what the scheme sees of a piece", value: "2",
      options: [{ value: "2", label: "increment and second level" }, { value: "1", label: "increment alone" }], onChange: value => { level = Number(value); update(); } });
    const shown = {
      network: tools.readout({ name: "network-log-variance", label: "$\\log V^{11}$: network" }),
      solution: tools.readout({ name: "log-variance", label: "$\\log V^{11}$: solution" }),
      gap: tools.readout({ name: "gap", label: "solution less network" }),
      itoGap: tools.readout({ name: "ito-gap", label: "solution less Ito solution" }),
      expected: tools.readout({ name: "expected", label: "$\\lambda\\,t/2$" }),
      networkCorrelation: tools.readout({ name: "network-correlation", label: "$\\rho^{12}$: network" }),
      correlation: tools.readout({ name: "correlation", label: "$\\rho^{12}$: solution" }),
      itoError: tools.readout({ name: "ito-error", label: "r.m.s., Ito" }),
      polygonError: tools.readout({ name: "polygon-error", label: "r.m.s., Stratonovich" }),
    };
    const told = tools.note();
    let lines = {}, answered = "";

    const paths = tools.chart({ name: "solutions", label: "log V11 of the network and of the solutions against depth time", height: 300, margin: { right: 20 },
      caption: "$\\log V^{11}$ along depth: the network, and solutions along three lifts of its own path.", draw({ svg, inner }) {
      const all = ["network", "ito", "polygon", "chosen"].flatMap(name => lines[name]), [low, high] = d3.extent(all, each => each[1]);
      const x = d3.scaleLinear([0, 1], [0, inner.width]), y = d3.scaleLinear([low - 0.1, high + 0.1], [inner.height, 0]);
      tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "depth time s = layer / width", yLabel: "log V11" });
      const line = d3.line(each => x(each[0]), each => y(each[1])), draw = (name, colour, size, dash) => svg.append("path").attr("d", line(lines[name])).attr("fill", "none")
        .attr("stroke", colour).attr("stroke-width", size).attr("stroke-dasharray", dash ?? null).attr("stroke-linejoin", "round");
      draw("network", "var(--ink)", 3.2);
      draw("ito", tools.colour(0), 1.6);
      draw("polygon", tools.colour(1), 1.6);
      draw("chosen", tools.colour(4), 2, "6 3");
    } });
    const gaps = tools.chart({ name: "gap", label: "The difference from the network against depth time", height: 300, margin: { right: 20 },
      caption: "The solution at your $\\lambda$, less the network and less the Ito solution, and $\\lambda s/2$.", draw({ svg, inner }) {
      const [low, high] = d3.extent([...lines.gap, ...lines.itoGap].map(each => each[1]).concat(0, 0.55));
      const x = d3.scaleLinear([0, 1], [0, inner.width]), y = d3.scaleLinear([low - 0.05, high + 0.05], [inner.height, 0]);
      tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "depth time s = layer / width", yLabel: "difference" });
      const line = d3.line(each => x(each[0]), each => y(each[1]));
      svg.append("path").attr("d", line([[0, 0], [1, mu / 2]])).attr("stroke", "var(--ink)").attr("stroke-width", 1.6).attr("stroke-dasharray", "2 4").attr("fill", "none");
      svg.append("path").attr("d", line(lines.itoGap)).attr("stroke", tools.colour(0)).attr("stroke-width", 1.6).attr("fill", "none");
      svg.append("path").attr("d", line(lines.gap)).attr("stroke", tools.colour(4)).attr("stroke-width", 2).attr("stroke-dasharray", "6 3").attr("fill", "none");
    } });

    function update() {
      const chosen = data.networks.find(each => each.width === width), { kappa } = chosen;
      clipped = pieces > width;
      if (clipped) { pieces = width; pieceSlider.set(width); }
      const solved = (sample, settings) => mathematics.solve(sample.increments, data.start, kappa, width, { pieces, level, ...settings });
      const known = (sample, layer) => sample.covariances.slice(3 * layer, 3 * layer + 3);
      const sample = chosen.samples[number], last = known(sample, width), ends = {};
      const curve = solution => solution.layers.map((layer, k) => [layer / width, mathematics.logVariance(solution.states[k])]);
      for (const [name, value] of Object.entries({ ito: 0, polygon: 1, chosen: mu })) {
        const solution = solved(sample, { mu: value });
        lines[name] = curve(solution);
        ends[name] = solution.states[pieces];
        if (name === "chosen") lines.gap = solution.layers.map((layer, k) => [layer / width, lines.chosen[k][1] - Math.log(known(sample, layer)[0])]);
      }
      lines.itoGap = lines.chosen.map(([s, value], k) => [s, value - lines.ito[k][1]]);
      lines.network = d3.range(width + 1).map(layer => [layer / width, Math.log(known(sample, layer)[0])]);
      const asked = `${width} ${pieces} ${level}`;
      const mistake = value => Math.sqrt(d3.mean(chosen.samples, each => (mathematics.logVariance(solved(each, { mu: value }).states[pieces]) - Math.log(known(each, width)[0])) ** 2));
      shown.network.set(Math.log(last[0]));
      shown.solution.set(mathematics.logVariance(ends.chosen));
      shown.gap.set(mathematics.logVariance(ends.chosen) - Math.log(last[0]));
      shown.itoGap.set(mathematics.logVariance(ends.chosen) - mathematics.logVariance(ends.ito));
      shown.expected.set(mu / 2);
      shown.networkCorrelation.set(last[1] / Math.sqrt(last[0] * last[2]));
      shown.correlation.set(mathematics.correlation(ends.chosen));
      if (asked !== answered) {
        shown.itoError.set(mistake(0));
        shown.polygonError.set(mistake(1));
        answered = asked;
      }
      told.set((clipped ? `This network has ${width} layers: so many pieces. ` : "")
        + `Shaped ReLU networks with slopes $1\\pm${data.slope}/\\sqrt n$, two inputs, depth time $t=1$; $\\kappa=${tools.format(kappa, 4)}$. All solutions are by Davie's scheme of level ${level}, as rn.rough.solve_rde takes it. `
        + (level === 1 ? "Seen without the second level, all lifts are one and $\\lambda$ changes nothing. " : "")
        + `With one piece a layer the Ito solution is the network up to $O(n^{-1/2})$; with fewer the second level is what summarises the layers of a piece. Root mean squares are of the difference at the end, over the ${samples} networks of this width.`);
      paths.redraw();
      gaps.redraw();
    }
    const left = element("div", {}, tools.legend([["network", "var(--ink)"], ["Ito, $\\lambda=0$", tools.colour(0)], ["Stratonovich, $\\lambda=1$", tools.colour(1)], ["your $\\lambda$", tools.colour(4), "6 3"]]), paths.element);
    const right = element("div", {}, tools.legend([["your $\\lambda$ less the network", tools.colour(4), "6 3"], ["less the Ito solution", tools.colour(0)], ["$\\lambda s/2$", "var(--ink)", "2 4"]]), gaps.element);
    root.append(tools.controls(muSlider, pieceSlider, levelSelect, widthSelect, numberSlider), tools.readouts(...Object.values(shown)), tools.columns(left, right), told.element);
    update();
  },
};
