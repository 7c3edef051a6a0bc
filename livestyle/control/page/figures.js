// What runs, in figures and in words.

export const NONE = "–";
const $ = (id) => document.getElementById(id);

const STATES = {
  starting: "Starting",
  loading: "Loading",
  running: "Running",
  degraded: "Degraded",
  standby: "Standby",
  recovering: "Recovering",
  failed: "Failed",
  off: "Off",
};

export const clock = (value) => {
  const [minutes, seconds] = [Math.floor(value / 60), Math.floor(value % 60)];
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${two(minutes % 60)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
};

export const bytes = (value) =>
  value < 1e6 ? `${Math.round(value / 1e3)} kB` : `${(value / 1e6).toFixed(value < 1e8 ? 1 : 0)} MB`;

const FORMS = {
  rate: (value) => value.toFixed(1),
  count: (value) => value.toLocaleString("en"),
  ms: (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`,
  clock,
};

export function showFigures(status) {
  for (const cell of document.querySelectorAll("[data-figure]")) {
    const value = cell.dataset.figure.split(".").reduce((part, key) => part?.[key], status);
    const known = typeof value === "number";
    write(cell, known ? FORMS[cell.dataset.form](value) : NONE);
    if ("warn" in cell.dataset) cell.classList.toggle("warn", known && value > 0);
  }
  const { stylizer, source, output } = status;
  write($("worker-error"), status.worker_error || "after a fault");
  write($("stylizer"), join(stylizer?.name && stylizer.name + on(stylizer), stylizer?.style));
  $("stylizer").title = stylizer?.engine_why ?? "";
  write($("inside"), join(size(stylizer?.size), ""));
  write($("output"), join(size(output?.size), ""));
  write($("source-note"), source?.size ? `${source.name} · ${size(source.size)}` : "");
  write($("sentence"), sentence(status));
  const state = status.state === "running" && stylizer?.off ? "off" : status.state;
  showState(state, STATES[state] ?? state);
}

export function showState(state, word) {
  $("state").dataset.state = state ?? "";
  write($("state-word"), word);
  document.title = state ? `${word} · livestyle` : "livestyle";
}

/** What is on, on what, how fast, and what limits it. */
export function sentence({ state, message, advice, limit, source, stylizer, output, config }) {
  if (message) return message;
  if (!source?.name || !stylizer?.name || state !== "running") return "";
  const rate = output?.unique_fps;
  const speed = typeof rate === "number" ? `${rate.toFixed(1)} of ${config?.fps ?? output.fps} fps` : "";
  const what = stylizer.off
    ? `${source.name} as it is`
    : `${stylizer.style ?? stylizer.name} on ${source.name}`;
  const how = stylizer.off || stylizer.name === stylizer.style ? "" : `${stylizer.name}${on(stylizer)}`;
  const told = [[what, how, speed].filter(Boolean).join(", ")];
  const why = advice ? "" : limit; // which the advice says, too
  return [...told, why, stylizer.building, stylizer.size_why, advice].filter(Boolean).join("; ");
}

const on = (stylizer) => (stylizer.engine ? ` on ${stylizer.engine}` : "");
const join = (name, more) => [name, more].filter(Boolean).join(" · ") || NONE;
export const size = (pair) => (pair ? pair.join(" × ") : "");

/** Only where it differs: what has not changed is neither laid out nor read out again. */
export function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
