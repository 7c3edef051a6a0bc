// The page of livestyle: one WebSocket brings pictures (JPEG) and figures (JSON), and is opened
// again whenever it closes.

import { LatencyPlot } from "/plot.js";

const $ = (id) => document.getElementById(id);
const RETRY_MS = 1000;
const HEADER = 16; // bytes before a picture
const TOAST_MS = 4000;

// ---- The connection ----

const NOTICES = {
  key: ["This page needs its key", "Open the address that livestyle printed: the key is part of it."],
  restarted: ["livestyle was started again", "Open the new address that livestyle printed."],
  lost: ["Connection lost", "livestyle does not answer. Trying again every second…"],
  crowded: ["Too many previews are open", "Close another one; this page tries again by itself."],
};

let attempt = 0; // the newest one counts: a timer, a new address and a shown tab may coincide
let socket = null;
let timer = null;
let wasLive = false;

/** Exchange the token in the address for a cookie, and take it out of the address. */
async function login() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  const body = JSON.stringify({ token });
  const headers = { "Content-Type": "application/json" };
  const reply = await fetch("/api/v1/session", { method: "POST", headers, body }).catch(() => null);
  if (reply) history.replaceState(null, "", location.pathname);
}

function leave() {
  attempt += 1;
  clearTimeout(timer);
  socket?.close();
}

async function connect() {
  leave();
  if (document.hidden) return;
  const mine = attempt;
  await login();
  const reply = await fetch("/api/v1/status").catch(() => null);
  if (mine !== attempt) return;
  if (!reply) return retry("lost");
  if (reply.status === 401) return retry(wasLive ? "restarted" : "key");
  listen(mine);
}

function listen(mine) {
  let opened = false;
  socket = new WebSocket(`ws://${location.host}/api/v1/live`);
  socket.binaryType = "blob";
  socket.onopen = () => {
    opened = true;
    if (wasLive && document.body.dataset.link !== "live") toast("Connected again");
    wasLive = true;
    document.body.dataset.link = "live";
  };
  socket.onmessage = ({ data }) =>
    typeof data === "string" ? showFigures(JSON.parse(data)) : draw(data.slice(HEADER));
  socket.onclose = () => mine === attempt && retry(opened ? "lost" : "crowded");
}

function retry(reason) {
  timer = setTimeout(connect, RETRY_MS);
  if (document.body.dataset.link === reason) return; // said already
  [$("notice-title").textContent, $("notice-text").textContent] = NOTICES[reason];
  document.body.dataset.link = reason;
  showState(null, "Not connected");
}

function toast(words) {
  $("toast").textContent = words;
  $("toast").classList.add("shown");
  setTimeout(() => $("toast").classList.remove("shown"), TOAST_MS);
}

// ---- The picture ----

let newest = null;
let drawing = false;

/** Draw the newest picture; what comes while one is being decoded replaces what waits. */
async function draw(jpeg) {
  newest = jpeg;
  if (drawing) return;
  drawing = true;
  while (newest) {
    const next = newest;
    newest = null;
    const bitmap = await createImageBitmap(next).catch(() => null);
    if (bitmap) paint(bitmap);
  }
  drawing = false;
}

function paint(bitmap) {
  const canvas = $("picture");
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
  bitmap.close();
}

// ---- The figures ----

const STATES = {
  starting: "Starting",
  loading: "Loading",
  running: "Running",
  recovering: "Recovering",
  failed: "Failed",
};

