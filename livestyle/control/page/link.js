// The connection: one WebSocket that is opened again whenever it closes.

const RETRY_MS = 1000;
const QUIET_MS = 5000; // figures come four times a second

export const NOTICES = {
  key: ["This page needs its key", "Open the address that livestyle printed: the key is part of it."],
  restarted: ["livestyle was started again", "Open the new address that livestyle printed."],
  lost: ["Connection lost", "livestyle does not answer. Trying again every second…"],
  crowded: ["Too many previews are open", "Close another one; this page tries again by itself."],
};

/** Exchange the token in the address for a cookie, and take it out of the address. */
async function login() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  const body = JSON.stringify({ token });
  const headers = { "Content-Type": "application/json" };
  const reply = await fetch("/api/v1/session", { method: "POST", headers, body }).catch(() => null);
  if (reply) history.replaceState(null, "", location.pathname);
}

/** opened(again), closed(reason of NOTICES), status(object), picture({kind, change, seq, jpeg}) */
export class Link {
  constructor(handlers) {
    this.handlers = handlers;
    this.attempt = 0; // the newest one counts: a timer, a new address and a shown tab may coincide
    this.socket = null;
    this.timer = null;
    this.wasLive = false;
    this.wipe = false;
    addEventListener("hashchange", () => location.hash && this.connect()); // a new address, same tab
    // A page that nobody sees costs livestyle nothing.
    document.addEventListener("visibilitychange", () =>
      document.hidden ? this.leave() : this.connect());
  }

  leave() {
    this.attempt += 1;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  async connect() {
    this.leave();
    if (document.hidden) return;
    const mine = this.attempt;
    await login();
    const reply = await fetch("/api/v1/status", { signal: AbortSignal.timeout(QUIET_MS) }).catch(() => null);
    if (mine !== this.attempt) return;
    if (!reply) return this.retry("lost");
    if (reply.status === 401) return this.retry(this.wasLive ? "restarted" : "key");
    this.listen(mine);
  }

  listen(mine) {
    let opened = false;
    const socket = new WebSocket(`ws://${location.host}/api/v1/live`);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    const listen = () => {
      clearTimeout(this.timer); // a network that is gone says nothing, and closes nothing
      this.timer = setTimeout(() => this.giveUp(), QUIET_MS);
    };
    socket.onopen = () => {
      opened = true;
      listen();
      this.handlers.opened(this.wasLive);
      this.wasLive = true;
      if (this.wipe) this.askForSource(true);
    };
    socket.onmessage = ({ data }) => {
      listen();
      if (typeof data === "string") return this.handlers.status(JSON.parse(data));
      const head = new DataView(data, 0, 16);
      this.handlers.picture({
        kind: head.getUint8(0),
        change: head.getUint32(4, true),
        seq: Number(head.getBigUint64(8, true)),
        jpeg: new Blob([new Uint8Array(data, 16)], { type: "image/jpeg" }),
      });
    };
    socket.onclose = () => mine === this.attempt && this.retry(opened ? "lost" : "crowded");
  }

  giveUp() {
    this.leave();
    this.retry("lost");
  }

  retry(reason) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), RETRY_MS);
    this.handlers.closed(reason);
  }

  /** Pictures of the source are made and sent only while somebody wants them. */
  askForSource(wipe) {
    this.wipe = wipe;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ wipe }));
  }
}
