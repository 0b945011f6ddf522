/* A first form, which shows the contract: a slider, a readout, a chart with a handle. */
panels.depth = {
  title: "Depth",
  intro: "The kernel at real depth $L$.",
  mount(root, data, tools) {
    let angle = 1;
    const twice = tools.readout({ name: "twice", label: "twice the depth" });
    const depth = tools.slider({ name: "depth", label: "depth $L$", min: 1, max: 1000, value: 3, log: true, infinity: true,
      onInput: x => { twice.set(2 * x); chart.redraw(); } });
    const chart = tools.chart({ name: "circle", label: "Points on the circle", height: 260, caption: "Drag the point.",
      draw({ svg, inner }) {
        const x = d3.scaleLinear([-1, 1], [0, inner.width]), y = d3.scaleLinear([-1, 1], [inner.height, 0]);
        tools.axes(svg, { x, y, ...inner, xLabel: "x", yLabel: "y" });
        const mark = svg.append("circle").attr("cx", x(Math.cos(angle))).attr("cy", y(Math.sin(angle))).attr("r", 8).attr("fill", tools.colour(1));
        tools.handle(mark, { name: "point-0", label: "point 1", text: `angle ${tools.format(angle)}`,
          onMove: (px, py) => { angle = Math.atan2(y.invert(py), x.invert(px)); chart.redraw(); },
          onKey: dx => { angle += 0.05 * dx; chart.redraw(); } });
      } });
    root.append(tools.controls(depth), tools.readouts(twice), chart.element);
    twice.set(6);
  },
};
