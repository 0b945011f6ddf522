// What a page shows, measured in the page: called by laws_of_pages.py with the name of a law.
(law) => {
  const shown = element => element.checkVisibility({opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true});
  const name = element => {
    const text = (element.textContent || element.getAttribute("aria-label") || "").trim().replace(/\s+/g, " ").slice(0, 40);
    const id = element.id ? "#" + element.id : element.getAttribute("class") ? "." + element.getAttribute("class").split(" ")[0] : "";
    return element.tagName.toLowerCase() + id + (text ? ` "${text}"` : "");
  };
  const width = document.documentElement.clientWidth;

  // The part of a box that no ancestor clips; null where nothing is left.
  const styles = new Map();
  const style = element => { if (!styles.has(element)) styles.set(element, getComputedStyle(element)); return styles.get(element); };
  const clips = new Map();
  const clip = element => { // the box to which what lies in `element` is clipped
    if (!element || element === document.body || element === document.documentElement)
      return {left: 0, right: Math.max(width, document.documentElement.scrollWidth), top: -1e9, bottom: 1e9};
    if (clips.has(element)) return clips.get(element);
    let box = clip(element.parentElement);
    const s = style(element), clipped = s.overflowX !== "visible" || s.overflowY !== "visible" || s.clipPath !== "none" ||
      (s.clip !== "auto" && s.position === "absolute");
    const cut = clipped && !(element instanceof SVGElement && element.tagName !== "svg") && s.display !== "inline";
    if (cut) {
      const r = s.clip !== "auto" && s.position === "absolute" && /rect\((0|1)px/.test(s.clip)
        ? {left: 0, right: 0, top: 0, bottom: 0} : element.getBoundingClientRect();
      box = {left: Math.max(box.left, r.left), right: Math.min(box.right, r.right),
        top: Math.max(box.top, r.top), bottom: Math.min(box.bottom, r.bottom)};
    }
    clips.set(element, box);
    return box;
  };
  const left = (rect, element) => {
    const box = clip(element);
    const cut = {left: Math.max(rect.left, box.left), right: Math.min(rect.right, box.right),
      top: Math.max(rect.top, box.top), bottom: Math.min(rect.bottom, box.bottom)};
    return cut.right - cut.left > 1 && cut.bottom - cut.top > 1 ? cut : null;
  };

  // Lines of a font are higher than its letters: boxes are cut to the ink of the letters that are there.
  const canvas = document.createElement("canvas").getContext("2d");
  const inks = new Map();
  const ink = (text, element) => {
    const s = style(element), font = `${s.fontStyle} ${s.fontWeight} ${s.fontSize} ${s.fontFamily}`, key = font + text;
    if (!inks.has(key)) {
      canvas.font = font;
      const m = canvas.measureText(text), height = m.fontBoundingBoxAscent + m.fontBoundingBoxDescent;
      inks.set(key, height > 0 ? {above: Math.max(0, (m.fontBoundingBoxAscent - m.actualBoundingBoxAscent) / height),
        below: Math.max(0, (m.fontBoundingBoxDescent - m.actualBoundingBoxDescent) / height)} : {above: 0, below: 0});
    }
    return inks.get(key);
  };
  const fixed = element => {
    for (let e = element; e; e = e.parentElement) if (style(e).position === "fixed") return e;
    return null;
  };
  const drawn = () => {
    const boxes = [], range = document.createRange();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, text = node.nodeValue.trim(), element = node.parentElement;
      if (!text || element.closest("script, style, noscript, template, select, textarea, title, desc, .katex-mathml, math"))
        continue;
      if (element.tagName === "DETAILS" && !element.open) continue;
      if (!shown(element) || style(element).color === "rgba(0, 0, 0, 0)") continue;
      const figure = element.closest("text"), unit = figure ?? element.closest(".katex") ?? element;
      const matrix = figure?.getScreenCTM();
      const level = !matrix || (Math.abs(matrix.b) < 1e-6 && Math.abs(matrix.c) < 1e-6);
      range.selectNodeContents(node);
      for (const rect of range.getClientRects()) {
        const {above, below} = level ? ink(text, element) : {above: 0, below: 0}, height = rect.bottom - rect.top;
        const cut = left({left: rect.left, right: rect.right, top: rect.top + above * height,
          bottom: rect.bottom - below * height}, element);
        if (cut) boxes.push({...cut, unit, element, text, fixed: fixed(element)});
      }
    }
    for (const element of document.querySelectorAll("ol > li")) { // their numbers hang on the left, outside of every box
      const s = style(element), list = element.parentElement;
      if (!shown(element) || s.display !== "list-item" || s.listStyleType !== "decimal" || s.listStylePosition !== "outside") continue;
      const number = `${list.start + [...list.children].indexOf(element)}. `;
      canvas.font = `${s.fontStyle} ${s.fontWeight} ${s.fontSize} ${s.fontFamily}`;
      range.selectNodeContents(element);
      const [line] = range.getClientRects(), start = element.getBoundingClientRect().left + parseFloat(s.paddingLeft);
      const middle = line && (line.top + line.bottom) / 2;
      const cut = line && left({left: start - canvas.measureText(number).width, right: start, top: middle - 4, bottom: middle + 4}, list);
      if (cut) boxes.push({...cut, unit: element, element, text: number, fixed: fixed(element)});
    }
    for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
      if (!shown(element)) continue;
      const cut = left(element.getBoundingClientRect(), element.parentElement);
      if (cut) boxes.push({...cut, unit: element, element, text: element.getAttribute("aria-label") || element.name || "",
        fixed: fixed(element)});
    }
    return boxes;
  };
  const overlaps = () => {
    const boxes = drawn().sort((a, b) => a.top - b.top), found = new Set();
    for (let i = 0; i < boxes.length; i++)
      for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom - 1; j++) {
        const a = boxes[i], b = boxes[j];
        if (a.unit === b.unit || a.fixed !== b.fixed) continue;
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 1)
          found.add(`"${a.text.slice(0, 40)}" (${name(a.element).split(" ")[0]}) and "${b.text.slice(0, 40)}" ` +
            `(${name(b.element).split(" ")[0]}) overlap by ${across.toFixed(1)} x ${down.toFixed(1)} px at ` +
            `(${Math.round(b.left + scrollX)}, ${Math.round(b.top + scrollY)})`);
      }
    return [...found];
  };

  const wide = () => {
    const over = document.documentElement.scrollWidth - width;
    if (over <= 0) return [];
    const culprits = [...document.body.querySelectorAll("*")].filter(element => shown(element) &&
      element.getBoundingClientRect().right > width + 1 && clip(element.parentElement).right > width + 1 &&
      style(element).position !== "fixed");
    const inner = culprits.filter(element => !culprits.some(other => other !== element && element.contains(other)));
    return [`the page is ${over} px wider than the window: ${inner.slice(0, 3).map(name).join(", ")}`];
  };

  const images = () => [...document.images].filter(image => image.loading !== "lazy" || image.complete).flatMap(image => {
    const where = image.getAttribute("src").slice(0, 80), found = [];
    if (!image.complete || image.naturalWidth === 0) found.push(`image ${where} did not load`);
    if (!image.hasAttribute("width") || !image.hasAttribute("height")) found.push(`image ${where} has no width and height`);
    if (!image.hasAttribute("alt")) found.push(`image ${where} has no alt`);
    return found;
  });

  const structure = () => {
    const found = [], heads = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(shown);
    const ones = heads.filter(head => head.tagName === "H1").length;
    if (ones !== 1) found.push(`expected one h1, found ${ones}`);
    heads.forEach((head, i) => {
      const step = +head.tagName[1] - (i ? +heads[i - 1].tagName[1] : 0);
      if (step > 1) found.push(`${name(head)} comes after ${i ? heads[i - 1].tagName.toLowerCase() : "nothing"}`);
    });
    if (!document.documentElement.lang) found.push("the html element has no lang");
    if (!document.title.trim()) found.push("the page has no title");
    if (!document.querySelector("meta[name=viewport]")) found.push("the page has no meta viewport");
    const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
    const twice = [...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))];
    if (twice.length && ids.length < 20000) found.push(`used twice as an id: ${twice.slice(0, 5).join(", ")}`);
    return found;
  };

  const controls = () => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex], [role=slider], [role=button]")]
    .filter(element => !element.disabled && element.getAttribute("tabindex") !== "-1" && shown(element) && !element.closest("[inert]") &&
      left(element.getBoundingClientRect(), element.parentElement));
  const focus = () => { // each control gets the focus, and looks another way when it has it
    const found = [], before = document.activeElement;
    const look = element => { const s = getComputedStyle(element);
      return [s.outlineStyle === "none" ? "" : s.outlineStyle + s.outlineWidth + s.outlineColor, s.boxShadow, s.borderColor,
        s.backgroundColor, s.textDecoration, s.stroke, s.strokeWidth, s.fill].join("|"); };
    for (const element of controls()) {
      if (element.tabIndex > 0) found.push(`${name(element)} has a positive tabindex`);
      if (element.type === "radio" && !element.checked && element.name &&
        document.querySelector(`input[type=radio][name="${element.name}"]:checked`)) continue;
      const around = [element, ...(element.labels ?? [])], plain = around.map(look).join();
      element.focus({focusVisible: true, preventScroll: true});
      if (document.activeElement !== element) found.push(`${name(element)} cannot have the focus`);
      else if (around.map(look).join() === plain) found.push(`${name(element)} does not show that it has the focus`);
      element.blur();
    }
    before?.focus?.({preventScroll: true});
    return found;
  };
  return {overlaps, wide, images, structure, focus, controls: () => controls().length}[law]();
}
