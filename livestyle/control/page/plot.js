// Latency over the last minute: p50 as a line, up to p95 as a band.

const MINUTE_MS = 60_000;
const GAP_MS = 1500; // a longer silence is drawn as one
const GUTTER = 54; // pixels for the scale's numbers
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

export class LatencyPlot {
  constructor(canvas) {
    this.canvas = canvas;
    this.points = []; // {at, p50, p95}: ms, the first on the page's clock
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  add(latency) {
    const at = performance.now();
    this.points = this.points.filter((point) => point.at > at - MINUTE_MS);
    if (typeof latency?.p50 === "number" && typeof latency?.p95 === "number")
      this.points.push({ at, p50: latency.p50, p95: latency.p95 });
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const highest = Math.max(1, ...this.points.map((point) => point.p95));
    const step = STEPS.find((each) => each * 3 >= highest) ?? STEPS.at(-1);
    const top = step * Math.ceil(highest / step);
    const floor = height - 20;
    const y = (ms) => floor - (ms / top) * (floor - 8);
    const now = performance.now();
    const x = (at) => width - 1 - ((now - at) / MINUTE_MS) * (width - 1 - GUTTER);
    this.drawScale(pen, { top, step, width, height, y });
    for (const run of this.runs()) this.drawRun(pen, run, x, y);
  }

  drawScale(pen, { top, step, width, height, y }) {
    pen.font = `11px ${getComputedStyle(this.canvas).fontFamily}`;
    pen.fillStyle = this.colour("--soft");
    pen.strokeStyle = this.colour("--line");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let ms = 0; ms <= top; ms += step) {
      pen.moveTo(GUTTER, Math.round(y(ms)) + 0.5);
      pen.lineTo(width, Math.round(y(ms)) + 0.5);
      pen.textAlign = "right";
      pen.fillText(ms === top ? `${ms} ms` : String(ms), GUTTER - 9, y(ms) + 4);
    }
    pen.stroke();
    pen.fillText("now", width, height - 3);
    pen.textAlign = "left";
    pen.fillText("a minute ago", GUTTER, height - 3);
  }

  /** The points in stretches without a gap. */
  runs() {
    const runs = [];
    let last = -Infinity;
    for (const point of this.points) {
      if (point.at - last > GAP_MS) runs.push([]);
      runs.at(-1).push(point);
      last = point.at;
    }
    return runs;
  }

  colour(name) {
    return getComputedStyle(this.canvas).getPropertyValue(name);
  }

  drawRun(pen, run, x, y) {
    pen.beginPath();
    for (const point of run) pen.lineTo(x(point.at), y(point.p95));
    for (const point of run.toReversed()) pen.lineTo(x(point.at), y(point.p50));
    pen.fillStyle = this.colour("--band");
    pen.fill();
    for (const [name, colour, width] of [["p95", "--accent-soft", 1.25], ["p50", "--accent", 1.75]]) {
      pen.beginPath();
      for (const point of run) pen.lineTo(x(point.at), y(point[name]));
      pen.strokeStyle = this.colour(colour);
      pen.lineWidth = width;
      pen.lineJoin = "round";
      pen.stroke();
    }
  }
}
