// Pictures onto a canvas: the newest wins, what comes while one is decoded replaces what waits.

export class Picture {
  /** painted({kind, change, seq}): called when one is on the canvas. */
  constructor(canvas, painted) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.painted = painted;
    this.newest = null;
    this.busy = false;
  }

  async show(picture) {
    this.newest = picture;
    if (this.busy) return;
    this.busy = true;
    while (this.newest) {
      const next = this.newest;
      this.newest = null;
      const bitmap = await createImageBitmap(next.jpeg).catch(() => null);
      if (!bitmap) continue;
      this.paint(bitmap);
      this.painted(next);
    }
    this.busy = false;
  }

  paint(bitmap) {
    const { canvas } = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    this.pen.drawImage(bitmap, 0, 0);
    bitmap.close();
  }
}
