/* Small circles: the paths tend to a point, their signed area does not, nor what an equation makes of them.

x_n(t) = (cos(n^2 t)/n, sin(n^2 t)/n) for t in [0, 2 pi] has closed forms for everything shown here; the tests compare
them with rn.rough.spiral_area, rn.rough.p_variation and rn.rough.solve_rde. */

const END = 2 * Math.PI;

const mathematics = {
  /* The signed area from the start, up to t. */
  area: (n, t) => t / 2 - Math.sin(n * n * t) / (2 * n * n),

  /* The p-variation of n^2 turns of the circle of radius 1/n, with Euclidean distances. In k equal steps the sum of
  |x_{s,t}|^p is k (2 sin(pi n^2/k)/n)^p; it rises in k up to the step x with tan(x/2) = p x/2, and falls from there on. */
  variation(n, p) {
    const half = Math.PI * n * n;
    if (p === 1) return 2 * half / n;
    let low = 0, high = Math.PI / 2;
    for (let k = 0; k < 60; k++) {
      const x = (low + high) / 2;
      if (Math.sin(x) < p * x * Math.cos(x)) low = x; else high = x;
    }
    const steps = half / high, sum = k => k < 2 ? 0 : k * Math.pow(2 * Math.sin(half / k), p);
    return Math.pow(Math.max(sum(Math.floor(steps)), sum(Math.ceil(steps))), 1 / p) / n;
  },

  /* R(t) of dR = R (A1 dx + A2 dy), R(0) = I: the turn by t (n A2 + n^2 A3), then back by n^2 t about the third axis. */
  frame(n, t) {
    const w = n * n, size = Math.hypot(n, w), u2 = n / size, u3 = w / size;
    const s = Math.sin(t * size), c = Math.cos(t * size), v = 1 - c, back = Math.cos(w * t), sine = Math.sin(w * t);
    const turn = [[c, -s * u3, s * u2], [s * u3, c + v * u2 * u2, v * u2 * u3], [-s * u2, v * u2 * u3, c + v * u3 * u3]];
    return turn.map(([x, y, z]) => [x * back - y * sine, x * sine + y * back, z]);
  },

  /* t -> R_12(t). */
  entry(n) {
    const w = n * n, size = Math.hypot(n, w), tilt = w / size;
    return t => Math.cos(t * size) * Math.sin(w * t) - tilt * Math.sin(t * size) * Math.cos(w * t);
  },

  distance: (a, b) => Math.sqrt(d3.sum(a.flatMap((row, i) => row.map((entry, j) => (entry - b[i][j]) ** 2)))),
};

const LIMIT = [[-1, 0, 0], [0, -1, 0], [0, 0, 1]], IDENTITY = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const SIZES = d3.range(1, 33);

/* A curve of t in [0, 2 pi] of which no more is drawn than the columns of pixels can show. */
function curve(f, turns, x, y) {
  const columns = Math.max(60, Math.round(Math.abs(x(END) - x(0)))), wanted = 40 * turns;
  const points = [];
  if (wanted <= 3 * columns) {
    const count = Math.max(wanted, columns);
    for (let k = 0; k <= count; k++) points.push([END * k / count, f(END * k / count)]);
  } else {
    const each = Math.min(10, Math.ceil(wanted / columns));
    for (let k = 0; k < columns; k++) {
      let low = Infinity, high = -Infinity;
      for (let j = 0; j <= each; j++) {
        const value = f(END * (k + j / each) / columns);
        if (value < low) low = value;
        if (value > high) high = value;
      }
      const middle = END * (k + 0.5) / columns;
      points.push(k % 2 ? [middle, high] : [middle, low], k % 2 ? [middle, low] : [middle, high]);
    }
  }
  return d3.line(point => x(point[0]), point => y(point[1]))(points);
}

const drawLine = (svg, path, colour, width = 1.6, dash = null) => svg.append("path").attr("d", path).attr("fill", "none")
  .attr("stroke", colour).attr("stroke-width", width).attr("stroke-dasharray", dash).attr("stroke-linejoin", "round");

const PI_TICKS = [0, Math.PI / 2, Math.PI, 3 * Math.PI / 2, END];
const piFormat = t => ["0", "π/2", "π", "3π/2", "2π"][PI_TICKS.indexOf(t)];

