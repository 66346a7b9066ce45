// A film on a canvas: zoom, pan, grey levels, and what is laid over it.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
export const START = { window: 255, level: 128, invert: false };

export class Viewer {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.toned = document.createElement('canvas');
    this.grey = { ...START };
    this.over = { map: true, opacity: 0.45, lungs: false };
    this.film = null;
    this.clear();
    this.watch = new ResizeObserver(() => this.redraw());
    this.watch.observe(canvas);
  }

  clear() {
    Object.assign(this, { film: null, source: null, map: null, lungs: null });
    this.fit();
  }

  stop() {
    this.watch.disconnect();
  }

  /** Shows a picture; zoom and grey levels stay as they are. */
  setFilm(image) {
    const width = image.naturalWidth || image.width;
    const height = image.naturalHeight || image.height;
    Object.assign(this.toned, { width, height });
    const context = this.toned.getContext('2d', { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    this.source = context.getImageData(0, 0, width, height);
    this.film = { width, height };
    this.tone();
  }

  setOverlay(map, lungs) {
    Object.assign(this, { map, lungs });
    this.redraw();
  }

  setGrey(values) {
    Object.assign(this.grey, values);
    this.toneDue ||= requestAnimationFrame(() => { this.toneDue = 0; this.tone(); });
  }

  setOver(values) {
    Object.assign(this.over, values);
    this.redraw();
  }

  /** Writes the grey levels through window and level. */
  tone() {
    if (!this.source) return;
    const { window: span, level, invert } = this.grey;
    const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => {
      const grey = clamp(((value - (level - span / 2)) / span) * 255, 0, 255);
      return invert ? 255 - grey : grey;
    });
    const { data, width, height } = this.source;
    const result = new ImageData(width, height);
    for (let at = 0; at < data.length; at += 4) {
      result.data[at] = table[data[at]];
      result.data[at + 1] = table[data[at + 1]];
      result.data[at + 2] = table[data[at + 2]];
      result.data[at + 3] = 255;
    }
    this.toned.getContext('2d').putImageData(result, 0, 0);
    this.redraw();
  }

  fit() {
    Object.assign(this, { zoom: 1, x: 0, y: 0 });
    this.redraw();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.redraw();
  }

  /** Zooms by a factor around a point of the canvas, its middle when none is given. */
  zoomBy(factor, px = this.canvas.clientWidth / 2, py = this.canvas.clientHeight / 2) {
    const zoom = clamp(this.zoom * factor, 0.5, 20);
    const by = zoom / this.zoom;
    const fromX = px - this.canvas.clientWidth / 2;
    const fromY = py - this.canvas.clientHeight / 2;
    this.x = fromX - (fromX - this.x) * by;
    this.y = fromY - (fromY - this.y) * by;
    this.zoom = zoom;
    this.redraw();
  }

  redraw() {
    this.due ||= requestAnimationFrame(() => { this.due = 0; this.draw(); });
  }

  draw() {
    const { canvas, context, film } = this;
    const dense = devicePixelRatio || 1;
    const [w, h] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(w * dense) || canvas.height !== Math.round(h * dense)) {
      Object.assign(canvas, { width: Math.round(w * dense), height: Math.round(h * dense) });
    }
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, w, h);
    if (!film || !w || !h) return;
    // At least a strip of the film stays in sight.
    const scale = Math.min(w / film.width, h / film.height) * this.zoom;
    const [fw, fh] = [film.width * scale, film.height * scale];
    this.x = clamp(this.x, -(fw + w) / 2 + 40, (fw + w) / 2 - 40);
    this.y = clamp(this.y, -(fh + h) / 2 + 40, (fh + h) / 2 - 40);
    const [left, top] = [(w - fw) / 2 + this.x, (h - fh) / 2 + this.y];
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.toned, left, top, fw, fh);
    if (this.map && this.over.map) {
      context.globalAlpha = this.over.opacity;
      context.drawImage(this.map, left, top, fw, fh);
      context.globalAlpha = 1;
    }
    if (this.lungs && this.over.lungs) this.outline(left, top, fw, fh);
  }

  outline(left, top, fw, fh) {
    const { context } = this;
    context.beginPath();
    for (const polygon of this.lungs) {
      polygon.forEach(([x, y], index) => context[index ? 'lineTo' : 'moveTo'](left + x * fw, top + y * fh));
      context.closePath();
    }
    for (const [width, colour] of [[4, 'rgb(0 0 0 / 0.6)'], [2, '#6fe0c0']]) {
      Object.assign(context, { lineWidth: width, strokeStyle: colour, lineJoin: 'round' });
      context.stroke();
    }
  }
}
