// The API: questions, and changes of settings of which the last one wins.

const SPACING_MS = 60; // between two changes, as of a slider that is drawn
const PATIENCE_MS = 250; // for an answer; a newer change then goes without it

/** The JSON of an answer; throws Error with one line that says why there is none. */
export async function ask(path, method = "GET", body = undefined, signal = undefined) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const content = body === undefined ? undefined : JSON.stringify(body);
  const reply = await fetch(`/api/v1/${path}`, { method, headers, body: content, signal }).catch(
    (error) => {
      throw signal?.aborted ? error : new Error("livestyle does not answer");
    },
  );
  if (!reply.ok) throw new Error(await reasonOf(reply));
  const text = await reply.text();
  return text ? JSON.parse(text) : {};
}

/** Why an answer is none, in one line. */
export async function reasonOf(reply) {
  const text = await reply.text();
  const bare = text || `livestyle answered ${reply.status}`;
  try {
    return JSON.parse(text).error || bare;
  } catch {
    return bare;
  }
}

/** Changes of settings. One is under way; what is wanted meanwhile goes with the next. */
export class Changes {
  /** taken(reply, at of the newest input), refused(keys, line) */
  constructor({ taken, refused }) {
    this.taken = taken;
    this.refused = refused;
    this.waiting = {};
    this.flight = null;
    this.timer = null;
    this.at = 0;
    this.sentAt = -Infinity;
    this.number = 0; // of the newest change that was answered
  }

  /** Want these settings. wait: ms in which a newer want replaces this one; at: of its input. */
  change(values, wait = 0, at = performance.now()) {
    Object.assign(this.waiting, values);
    this.at = at;
    clearTimeout(this.timer);
    const now = performance.now();
    const patience = this.flight ? this.sentAt + PATIENCE_MS - now : 0;
    this.timer = setTimeout(() => this.send(), Math.max(wait, this.sentAt + SPACING_MS - now, patience));
  }

  /** Whether what runs may still be older than what was asked for last. */
  isAhead(status) {
    return Boolean(this.flight || Object.keys(this.waiting).length || this.number > status.change);
  }

  async send() {
    clearTimeout(this.timer);
    const wanted = { ...this.flight?.values, ...this.waiting };
    const { sink, ...others } = wanted;
    const isMixed = sink !== undefined && Object.keys(others).length > 0; // outputs change alone
    const [values, later] = isMixed ? [others, { sink }] : [wanted, {}];
    if (!Object.keys(values).length) return;
    this.flight?.control.abort();
    const flight = { values, control: new AbortController() };
    const at = this.at;
    [this.flight, this.waiting, this.sentAt] = [flight, later, performance.now()];
    try {
      const reply = await ask("settings", "PATCH", values, flight.control.signal);
      if (this.flight !== flight) return;
      this.flight = null;
      this.number = Math.max(this.number, reply.change);
      this.taken(reply, Object.keys(values), at);
    } catch (error) {
      if (this.flight !== flight) return; // a newer one has its values, too
      this.flight = null;
      this.refused(Object.keys(values), error.message);
    }
    if (Object.keys(this.waiting).length) this.send();
  }
}
