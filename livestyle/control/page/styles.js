// The styles as cards, each with the input in it.

import { ask } from "/ask.js";
import { write } from "/figures.js";

const spoken = (name) => name.replaceAll("_", " ");

export class Styles {
  /** chosen(name): a style is wanted. */
  constructor({ section, cards, name, again, chosen }) {
    Object.assign(this, { section, cards, name, chosen });
    this.names = [];
    again.onclick = () => this.load();
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
    this.names = styles.map((each) => each.name);
    this.section.hidden = !styles.length;
    this.cards.replaceChildren(...styles.map(card));
    for (const each of this.cards.children) each.onclick = () => this.chosen(each.dataset.style);
    this.show(this.shown ?? {});
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
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.style = name;
  button.title = description ?? "";
  button.setAttribute("aria-pressed", "false");
  const image = document.createElement("img");
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.onerror = () => image.removeAttribute("src"); // the card stays, its name says what it is
  if (picture) image.src = `${picture}?at=${Date.now()}`;
  const words = document.createElement("span");
  words.textContent = spoken(name);
  if (index < 9) words.dataset.key = index + 1;
  button.append(image, words);
  return button;
}
