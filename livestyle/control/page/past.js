// The last pictures that came of words alone, with their words.

const KEPT = 32;
const WIDTH = 240; // pixels of a picture kept
const TYPED_MS = 700; // a picture that stood for less was on the way to the next

export class Past {
  /** chosen({prompt, seed}): this one is wanted again. */
  constructor({ section, list, picture, chosen }) {
    Object.assign(this, { section, list, picture, chosen });
    this.entries = []; // the newest first: {key, prompt, seed, at, element, url}
    this.painted = 0; // the newest change that was seen
  }

  async show(status) {
    const { config } = status;
    const isBlank = config?.source === "blank";
    this.section.hidden = !isBlank || !this.entries.length;
    if (!isBlank || status.changed?.pending || this.painted < status.change) return;
    const key = JSON.stringify([config.prompt, config.seed, config.strength, config.steps]);
    if (key === this.entries[0]?.key || !config.prompt) return;
    const now = performance.now();
    const entry = { key, prompt: config.prompt, seed: config.seed, at: now };
    if (now - (this.entries[0]?.at ?? -Infinity) < TYPED_MS) this.drop(this.entries.shift());
    this.entries.unshift(entry);
    const small = await this.small();
    if (!this.entries.includes(entry)) return; // typed on meanwhile
    entry.url = URL.createObjectURL(small);
    entry.element = this.item(entry);
    this.list.prepend(entry.element);
    while (this.entries.length > KEPT) this.drop(this.entries.pop());
    this.section.hidden = false;
  }

  small() {
    const { width, height } = this.picture;
    const canvas = new OffscreenCanvas(WIDTH, Math.max(1, Math.round((WIDTH * height) / width)));
    canvas.getContext("2d").drawImage(this.picture, 0, 0, canvas.width, canvas.height);
    return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
  }

  item({ prompt, seed, url }) {
    const button = Object.assign(document.createElement("button"), { type: "button", title: prompt });
    const image = Object.assign(document.createElement("img"), { src: url, alt: "" });
    const words = Object.assign(document.createElement("span"), { textContent: prompt });
    button.append(image, words);
    button.onclick = () => this.chosen({ prompt, seed });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  drop(entry) {
    entry.element?.remove();
    if (entry.url) URL.revokeObjectURL(entry.url);
  }
}
