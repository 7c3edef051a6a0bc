// The tools of the drawing, and what the pointer and the keys do on it.

import { write } from "/figures.js";

const COLOURS = { black: "#15171a", grey: "#8a9099", red: "#d63b3b", orange: "#ec8b2d", yellow: "#f4d03f",
  green: "#3f9b52", blue: "#2f6fd0", purple: "#7b4fc0", brown: "#7a5236", skin: "#edbe9c" };
const TOOLS = [["pen", "Pen"], ["eraser", "Eraser"], ["fill", "Fill"]];
const STEP = 8; // pixels for an arrow key, 1 with Shift

export class Drawbar {
  constructor({ surface, canvas, nib, tools, colours, size, acts, file, failed }) {
    Object.assign(this, { surface, canvas, nib, failed });
    this.tools = TOOLS.map(([name, words]) => icon(name, words, () => this.pick(name)));
    tools.append(...this.tools);
    this.swatches = Object.entries(COLOURS).map(([name, colour]) => this.swatch(name, colour));
    this.own = Object.assign(document.createElement("input"), { type: "color", value: "#e0559a" });
    this.own.setAttribute("aria-label", "Another colour");
    this.own.oninput = () => this.paint(this.own.value);
    colours.append(...this.swatches, this.own);
    size.oninput = () => (this.surface.width = size.valueAsNumber);
    const now = () => performance.now();
    acts.append(
      icon("undo", "Undo", () => surface.undo(now())),
      icon("redo", "Redo", () => surface.redo(now())),
      icon("clear", "Clear", () => surface.clear(now())),
      icon("open", "Open a picture", () => file.click()),
    );
    file.onchange = () => {
      if (file.files[0]) this.put(file.files[0]);
      file.value = "";
    };
    this.pick("pen");
    this.paint(COLOURS.black);
    this.listen();
  }

  swatch(name, colour) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "swatch", title: name });
    button.style.setProperty("--colour", colour);
    button.dataset.colour = colour;
    button.setAttribute("aria-label", name);
    button.onclick = () => this.paint(colour);
    return button;
  }

  pick(tool) {
    this.surface.tool = tool;
    this.tools.forEach((each, index) => each.setAttribute("aria-pressed", TOOLS[index][0] === tool));
  }

  paint(colour) {
    this.surface.colour = colour;
    if (this.surface.tool === "eraser") this.pick("pen");
    for (const each of this.swatches) each.setAttribute("aria-pressed", each.dataset.colour === colour);
    this.own.classList.toggle("chosen", !this.swatches.some((each) => each.dataset.colour === colour));
  }

  async put(file) {
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (!bitmap) return this.failed(`${file.name || "this"} is no picture that the browser can read`);
    this.surface.put(bitmap, performance.now());
    bitmap.close();
  }

  listen() {
    const { canvas, surface } = this;
    const pressure = (event) => (event.pointerType === "pen" ? Math.max(0.05, event.pressure) : 0.5);
    canvas.onpointerdown = (event) => {
      if (event.button !== 0 || this.pointer !== undefined) return; // one draws, not the palm beside it
      this.pointer = event.pointerId;
      canvas.setPointerCapture(event.pointerId);
      surface.begin(this.point(event), pressure(event), event.timeStamp);
    };
    canvas.onpointermove = (event) => {
      if (this.pointer !== undefined && event.pointerId !== this.pointer) return;
      this.follow(this.point(event));
      const all = event.getCoalescedEvents?.() ?? [];
      for (const each of all.length ? all : [event]) surface.move(this.point(each), pressure(each), each.timeStamp);
    };
    canvas.onpointerup = canvas.onpointercancel = (event) => {
      if (event.pointerId !== this.pointer) return;
      this.pointer = undefined;
      surface.end();
    };
    canvas.onpointerleave = () => (this.nib.hidden = true);
    canvas.onkeydown = (event) => this.key(event);
    canvas.onblur = () => {
      this.pointer = undefined;
      surface.end();
      this.nib.hidden = true;
    };
  }

  /** Without a pointer: the arrows move the nib, space puts it down and lifts it. */
  key(event) {
    const { surface } = this;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [, , width, height] = surface.whole;
    const [x, y] = this.at ?? [width / 2, height / 2];
    if (step) {
      const by = event.shiftKey ? 1 : STEP;
      const to = [x + step[0] * by, y + step[1] * by];
      this.follow([Math.min(width, Math.max(0, to[0])), Math.min(height, Math.max(0, to[1]))]);
      surface.move(this.at, 0.5, event.timeStamp);
    } else if (event.key === " ") {
      this.follow([x, y]);
      if (surface.stroke) surface.end();
      else surface.begin(this.at, 0.5, event.timeStamp);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  follow(point) {
    this.at = point;
    const [, , width, height] = this.surface.whole;
    const size = this.surface.tool === "fill" ? 8 : this.surface.width;
    this.nib.hidden = false;
    Object.assign(this.nib.style, { left: `${(point[0] / width) * 100}%`, top: `${(point[1] / height) * 100}%`,
      width: `${(size / width) * 100}%` });
  }

  point(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * this.canvas.width, ((event.clientY - top) / height) * this.canvas.height];
  }
}

function icon(name, words, act) {
  const button = Object.assign(document.createElement("button"), { type: "button", title: words, onclick: act });
  button.setAttribute("aria-label", words);
  button.innerHTML = `<svg><use href="#i-${name}"/></svg>`;
  return button;
}

export const showDelay = (element, from, to) => (ms, median) => {
  write(element, `${from} to ${to} ${Math.round(ms)} ms, median ${Math.round(median)}`);
  Object.assign(element.dataset, { ms: Math.round(ms), median: Math.round(median) });
};
