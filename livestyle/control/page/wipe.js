// Before and after: the input over the output, as far as the handle.

const STEP = 5; // percent for a key

export class Wipe {
  /** opened(isOpen): the input is wanted, or no longer. */
  constructor({ handle, canvas, button, opened }) {
    Object.assign(this, { handle, canvas, button, opened });
    this.isOpen = false;
    this.place(50);
    button.onclick = () => this.toggle();
    handle.onpointerdown = (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.onpointermove = (moved) => this.placeAt(moved.clientX);
      handle.onpointerup = handle.onpointercancel = () => (handle.onpointermove = null);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    };
    handle.onkeydown = (event) => {
      const to = { ArrowLeft: this.at - STEP, ArrowDown: this.at - STEP, ArrowRight: this.at + STEP,
        ArrowUp: this.at + STEP, Home: 0, End: 100 }[event.key];
      if (to === undefined) return;
      this.place(to);
      event.preventDefault();
    };
  }

  toggle(open = !this.isOpen) {
    this.isOpen = open;
    this.button.setAttribute("aria-pressed", open);
    this.handle.hidden = !open;
    this.canvas.hidden = true; // until its picture is there
    this.opened(open);
  }

  /** A picture of the input is on its canvas. */
  painted() {
    this.canvas.hidden = !this.isOpen;
  }

  placeAt(x) {
    const { left, width } = this.canvas.parentElement.getBoundingClientRect();
    this.place(((x - left) / width) * 100);
  }

  place(percent) {
    this.at = Math.round(Math.min(100, Math.max(0, percent)));
    this.canvas.parentElement.style.setProperty("--wipe", `${this.at}%`);
    this.handle.setAttribute("aria-valuenow", this.at);
    this.handle.setAttribute("aria-valuetext", `input ${this.at}%`);
  }
}
