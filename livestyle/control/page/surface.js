// What is drawn on: pen, eraser, fill, undo. It tells of every rectangle that changed.

const WHITE = "#ffffff";
const UNDO_BYTES = 64e6;
const LIKE = 96; // how far apart the colours of one filled area may be, over three channels

export class Surface {
  /** touched([x, y, w, h], at): these pixels have changed by what was done at that time, ms. */
  constructor(canvas, touched) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.base = document.createElement("canvas").getContext("2d", { alpha: false, willReadFrequently: true });
    this.touched = touched;
    Object.assign(this, { tool: "pen", colour: "#15171a", width: 8 });
    this.resize(16, 9);
  }

  /** White, and nothing to undo, unless it has that size already. */
  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    for (const pen of [this.pen, this.base]) {
      Object.assign(pen.canvas, { width, height });
      pen.fillStyle = WHITE;
      pen.fillRect(0, 0, width, height);
    }
    [this.done, this.undone] = [[], []];
  }

  get whole() {
    return [0, 0, this.canvas.width, this.canvas.height];
  }

  /** One stroke: begin, any number of moves, end. pressure: 0 to 1, or 0.5 where unknown. */
  begin(point, pressure, at) {
    if (this.tool === "fill") return this.fill(point, at);
    this.stroke = { last: point, rect: null };
    this.move(point, pressure, at);
  }

  move(point, pressure, at) {
    if (!this.stroke) return;
    const { pen } = this;
    const { last } = this.stroke;
    const width = this.width * (this.tool === "pen" ? 2 * pressure : 1);
    Object.assign(pen, { lineWidth: width, lineCap: "round", lineJoin: "round",
      strokeStyle: this.tool === "eraser" ? WHITE : this.colour });
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...point);
    pen.stroke();
    this.stroke.last = point;
    const edge = width / 2 + 2;
    const [left, top] = [Math.min(last[0], point[0]) - edge, Math.min(last[1], point[1]) - edge];
    const [right, bottom] = [Math.max(last[0], point[0]) + edge, Math.max(last[1], point[1]) + edge];
    const rect = this.clip([left, top, right - left, bottom - top]);
    if (!rect) return;
    this.stroke.rect = union(this.stroke.rect, rect);
    this.touched(rect, at);
  }

  end() {
    const rect = this.stroke?.rect;
    this.stroke = null;
    if (rect) this.commit(rect);
  }

  fill([x, y], at) {
    const { width, height } = this.canvas;
    const image = this.pen.getImageData(0, 0, width, height);
    const start = Math.floor(y) * width + Math.floor(x);
    if (!(start >= 0 && start < width * height)) return;
    const rect = flood(image, start, [1, 3, 5].map((place) => parseInt(this.colour.slice(place, place + 2), 16)));
    this.pen.putImageData(image, 0, 0);
    this.touched(rect, at);
    this.commit(rect);
  }

  clear(at) {
    this.pen.fillStyle = WHITE;
    this.pen.fillRect(...this.whole);
    this.touched(this.whole, at);
    this.commit(this.whole);
  }

  /** What is drawn already: there is nothing of it to undo, and nothing to tell. */
  show(bitmap) {
    for (const pen of [this.pen, this.base]) pen.drawImage(bitmap, 0, 0);
    [this.done, this.undone] = [[], []];
  }

  /** A picture, as large as fits. */
  put(bitmap, at) {
    const { width, height } = this.canvas;
    const scale = Math.min(width / bitmap.width, height / bitmap.height);
    const [w, h] = [bitmap.width * scale, bitmap.height * scale];
    this.pen.imageSmoothingQuality = "high";
    this.pen.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
    this.touched(this.whole, at);
    this.commit(this.whole);
  }

  undo(at) {
    this.step(this.done, this.undone, "before", at);
  }

  redo(at) {
    this.step(this.undone, this.done, "after", at);
  }

  step(from, to, which, at) {
    const act = from.pop();
    if (!act) return;
    to.push(act);
    for (const pen of [this.pen, this.base]) pen.putImageData(act[which], act.rect[0], act.rect[1]);
    this.touched(act.rect, at);
  }

  commit(rect) {
    const act = { rect, before: this.base.getImageData(...rect), after: this.pen.getImageData(...rect) };
    this.base.putImageData(act.after, rect[0], rect[1]);
    this.done.push(act);
    this.undone = [];
    const size = (each) => 2 * each.before.data.length;
    let held = this.done.reduce((sum, each) => sum + size(each), 0);
    while (held > UNDO_BYTES && this.done.length > 1) held -= size(this.done.shift());
  }

  clip([x, y, w, h]) {
    const left = Math.max(0, Math.floor(x));
    const top = Math.max(0, Math.floor(y));
    const right = Math.min(this.canvas.width, Math.ceil(x + w));
    const bottom = Math.min(this.canvas.height, Math.ceil(y + h));
    return right > left && bottom > top ? [left, top, right - left, bottom - top] : null;
  }
}

export function union(one, other) {
  if (!one || !other) return one ?? other;
  const [left, top] = [Math.min(one[0], other[0]), Math.min(one[1], other[1])];
  const right = Math.max(one[0] + one[2], other[0] + other[2]);
  const bottom = Math.max(one[1] + one[3], other[1] + other[3]);
  return [left, top, right - left, bottom - top];
}

/** Fill what is like the pixel at `start` around it, row by row. Returns the rectangle. */
function flood({ data, width, height }, start, [red, green, blue]) {
  const first = data.slice(start * 4, start * 4 + 3);
  const seen = new Uint8Array(width * height);
  const like = (at) => !seen[at] && Math.abs(data[at * 4] - first[0]) +
    Math.abs(data[at * 4 + 1] - first[1]) + Math.abs(data[at * 4 + 2] - first[2]) <= LIKE;
  let rect = null;
  for (const waiting = [start]; waiting.length; ) {
    const at = waiting.pop();
    if (!like(at)) continue;
    const y = Math.floor(at / width);
    let left = at;
    while (left > y * width && like(left - 1)) left -= 1;
    let right = at;
    while (right < (y + 1) * width - 1 && like(right + 1)) right += 1;
    for (let each = left; each <= right; each += 1) {
      seen[each] = 1;
      data.set([red, green, blue, 255], each * 4);
      if (y > 0) waiting.push(each - width);
      if (y < height - 1) waiting.push(each + width);
    }
    rect = union(rect, [left - y * width, y, right - left + 1, 1]);
  }
  return rect;
}
