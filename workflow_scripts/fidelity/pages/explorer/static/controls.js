"use strict";
// The controls: a control sets the key of the state that equals its id.

explorer.controls = (() => {
  const CHOICES = { class: "All classes", split: "All splits", lesion_size: "All sizes" };
  const of = (id) => document.getElementById(id);

  function options(id, pairs) {
    of(id).replaceChildren(...pairs.map(([value, title]) => new Option(title, value)));
  }

  function distinct(name) {
    return [...new Set(explorer.entries.map((entry) => entry[name]))].map((one) => [one, one]);
  }

  function capital(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  function listed(levels) {
    return levels.map((level) => [level, capital(level)]);
  }

  // Fill what stays the same for the whole study.
  function fill() {
    const { study } = explorer;
    options(
      "classifier",
      study.classifiers.map((one) => [one.key, one.title]),
    );
    options(
      "binarization",
      study.binarizations.map((one) => [one.key, one.title]),
    );
    options("class", [["", CHOICES.class], ...distinct("class")]);
    options("split", [["", CHOICES.split], ...distinct("split")]);
    options("lesion_size", [["", CHOICES.lesion_size], ...listed(study.levels.lesion_size)]);
    options("confidence", [["", "Any"], ...listed(study.levels.confidence)]);
    for (const { key, levels } of study.strata) {
      options(`stratum-${key}`, [["", "Any"], ...listed(levels)]);
    }
    options("correct", [
      ["", "Any"],
      ["right", "Right"],
      ["wrong", "Wrong"],
    ]);
    options(
      "colours",
      study.colours.map((one) => [one.key, capital(one.key)]),
    );
    const rules = study.binarizations.filter((one) => one.key !== "none");
    options("mask", [
      ["", "Live threshold"],
      ...rules.map((one) => [one.key, `Stored: ${one.title}`]),
    ]);
    of("threshold").max = study.thresholds.length - 1;
    const classified = study.classifiers[0]?.key !== "none";
    of("classifier").parentElement.hidden = !classified;
    hide("classifier", !classified);
    hide("image", !study.images);
  }

  function hide(needed, hidden) {
    for (const one of document.querySelectorAll(`[data-needs=${needed}]`)) one.hidden = hidden;
  }

  // Fill what depends on the classifier and on the binarization of the scores.
  function refill() {
    const state = explorer.state.get();
    const sources = explorer.filters.sources().map((one) => [one.explainer, one.title]);
    options("a", sources);
    options("b", sources);
    const ranking = state.binarization === "none";
    const metrics = explorer.study.metrics.filter((one) => one.ranking === ranking);
    options(
      "metric",
      metrics.map((one) => [one.key, one.title]),
    );
    explorer.case.list();
  }

  function bind() {
    for (const [name, usual] of Object.entries(explorer.state.defaults())) {
      const control = of(name);
      if (!control?.matches("input, select")) continue;
      control.addEventListener("input", () => {
        if (typeof usual === "boolean") explorer.state.set({ [name]: control.checked });
        else if (typeof usual === "number") explorer.state.set({ [name]: Number(control.value) });
        else explorer.state.set({ [name]: control.value });
      });
    }
    of("filters").addEventListener("submit", (event) => event.preventDefault());
    of("reset").addEventListener("click", reset);
    for (const button of document.querySelectorAll("[data-go]")) {
      button.addEventListener("click", () => explorer.state.set({ view: button.dataset.go }));
    }
    of("open-help").addEventListener("click", () => of("help").showModal());
    of("copy-link").addEventListener("click", copy);
  }

  // Show the state in the controls.
  function update() {
    const state = explorer.state.get();
    for (const [name, value] of Object.entries(state)) {
      const control = of(name);
      if (!control?.matches("input, select")) continue;
      if (typeof value === "boolean") control.checked = value;
      else if (control.value !== String(value)) control.value = value;
    }
    const live = state.mask === "";
    of("threshold-line").hidden = !live || !state.linked;
    of("linked").parentElement.hidden = !live;
    of("threshold-value").textContent = explorer.case.thresholdText(of("threshold").value);
    document.body.dataset.view = state.view;
    for (const button of document.querySelectorAll("[data-go]")) {
      button.setAttribute("aria-pressed", String(button.dataset.go === state.view));
    }
  }

  function reset() {
    const names = [...explorer.filters.names(), "split"];
    explorer.state.set(Object.fromEntries(names.map((name) => [name, ""])));
  }

  function say(text) {
    of("message").textContent = text;
    setTimeout(() => {
      if (of("message").textContent === text) of("message").textContent = "";
    }, 4000);
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      say("Link copied");
    } catch {
      say("Copy the address of this page: it holds all settings");
    }
  }

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Saved ${name}`);
  }

  return { fill, refill, bind, update, say, save };
})();
