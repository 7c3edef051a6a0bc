// Keys of the page: one letter each, listed by "?", and never while somebody types.

const STORED = "livestyle-keys";

export class Keys {
  /** table: [key as shown, key as the browser has it, what it does, act] */
  constructor({ table, dialog, list, open, close, switched }) {
    this.acts = new Map(table.flatMap(([, keys, , act]) => keys.map((key) => [key, act])));
    this.dialog = dialog;
    list.append(...table.map(([shown, , words]) => row(shown, words)));
    open.onclick = () => dialog.showModal();
    close.onclick = () => dialog.close();
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
    switched.checked = localStorage.getItem(STORED) !== "off";
    switched.onchange = () => localStorage.setItem(STORED, switched.checked ? "on" : "off");
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (isTyping(event.target) || (dialog.open && event.key !== "?")) return;
      if (!switched.checked && !["?", "Escape"].includes(event.key)) return;
      const act = this.acts.get(event.key.toLowerCase());
      if (!act) return;
      event.preventDefault();
      act(event.key);
    });
  }

  toggleHelp() {
    if (this.dialog.open) this.dialog.close();
    else this.dialog.showModal();
  }
}

export const isTyping = (element) =>
  element.closest?.("textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=button])");

function row(shown, words) {
  const box = document.createElement("div");
  const key = document.createElement("dt");
  const what = document.createElement("dd");
  key.append(...shown.split(" ").map((each) =>
    Object.assign(document.createElement("kbd"), { textContent: each })));
  what.textContent = words;
  box.append(key, what);
  return box;
}
