// The styles as cards, each with the input in it.

import { ask } from "/ask.js";
import { write } from "/figures.js";

const PAUSE_MS = 100; // between two pictures: each takes time from what is styled live

const spoken = (name) => name.replaceAll("_", " ");

export class Styles {
  /** chosen(name): a style is wanted. */
  constructor({ section, cards, name, again, chosen }) {
    Object.assign(this, { section, cards, name, again, chosen });
    this.names = [];
    this.waiting = new Set(); // cards in sight without a picture
    this.sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting && !target.dataset.at) this.waiting.add(target);
        else this.waiting.delete(target);
      }
      this.paint();
    });
    again.onclick = () => this.renew();
    cards.onkeydown = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const all = [...cards.children];
      if (!by) return;
      all[all.indexOf(document.activeElement) + by]?.focus();
      event.preventDefault();
    };
  }

  async load() {
    const { styles } = await ask("styles");
    const names = styles.map((each) => each.name);
    if (String(names) === String(this.names)) return;
    this.names = names;
    this.section.hidden = !styles.length;
    this.cards.replaceChildren(...styles.map(card));
    for (const each of this.cards.children) each.onclick = () => this.chosen(each.dataset.style);
    this.show(this.shown ?? {});
    this.renew();
  }

  /** Pictures of the input as it is now, for the cards in sight; for the others when they are. */
  renew() {
    this.sight.disconnect();
    for (const each of this.cards.children) {
      delete each.dataset.at;
      if (each.dataset.picture) this.sight.observe(each);
    }
  }

  /** One after the other: more at once would take the browser's few connections from all else. */
  async paint() {
    if (this.painting) return;
    this.painting = true;
    for (const next of this.waiting) {
      this.waiting.delete(next);
      const reply = await fetch(next.dataset.picture).catch(() => null);
      if (reply?.ok) {
        const image = next.querySelector("img");
        URL.revokeObjectURL(image.src);
        image.src = URL.createObjectURL(await reply.blob());
      }
      next.dataset.at = performance.now();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    this.painting = false;
  }

  /** style: the one that runs, or null; changed: whether something of it is other than its own. */
  show({ style, changed }) {
    this.shown = { style, changed };
    write(this.name, style ? (changed ? `${style}, changed` : style) : "none");
    for (const each of this.cards.children) {
      const mine = each.dataset.style === style;
      if ((each.getAttribute("aria-pressed") === "true") !== mine) each.setAttribute("aria-pressed", mine);
      each.classList.toggle("changed", mine && Boolean(changed));
    }
  }
}

function card({ name, description, picture }, index) {
  const button = Object.assign(document.createElement("button"), { type: "button", title: description });
  Object.assign(button.dataset, { style: name, picture: picture ?? "" });
  button.setAttribute("aria-pressed", "false");
  const image = Object.assign(document.createElement("img"), { alt: "" });
  const words = Object.assign(document.createElement("span"), { textContent: spoken(name) });
  if (index < 9) words.dataset.key = index + 1;
  button.append(image, words);
  return button;
}
