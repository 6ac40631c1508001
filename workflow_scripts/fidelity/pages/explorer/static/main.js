"use strict";
// Start: set up the state, then everything that depends on it.

(() => {
  const { state, filters, controls } = explorer;
  // What has changed since the page was last updated.
  const due = new Set();
  let rows = [];

  function initial() {
    const { study } = explorer;
    const classifier = study.classifiers[0].key;
    const known = study.sources
      .filter((one) => one.classifier === "" || one.classifier === classifier)
      .sort((one, other) => one.place - other.place)
      .map((one) => one.explainer);
    const middle = study.thresholds.findIndex((value) => value >= 0.5);
    const splits = new Set(explorer.entries.map((entry) => entry.split));
    return {
      view: "cases",
      classifier,
      binarization: study.primary.binarization,
      metric: study.primary.metric,
      a: known[0] ?? "",
      b: known[1] ?? known[0] ?? "",
      sort: "case",
      descending: false,
      ...Object.fromEntries(filters.names().map((name) => [name, ""])),
      split: splits.has(study.split) ? study.split : "",
      case: "",
      of: "",
      shown: [0, 1, 2, 3].map((place) => known[place] ?? ""),
      mask: "",
      linked: true,
      threshold: middle,
      thresholds: [middle, middle, middle, middle],
      opacity: 0.6,
      colours: "inferno",
      reference: true,
      readers: true,
      predicted: true,
      window: 255,
      level: 128,
    };
  }

  // Replace values from the address that the study does not have by the defaults.
  function checked() {
    const { study } = explorer;
    const now = state.get();
    const usual = state.defaults();
    const known = {
      view: ["cases", "plots", "case"],
      classifier: study.classifiers.map((one) => one.key),
      binarization: study.binarizations.map((one) => one.key),
      mask: ["", ...study.binarizations.map((one) => one.key).filter((key) => key !== "none")],
      colours: study.colours.map((one) => one.key),
      metric: study.metrics.map((one) => one.key),
    };
    const changes = {};
    for (const [name, values] of Object.entries(known)) {
      if (!values.includes(now[name])) changes[name] = usual[name];
    }
    // Metrics must fit (of masks or of maps), and explainers must be of the chosen classifier.
    const rule = changes.binarization ?? now.binarization;
    const fitting = study.metrics.filter((one) => one.ranking === (rule === "none"));
    const metric = changes.metric ?? now.metric;
    if (!fitting.some((one) => one.key === metric)) changes.metric = fitting[0]?.key ?? "";
    const sources = filters.sources().map((one) => one.explainer);
    for (const name of ["a", "b"]) {
      if (!sources.includes(now[name])) changes[name] = sources[name === "a" ? 0 : 1] ?? sources[0];
    }
    return Object.keys(changes).length ? changes : null;
  }

  const ORDER = "classifier binarization metric a b sort descending split".split(" ");

  async function changed(changes) {
    for (const name of changes) due.add(name);
    const wrong = checked();
    if (wrong) {
      state.set(wrong);
      return;
    }
    const now = state.get();
    for (const key of [now.binarization, now.mask]) {
      const rule = filters.ruleNumber(key);
      if (rule >= 0 && !explorer.data.scores.has(rule)) await explorer.data.loadScores(rule);
    }
    // A newer change will update the page, including this change.
    if (state.get() !== now) return;
    const names = new Set(due);
    due.clear();
    if (["classifier", "binarization"].some((name) => names.has(name))) controls.refill();
    controls.update();
    const selection = [...ORDER, ...filters.names()].some((name) => names.has(name));
    if (selection) {
      rows = filters.selected();
      const all = explorer.entries.length;
      const missing = explorer.study.cases - new Set(explorer.entries.map((one) => one.file)).size;
      const left = missing > 0 ? ` (${missing} more cases of the study are not in this page)` : "";
      document.getElementById("count").textContent =
        `${rows.length} of ${all} cases with maps${left}`;
      explorer.grid.show(rows);
    }
    if (now.view === "plots" && (selection || names.has("view"))) explorer.plots.show(rows);
    if (now.view === "case") await explorer.case.show(rows);
    document.body.dataset.ready = JSON.stringify(state.get());
  }

  function open(entry) {
    state.set({ view: "case", case: entry.case, of: entry.class });
  }

  function step(by) {
    const now = state.get();
    const place = rows.findIndex(
      ({ entry }) => entry.case === now.case && (entry.class === now.of || now.of === ""),
    );
    const next = rows[place < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, place + by))];
    if (next) open(next.entry);
  }

  function toThreshold(by) {
    const now = state.get();
    const moved = (k) => Math.min(explorer.study.thresholds.length - 1, Math.max(0, k + by));
    if (now.linked) state.set({ threshold: moved(now.threshold) });
    else state.set({ thresholds: now.thresholds.map(moved) });
  }

  const KEYS = {
    g: () => state.set({ view: "cases" }),
    p: () => state.set({ view: "plots" }),
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    Escape: () => state.set({ view: "cases" }),
    "[": () => toThreshold(-1),
    "]": () => toThreshold(1),
    l: () => state.set({ linked: !state.get().linked }),
    r: () => state.set({ reference: !state.get().reference }),
    m: () => state.set({ predicted: !state.get().predicted }),
    "?": () => document.getElementById("help").showModal(),
  };
  const ONLY_IN_CASE = ["ArrowLeft", "ArrowRight", "Escape", "[", "]", "l", "r", "m"];

  function pressed(event) {
    const typing = event.target.closest?.("input, select, textarea");
    const dialog = document.getElementById("help").open;
    if (typing || dialog || event.ctrlKey || event.metaKey || event.altKey) return;
    if (ONLY_IN_CASE.includes(event.key) && state.get().view !== "case") return;
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    KEYS[event.key]();
  }

  function start() {
    if (!explorer.study) {
      controls.say("The file data/study.js is missing: copy the whole folder of this page");
      return;
    }
    state.start(initial());
    explorer.grid.start(open);
    explorer.plots.start(open);
    explorer.case.start();
    controls.fill();
    controls.bind();
    state.listen(changed);
    const name = (text) => text.replace(/[^A-Za-z0-9_-]+/g, "_").slice(0, 80);
    document.getElementById("previous").addEventListener("click", () => step(-1));
    document.getElementById("next").addEventListener("click", () => step(1));
    document.getElementById("csv").addEventListener("click", () => {
      controls.save("selection.csv", new Blob([filters.csv(rows)], { type: "text/csv" }));
    });
    document.getElementById("png").addEventListener("click", () => {
      const file = `${name(state.get().case)}.png`;
      explorer.case.picture().toBlob((blob) => controls.save(file, blob));
    });
    addEventListener("keydown", pressed);
    changed(new Set(Object.keys(state.get())));
  }

  start();
})();
