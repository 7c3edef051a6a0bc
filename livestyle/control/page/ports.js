// Where pictures come from and where they go: source, outputs, recording, the view for OBS.

import { ask } from "/ask.js";
import { bytes, clock, write } from "/figures.js";

const KINDS = { monitor: "Screens", window: "Windows", camera: "Cameras", file: "Files",
  testcard: "From livestyle", canvas: "From livestyle", blank: "From livestyle" };

const make = (tag, more = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), more);
  element.append(...children);
  return element;
};

export class Source {
  /** chosen(spec): that source is wanted; waits(promise): for what may fail. */
  constructor(select, { chosen, waits }) {
    this.select = select;
    select.onchange = () => chosen(select.value);
    select.onpointerdown = select.onfocus = () => waits(this.load()); // what is plugged in changes
  }

  async load() {
    const { sources } = await ask("sources");
    const groups = Map.groupBy(sources, (each) => KINDS[each.kind] ?? "Other");
    const key = JSON.stringify(sources.map(({ spec, label }) => [spec, label]));
    if (key !== this.key)
      this.select.replaceChildren(...[...groups].map(([label, those]) => make("optgroup", { label },
        ...those.map((each) => make("option", { value: each.spec, textContent: each.label })))));
    this.key = key;
    this.pick(sources.find((each) => each.chosen)?.spec ?? this.shown);
  }

  /** spec: as the settings have it, which may name what is in the list in other words. */
  async show(spec) {
    if (!spec || spec === this.shown) return;
    this.shown = spec;
    await this.load();
  }

  pick(spec) {
    if (![...this.select.options].some((each) => each.value === spec))
      this.select.prepend(make("option", { value: spec, textContent: spec }));
    this.select.value = spec;
  }
}

export class Outputs {
  /** chosen(specs): these outputs are wanted. */
  constructor({ list, chosen }) {
    Object.assign(this, { list, chosen });
    this.key = "";
  }

  /** sinks: the specs of those that are wanted now, whoever chose them; open: what is told of those
   * that are open. */
  async follow(sinks, open = []) {
    const followed = JSON.stringify([sinks, open.map(({ away }) => away)]);
    if (followed === this.followed) return;
    this.followed = followed;
    await this.load();
  }

  async load() {
    const { sinks } = await ask("sinks");
    const key = JSON.stringify(sinks);
    if (key === this.key) return;
    this.key = key;
    const boxes = new Map();
    this.list.replaceChildren(...sinks.map((each) => {
      const box = make("input", { type: "checkbox", checked: each.chosen });
      boxes.set(each.spec, box);
      // this page is what asks; what is missing or another's can't be opened, but can be let go
      box.disabled = each.spec === "web" || (!each.chosen && ["missing", "taken"].includes(each.state));
      box.onchange = () => {
        this.key = ""; // shown anew whatever becomes of it
        this.chosen([...boxes].filter(([, { checked }]) => checked).map(([spec]) => spec));
      };
      const state = make("span", { className: "soft", textContent: each.state ?? "" });
      const row = make("li", {}, make("label", {}, box, make("span", { textContent: each.label }), state));
      if (each.note) row.append(make("span", { className: each.chosen ? "note" : "soft", textContent: each.note }));
      return row;
    }));
  }
}

export class Recording {
  constructor({ button, word, line, error }) {
    Object.assign(this, { button, word, line, error });
    this.state = null;
    button.onclick = () => this.toggle();
  }

  async toggle() {
    write(this.error, "");
    this.button.disabled = true;
    try {
      const ended = this.state;
      await ask("recording", this.state ? "DELETE" : "POST", {});
      if (ended) this.told = `Saved ${ended.file}`;
    } catch (error) {
      write(this.error, error.message);
    }
    this.button.disabled = false;
  }

  show(recording) {
    this.state = recording ?? null;
    this.button.setAttribute("aria-pressed", Boolean(recording));
    write(this.word, recording ? `${clock(recording.seconds)} · ${bytes(recording.bytes)}` : "Record");
    this.button.setAttribute("aria-label", recording ? "Stop recording" : "Record");
    write(this.line, recording ? `Recording ${recording.file}` : (this.told ?? ""));
  }
}

/** The address that shows the picture alone, for a Browser or Media Source of OBS. */
export class View {
  constructor(box) {
    this.box = box;
  }

  async load(method = "GET") {
    try {
      this.draw(await ask("view", method, method === "GET" ? undefined : {}));
    } catch (error) {
      this.draw({}, error.message);
    }
  }

  draw({ page, stream }, error = "") {
    const button = (textContent, method) => {
      const made = make("button", { type: "button", className: "quiet", textContent });
      made.onclick = () => {
        if (!page || made.dataset.asked) return this.load(method);
        made.dataset.asked = "true"; // scenes that have the address lose the picture
        made.textContent = `${textContent}: OBS loses this one. Sure?`;
      };
      made.onblur = () => {
        delete made.dataset.asked;
        made.textContent = textContent;
      };
      return made;
    };
    const rows = [["Browser source", page], ["Media source", stream]].filter(([, url]) => url);
    this.box.replaceChildren(
      make("p", { className: "head" }, make("span", { textContent: "For OBS" }),
        ...(rows.length ? [button("New address", "POST"), button("Revoke", "DELETE")]
          : [button("Make an address", "POST")])),
      ...rows.map(([label, url]) => address(label, url)),
      make("p", { className: "error", textContent: error }));
  }
}

function address(label, url) {
  const field = make("input", { type: "text", readOnly: true, value: url, onfocus: () => field.select() });
  const copy = make("button", { type: "button", className: "quiet", textContent: "Copy" });
  copy.onclick = async () => {
    field.select(); // a page that came over the network unencrypted may not copy by itself
    await navigator.clipboard?.writeText(url);
    copy.textContent = navigator.clipboard ? "Copied" : "Selected";
  };
  return make("p", { className: "address" }, make("label", {}, make("span", { textContent: label }), field), copy);
}
