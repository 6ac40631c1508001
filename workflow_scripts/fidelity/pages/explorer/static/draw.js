"use strict";
// Draw a panel: image, heat map and contours on a canvas.

explorer.draw = (() => {
  const REFERENCE = "#56b4e9";
  const PREDICTED = "#ffffff";
  // Smallest number of pixels on the longer side of a panel.
  const SHARP = 512;

  function canvasOf(width, height, fill) {
    const canvas = new OffscreenCanvas(width, height);
    const pixels = new ImageData(width, height);
    fill(new Uint32Array(pixels.data.buffer));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  // Map grey values from level - window / 2 to level + window / 2 to black to white.
  function grey(image, window, level) {
    const table = Uint32Array.from({ length: 256 }, (_, value) => {
      const shown = Math.min(255, Math.max(0, ((value - level) / window + 0.5) * 255)) | 0;
      return 0xff000000 | (shown << 16) | (shown << 8) | shown;
    });
    return canvasOf(image.width, image.height, (rgba) => {
      for (let i = 0; i < rgba.length; i += 1) rgba[i] = table[image.grey[i]];
    });
  }

  // Low values stay transparent.
  function heat(levels, [height, width], number, rgb, opacity) {
    const table = Uint32Array.from({ length: number + 1 }, (_, level) => {
      const value = level / number;
      const place = 3 * Math.round(255 * value);
      const alpha = Math.round(255 * opacity * Math.min(1, 1.5 * value));
      return (alpha << 24) | (rgb[place + 2] << 16) | (rgb[place + 1] << 8) | rgb[place];
    });
    return canvasOf(width, height, (rgba) => {
      for (let i = 0; i < rgba.length; i += 1) rgba[i] = table[levels[i]];
    });
  }

  // The outlines of a mask (null = none) and of boxes [y0, x0, y1, x1], in pixels of the map.
  function outline(mask, [height, width], boxes = []) {
    const path = new Path2D();
    for (const [y0, x0, y1, x1] of boxes) path.rect(x0, y0, x1 - x0, y1 - y0);
    if (!mask) return path;
    // An empty margin closes the contour of a mask that touches the border.
    const row = width + 2;
    const padded = new Uint8Array(row * (height + 2));
    for (let y = 0; y < height; y += 1) {
      padded.set(mask.subarray(y * width, (y + 1) * width), (y + 1) * row + 1);
    }
    // In `padded`, lines are `across` apart, and pixels of a line are `along` apart.
    const edges = (lines, length, across, along, point) => {
      for (let line = 0; line <= lines; line += 1) {
        let start = -1;
        for (let step = 0; step <= length; step += 1) {
          const here = row + 1 + line * across + step * along;
          const edge = step < length && padded[here] !== padded[here - across];
          if (edge && start < 0) start = step;
          if (!edge && start >= 0) {
            path.moveTo(...point(start, line));
            path.lineTo(...point(step, line));
            start = -1;
          }
        }
      }
    };
    edges(height, width, row, 1, (x, y) => [x, y]);
    edges(width, height, 1, row, (y, x) => [x, y]);
    return path;
  }

  function stroke(context, path, colour, width) {
    context.lineCap = "round";
    for (const [style, size] of [
      ["#000000", 1.9 * width],
      [colour, width],
    ]) {
      context.strokeStyle = style;
      context.lineWidth = size;
      context.stroke(path);
    }
  }

  // Draw the layers: `image` and `heat` are canvases, `reference` and `predicted` are outlines;
  // each may be null. `readings` are coloured outlines, thinner than the reference below them.
  function panel(canvas, about, layers) {
    const [height, width] = about.size;
    const scale = Math.max(1, Math.ceil(SHARP / Math.max(height, width)));
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext("2d");
    context.fillStyle = "#000000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (layers.image) {
      const [y0, x0, y1, x1] = about.box.map((edge) => edge * scale);
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(layers.image, x0, y0, x1 - x0, y1 - y0);
    }
    if (layers.heat) {
      context.imageSmoothingEnabled = false;
      context.drawImage(layers.heat, 0, 0, canvas.width, canvas.height);
    }
    context.scale(scale, scale);
    const line = Math.max(2.4, canvas.width / 210) / scale;
    if (layers.reference) stroke(context, layers.reference, REFERENCE, line);
    for (const { path, colour } of layers.readings ?? []) stroke(context, path, colour, 0.7 * line);
    if (layers.predicted) stroke(context, layers.predicted, PREDICTED, line);
  }

  return { grey, heat, outline, panel };
})();
