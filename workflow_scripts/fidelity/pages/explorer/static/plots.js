"use strict";
// Scatter plot of two explainers and distributions of all. A click on a dot opens its case.

explorer.plots = (() => {
  // Okabe and Ito's colours, with shapes, so that classes differ without colour too.
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#111111"];
  const SHAPES = ["circle", "triangle", "rect", "rectRot", "star", "cross", "crossRot"];
  const charts = {};
  let open = () => {};
  Chart.defaults.color = "#333333";

  function short(text, length = 26) {
    return text.length > length ? `${text.slice(0, length - 1)}…` : text;
  }

  // Break a long name into two lines.
  function lines(text) {
    const end = text.length > 26 ? text.lastIndexOf(" ", 26) : 0;
    return end > 0 ? [text.slice(0, end), short(text.slice(end + 1))] : short(text);
  }

  function draw(name, datasets, x, y, label) {
    charts[name]?.destroy();
    const canvas = document.getElementById(name);
    charts[name] = new Chart(canvas, {
      type: "scatter",
      data: { datasets },
      options: {
        animation: false,
        maintainAspectRatio: false,
        scales: { x, y },
        onClick: (_, hits) => {
          const hit = hits
            .map(({ datasetIndex, index }) => datasets[datasetIndex].data[index])
            .find((point) => point.entry);
          if (hit) open(hit.entry);
        },
        onHover: (event, hits) => {
          event.native.target.style.cursor = hits.length ? "pointer" : "default";
        },
        plugins: {
          legend: { position: "bottom", labels: { usePointStyle: true, boxHeight: 7 } },
          tooltip: {
            filter: (item) => Boolean(item.raw.entry),
            callbacks: { label: (item) => label(item.raw) },
          },
        },
      },
    });
  }

  function look(place) {
    const colour = COLOURS[place % COLOURS.length];
    return {
      backgroundColor: `${colour}99`,
      borderColor: colour,
      pointStyle: SHAPES[place % SHAPES.length],
      pointRadius: 4,
      pointHoverRadius: 7,
    };
  }

  function axis(text, values) {
    const shares = values.every((value) => value >= 0 && value <= 1);
    return { title: { display: true, text }, ...(shares ? { min: 0, max: 1 } : {}) };
  }

  function scatter(rows) {
    const { a, b } = explorer.state.get();
    const { title } = explorer.filters.metric();
    const [one, other] = [a, b].map((key) => short(explorer.filters.sourceOf(key)?.title ?? key));
    const known = rows.filter((row) => Number.isFinite(row.a) && Number.isFinite(row.b));
    const classes = [...new Set(explorer.entries.map((entry) => entry.class))];
    const datasets = classes.map((cls, place) => ({
      label: short(cls),
      data: known
        .filter((row) => row.entry.class === cls)
        .map((row) => ({ x: row.a, y: row.b, entry: row.entry })),
      ...look(place),
    }));
    const values = known.flatMap((row) => [row.a, row.b]);
    const [low, high] = [Math.min(0, ...values), Math.max(1, ...values)];
    datasets.push({
      label: "A = B",
      type: "line",
      data: [
        { x: low, y: low },
        { x: high, y: high },
      ],
      borderColor: "#767676",
      borderDash: [6, 4],
      borderWidth: 1,
      pointRadius: 0,
      pointStyle: "line",
    });
    const text = `${title}: ${one} (A) against ${other} (B), ${known.length} cases`;
    name("scatter", text);
    draw(
      "scatter",
      datasets,
      axis(`A: ${one}`, values),
      axis(`B: ${other}`, values),
      (point) => `${point.entry.case}: A ${point.x.toFixed(3)}, B ${point.y.toFixed(3)}`,
    );
  }

  function median(values) {
    const sorted = [...values].sort((one, other) => one - other);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  // One row of dots per explainer, spread by the number of the entry, with the median.
  function strips(rows) {
    const { filters } = explorer;
    const metric = filters.metric();
    const rule = filters.ruleNumber(explorer.state.get().binarization);
    const sources = filters.sources();
    const medians = [];
    const dots = sources.flatMap((source, line) => {
      const column = filters.column(source, rule, metric.key);
      const found = rows
        .map(({ entry }) => ({
          x: column[entry.index] ?? Number.NaN,
          y: line + (((entry.index * 0.618) % 1) - 0.5) * 0.6,
          entry,
          source,
        }))
        .filter((point) => Number.isFinite(point.x));
      if (found.length) medians.push({ x: median(found.map((point) => point.x)), y: line });
      return found;
    });
    name("strips", `${metric.title} of each explainer, ${rows.length} cases`);
    const height = Math.max(360, 90 + 30 * sources.length);
    document.getElementById("strips").parentElement.style.height = `${height}px`;
    draw(
      "strips",
      [
        {
          label: "Median",
          data: medians,
          pointStyle: "line",
          rotation: 90,
          pointRadius: 11,
          borderColor: "#111111",
          borderWidth: 3,
        },
        {
          label: "A case",
          data: dots,
          ...look(0),
          // With many overlapping dots, fainter ones show where most of them are.
          backgroundColor: `${COLOURS[0]}${dots.length > 2000 ? "30" : "99"}`,
          borderWidth: 0,
          pointRadius: 3,
        },
      ],
      axis(
        metric.title,
        dots.map((point) => point.x),
      ),
      {
        min: -0.6,
        max: sources.length - 0.4,
        reverse: true,
        afterBuildTicks: (scale) => {
          scale.ticks = sources.map((_, line) => ({ value: line }));
        },
        ticks: { autoSkip: false, callback: (line) => lines(sources[line]?.title ?? "") },
        grid: { display: false },
      },
      (point) => `${point.entry.case}, ${point.source.title}: ${point.x.toFixed(3)}`,
    );
  }

  function name(id, text) {
    document.getElementById(`${id}-title`).textContent = text;
    document.getElementById(id).setAttribute("aria-label", text);
  }

  function show(rows) {
    scatter(rows);
    strips(rows);
  }

  function start(opening) {
    open = opening;
  }

  return { start, show, charts };
})();
