"use strict";
// One case: its image, and up to four explainers side by side.

explorer.case = (() => {
  const PANELS = 4;
  const MAIN = ["iou", "dice", "precision", "recall"];
  const { element, number } = explorer.grid;
  let panels = [];
  let drawing = 0;

  function titleOf(key) {
    return explorer.study.metrics.find((one) => one.key === key)?.title ?? key;
  }

  function thresholdText(k) {
    return explorer.study.thresholds[k].toFixed(3).replace(/0$/, "");
  }

  // Create the panel of the image and one panel per explainer, once.
  function start() {
    const box = document.getElementById("panels");
    panels = Array.from({ length: 1 + Math.min(PANELS, mostSources()) }, (_, place) => {
      const figure = element("figure", "panel");
      const head = element("figcaption", "head");
      const canvas = element("canvas", "view");
      canvas.setAttribute("role", "img");
      const state = element("p", "state");
      const values = element("dl", "values");
      const panel = { figure, canvas, state, values, place: place - 1 };
      if (place === 0) {
        head.textContent = explorer.study.images ? "Image" : "Reference";
        figure.append(head, canvas, state);
      } else {
        panel.select = element("select", "explainer");
        panel.select.setAttribute("aria-label", `Explainer ${place}`);
        panel.select.addEventListener("change", () => choose(place - 1, panel.select.value));
        head.append(panel.select);
        panel.own = ownThreshold(panel);
        panel.stored = element("details", "stored");
        figure.append(head, canvas, panel.own, state, values, panel.stored);
      }
      box.append(figure);
      return panel;
    });
  }

  function mostSources() {
    const { study } = explorer;
    const alone = study.sources.filter((source) => source.classifier === "").length;
    const own = study.classifiers.map(
      ({ key }) => study.sources.filter((source) => source.classifier === key).length,
    );
    return alone + Math.max(0, ...own);
  }

  function ownThreshold(panel) {
    const label = element("label", "own", "Threshold ");
    panel.slider = element("input", "threshold");
    panel.slider.type = "range";
    panel.slider.min = 0;
    panel.slider.max = explorer.study.thresholds.length - 1;
    panel.output = element("output", "");
    panel.slider.addEventListener("input", () => {
      const thresholds = [...explorer.state.get().thresholds];
      thresholds[panel.place] = Number(panel.slider.value);
      explorer.state.set({ thresholds });
    });
    label.append(panel.slider, panel.output);
    return label;
  }

  function choose(place, explainer) {
    const shown = [...explorer.state.get().shown];
    shown[place] = explainer;
    explorer.state.set({ shown });
  }

  // The threshold of a panel, or the common one if panels are linked.
  function thresholdOf(place) {
    const { linked, threshold, thresholds } = explorer.state.get();
    const k = Math.round(linked ? threshold : thresholds[place]);
    return Math.min(explorer.study.thresholds.length - 1, Math.max(0, k));
  }

  function entryOf({ case: name, of }) {
    return explorer.entries.find((one) => one.case === name && (one.class === of || of === ""));
  }

  // Draw the chosen case; if calls overlap, the newest one wins.
  async function show(rows) {
    drawing += 1;
    const turn = drawing;
    const state = explorer.state.get();
    const entry = entryOf(state);
    document.getElementById("panels").hidden = !entry;
    if (!entry) {
      document.getElementById("case-title").textContent = state.case
        ? `There is no case ${state.case}`
        : "Choose a case first";
      document.getElementById("case-facts").textContent = "";
      return;
    }
    const classifier = explorer.study.classifiers.indexOf(explorer.filters.classifier());
    const number = explorer.filters.classifier().key === "none" ? -1 : classifier;
    const found = await explorer.data.loadCase(entry.file, number);
    if (turn !== drawing) return;
    if (!found) {
      document.getElementById("case-title").textContent = `The data of ${entry.case} are missing`;
      document.getElementById("panels").hidden = true;
      return;
    }
    describe(entry, found, rows);
    const reference = await explorer.data.reference(found, entry.class);
    const image = await explorer.data.image(found);
    const grey = image && explorer.draw.grey(image, state.window, state.level);
    const { once } = explorer.data;
    const { kind, boxes } = drawnOf(found, entry);
    const contour = once(found, `outline ${entry.class}`, () =>
      explorer.draw.outline(kind === "mask" ? reference : null, found.about.size, boxes),
    );
    const layers = { image: grey, reference: state.reference ? contour : null };
    const readings = state.readers ? await readingsOf(found, entry.class) : [];
    const made = await Promise.all(
      panels.slice(1).map((panel) => measured(panel, entry, found, reference)),
    );
    if (turn !== drawing) return;
    explorer.draw.panel(panels[0].canvas, found.about, { ...layers, readings });
    const word = kind === "mask" ? "contour" : "boxes";
    panels[0].canvas.setAttribute("aria-label", `Reference ${word} of ${entry.class}`);
    panels.slice(1).forEach((panel, place) => {
      fill(panel, entry, found, made[place], layers);
    });
    document.body.dataset.drawn = `${entry.index}`;
  }

  // The reference of an entry: a mask, or boxes that are filled where masks are compared.
  function drawnOf(found, entry) {
    return found.about.outlines.find((one) => one.class === entry.class);
  }

  // What each reader drew, if there are several.
  function readingsOf(found, cls) {
    const drawn = async ({ reader, kind, boxes, colour }) => {
      const mask = kind === "mask" ? await explorer.data.reference(found, cls, reader) : null;
      return { colour, path: explorer.draw.outline(mask, found.about.size, boxes) };
    };
    const own = found.about.outlines.filter((one) => one.class === cls && one.reader);
    return Promise.all(own.map(drawn));
  }

  function describe(entry, found, rows) {
    const { correct, probability, size } = explorer.filters.factsOf()(entry);
    const place = rows.findIndex((one) => one.entry === entry);
    const [height, width] = found.about.scored;
    const { kind, boxes } = drawnOf(found, entry);
    const word = kind === "mask" ? "reference mask" : `reference boxes (${boxes.length})`;
    const facts = [
      place < 0 ? "not in the selection" : `${place + 1} of ${rows.length}`,
      `${entry.class}, ${entry.split}`,
      correct && `classifier ${correct} (probability of explained class: ${number(probability)})`,
      Number.isNaN(size) ? "" : `${word}: ${number(100 * size, 1)} % of the image`,
      `scored at ${width} × ${height} px`,
    ];
    document.getElementById("case-title").textContent = entry.case;
    document.getElementById("case-facts").textContent = facts.filter(Boolean).join(" · ");
    const notes = [
      isReduced(found) &&
        "This page holds a smaller image than the study scored: live values (≈) are approximate, stored scores are exact.",
      !explorer.study.pointwise &&
        "Live values include no post-processing except the restriction to the lungs; stored masks include all of it.",
    ];
    document.getElementById("case-note").textContent = notes.filter(Boolean).join(" ");
  }

  function isReduced(found) {
    return found.about.size[0] !== found.about.scored[0];
  }

  // Compute the levels, mask and scores of one panel.
  async function measured(panel, entry, found, reference) {
    const { study, filters, data, measure } = explorer;
    const state = explorer.state.get();
    const source = filters.sourceOf(state.shown[panel.place]);
    if (!source) return null;
    const levels = await data.levels(found, source.number, entry.class);
    const rule = filters.ruleNumber(state.mask);
    if (rule >= 0) {
      const mask = await data.storedMask(found, source.number, entry.class, rule);
      const values = MAIN.map((key) => filters.column(source, rule, key)[entry.index]);
      return { source, levels, mask, rule, values: values.map((one) => one ?? Number.NaN) };
    }
    const shownRule = filters.ruleNumber(state.binarization);
    if (!levels) return { source, levels, mask: null, rule: shownRule, values: [] };
    const k = thresholdOf(panel.place);
    const counts = data.once(found, `counts ${source.number} ${entry.class}`, () =>
      measure.counted(levels, reference, study.thresholds.length),
    );
    const shares = measure.shares(measure.confusionAt(counts, k), study.empty);
    const values = MAIN.map((key) => shares[key]);
    return { source, levels, mask: measure.above(levels, k), rule: shownRule, values, k };
  }

  function fill(panel, entry, found, made, layers) {
    const { study } = explorer;
    const state = explorer.state.get();
    const live = state.mask === "";
    panel.figure.dataset.explainer = made?.source.explainer ?? "";
    panel.figure.classList.toggle("unused", !made);
    panel.select.value = made?.source.explainer ?? "";
    panel.own.hidden = state.linked || !live || !made;
    panel.slider.value = thresholdOf(panel.place);
    panel.output.textContent = thresholdText(thresholdOf(panel.place));
    panel.values.replaceChildren();
    panel.stored.replaceChildren();
    panel.stored.hidden = !made;
    panel.state.textContent = made ? "" : "No explainer chosen";
    const heat = made?.levels
      ? explorer.draw.heat(
          made.levels,
          found.about.size,
          study.thresholds.length,
          study.colours.find((one) => one.key === state.colours).rgb,
          state.opacity,
        )
      : null;
    const masked = state.predicted && made?.mask;
    const predicted = masked ? explorer.draw.outline(made.mask, found.about.size) : null;
    explorer.draw.panel(panel.canvas, found.about, { ...layers, heat, predicted });
    if (!made) return;
    const about = isReduced(found) && live;
    const rule = study.binarizations[made.rule]?.title ?? "";
    panel.canvas.setAttribute("aria-label", `Map of ${made.source.title} for ${entry.class}`);
    if (!made.levels) panel.state.textContent = "This explainer has no map of the case.";
    else if (live)
      panel.state.textContent = `Live values at threshold ${thresholdText(made.k)}, not the stored scores of “${rule}”`;
    else if (!made.mask) panel.state.textContent = "There is no stored mask.";
    made.values.forEach((value, place) => {
      const shown = Number.isNaN(value) ? "–" : `${about ? "≈ " : ""}${value.toFixed(3)}`;
      const cell = element("dd", "", shown);
      cell.dataset.metric = MAIN[place];
      cell.dataset.value = value;
      const pair = element("div", "");
      pair.append(element("dt", "", titleOf(MAIN[place])), cell);
      panel.values.append(pair);
    });
    panel.stored.append(...storedScores(made, entry, rule));
  }

  function storedScores({ source, rule }, entry, title) {
    const { study, filters } = explorer;
    const table = element("table", "");
    for (const metric of study.metrics) {
      const column = filters.column(source, rule, metric.key);
      if (column.length === 0) continue;
      const value = column[entry.index] ?? Number.NaN;
      const row = element("tr", "");
      const text = Number.isNaN(value) ? "–" : String(Number(value.toPrecision(5)));
      const cell = element("td", "", text);
      cell.dataset.metric = metric.key;
      cell.dataset.value = value;
      row.append(element("th", "", metric.title), cell);
      table.append(row);
    }
    return [element("summary", "", `Stored scores: ${title}`), table];
  }

  // Fill the panels' lists with the names of the explainers.
  function list() {
    for (const panel of panels.slice(1)) {
      const options = explorer.filters.sources().map((one) => new Option(one.title, one.explainer));
      panel.select.replaceChildren(new Option("–", ""), ...options);
    }
  }

  // Draw all panels and their values on one canvas.
  function picture() {
    const shown = panels.filter((panel) => !panel.figure.classList.contains("unused"));
    const [side, gap, line] = [420, 16, 22];
    const height = Math.round((side * panels[0].canvas.height) / panels[0].canvas.width);
    const canvas = document.createElement("canvas");
    canvas.width = gap + shown.length * (side + gap);
    canvas.height = 3 * gap + 3 * line + height + 2 * line;
    const context = canvas.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#111111";
    const write = (text, x, y, font = "15px sans-serif", width = side) => {
      context.font = font;
      context.fillText(text, x, y, width);
    };
    const text = (id) => document.getElementById(id).textContent;
    write(text("case-title"), gap, gap + line, "bold 18px sans-serif", canvas.width - 2 * gap);
    write(text("case-facts"), gap, gap + 2 * line, undefined, canvas.width - 2 * gap);
    shown.forEach((panel, place) => {
      const x = gap + place * (side + gap);
      const top = 2 * gap + 3 * line;
      const name = panel.select?.selectedOptions[0].text ?? text("title");
      const title = panel.select ? name : panel.figure.querySelector(".head").textContent;
      write(title, x, top - 8, "bold 15px sans-serif");
      context.drawImage(panel.canvas, x, top, side, height);
      if (!panel.select) {
        write(text("legend"), x, top + height + line);
        return;
      }
      const values = [...panel.values.children].map((pair) =>
        [...pair.children].map((one) => one.textContent).join(" "),
      );
      write(values.join("   "), x, top + height + line);
      const rule = document.getElementById("mask").selectedOptions[0].text;
      const live = explorer.state.get().mask === "";
      write(live ? `Pixels above ${panel.output.textContent}` : rule, x, top + height + 2 * line);
    });
    return canvas;
  }

  return { start, show, list, picture, thresholdText };
})();
