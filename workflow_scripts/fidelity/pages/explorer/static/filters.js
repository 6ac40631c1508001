"use strict";
// Select and sort entries (a case and a class), and write them as a CSV file.

explorer.filters = (() => {
  // Text that a spreadsheet would run as a formula; it is escaped as in the study's tables.
  const RISKY = /^'*[=+\-@\t\r]/;

  // The sources (explainer and classifier) of the chosen classifier, in the order of the study.
  function sources() {
    const { classifier } = explorer.state.get();
    return explorer.study.sources
      .map((source, number) => ({ ...source, number }))
      .filter((source) => source.classifier === "" || source.classifier === classifier)
      .sort((one, other) => one.place - other.place);
  }

  function sourceOf(explainer) {
    return sources().find((source) => source.explainer === explainer);
  }

  function classifier() {
    const { study } = explorer;
    const chosen = explorer.state.get().classifier;
    return study.classifiers.find((one) => one.key === chosen) ?? study.classifiers[0];
  }

  function ruleNumber(key) {
    return explorer.study.binarizations.findIndex((rule) => rule.key === key);
  }

  function metric() {
    const chosen = explorer.state.get().metric;
    const { metrics } = explorer.study;
    return metrics.find((one) => one.key === chosen) ?? metrics[0];
  }

  // The stored scores of a source, indexed by the number of the entry; empty if there are none.
  function column(source, rule, key) {
    const place = explorer.study.metrics.findIndex((one) => one.key === key);
    return (source && explorer.data.scores.get(rule)?.[source.number]?.[place]) ?? [];
  }

  // The keys of the state that filter and are empty at first; the study's strata come last.
  function names() {
    const ends = ["score", "gap", "share"].flatMap((name) => [`${name}-from`, `${name}-to`]);
    const strata = explorer.study.strata.map(({ key }) => `stratum-${key}`);
    return ["text", "class", "correct", "confidence", "lesion_size", ...ends, ...strata];
  }

  // Return a function from an entry to all values that it is filtered and sorted by.
  function factsOf() {
    const answers = classifier();
    const { a, b, binarization } = explorer.state.get();
    const rule = ruleNumber(binarization);
    const [ofA, ofB] = [a, b].map((name) => column(sourceOf(name), rule, metric().key));
    return (entry) => {
      const of = (name, absent) => answers[name]?.[entry.index] ?? absent;
      const correct = of("correct", null);
      const [one, other] = [ofA[entry.index] ?? Number.NaN, ofB[entry.index] ?? Number.NaN];
      return {
        entry,
        a: one,
        b: other,
        difference: one - other,
        size: of("area", Number.NaN),
        probability: of("probability", Number.NaN),
        correct: correct === null ? "" : correct ? "right" : "wrong",
        confidence: of("confidence", ""),
        lesion_size: of("lesion_size", ""),
      };
    };
  }

  function within(value, name, factor = 1) {
    const state = explorer.state.get();
    const [from, to] = [state[`${name}-from`], state[`${name}-to`]];
    if (from !== "" && !(value * factor >= Number(from))) return false;
    return to === "" || value * factor <= Number(to);
  }

  function passes(row) {
    const state = explorer.state.get();
    const wanted = (name, value) => state[name] === "" || state[name] === value;
    return (
      row.entry.case.toLowerCase().includes(state.text.toLowerCase()) &&
      wanted("class", row.entry.class) &&
      wanted("split", row.entry.split) &&
      wanted("correct", row.correct) &&
      wanted("confidence", row.confidence) &&
      wanted("lesion_size", row.lesion_size) &&
      explorer.study.strata.every(({ key, values }) =>
        wanted(`stratum-${key}`, values[row.entry.index]),
      ) &&
      within(row.a, "score") &&
      within(row.difference, "gap") &&
      within(row.size, "share", 100)
    );
  }

  function byText(one, other) {
    return one < other ? -1 : Number(one > other);
  }

  // Selected rows in sorted order; missing values are last in both directions.
  function selected() {
    const { sort, descending } = explorer.state.get();
    const direction = descending ? -1 : 1;
    const byCase = (one, other) =>
      byText(one.entry.case, other.entry.case) || byText(one.entry.class, other.entry.class);
    const byValue = (one, other) => {
      const missing = Number.isNaN(one[sort]) - Number.isNaN(other[sort]);
      return missing || direction * (one[sort] - other[sort]) || byCase(one, other);
    };
    const order = sort in { a: 1, b: 1, difference: 1, size: 1, probability: 1 };
    const rows = explorer.entries.map(factsOf()).filter(passes);
    return rows.sort(order ? byValue : (one, other) => direction * byCase(one, other));
  }

  function cell(value) {
    if (typeof value === "number") return Number.isNaN(value) ? "" : String(value);
    const text = RISKY.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function csv(rows) {
    const { a, b, binarization } = explorer.state.get();
    const name = metric().key;
    const columns = [
      ["case", (row) => row.entry.case],
      ["patient", (row) => row.entry.patient],
      ["split", (row) => row.entry.split],
      ["class", (row) => row.entry.class],
      ["classifier", () => explorer.state.get().classifier],
      ["probability", (row) => row.probability],
      ["correct", (row) => row.correct],
      ["lesion_share", (row) => row.size],
      ...explorer.study.strata.map(({ key, values }) => [key, (row) => values[row.entry.index]]),
      ["binarization", () => binarization],
      [`${name}:${a}`, (row) => row.a],
      [`${name}:${b}`, (row) => row.b],
      ["difference", (row) => row.difference],
    ];
    const lines = rows.map((row) => columns.map(([, value]) => cell(value(row))));
    return [columns.map(([title]) => cell(title)), ...lines].map((line) => `${line}\n`).join("");
  }

  return {
    ...{ sources, sourceOf, classifier, ruleNumber, metric, column },
    ...{ names, factsOf, selected, csv },
  };
})();
