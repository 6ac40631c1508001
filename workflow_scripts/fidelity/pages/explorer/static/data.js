"use strict";
// Read the data files. They are scripts that call `explorer.receive`, because a page that is opened
// from a disk may not fetch files. All text in them is shown as text, never as HTML.

const explorer = {
  study: null,
  entries: [],
  receive(name, ...content) {
    explorer.data.received[name](...content);
  },
};

explorer.data = (() => {
  // Number of cases kept in memory.
  const MOST_CASES = 12;
  const scripts = new Map();
  const scores = new Map();
  const cases = new Map();

  const received = {
    study(study) {
      const columns = study.entries;
      explorer.study = study;
      explorer.entries = columns.case.map((name, index) => ({
        index,
        case: name,
        patient: columns.patient[index],
        split: columns.split[index],
        class: columns.class[index],
        file: columns.file[index],
      }));
    },
    scores(rule, bySource) {
      scores.set(rule, bySource);
    },
    case(number, about) {
      cases.set(number, { number, about, maps: new Map(), found: new Map() });
    },
    map(number, source, cls, packed) {
      // The file with a classifier's maps may be read before the file of the case.
      const waiting = cases.get(number)?.maps ?? early(number);
      waiting.set(keyOf(source, cls), packed);
    },
  };

  const unclaimed = new Map();

  function early(number) {
    if (!unclaimed.has(number)) unclaimed.set(number, new Map());
    return unclaimed.get(number);
  }

  function keyOf(source, cls) {
    return `${source} ${cls}`;
  }

  // Run a data file once; resolves to whether it exists.
  function load(path) {
    if (!scripts.has(path)) {
      const done = new Promise((resolve) => {
        const script = document.createElement("script");
        script.src = `data/${path}.js`;
        script.onload = () => resolve(true);
        script.onerror = () => resolve(false);
        document.head.append(script);
        script.addEventListener("load", () => script.remove());
      });
      scripts.set(path, done);
    }
    return scripts.get(path);
  }

  async function loadScores(rule) {
    await load(`scores-${rule}`);
    return scores.get(rule);
  }

  // A case and its maps of one classifier (number, or -1 for none).
  async function loadCase(number, classifier) {
    const own = `cases/${number}-${classifier}`;
    const files = [load(`cases/${number}`), ...(classifier < 0 ? [] : [load(own)])];
    const [there] = await Promise.all(files);
    if (!there) return null;
    const found = cases.get(number);
    for (const [key, packed] of unclaimed.get(number) ?? []) found.maps.set(key, packed);
    unclaimed.delete(number);
    // The newest case is last; the oldest is forgotten, together with its files.
    cases.delete(number);
    cases.set(number, found);
    if (cases.size > MOST_CASES) {
      const oldest = cases.keys().next().value;
      cases.delete(oldest);
      for (const path of scripts.keys()) {
        if (path === `cases/${oldest}` || path.startsWith(`cases/${oldest}-`)) scripts.delete(path);
      }
    }
    return found;
  }

  function decoded(text) {
    return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  }

  async function inflated(text) {
    const stream = new Blob([decoded(text)]).stream();
    const plain = stream.pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  }

  function bitsToMask(bits, size) {
    const mask = new Uint8Array(size);
    for (let i = 0; i < size; i += 1) mask[i] = (bits[i >> 3] >> (7 - (i & 7))) & 1;
    return mask;
  }

  // Compute a value once per case.
  function once(found, key, compute) {
    if (!found.found.has(key)) found.found.set(key, compute());
    return found.found.get(key);
  }

  function pixels(found) {
    return found.about.size[0] * found.about.size[1];
  }

  // The reference of a class, or what a reader drew for it: 0 or 1 per pixel.
  function reference(found, cls, reader = "") {
    return once(found, `reference ${cls} ${reader}`, async () => {
      const own = found.about.outlines.filter((one) => one.class === cls);
      const outline = own.find((one) => one.reader === reader);
      return bitsToMask(await inflated(outline.bits), pixels(found));
    });
  }

  // The level of each pixel: how many thresholds it exceeds. null if there is no map.
  function levels(found, source, cls) {
    const packed = found.maps.get(keyOf(source, cls));
    if (!packed) return Promise.resolve(null);
    return once(found, `levels ${source} ${cls}`, async () => {
      const values = await inflated(packed.data);
      if (packed.how === "rows") {
        const width = found.about.size[1];
        for (let i = width; i < values.length; i += 1) values[i] += values[i - width];
      }
      return values;
    });
  }

  // A stored mask: a threshold, and the pixels that differ from it. null if there is no mask.
  async function storedMask(found, source, cls, rule) {
    const stored = found.maps.get(keyOf(source, cls))?.masks[rule];
    if (!stored) return null;
    const mask = explorer.measure.above(await levels(found, source, cls), stored[0]);
    if (stored[1]) {
      const rest = bitsToMask(await inflated(stored[1]), mask.length);
      for (let i = 0; i < mask.length; i += 1) mask[i] ^= rest[i];
    }
    return mask;
  }

  // Grey values of the image; null if images may not be shown.
  function image(found) {
    if (!found.about.image) return Promise.resolve(null);
    return once(found, "image", async () => {
      const file = new Blob([decoded(found.about.image)], { type: "image/png" });
      const bitmap = await createImageBitmap(file);
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
      const grey = rgba.filter((_, index) => index % 4 === 0);
      return { width: bitmap.width, height: bitmap.height, grey };
    });
  }

  return { received, loadScores, loadCase, scores, once, reference, levels, storedMask, image };
})();