panels.pure_area = {
  title: "Pure area: a path that vanishes and still turns",
  intro: "The path $x_n(t)=\\bigl(\\cos(n^2t),\\,\\sin(n^2t)\\bigr)/n$ runs $n^2$ times round a circle of radius $1/n$. As $n$ grows it "
    + "tends to a point, but its signed area over $[0,2\\pi]$ stays $\\pi$. Its 2-variation stays away from 0, too, while the "
    + "$p$-variation for $p>2$ tends to 0. The frame $dR=R\\,(A_1\\,dx+A_2\\,dy)$ on the rotation group does not tend to the "
    + "identity, the solution along a point, but to $\\exp(\\pi[A_1,A_2])$: the limit of these paths is an area.",
  mathematics,
  mount(root, data, tools) {
    const ink = "var(--ink)", colour = tools.colour;
    let n = 4, p = 2.5;
    const nSlider = tools.slider({ name: "n", label: "$n$, radius $1/n$", min: 1, max: 32, value: n, step: 1, onInput: value => { n = value; update(); } });
    const pSlider = tools.slider({ name: "p", label: "exponent $p$", min: 1, max: 5, value: p, step: 0.05, onInput: value => { p = value; update(); } });
    const shown = {
      radius: tools.readout({ name: "radius", label: "sup norm $1/n$" }),
      turns: tools.readout({ name: "turns", label: "turns $n^2$" }),
      area: tools.readout({ name: "area", label: "signed area" }),
      length: tools.readout({ name: "length", label: "length $2\\pi n$" }),
      variation: tools.readout({ name: "variation", label: "$p$-variation" }),
      two: tools.readout({ name: "variation2", label: "2-variation" }),
      limit: tools.readout({ name: "distance-limit", label: "$|R(2\\pi)-e^{\\pi[A_1,A_2]}|$" }),
      identity: tools.readout({ name: "distance-identity", label: "$|R(2\\pi)-I|$" }),
    };
    const solved = tools.note();

    const plane = tools.chart({ name: "plane", label: "The path in the plane: a circle of radius 1/n", height: 270, margin: { right: 20 },
      caption: "The path (blue), its limit (dot), and the circle of $n=1$ (dotted).", draw({ svg, inner }) {
      const half = inner.height / 2, unit = half / 1.15, reach = inner.width / 2 / unit;
      const x = d3.scaleLinear([-reach, reach], [0, inner.width]), y = d3.scaleLinear([-1.15, 1.15], [inner.height, 0]);
      tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "x", yLabel: "y", yTicks: [-1, -0.5, 0, 0.5, 1], yFormat: each => tools.format(each, 2), xTicks: 5 });
      svg.append("circle").attr("cx", x(0)).attr("cy", y(0)).attr("r", unit).attr("fill", "none").attr("stroke", "var(--muted)").attr("stroke-dasharray", "2 4");
      svg.append("circle").attr("cx", x(0)).attr("cy", y(0)).attr("r", unit / n).attr("fill", "none").attr("stroke", colour(0)).attr("stroke-width", 2);
      svg.append("circle").attr("cx", x(0)).attr("cy", y(0)).attr("r", 2.5).attr("fill", ink);
    } });
    const area = tools.chart({ name: "area", label: "The signed area from the start against time", height: 270, margin: { right: 20 },
      caption: "Its signed area from the start (blue) and the limit $t/2$ (dotted).", draw({ svg, inner }) {
      const x = d3.scaleLinear([0, END], [0, inner.width]), y = d3.scaleLinear([0, 3.5], [inner.height, 0]);
      tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "time t", yLabel: "area", xTicks: PI_TICKS, xFormat: piFormat });
      drawLine(svg, curve(t => mathematics.area(n, t), n * n, x, y), colour(0));
      drawLine(svg, curve(t => t / 2, 0, x, y), ink, 1.6, "2 4");
    } });
    const variation = tools.chart({ name: "variation", label: "The p-variation against n", height: 270, margin: { right: 20 },
      caption: "The $p$-variation for your $p$ (line, your $n$ marked) and for $p=2$ (dotted).", draw({ svg, inner }) {
      const values = SIZES.map(each => mathematics.variation(each, p)), twos = SIZES.map(each => mathematics.variation(each, 2));
      const top = Math.max(5, d3.max(values) * 1.2), low = Math.min(0.5, d3.min(values) / 1.2);
      const x = d3.scaleLog([1, 32], [0, inner.width]), y = d3.scaleLog([low, top], [inner.height, 0]);
      const ticks = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200].filter(each => each >= low && each <= top);
      tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "n", yLabel: "variation", xTicks: [1, 2, 4, 8, 16, 32],
        xFormat: String, yTicks: ticks, yFormat: String });
      const line = d3.line((_, i) => x(SIZES[i]), value => y(value));
      drawLine(svg, line(twos), ink, 1.6, "2 4");
      drawLine(svg, line(values), colour(1));
      svg.append("circle").attr("cx", x(n)).attr("cy", y(mathematics.variation(n, p))).attr("r", 5).attr("fill", colour(1));
    } });
    const frame = tools.chart({ name: "frame", label: "The entry R12 of the frame against time", height: 270, margin: { right: 20 },
      caption: "The entry $R_{12}$ of the frame (blue) and that along the pure area, $-\\sin(t/2)$ (dotted).", draw({ svg, inner }) {
      const x = d3.scaleLinear([0, END], [0, inner.width]), y = d3.scaleLinear([-1.15, 1.15], [inner.height, 0]);
      tools.axes(svg, { x, y, width: inner.width, height: inner.height, xLabel: "time t", yLabel: "R12", xTicks: PI_TICKS, xFormat: piFormat });
      drawLine(svg, curve(mathematics.entry(n), n * n, x, y), colour(0));
      drawLine(svg, curve(t => -Math.sin(t / 2), 0, x, y), ink, 1.8, "2 4");
    } });

    function update() {
      const end = mathematics.frame(n, END);
      shown.radius.set(1 / n);
      shown.turns.set(n * n);
      shown.area.set(mathematics.area(n, END));
      shown.length.set(mathematics.variation(n, 1));
      shown.variation.set(mathematics.variation(n, p));
      shown.two.set(mathematics.variation(n, 2));
      shown.limit.set(mathematics.distance(end, LIMIT));
      shown.identity.set(mathematics.distance(end, IDENTITY));
      solved.set(`$\\exp(\\pi[A_1,A_2])=\\mathrm{diag}(-1,-1,1)$. Solved step by step, rn.rough.solve_rde gave the distances to it at $t=2\\pi$ `
        + data.sizes.map((size, k) => `${tools.format(data.distances[k], 6)} ($n=${size}$)`).join(", ") + ".");
      for (const each of [plane, area, variation, frame]) each.redraw();
    }
    root.append(tools.controls(nSlider, pSlider), tools.readouts(...Object.values(shown)),
      tools.columns(plane, area, variation, frame), solved.element);
    update();
  },
};
