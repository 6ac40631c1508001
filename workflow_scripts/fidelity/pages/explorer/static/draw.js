"use strict";
// A panel: image, heat map and contours on a canvas.

explorer.draw = (() => {
  const REFERENCE = "#56b4e9";
  const PREDICTED = "#ffffff";
  // Pixels of the longer side of a panel, at least.
  const SHARP = 640;

  function canvasOf(width, height, fill) {
    const canvas = new OffscreenCanvas(width, height);
    const pixels = new ImageData(width, height);
    fill(new Uint32Array(pixels.data.buffer));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  // Grey values between level - window / 2 and level + window / 2 become black to white.
  function grey(image, window, level) {
    const table = Uint32Array.from({ length: 256 }, (_, value) => {
      const shown = Math.min(255, Math.max(0, ((value - level) / window + 0.5) * 255)) | 0;
      return 0xff000000 | (shown << 16) | (shown << 8) | shown;
    });
    return canvasOf(image.width, image.height, (rgba) => {
      for (let i = 0; i < rgba.length; i += 1) rgba[i] = table[image.grey[i]];
    });
  }

  // What is not salient stays transparent.
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

  // The edges between pixels inside and outside of a mask.
  function outline(mask, [height, width], scale) {
    const path = new Path2D();
    const inside = (y, x) => y >= 0 && x >= 0 && y < height && x < width && mask[y * width + x];
    for (let y = 0; y <= height; y += 1) {
      for (let x = 0; x <= width; x += 1) {
        const here = inside(y, x);
        if (here !== inside(y - 1, x) && x < width && Boolean(here) !== Boolean(inside(y - 1, x))) {
          path.moveTo(x * scale, y * scale);
          path.lineTo((x + 1) * scale, y * scale);
        }
        if (y < height && Boolean(here) !== Boolean(inside(y, x - 1))) {
          path.moveTo(x * scale, y * scale);
          path.lineTo(x * scale, (y + 1) * scale);
        }
      }
    }
    return path;
  }

  function stroke(context, path, colour, width) {
    context.lineCap = "round";
    for (const [style, size] of [
      ["#000000", 2.2 * width],
      [colour, width],
    ]) {
      context.strokeStyle = style;
      context.lineWidth = size;
      context.stroke(path);
    }
  }

  // Draw the layers: `image` and `heat` are canvases, `reference` and `predicted` are masks; all may
  // be null.
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
    const line = Math.max(2, canvas.width / 280);
    for (const [mask, colour] of [
      [layers.reference, REFERENCE],
      [layers.predicted, PREDICTED],
    ]) {
      if (mask) stroke(context, outline(mask, about.size, scale), colour, line);
    }
  }

  return { grey, heat, panel };
})();