const NONE = "–";
const FORMS = {
  rate: (value) => value.toFixed(1),
  count: (value) => value.toLocaleString("en"),
  ms: (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`,
  clock: (value) => {
    const [minutes, seconds] = [Math.floor(value / 60), Math.floor(value % 60)];
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(minutes / 60);
    return hours ? `${hours}:${two(minutes % 60)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  },
};

function showFigures(status) {
  for (const cell of document.querySelectorAll("[data-figure]")) {
    const value = cell.dataset.figure.split(".").reduce((part, key) => part?.[key], status);
    const known = typeof value === "number";
    cell.textContent = known ? FORMS[cell.dataset.form](value) : NONE;
    if ("warn" in cell.dataset) cell.classList.toggle("warn", known && value > 0);
  }
  $("worker-error").textContent = status.worker_error || "after a fault";
  showState(status.state, STATES[status.state] ?? status.state);
  showPath(status);
  showLook(status.config);
  $("prompt-note").textContent = status.changed?.refused || status.stylizer?.note || "";
  plot.add(status.output?.latency_ms);
}

function showState(state, word) {
  $("state").dataset.state = state ?? "";
  if ($("state-word").textContent !== word) $("state-word").textContent = word;
  document.title = state ? `${word} · livestyle` : "livestyle";
}

function showPath({ state, message, advice, source, stylizer, output, sinks }) {
  const engine = stylizer?.engine ? ` on ${stylizer.engine}` : "";
  const restyles = source?.name && stylizer?.name
    ? `${stylizer.name}${engine} restyles ${source.name}`
    : "";
  const running = [restyles, stylizer?.building, stylizer?.size_why, advice].filter(Boolean).join("; ");
  $("sentence").textContent = message || (state === "running" ? running : "");
  $("source").textContent = join(source?.name, size(source?.size));
  $("stylizer").textContent = join(stylizer?.name && stylizer.name + engine, stylizer?.style);
  $("stylizer").title = stylizer?.engine_why ?? "";
  $("output").textContent = join(size(output?.size), "");
  const rows = (sinks ?? []).map(sinkRow);
  $("sinks").replaceChildren(...(rows.length ? rows : [NONE]));
}

const join = (name, more) => [name, more].filter(Boolean).join(" · ") || NONE;
const size = (pair) => (pair ? pair.join(" × ") : "");

function sinkRow({ name, note }) {
  const row = document.createElement("li");
  row.textContent = name.split("/#")[0]; // this page's address, without what opens it
  if (note) {
    const line = document.createElement("span");
    line.className = "note";
    line.textContent = note;
    row.append(line);
  }
  return row;
}

// ---- What changes while it runs: the look of turbo, and how every picture is finished ----

const RANGES = ["strength", "detail", "hold", "colour", "mix"];

let changes = {};
let sending = false;

/** Show what runs, but nothing over a field that someone is writing in. */
function showLook(config) {
  $("look").hidden = config?.stylizer !== "turbo";
  $("finish").hidden = !["lite", "turbo"].includes(config?.stylizer);
  if ($("finish").hidden || sending) return;
  for (const name of ["prompt", "seed", ...RANGES]) {
    const field = $(name);
    if (field !== document.activeElement && name in config) field.value = config[name];
  }
  showRanges();
}

function showRanges() {
  for (const name of RANGES) $(`${name}-value`).textContent = Number($(name).value).toFixed(2);
}

/** Send what was changed at once; what changes while it is sent goes along with the next. */
async function changeLook({ target }) {
  changes[target.name] = target.type === "textarea" ? target.value : target.valueAsNumber;
  showRanges();
  if (sending) return;
  sending = true;
  while (Object.keys(changes).length) {
    const body = JSON.stringify(changes);
    changes = {};
    const headers = { "Content-Type": "application/json" };
    const reply = await fetch("/api/v1/settings", { method: "PATCH", headers, body }).catch(() => null);
    $("look-error").textContent = reply && !reply.ok ? (await reply.json()).error : "";
  }
  sending = false;
}

// ---- Start ----

const plot = new LatencyPlot($("plot"));

for (const form of ["look", "finish"]) {
  $(form).oninput = changeLook;
  $(form).onsubmit = (event) => event.preventDefault();
}
$("full").onclick = () =>
  document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen();
addEventListener("hashchange", () => location.hash && connect()); // a new address, the same tab
// A page that nobody sees costs livestyle nothing.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : connect()));
connect();
