// What is kept as the source has it: rectangles on the picture, in pixels of the output.

const LEAST = 8; // CSS pixels: less was a click

const parse = (text) => {
  const numbers = text.split(",").map(Number);
  return numbers.length >= 4 && numbers.every(Number.isInteger) ? numbers : text; // or a set's name
};

export class Keep {
  /** changed(list): another list is wanted, as the API spells it. */
  constructor({ layer, button, bar, add, clear, changed }) {
    Object.assign(this, { layer, button, bar, changed });
    this.list = [];
    this.size = [1, 1];
    this.isOpen = false;
    button.onclick = () => this.toggle();
    add.onclick = () => this.add();
    clear.onclick = () => this.want([]);
    layer.onpointerdown = (event) => this.drag(event);
    layer.onkeydown = (event) => this.key(event);
  }

  toggle(open = !this.isOpen) {
    this.isOpen = open;
    this.button.setAttribute("aria-pressed", open);
    this.layer.hidden = this.bar.hidden = !open;
    if (open) this.draw();
  }

  show(texts, size) {
    if (size) this.size = size;
    if (this.dragging || String(texts) === String(this.list.map(String))) return;
    this.list = texts.map(parse);
    this.draw();
  }

  want(list) {
    this.list = list;
    this.changed(list.map(String));
    this.draw();
  }

  add() {
    const [width, height] = this.size.map((side) => Math.round(side / 4));
    const at = [Math.round((this.size[0] - width) / 2), Math.round((this.size[1] - height) / 2)];
    this.want([...this.list, [...at, width, height]]);
    this.layer.lastElementChild.focus();
  }

  draw() {
    const focused = [...this.layer.children].indexOf(document.activeElement);
    this.layer.replaceChildren(...this.list.map((each, index) => this.box(each, index)));
    if (focused >= 0) this.layer.children[Math.min(focused, this.list.length - 1)]?.focus();
  }

  box(each, index) {
    const box = document.createElement("button");
    box.type = "button";
    box.dataset.index = index;
    if (Array.isArray(each)) {
      place(box, each, this.size);
      const [x, y, width, height] = each;
      box.setAttribute("aria-label", `Kept: ${width} by ${height} at ${x}, ${y}. Enter removes, ` +
        "arrow keys move, with Shift they resize.");
    } else {
      box.className = "named";
      box.textContent = `set ${each}`;
    }
    box.addEventListener("click", (event) => event.detail === 0 && this.remove(index)); // by key
    return box;
  }

  remove(index) {
    this.want(this.list.filter((_, each) => each !== index));
  }

  key(event) {
    if (event.key === "Escape") return this.toggle(false);
    const index = Number(event.target.dataset.index);
    const each = this.list[index];
    if (["Delete", "Backspace"].includes(event.key)) this.remove(index);
    else {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step || !Array.isArray(each)) return;
      const moved = [...each];
      const first = event.shiftKey ? 2 : 0;
      for (const axis of [0, 1]) {
        const by = step[axis] * Math.max(1, Math.round(this.size[axis] / 100));
        const low = event.shiftKey ? LEAST : 0;
        const high = this.size[axis] - (event.shiftKey ? each[axis] : each[axis + 2]);
        moved[first + axis] = Math.max(low, Math.min(high, each[first + axis] + by));
      }
      this.want(this.list.map((other, at) => (at === index ? moved : other)));
    }
    event.preventDefault();
    event.stopPropagation();
  }

  drag(event) {
    if (event.button !== 0 || this.dragging) return;
    event.preventDefault();
    const target = event.target.dataset.index;
    const from = this.point(event);
    const ghost = document.createElement("span");
    this.layer.setPointerCapture(event.pointerId);
    this.layer.append(ghost);
    this.dragging = true;
    let drawn = null;
    this.layer.onpointermove = (moved) => {
      if (moved.pointerId !== event.pointerId) return;
      drawn = between(from, this.point(moved));
      place(ghost, drawn, this.size);
    };
    this.layer.onpointerup = this.layer.onpointercancel = (ended) => {
      if (ended.pointerId !== event.pointerId) return;
      this.layer.onpointermove = this.layer.onpointerup = this.layer.onpointercancel = null;
      this.dragging = false;
      ghost.remove();
      if (ended.type === "pointercancel") return;
      const shown = this.layer.getBoundingClientRect().width / this.size[0]; // CSS pixels for one of the output
      if (drawn && Math.min(drawn[2], drawn[3]) * shown >= LEAST) this.want([...this.list, drawn]);
      else if (target !== undefined) this.remove(Number(target));
    };
  }

  point(event) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    const within = (share, side) => Math.round(Math.min(1, Math.max(0, share)) * side);
    return [within((event.clientX - left) / width, this.size[0]), within((event.clientY - top) / height, this.size[1])];
  }
}

const between = ([ax, ay], [bx, by]) =>
  [Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by)];

function place(element, [x, y, width, height], [across, down]) {
  const percent = (part, whole) => `${(part / whole) * 100}%`;
  Object.assign(element.style, { left: percent(x, across), top: percent(y, down),
    width: percent(width, across), height: percent(height, down) });
}
