"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("main");
  const { spans, steps, lanes } = data;
  const ended = Math.max(data.ended, 1);
  const isCritical = new Set(data.critical);
  const AXIS = 24, FEW = 200, WIDEST = 8e6;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };
  const time = (us) => {
    if (us < 1e3) return us ? `${us} µs` : "0";
    if (us < 1e4) return `${(us / 1e3).toFixed(1)} ms`;
    if (us < 1e6) return `${Math.round(us / 1e3)} ms`;
    if (us < 6e7) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
    const seconds = Math.round(us / 1e6);
    return seconds < 3600 ? `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`
      : `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} m`;
  };
  const size = (bytes) => {
    for (const [unit, length] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (bytes >= length) return `${(bytes / length).toFixed(bytes < 100 * length ? 1 : 0)} ${unit}`;
    }
    return `${bytes} B`;
  };
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  let colors = {};
  const readColors = () => {
    const names = ["page", "panel", "line", "text", "faint", "grid", "mark", "wait", "bar-text", "busy", ...Object.keys(data.phases),
      "checking", "building"];
    colors = Object.fromEntries(names.map((name) => [name, color(name)]));
  };
  /** A canvas of a size in CSS pixels, cleared, and its context. */
  const prepare = (canvas, width, height) => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    return context;
  };
  /** Distances between ticks that people can read: 1, 2 or 5 times a power of ten. */
  const tick = (perPixel) => {
    const least = perPixel * 90, power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
    return [1, 2, 5, 10].map((factor) => factor * power).find((distance) => distance >= least);
  };

  // The numbers at the top.
  const sum = (list) => list.reduce((all, value) => all + value, 0);
  const busy = sum(spans.map((span) => span.end - span.start));
  const spent = sum(data.critical.map((number) => spans[number].end - spans[number].start));
  const card = (value, label) => make("div", { class: "card" }, make("b", {}, value), make("span", {}, label));
  const cards = make("div", { class: "cards" },
    card(time(data.ended), "the run"), card(steps.length.toLocaleString("en"), steps.length === 1 ? "step" : "steps"),
    card(size(sum(steps.map((step) => step.bytes))), "transferred or written"));
  if (spans.length) {
    cards.append(card(time(busy), "all steps, one after the other"), card((busy / ended).toFixed(1), "steps at a time, on average"),
      card(time(spent), `critical path, ${data.critical.length.toLocaleString("en")} spans`));
  }
  main.append(cards);

  // How many slots were in use, and how busy the processors were.
  const curve = make("canvas", { class: "curve", role: "img", "aria-label": "Steps that ran at the same time, and how busy the processors were" });
  const drawCurve = () => {
    const width = curve.clientWidth, height = 130, bottom = height - 18, context = prepare(curve, width, height);
    curve.style.width = "100%";
    // How many ran in each column of pixels, on average over its time.
    const columns = Math.max(1, Math.floor(width - 74)), each = ended / columns;
    const counts = [new Float64Array(columns + 1), new Float64Array(columns + 1)];
    for (const span of spans) {
      const count = counts[span.slot === "build" ? 1 : 0], [from, to] = [span.start / each, span.end / each];
      for (let column = Math.floor(from); column < to; column++) count[column] += Math.min(to, column + 1) - Math.max(from, column);
    }
    const points = Array.from({ length: columns }, (_, column) => [column * each, counts[0][column], counts[1][column]]);
    points.push([ended, 0, 0]);
    const most = Math.max(1, Math.ceil(Math.max(...points.map((point) => point[1] + point[2])) - .01));
    const x = (at) => 34 + (at / ended) * (width - 74), y = (count) => bottom - (count / most) * (bottom - 10);
    context.strokeStyle = colors.grid;
    context.fillStyle = colors.faint;
    for (const count of new Set([0, Math.ceil(most / 2), most])) {
      context.strokeRect(34, Math.round(y(count)) + .5, width - 74, 0);
      context.textAlign = "right";
      context.fillText(String(count), 28, y(count));
    }
    context.textAlign = "left";
    const distance = tick(ended / (width - 74));
    for (let at = 0; at <= ended; at += distance) context.fillText(time(at), Math.min(x(at), width - 60), height - 8);
    const area = (from, to, fill) => {
      context.beginPath();
      points.forEach((point, index) => {
        const next = points[index + 1] || point;
        context.lineTo(x(point[0]), y(to(point)));
        context.lineTo(x(next[0]), y(to(point)));
      });
      for (let index = points.length - 1; index >= 0; index--) {
        const next = points[index + 1] || points[index];
        context.lineTo(x(next[0]), y(from(points[index])));
        context.lineTo(x(points[index][0]), y(from(points[index])));
      }
      context.fillStyle = fill;
      context.fill();
    };
    area(() => 0, (point) => point[2], colors.building);
    area((point) => point[2], (point) => point[1] + point[2], colors.checking);
    if (data.busy.length) {
      context.beginPath();
      for (const [at, share] of data.busy) context.lineTo(x(Math.min(at, ended)), bottom - share * (bottom - 10));
      context.strokeStyle = colors.busy;
      context.lineWidth = 1.5;
      context.stroke();
      context.fillStyle = colors.faint;
      context.fillText("100 %", width - 37, 10);
    }
  };
  const swatch = (name, text, thin) => make("span", {}, make("i", { style: `background:var(--${name})`, ...thin && { class: "thin" } }), text);
  if (spans.length) {
    const legend = make("div", { class: "legend" }, swatch("building", "slots for builds"), swatch("checking", "slots for everything else"));
    if (data.busy.length) legend.append(swatch("busy", `busy processors of the machine (${data.cores})`, true));
    main.append(make("h2", {}, "At the same time"), legend, curve);
  }

  // The chart: either a row for each slot, or a row for each step.
  const state = { mode: "slots", zoom: 1, filter: "", hover: null, picked: null };
  const byLabel = new Map();
  spans.forEach((span, number) => {
    if (!byLabel.has(span.label)) byLabel.set(span.label, []);
    byLabel.get(span.label).push(number);
  });
  if (byLabel.size <= 60) state.mode = "steps";
  let rows = [], rowOf = new Map();
  const layOut = () => {
    const wanted = (label) => label.toLowerCase().includes(state.filter);
    if (state.mode === "slots") {
      const used = { acquire: 0, build: 0 };
      rows = lanes.map((slot) => ({ label: `${slot} ${++used[slot]}`, spans: [] }));
      spans.forEach((span, number) => wanted(span.label) && rows[span.lane].spans.push(number));
      rows.forEach((row) => row.spans.sort((a, b) => spans[a].start - spans[b].start));
    } else {
      rows = [...byLabel].filter(([label]) => wanted(label)).map(([label, list]) => ({ label, spans: list }));
    }
    if (!state.filter) rows.unshift({ label: "larder", spans: [], run: data.run });
    rowOf = new Map();
    rows.forEach((row, index) => row.spans.forEach((number) => rowOf.set(number, index)));
  };
  const canvas = make("canvas", { role: "img", "aria-label": "What ran when. The table below has the same steps." });
  const space = make("div", { class: "space" });
  const view = make("div", { class: "view", tabindex: "0" }, space, canvas);
  const gutter = () => state.mode === "slots" ? 74 : Math.min(200, view.clientWidth / 3);
  const rowHeight = () => state.mode === "slots" ? 24 : 20;
  const scale = () => (view.clientWidth - gutter() - 12) / ended * state.zoom;
  const cut = (context, text, width) => {
    if (context.measureText(text).width <= width) return text;
    let [low, high] = [0, text.length];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (context.measureText(text.slice(0, middle) + "…").width <= width) low = middle; else high = middle - 1;
    }
    return low ? text.slice(0, low) + "…" : "";
  };
  const draw = () => {
    const height = AXIS + Math.max(rows.length, 1) * rowHeight() + 6, shown = Math.min(height, Math.max(260, innerHeight * .7));
    space.style.width = `${gutter() + 12 + ended * scale()}px`;
    space.style.height = `${height}px`;
    view.style.height = `${shown + 2 + (view.offsetHeight - view.clientHeight - 2 || 0)}px`;
    const width = view.clientWidth, context = prepare(canvas, width, shown);
    const { scrollLeft: left, scrollTop: top } = view, us = scale();
    const x = (at) => gutter() + at * us - left, y = (row) => AXIS + row * rowHeight() - top;
    context.fillStyle = colors.page;
    context.fillRect(0, 0, width, shown);
    const first = Math.max(0, Math.floor(top / rowHeight())), last = Math.min(rows.length, first + Math.ceil(shown / rowHeight()) + 1);
    const distance = tick(1 / us);
    context.fillStyle = colors.grid;
    for (let at = Math.floor(left / us / distance) * distance; x(at) < width; at += distance) context.fillRect(Math.round(x(at)), AXIS, 1, shown);
    for (let index = first; index < last; index++) {
      if (index % 2) {
        context.globalAlpha = .5;
        context.fillStyle = colors.panel;
        context.fillRect(0, y(index), width, rowHeight());
        context.globalAlpha = 1;
      }
      for (const [name, start, end] of rows[index].run || []) {
        if (end - start <= 1 / us) continue;
        const [from, room] = [Math.max(x(start), gutter()), x(end) - Math.max(x(start), gutter())];
        context.strokeStyle = colors.faint;
        context.lineWidth = 1;
        context.strokeRect(Math.round(x(start)) + .5, y(index) + 3.5, x(end) - x(start) - 1, rowHeight() - 7);
        context.fillStyle = colors.faint;
        context.fillText(cut(context, name, room - 8), from + 4, y(index) + rowHeight() / 2);
      }
      let drawn = -1;
      for (const number of rows[index].spans) {
        const span = spans[number], isFocus = number === state.hover || number === state.picked;
        if (state.mode === "steps") drawWaits(context, span, x, y(index));
        const [from, to] = [x(span.start), Math.max(x(span.end), x(span.start) + 1.5)];
        if (to < gutter() || from > width || to <= drawn && !isFocus) continue;
        drawn = to;
        bar(context, number, span, x, from, to, y(index) + 2, rowHeight() - 5, isFocus);
      }
    }
    drawEdges(context, x, y);
    context.fillStyle = colors.page;
    context.fillRect(0, 0, gutter() - 4, shown);
    context.fillStyle = colors.faint;
    for (let index = first; index < last; index++) {
      context.fillText(cut(context, rows[index].label, gutter() - 16), 8, y(index) + rowHeight() / 2);
    }
    context.fillStyle = colors.panel;
    context.fillRect(0, 0, width, AXIS);
    context.fillStyle = colors.faint;
    for (let at = Math.floor(left / us / distance) * distance; x(at) < width; at += distance) {
      if (x(at) >= gutter() - 4) context.fillText(time(Math.round(at)), x(at) + 3, AXIS / 2);
    }
    if (!rows.length) context.fillText("no step has this in its name", 8, AXIS + 12);
  };
  const bar = (context, number, span, x, from, to, top, height, isFocus) => {
    context.fillStyle = colors.checking;
    context.fillRect(from, top, to - from, height);
    for (const [phase, start, end] of span.phases) {
      context.fillStyle = colors[phase] || colors.checking;
      context.fillRect(x(start), top, Math.max(x(end) - x(start), .5), height);
    }
    if (isCritical.has(number)) {
      context.fillStyle = colors.mark;
      context.fillRect(from, top + height, to - from, 2.5);
    }
    if (isFocus) {
      context.strokeStyle = colors.text;
      context.lineWidth = 2;
      context.strokeRect(from, top, to - from, height);
    }
    if (span.outcome === "failed") {
      context.strokeStyle = colors.mark;
      context.lineWidth = 2;
      context.strokeRect(from + 1, top + 1, Math.max(to - from - 2, 1), height - 2);
    }
    const room = to - Math.max(from, gutter()) - 8;
    if (state.mode === "slots" && room > 24) {
      context.fillStyle = colors["bar-text"];
      context.fillText(cut(context, span.label, room), Math.max(from, gutter()) + 4, top + height / 2 + .5);
    }
  };
  const drawWaits = (context, span, x, top) => {
    for (const [why, start, end] of span.waits) {
      context.fillStyle = colors.wait;
      const middle = top + rowHeight() / 2;
      if (why === "needs") context.fillRect(x(start), middle - 2, x(end) - x(start), 4);
      else context.fillRect(x(start), middle - .5, x(end) - x(start), 1);
    }
  };
  const drawEdges = (context, x, y) => {
    const edge = (from, to, stroke, width) => {
      const [a, b] = [rowOf.get(from), rowOf.get(to)];
      if (a === undefined || b === undefined) return;
      const half = rowHeight() / 2, [x1, y1, x2, y2] = [x(spans[from].end), y(a) + half, x(spans[to].start), y(b) + half];
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x1, y1);
      const bend = Math.max(8, (x2 - x1) / 2);
      context.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
      context.stroke();
    };
    context.save();
    context.beginPath();
    context.rect(gutter() - 4, AXIS, view.clientWidth, 1e5);
    context.clip();
    if (state.mode === "steps") {
      data.critical.forEach((number, index) => index && edge(data.critical[index - 1], number, colors.mark, 1.5));
    }
    for (const focus of new Set([state.hover, state.picked])) {
      if (focus === null) continue;
      for (const [, , , on] of spans[focus].waits) on.forEach((from) => edge(from, focus, colors.text, 1.5));
      spans.forEach((span, number) => span.waits.forEach(([why, , , on]) => why === "needs" && on.includes(focus) && edge(focus, number, colors.text, 1.5)));
    }
    context.restore();
  };

  // Details of the bar below the pointer.
  const tip = make("div", { id: "tip", hidden: "" });
  const stepOf = new Map();
  steps.forEach((step) => step.span !== null && step.action === "ensure" && stepOf.set(step.span, step));
  const details = (number) => {
    const span = spans[number], step = stepOf.get(number);
    const lines = [`${span.label}: ${span.outcome ? span.outcome.replaceAll("-", " ") : "has to be built"}`,
      `${time(span.end - span.start)}, from ${time(span.start)} to ${time(span.end)}, ${span.slot} slot`];
    for (const [phase, start, end, bytes] of span.phases) {
      lines.push(`· ${data.phases[phase]}: ${time(end - start)}${bytes ? `, ${size(bytes)}` : ""}`);
    }
    for (const [why, start, end, on] of span.waits) {
      const names = on.slice(0, 8).map((other) => spans[other].label).join(", ") + (on.length > 8 ? ` and ${on.length - 8} more` : "");
      lines.push(`waited ${time(end - start)} for ${why === "needs" ? "the needs of its build" : "a free slot"}: ${names}`);
    }
    if (isCritical.has(number)) lines.push("on the critical path");
    for (const text of step ? [step.reason, step.place, step.error] : []) if (text) lines.push(text.slice(0, 300));
    return lines.join("\n");
  };
  const under = (event) => {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    const row = rows[Math.floor((py - AXIS + view.scrollTop) / rowHeight())];
    if (py < AXIS || px < gutter() || !row) return null;
    const us = scale(), at = (px - gutter() + view.scrollLeft) / us, near = 3 / us;
    const hits = row.spans.filter((number) => spans[number].start - near <= at && at <= spans[number].end + near);
    const distance = (number) => Math.abs((spans[number].start + spans[number].end) / 2 - at);
    if (hits.length) return hits.reduce((best, number) => distance(number) < distance(best) ? number : best);
    const waits = ([, start, end]) => start <= at && at <= end;
    return state.mode === "steps" ? row.spans.find((number) => spans[number].waits.some(waits)) ?? null : null;
  };
  const showTip = (event) => {
    const hover = under(event);
    if (hover !== state.hover) {
      state.hover = hover;
      draw();
    }
    tip.hidden = hover === null;
    if (hover === null) return;
    tip.textContent = details(hover);
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${event.clientY + 18 + tip.offsetHeight > innerHeight ? Math.max(4, event.clientY - tip.offsetHeight - 10) : event.clientY + 18}px`;
  };
  const leave = () => {
    state.hover = null;
    tip.hidden = true;
    draw();
  };
  const zoomTo = (zoom, at) => {
    const before = scale(), middle = at ?? gutter() + (view.clientWidth - gutter()) / 2;
    const kept = (view.scrollLeft + middle - gutter()) / before;
    state.zoom = Math.max(1, Math.min(zoom, WIDEST / view.clientWidth));
    draw();
    view.scrollLeft = kept * scale() - middle + gutter();
  };
  /** Shows the bar of a step. */
  const pick = (number) => {
    state.picked = number;
    if (!rowOf.has(number)) {
      state.filter = filter.value = "";
      layOut();
    }
    draw();
    view.scrollTop = AXIS + rowOf.get(number) * rowHeight() - view.clientHeight / 2;
    view.scrollLeft = spans[number].start * scale() - view.clientWidth / 3;
    draw();
    view.scrollIntoView({ block: "center" });
  };
  const filter = make("input", { type: "search", placeholder: "name of a step", "aria-label": "Show only steps with this in their name",
    oninput: () => { state.filter = filter.value.trim().toLowerCase(); layOut(); draw(); fill(); } });
  if (spans.length) {
    const modes = ["slots", "steps"].map((mode) => make("button", { type: "button", onclick: () => {
      state.mode = mode;
      choose();
    } }, mode === "slots" ? "by slot" : "by step"));
    const choose = () => {
      modes.forEach((button, index) => button.setAttribute("aria-pressed", String(state.mode === ["slots", "steps"][index])));
      layOut();
      draw();
    };
    const zoom = (label, text, to) => make("button", { type: "button", "aria-label": label, title: label, onclick: () => zoomTo(to()) }, text);
    const legend = make("div", { class: "legend" }, ...Object.entries(data.phases).map(([key, words]) => swatch(key, words)),
      swatch("wait", "waiting for needs (thick) or a slot (thin)", true), swatch("mark", "critical path", true));
    main.append(make("h2", {}, "What ran when"), make("div", { class: "bar" }, ...modes, zoom("zoom out", "−", () => state.zoom / 2),
      zoom("zoom in", "+", () => state.zoom * 2), zoom("the whole run", "whole run", () => 1), filter), legend, view, tip,
    make("p", { class: "note" }, "Point at a bar for its details and what it waited for. Ctrl and the wheel zoom."));
    view.addEventListener("scroll", draw, { passive: true });
    view.addEventListener("mousemove", showTip);
    view.addEventListener("mouseleave", leave);
    view.addEventListener("click", (event) => { state.picked = under(event); showTip(event); draw(); });
    view.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomTo(state.zoom * (event.deltaY < 0 ? 1.4 : 1 / 1.4), event.clientX - view.getBoundingClientRect().left);
    }, { passive: false });
    state.start = choose;
  }

  // The tables.
  const cell = (text, kind) => make("td", kind ? { class: kind } : {}, text);
  const head = (...names) => make("thead", {}, make("tr", {}, ...names));
  if (data.critical.length > 1) {
    const shown = data.critical.slice(-FEW);
    const lines = shown.map((number, index) => {
      const span = spans[number], waited = span.waits.filter((wait) => wait[3].includes(shown[index - 1]));
      const why = waited.length ? waited[0][0] === "needs" ? "its build needed the step before" : "waited for the slot of the step before" : "";
      return make("tr", { class: "pick", onclick: () => pick(number) }, cell(span.label, "name"), cell(span.slot), cell(time(span.start), "number"),
        cell(time(span.end - span.start), "number"), cell(why, "long"));
    });
    main.append(make("h2", {}, "The critical path"),
      make("p", { class: "note" }, "These steps decided how long the run took: each began when the one before it ended."
        + (shown.length < data.critical.length ? ` The last ${FEW} of ${data.critical.length.toLocaleString("en")} are shown.` : "")),
      make("div", { class: "table" }, make("table", {}, head(make("th", {}, "step"), make("th", {}, "slot"), make("th", { class: "number" }, "began"),
        make("th", { class: "number" }, "took"), make("th", {}, "why after the step before")), make("tbody", {}, ...lines))));
  }
  if (data.totals.length) {
    main.append(make("h2", {}, "By source"), make("div", { class: "table" }, make("table", {},
      head(make("th", {}, "source"), ...["steps", "bytes", "time, one after the other"].map((name) => make("th", { class: "number" }, name))),
      make("tbody", {}, ...data.totals.map((total) => make("tr", {}, cell(total.source), cell(total.steps.toLocaleString("en"), "number"),
        cell(size(total.bytes), "number"), cell(time(Math.round(total.seconds * 1e6)), "number")))))));
  }
  const columns = [["step", "", (step) => step.name], ["action", "", (step) => step.action], ["outcome", "", (step) => step.outcome],
    ["source", "", (step) => step.source || ""], ["took", "number", (step) => step.seconds], ["waited", "number", (step) => step.waited],
    ["bytes", "number", (step) => step.bytes], ["why, where from", "", (step) => step.reason || ""]];
  steps.forEach((step) => {
    step.waited = step.span === null || step.action !== "ensure" ? 0 : sum(spans[step.span].waits.map((wait) => wait[2] - wait[1]));
    step.label = `${step.name} ${step.version}${step.platform === data.host ? "" : ` (${step.platform})`}`;
  });
  const sorting = { column: 4, down: true, all: false };
  const body = make("tbody"), more = make("button", { type: "button", onclick: () => { sorting.all = true; fill(); } });
  const heads = columns.map(([name, kind], index) => make("th", kind ? { class: kind } : {}, make("button", { type: "button", onclick: () => {
    sorting.down = sorting.column === index ? !sorting.down : columns[index][1] === "number";
    sorting.column = index;
    fill();
  } }, name)));
  const fill = () => {
    const key = columns[sorting.column][2], order = (a, b) => a < b ? -1 : a > b ? 1 : 0;
    const found = steps.filter((step) => step.label.toLowerCase().includes(state.filter));
    found.sort((a, b) => order(key(a), key(b)) * (sorting.down ? -1 : 1) || order(a.name, b.name));
    const shown = sorting.all ? found : found.slice(0, FEW);
    body.replaceChildren(...shown.map((step) => make("tr", {
      class: `${step.span === null ? "" : "pick"} ${step.outcome === "failed" || step.error ? "failed" : ""}`,
      onclick: () => step.span !== null && pick(step.span),
    }, cell(step.label, "name"), cell(step.action), cell(step.outcome.replaceAll("-", " "), "outcome"), cell(step.source || ""),
    cell(time(Math.round(step.seconds * 1e6)), "number"), cell(step.waited ? time(step.waited) : "", "number"),
    cell(step.bytes ? size(step.bytes) : "", "number"),
    cell([step.error, step.reason, step.place].filter(Boolean).join(" · "), "long"))));
    heads.forEach((th, index) => index === sorting.column ? th.setAttribute("aria-sort", sorting.down ? "descending" : "ascending")
      : th.removeAttribute("aria-sort"));
    more.hidden = shown.length === found.length;
    more.textContent = `show all ${found.length.toLocaleString("en")}`;
  };
  main.append(make("h2", {}, "Steps"), make("div", { class: "table" }, make("table", {}, head(...heads), body)), make("div", { class: "bar" }, more));

  const redraw = () => {
    readColors();
    if (!spans.length) return;
    drawCurve();
    draw();
  };
  readColors();
  fill();
  if (state.start) state.start();
  redraw();
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
