// The shares of a style that is made of several pictures: FILE:SHARE,FILE:SHARE.

const PART = /^(.*?)(?::([0-9.]+))?$/;
const LEAST = 0.01; // a share is above nought

const partsOf = (style) =>
  (style ?? "").split(",").map((part) => {
    const [, file, share] = part.trim().match(PART);
    return { file, share: Number(share ?? 1) };
  });

const nameOf = (file) => file.split(/[\\/]/).pop();

/** A style in words: of pictures their names, each with its part of the whole. */
export function wordsOf(style) {
  const parts = partsOf(style);
  if (parts.length < 2) return nameOf(parts[0].file);
  const whole = parts.reduce((sum, part) => sum + part.share, 0);
  return parts.map(({ file, share }) => `${nameOf(file)} ${Math.round((100 * share) / whole)} %`).join(", ");
}

export class Blend {
  /** chosen(style): other shares are wanted. */
  constructor({ place, chosen }) {
    Object.assign(this, { place, chosen, parts: [], sliders: [] });
  }

  /** style: the one that runs. One that is no blend has no shares. */
  show(style) {
    const parts = partsOf(style);
    this.place.hidden = parts.length < 2;
    if (this.place.hidden) return;
    if (String(parts.map(({ file }) => file)) !== String(this.parts.map(({ file }) => file))) this.make(parts);
    const most = Math.max(...parts.map(({ share }) => share));
    for (const [index, { share }] of parts.entries())
      this.sliders[index].value = most > 1 ? share / most : share; // 3:1 is within 0 … 1, too
  }

  make(parts) {
    this.parts = parts;
    this.sliders = parts.map(() =>
      Object.assign(document.createElement("input"), {
        type: "range", min: LEAST, max: 1, step: 0.01, oninput: () => this.send() }));
    this.place.replaceChildren(...parts.map(({ file }, index) => {
      const label = document.createElement("label");
      label.append(nameOf(file), this.sliders[index]);
      return label;
    }));
  }

  send() {
    this.chosen(this.parts.map(({ file }, index) => `${file}:${this.sliders[index].value}`).join(","));
  }
}
