"use strict";
// All settings of the user in one object; the page's address holds those that are not defaults.

explorer.state = (() => {
  let defaults = {};
  let current = {};
  let written = "";
  const listeners = [];

  function start(initial) {
    defaults = initial;
    current = read(location.hash);
    written = location.hash;
    addEventListener("hashchange", () => {
      if (location.hash === written) return;
      written = location.hash;
      const before = current;
      current = read(location.hash);
      notify(before);
    });
  }

  // Unknown names and values of another type are ignored, because an address may contain anything.
  function read(hash) {
    const found = structuredClone(defaults);
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    for (const [name, usual] of Object.entries(defaults)) {
      if (!given.has(name)) continue;
      const values = given.getAll(name);
      if (Array.isArray(usual)) {
        found[name] = usual.map((one, place) => parsed(values[place] ?? "", one));
      } else found[name] = parsed(values[0], usual);
    }
    return found;
  }

  function parsed(text, usual) {
    if (typeof usual === "boolean") return text === "1";
    if (typeof usual !== "number") return text;
    const value = Number(text);
    return text !== "" && Number.isFinite(value) ? value : usual;
  }

  function hash() {
    const differing = new URLSearchParams();
    for (const [name, usual] of Object.entries(defaults)) {
      const value = current[name];
      if (JSON.stringify(value) === JSON.stringify(usual)) continue;
      for (const one of [value].flat()) {
        differing.append(name, typeof one === "boolean" ? Number(one) : one);
      }
    }
    return `#${differing}`;
  }

  function set(changes) {
    const before = current;
    current = { ...current, ...changes };
    written = hash();
    // The browser's Back button undoes a change of view or case.
    const places = ["view", "case", "of"];
    if (places.some((name) => before[name] !== current[name])) location.hash = written;
    else location.replace(written);
    written = location.hash;
    notify(before);
  }

  function notify(before) {
    const changed = new Set(
      Object.keys(current).filter((n) => JSON.stringify(before[n]) !== JSON.stringify(current[n])),
    );
    for (const listener of listeners) listener(changed);
  }

  return {
    start,
    set,
    get: () => current,
    defaults: () => defaults,
    listen: (listener) => listeners.push(listener),
  };
})();
