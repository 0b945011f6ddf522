/* How deep a network of finite width is: the law of its random depth, from a table of the package.

log y = m + sqrt(v) (z + g(log t, z)) at the probability Phi(z), L_eff = n y, t = L/n; g is a sum of Chebyshev polynomials.
Mean, variance and the moments of the tangent kernel have closed forms. The tests compare all of it with
rn.networks.effective_depth and rn.networks.tangent_moments. */

/* sum of c_k T_k(x) and its derivative, by Clenshaw. */
function series(c, x) {
  let b1 = 0, b2 = 0, d1 = 0, d2 = 0;
  for (let k = c.length - 1; k > 0; k--) {
    const d = 2 * b1 + 2 * x * d1 - d2, b = 2 * x * b1 - b2 + c[k];
    d2 = d1; d1 = d; b2 = b1; b1 = b;
  }
  return [x * b1 - b2 + c[0], b1 + x * d1 - d2];
}

const density = z => Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);

/* m and v of the linearisation; the integral by its series where it would cancel. */
function frame(t) {
  let integral = 0;
  if (t < 0.5) {
    let power = t * t / 2, two = 4;  // t^k/k! and 2^k
    for (let k = 3; k < 22; k++) { power *= t / k; two *= 2; integral += (k % 2 ? 1 : -1) * (two / 2 - 2) * power; }
  } else integral = t + 2 * Math.expm1(-t) - Math.expm1(-2 * t) / 2;
  return [Math.log(Math.expm1(t)), Math.sqrt(2 * integral) / -Math.expm1(-t)];
}

const mathematics = {
  /* The standard normal distribution function. */
  normal(z) {
    if (Math.abs(z) > 6) return z > 0 ? 1 : 0;
    let term = z, sum = z;
    for (let k = 1; k < 200 && Math.abs(term) > 1e-17; k++) { term *= z * z / (2 * k + 1); sum += term; }
    return 0.5 + density(z) * sum;
  },

  /* The law of log y at t, from the table: { logDepth(z), slope(z), score(log y) }, z within the table's scores. */
  law(table, t) {
    const [first, last] = table.times.map(Math.log), most = table.scores[1];
    const place = (2 * Math.log(t) - first - last) / (last - first), [m, root] = frame(t);
    const size = d3.max(table.coefficients, row => row.length), c = new Float64Array(size);
    let before = 1, now = place;
    table.coefficients.forEach((row, k) => {
      const weight = k === 0 ? 1 : now;
      if (k > 0) { const next = 2 * place * now - before; before = now; now = next; }
      row.forEach((value, j) => { c[j] += weight * value; });
    });
    const at = z => { const [g, slope] = series(c, z / most); return [m + root * (z + g), root * (1 + slope / most)]; };
    return {
      most,
      logDepth: z => at(z)[0],
      slope: z => at(z)[1],
      score(logY) {
        let low = -most, high = most;
        if (logY <= at(low)[0]) return -Infinity;
        if (logY >= at(high)[0]) return Infinity;
        for (let k = 0; k < 60; k++) { const z = (low + high) / 2; if (at(z)[0] < logY) low = z; else high = z; }
        return (low + high) / 2;
      },
    };
  },

  mean: (layers, width) => width * Math.expm1(2 * layers / width) / 2,
  variance: (layers, width) => width * width * Math.expm1(2 * layers / width) ** 3 / 12,

  /* E Theta^2/(E Theta)^2 of the tangent kernel of the hidden weights: six expectations, multiplied by one matrix a layer. */
  kernelRatio(layers, n) {
    const c = 1 + 5 / n, [F, D, G, X, Y, S] = [0, 1, 2, 3, 4, 5];
    let state = [3, n - 1, n * n - 1, 0, 0, 0], logarithm = 0;
    for (let l = 0; l < layers; l++) {
      const tau = 4 / (n * n) * (state[F] + state[D] * (n - 2) / (n - 1) + state[G] * (n * n / 4 + n / 4 - 1) / (n * n - 1));
      const q = (2 * state[F] + state[D]) / n, r = (state[X] + state[Y]) / n;
      const next = [c * state[F], (n - 1) * q, (n * n - 1) * tau, q + c * state[X], q + c * state[X] + (n - 1) * (tau + r),
        tau + 2 * r + c * state[S]];
      const unit = Math.max(...next);
      logarithm += Math.log(unit);
      state = next.map(value => value / unit);
    }
    return Math.exp(Math.log(state[S]) + logarithm - 2 * Math.log(layers));
  },

  /* Its limit for wide and deep networks. */
  kernelLimit(t) {
    const x = 6 * t;
    let average = 0;
    if (x < 0.1) { let power = 1; for (let k = 0; k < 10; k++) { average += 2 * power / ((k + 1) * (k + 2)); power *= -x / (k + 1); } }
    else average = 2 * (x + Math.expm1(-x)) / (x * x);
    return Math.exp(5 * t) * (1 / 3 + 2 / 3 * average);
  },
};

