// The drawing goes to livestyle while the pen moves: what has changed since the last frame of the
// page, as one rectangle, and only when the one before has left.

import { Surface, union } from "/surface.js";

const RETRY_MS = 1000;
const HEAD = 12; // bytes: mark u32, x, y, w, h u16

export class Drawing {
  /** delay: a Delay of marks. */
  constructor(canvas, delay) {
    this.surface = new Surface(canvas, (rect, at) => this.touch(rect, at));
    this.delay = delay;
    this.mark = 0;
    this.dirty = null;
    this.socket = null;
    this.isOpen = false;
  }

  open() {
    if (this.isOpen) return;
    this.isOpen = true;
    this.connect();
  }

  close() {
    this.isOpen = false;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  connect() {
    const socket = new WebSocket(`ws://${location.host}/api/v1/canvas`);
    this.socket = socket;
    this.isReady = false;
    socket.onmessage = ({ data }) =>
      typeof data === "string" ? this.surface.resize(...JSON.parse(data).size) : this.begin(data, socket);
    socket.onclose = () => {
      if (this.socket !== socket) return; // another one has its place
      this.isReady = false;
      if (this.isOpen) this.timer = setTimeout(() => this.connect(), RETRY_MS);
    };
  }

  /** With what is drawn so far, by whichever page, unless there is something newer here. */
  async begin(png, socket) {
    const drawn = await createImageBitmap(png);
    if (this.socket !== socket) return drawn.close();
    if (this.dirty) this.touch(this.surface.whole, performance.now());
    else this.surface.show(drawn);
    drawn.close();
    this.isReady = true;
  }

  touch(rect, at) {
    this.dirty = { rect: union(this.dirty?.rect, rect), at: this.dirty?.at ?? at };
    this.frame ??= requestAnimationFrame(() => this.send());
  }

  send() {
    this.frame = undefined;
    if (!this.isOpen || !this.dirty) return;
    if (!this.isReady || this.socket.bufferedAmount) {
      this.frame = requestAnimationFrame(() => this.send());
      return;
    }
    const { rect, at } = this.dirty;
    this.dirty = null;
    this.mark += 1;
    const pixels = this.surface.pen.getImageData(...rect).data;
    const message = new Uint8Array(HEAD + pixels.length);
    const head = new DataView(message.buffer);
    head.setUint32(0, this.mark, true);
    rect.forEach((each, index) => head.setUint16(4 + 2 * index, each, true));
    message.set(pixels, HEAD);
    this.socket.send(message);
    this.delay.expect(this.mark, at);
  }

  /** A picture was styled from that mark: those to come are above it, whoever drew it. */
  seen(seq) {
    this.mark = Math.max(this.mark, seq);
    this.delay.seen(seq);
  }
}
