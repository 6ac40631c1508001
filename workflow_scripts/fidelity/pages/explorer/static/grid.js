"use strict";
// The thumbnails of the selected cases.

explorer.grid = (() => {
  // The same values as in `thumbnails.py`.
  const SIDE = 104;
  const COLUMNS = 10;
  const PER_SHEET = 100;
  // Number of thumbnails added at a time while scrolling down.
  const CHUNK = 400;
  let rows = [];
  let shown = 0;

  function number(value, digits = 2) {
    return Number.isNaN(value) ? "–" : value.toFixed(digits);
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function thumbnail(row) {
    const { entry } = row;
    const button = element("button", "thumbnail");
    button.type = "button";
    button.dataset.entry = entry.index;
    const answer = row.correct && `, classifier ${row.correct}`;
    button.title = `${entry.case}\n${entry.class}, ${entry.split}${answer}`;
    const place = entry.index % PER_SHEET;
    const picture = element("span", "picture");
    const sheet = Math.floor(entry.index / PER_SHEET);
    picture.style.backgroundImage = `url("data/thumbnails-${sheet}.jpg")`;
    picture.style.backgroundPosition = `${-SIDE * (place % COLUMNS)}px ${-SIDE * Math.floor(place / COLUMNS)}px`;
    if (row.correct === "wrong") picture.append(element("span", "wrong", "✕ misclassified"));
    const scores = element("span", "scores");
    scores.append(element("b", "a", `A ${number(row.a)}`), element("b", "b", `B ${number(row.b)}`));
    button.append(picture, element("span", "name", entry.case.replaceAll("_", "_\u200b")), scores);
    return button;
  }

  function more() {
    const added = rows.slice(shown, shown + CHUNK).map(thumbnail);
    document.getElementById("grid").append(...added);
    shown += added.length;
  }

  function show(selected) {
    rows = selected;
    shown = 0;
    document.getElementById("grid").replaceChildren();
    document.getElementById("none").hidden = rows.length > 0;
    more();
  }

  function start(open) {
    const grid = document.getElementById("grid");
    grid.addEventListener("click", (event) => {
      const button = event.target.closest(".thumbnail");
      if (button) open(explorer.entries[Number(button.dataset.entry)]);
    });
    new IntersectionObserver(([end]) => end.isIntersecting && more(), {
      rootMargin: "800px",
    }).observe(document.getElementById("end"));
  }

  return { start, show, number, element };
})();
