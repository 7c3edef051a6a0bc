// The styles as cards, each with the input in it.

import { ask } from "/ask.js";
import { wordsOf } from "/blend.js";
import { write } from "/figures.js";

const UNASKED = 150; // ms for which a picture that nobody asked for may hold up the live one

const spoken = (name) => name.replaceAll("_", " ");

export class Styles {
  /** chosen(name): a style is wanted. */
  constructor({ section, cards, name, again, error, chosen }) {
    Object.assign(this, { section, cards, name, again, error, chosen });
    this.names = [];
    this.round = 0;
    this.sight = new IntersectionObserver(([{ isIntersecting }]) => {
      this.isSeen = isIntersecting;
      this.begin();
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
    this.isApart = styles.every((each) => each.stylizer !== "turbo"); // who makes the pictures
    this.hasBegun = false;
    this.section.hidden = !styles.length;
    this.cards.replaceChildren(...styles.map(card));
    for (const each of this.cards.children) each.onclick = () => this.chosen(each.dataset.style);
    this.show(this.shown ?? {});
    this.sight.disconnect();
    this.sight.observe(this.section);
  }

  /** The first pictures: they cost time, so none before somebody sees the row. What the run itself
   *  makes takes the time of a frame each: where that is long there are none before they are asked for. */
  begin() {
    const isCheap = this.isApart || (this.frame ?? Infinity) < UNASKED;
    if (isCheap && this.isSeen && !this.hasBegun) this.renew();
  }

  /** Pictures of the input as it is now, one after the other: more at once would take the browser's
   *  few connections from all else. A newer round ends this one. */
  async renew() {
    this.hasBegun = true;
    this.round += 1;
    const mine = this.round;
    let failure = "";
    this.cards.setAttribute("aria-busy", "true");
    write(this.error, "");
    for (const each of this.cards.children) {
      if (!each.dataset.picture) continue;
      const reply = await fetch(each.dataset.picture).catch(() => null);
      if (mine !== this.round) return;
      if (!reply?.ok) { // the card stays, its name says what it is
        failure = (await reply?.json().catch(() => null))?.error ?? "livestyle does not answer";
        continue;
      }
      const image = each.querySelector("img");
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(await reply.blob());
    }
    this.cards.removeAttribute("aria-busy");
    write(this.error, failure);
  }

  /** source: whose pictures these are to be; of another one they begin anew. */
  follow(source) {
    if (source === this.source) return;
    this.source = source;
    this.hasBegun = false;
    this.begin();
  }

  /** style: the one that runs, or null; changed: whether something of it is other than its own;
   *  frame: how long one takes, ms, once that is known. */
  show({ style, changed, frame }) {
    this.shown = { style, changed, frame };
    this.frame = frame;
    this.begin();
    const words = style ? wordsOf(style) : "none";
    write(this.name, style && changed ? `${words}, changed` : words);
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