/* Probabilities shown, with their normal scores. */
const QUANTILES = [
  { name: "q05", label: "5 %", z: -1.6448536269514722 }, { name: "q25", label: "25 %", z: -0.6744897501960817 },
  { name: "q50", label: "median", z: 0 },
  { name: "q75", label: "75 %", z: 0.6744897501960817 }, { name: "q95", label: "95 %", z: 1.6448536269514722 },
];

panels.finite = {
  title: "How deep is this finite network",
  intro: "An infinitely wide network of $L$ layers has the depth $L$. One of width $n$ has a random depth $L_{\\mathrm{eff}}$: the number of "
    + "layers of an infinitely wide network that leaves the same angle between two inputs. In the limit of wide and deep networks "
    + "$L_{\\mathrm{eff}}=n\\,y_t$ with $t=L/n$ and $dy=(1+2y)\\,ds-\\sqrt2\\,y\\,dB$, so that the law of $L_{\\mathrm{eff}}/n$ depends on $L/n$ alone.",
  mathematics,
  mount(root, data, tools) {
    const [least, most] = data.times, colours = [tools.colour(0), tools.colour(2), "var(--ink)", tools.colour(4), tools.colour(1)];
    let width = 200, layers = 200, clipped = false;
    const layerSlider = tools.slider({ name: "layers", label: "layers $L$", min: 2, max: 1024, value: layers, log: true, whole: true, onInput: value => { layers = value; update(); } });
    const widthSlider = tools.slider({ name: "width", label: "width $n$", min: 8, max: 512, value: width, log: true, whole: true, onInput: value => { width = value; update(); } });
    const shown = {
      time: tools.readout({ name: "time", label: "$t=L/n$" }),
      mean: tools.readout({ name: "mean", label: "mean depth" }),
      deviation: tools.readout({ name: "sd", label: "sd of the depth" }),
      below: tools.readout({ name: "below", label: "$P(L_{\\mathrm{eff}}\\le L)$" }),
      ratio: tools.readout({ name: "kernel-ratio", label: "$E\\Theta^2/(E\\Theta)^2$" }),
      limit: tools.readout({ name: "kernel-limit", label: "its limit for wide, deep networks" }),
    };
    const quantiles = QUANTILES.map(each => tools.readout({ name: each.name, label: each.label === "median" ? "median depth" : `${each.label} quantile` }));
    const told = tools.note();

    const times = d3.range(49).map(k => least * Math.pow(most / least, k / 48)), laws = times.map(t => mathematics.law(data, t));
    const curves = QUANTILES.map(({ z }) => laws.map((law, k) => Math.exp(law.logDepth(z)) / times[k]));
    const means = times.map(t => Math.expm1(2 * t) / 2 / t);

    const against = tools.chart({ name: "quantiles", label: "Quantiles of the random depth against layers over width", height: 300,
      caption: "Quantiles of $L_{\\mathrm{eff}}/L$ against $L/n$; dashed: your network.", margin: { left: 58, right: 24 },
      draw({ svg, inner }) {
        const x = d3.scaleLog([least, most], [0, inner.width]), y = d3.scaleLog([0.4, 300], [inner.height, 0]);
        tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "t = L/n", yLabel: "depth / L", xTicks: [0.01, 0.1, 1],
          xFormat: String, yTicks: [0.5, 1, 2, 5, 10, 20, 50, 100, 200], yFormat: String });
        const line = d3.line((_, k) => x(times[k]), value => y(value)), t = layers / width, law = mathematics.law(data, t);
        svg.append("path").attr("d", `M${x(t)},0V${inner.height}`).attr("stroke", "var(--muted)").attr("stroke-dasharray", "3 3");
        svg.append("path").attr("d", line(means)).attr("fill", "none").attr("stroke", "var(--ink)").attr("stroke-width", 1.6).attr("stroke-dasharray", "2 4");
        curves.forEach((values, k) => svg.append("path").attr("d", line(values)).attr("fill", "none").attr("stroke", colours[k]).attr("stroke-width", k === 2 ? 2.4 : 1.6));
        QUANTILES.forEach(({ z }, k) => svg.append("circle").attr("cx", x(t)).attr("cy", y(Math.exp(law.logDepth(z)) / t)).attr("r", 3.6).attr("fill", colours[k]));
      } });
    const shape = tools.chart({ name: "density", label: "The density of the logarithm of the random depth", height: 300,
      caption: "The density of $\\log L_{\\mathrm{eff}}$, and where nine networks in ten are (shaded).", margin: { left: 58, right: 24 },
      draw({ svg, inner }) {
        const law = mathematics.law(data, layers / width), scores = d3.range(-law.most, law.most + 1e-9, law.most / 60);
        const depths = scores.map(z => width * Math.exp(law.logDepth(z))), heights = scores.map(z => density(z) / law.slope(z));
        const x = d3.scaleLog([Math.min(layers, depths[0]), Math.max(layers, depths[depths.length - 1])], [0, inner.width]).nice();
        const y = d3.scaleLinear([0, 1.08 * d3.max(heights)], [inner.height, 0]);
        const [from, to] = x.domain(), span = Math.log10(to / from);
        const ticks = x.ticks().filter(each => { const digit = Number(each.toExponential()[0]); return span < 0.9 ? true : span < 2.2 ? [1, 2, 5].includes(digit) : digit === 1; });
        const shownTicks = ticks.filter((_, k) => k % Math.ceil(ticks.length / Math.max(2, Math.floor(inner.width / 56))) === 0);
        tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "real depth", yLabel: "density of log depth", xTicks: shownTicks, xFormat: each => tools.format(each, 3) });
        const inside = scores.map((z, k) => ({ z, k })).filter(({ z }) => Math.abs(z) <= 1.6448536269514722 + 1e-9).map(({ k }) => k);
        const ends = [QUANTILES[0].z, ...inside.map(k => scores[k]), QUANTILES[4].z];
        svg.append("path").attr("d", d3.area(z => x(width * Math.exp(law.logDepth(z))), inner.height, z => y(density(z) / law.slope(z)))(ends)).attr("fill", tools.colour(0)).attr("opacity", 0.2);
        svg.append("path").attr("d", d3.line((_, k) => x(depths[k]), height => y(height))(heights)).attr("fill", "none").attr("stroke", tools.colour(0)).attr("stroke-width", 2);
        const median = width * Math.exp(law.logDepth(0));
        svg.append("path").attr("d", `M${x(median)},${inner.height}V${y(density(0) / law.slope(0))}`).attr("stroke", tools.colour(0)).attr("stroke-width", 1.6);
        svg.append("path").attr("d", `M${x(layers)},0V${inner.height}`).attr("stroke", tools.colour(1)).attr("stroke-width", 2).attr("stroke-dasharray", "6 4");
      } });

    function update() {
      clipped = layers > Math.floor(most * width);
      if (clipped) { layers = Math.floor(most * width); layerSlider.set(layers); }
      const t = layers / width, law = mathematics.law(data, t);
      shown.time.set(t);
      shown.mean.set(mathematics.mean(layers, width));
      shown.deviation.set(Math.sqrt(mathematics.variance(layers, width)));
      shown.below.set(mathematics.normal(law.score(Math.log(t))));
      shown.ratio.set(mathematics.kernelRatio(layers, width));
      shown.limit.set(mathematics.kernelLimit(t));
      QUANTILES.forEach(({ z }, k) => quantiles[k].set(width * Math.exp(law.logDepth(z))));
      told.set((clipped ? `The table ends at $L=${most}n$: the number of layers was lowered to ${layers}. ` : "")
        + `Quantiles and probabilities are interpolated in a table of rn.networks.effective_depth, to ${tools.format(data.error, 2)} of $\\log L_{\\mathrm{eff}}$ as measured. `
        + "$\\Theta$ is the tangent kernel of one input, summed over the hidden weights: its ratio of moments is exact at this $n$ and $L$. "
        + "The law is the limit for wide and deep networks, derived and measured, not proved; for few layers or narrow networks it is an approximation.");
      against.redraw();
      shape.redraw();
    }
    const left = element("div", {}, tools.legend([["95 %", colours[4]], ["75 %", colours[3]], ["median", colours[2]], ["25 %", colours[1]], ["5 %", colours[0]], ["mean", "var(--ink)", "2 4"]]), against.element);
    const right = element("div", {}, tools.legend([["density, median", tools.colour(0)], ["$L$", tools.colour(1), "6 4"]]), shape.element);
    root.append(tools.controls(layerSlider, widthSlider), tools.readouts(...quantiles, ...Object.values(shown)), tools.columns(left, right), told.element);
    update();
  },
};
