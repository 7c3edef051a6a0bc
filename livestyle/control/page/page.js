// The page of livestyle: what each part of it is made of, and who is told what.

import { Changes, ask } from "/ask.js";
import { Blend } from "/blend.js";
import { Delay } from "/delay.js";
import { Drawbar, showDelay } from "/drawbar.js";
import { Drawing } from "/drawing.js";
import { makeField } from "/fields.js";
import { showFigures, showState, write } from "/figures.js";
import { Keep } from "/keep.js";
import { isTyping, Keys } from "/keys.js";
import { Link, NOTICES } from "/link.js";
import { Past } from "/past.js";
import { Picture } from "/picture.js";
import { LatencyPlot } from "/plot.js";
import { Outputs, Recording, Source, View } from "/ports.js";
import { saveSnapshot, settingsOf } from "/snapshot.js";
import { Styles } from "/styles.js";
import { Wipe } from "/wipe.js";

const $ = (id) => document.getElementById(id);
const TOAST_MS = 5000;
const TYPING_MS = 150; // a prompt is sent when nothing was typed for so long
const LOOK = ["strength", "detail", "hold", "colour", "mix"]; // what is at hand; the rest is advanced
const OWN = ["off", "style", "prompt", "seed", "source", "sink", "keep"]; // have a place of their own

let status = {};
let settings = {};
const fields = new Map();

// ---- What changes ----

const changes = new Changes({
  taken(reply, keys, at) {
    for (const key of keys) showError(key, "");
    for (const [key, value] of Object.entries(reply.settings))
      if (fields.get(key)?.busy === false) fields.get(key).show(value);
    if (keys.includes("prompt")) typed.expect(reply.change, at);
    if (keys.includes("sink")) quietly(outputs.load());
  },
  refused(keys, line) {
    const named = keys.find((key) => line.startsWith(key)) ?? keys.find((key) => line.includes(key));
    showError(named ?? keys[0], line);
    quietly(outputs.load());
  },
});
const change = (values) => changes.change(values);

function showError(key, line) {
  const place = document.querySelector(`[data-error="${key}"]`);
  if (place && (!line || place.parentElement.checkVisibility())) write(place, line);
  else if (line) toast(line, true); // its place is folded away
}

function toast(words, isBad = false) {
  write($("toast"), words);
  $("toast").className = isBad ? "shown bad" : "shown";
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").className = ""), TOAST_MS);
}

const quietly = (promise) => promise.catch((error) => toast(error.message, true));

// ---- What is shown ----

const typed = new Delay(showDelay($("prompt-delay"), "key", "picture"));
const drawn = new Delay(showDelay($("draw-delay"), "pen", "picture"));
const plot = new LatencyPlot($("plot"));
const picture = new Picture($("picture"), ({ change: number, seq }) => {
  typed.seen(number);
  drawing.seen(seq);
  past.painted = number;
});
const input = new Picture($("source-picture"), () => wipe.painted());

const wipe = new Wipe({ handle: $("wipe"), canvas: $("source-picture"), button: $("wipe-open"),
  opened: (isOpen) => link.askForSource(isOpen) });
const keep = new Keep({ layer: $("kept"), button: $("keep-open"), bar: $("keep-bar"), add: $("keep-add"),
  clear: $("keep-clear"), changed: (list) => change({ keep: list }) });
const styles = new Styles({ section: $("styles"), cards: $("cards"), name: $("style-name"),
  again: $("styles-again"), error: document.querySelector('[data-error="style"]'), chosen: (style) => change({ style }) });
const blend = new Blend({ place: $("blend"), chosen: (style) => change({ style }) });
const source = new Source($("source-pick"), { chosen: (spec) => change({ source: spec }), waits: quietly });
const outputs = new Outputs({ list: $("sinks"), chosen: (sink) => change({ sink }) });
const recording = new Recording({ button: $("record"), word: $("record-word"), line: $("recording"),
  error: $("record-error") });
const view = new View($("view"));
const past = new Past({ section: $("past"), list: $("past-list"), picture: $("picture"), chosen(entry) {
  $("prompt").value = entry.prompt;
  change(entry);
} });
const drawing = new Drawing($("drawing"), drawn);
const drawbar = new Drawbar({ surface: drawing.surface, canvas: $("drawing"), nib: $("nib"),
  tools: $("draw-tools"), colours: $("draw-colours"), size: $("draw-size"), acts: $("draw-acts"),
  file: $("draw-file"), failed: (line) => toast(line, true) });

function show(newest) {
  status = newest;
  showFigures(status);
  recording.show(status.recording);
  write($("ended"), [...(status.ended ?? []), ...(status.notes ?? [])].join("\n"));
  plot.add(status.output?.latency_ms);
  write($("prompt-note"), status.stylizer?.note ?? "");
  if (status.output?.size) $("left").style.setProperty("--ratio", status.output.size[0] / status.output.size[1]);
  showCanvas(status.canvas);
  if (status.config && !changes.isAhead(status)) showSettings(status.config);
  past.show(status);
}

function showSettings(config) {
  const isOff = Boolean(config.off);
  $("on").setAttribute("aria-checked", !isOff);
  write($("on-word"), isOff ? "off" : "on");
  $("badge").hidden = !isOff;
  document.body.classList.toggle("is-off", isOff);
  for (const [key, field] of fields)
    if (!field.busy && key in config) field.show(config[key]);
  if ($("prompt") !== document.activeElement) $("prompt").value = config.prompt ?? "";
  styles.show({ style: config.style ?? null, changed: status.style_changed, frame: status.stylizer?.ms?.p50 });
  blend.show(config.style);
  quietly(source.show(config.source));
  styles.follow(config.source);
  quietly(outputs.follow(config.sink, status.sinks));
  keep.show(config.keep ?? [], status.output?.size);
}

function showCanvas(canvas) {
  $("drawing-box").hidden = $("draw-bar").hidden = !canvas;
  $("left").classList.toggle("draws", Boolean(canvas));
  if (canvas) drawing.open();
  else drawing.close();
}

/** Everything that livestyle says once: which settings there are, styles, sources, outputs. */
async function load() {
  ({ settings } = await ask("settings"));
  fields.clear();
  $("look-fields").replaceChildren();
  $("advanced-fields").replaceChildren();
  $("prompt-seed").replaceChildren();
  for (const [key, setting] of Object.entries(settings)) {
    const isAlone = OWN.includes(key) && key !== "seed";
    const field = setting.applies && !isAlone && makeField(key, setting, change);
    if (!field) continue;
    fields.set(key, field);
    field.show(setting.value);
    const place = key === "seed" ? "prompt-seed" : LOOK.includes(key) ? "look-fields" : "advanced-fields";
    $(place).append(field.element);
  }
  const applies = (key) => Boolean(settings[key]?.applies);
  $("prompt-form").hidden = !applies("prompt");
  $("look").hidden = !$("look-fields").children.length;
  $("advanced").hidden = !$("advanced-fields").children.length;
  $("keep-open").hidden = !applies("keep");
  $("on").hidden = !applies("off");
  await Promise.all([applies("style") && styles.load(), source.load(), outputs.load(), view.load()]);
}

const link = new Link({
  opened(again) {
    changes.number = past.painted = 0; // another run counts anew
    if (again && document.body.dataset.link !== "live") toast("Connected again");
    document.body.dataset.link = "live";
    quietly(load());
  },
  closed(reason) {
    drawing.close();
    if (document.body.dataset.link === reason) return; // said already
    [$("notice-title").textContent, $("notice-text").textContent] = NOTICES[reason];
    document.body.dataset.link = reason;
    showState(null, "Not connected");
  },
  status: show,
  picture: (each) => (each.kind === 0 ? picture : input).show(each),
});

// ---- What somebody does ----

$("prompt").oninput = (event) =>
  changes.change({ prompt: $("prompt").value }, TYPING_MS, event.timeStamp);
$("prompt-form").onsubmit = (event) => event.preventDefault();
$("on").onclick = () => change({ off: $("on").getAttribute("aria-checked") === "true" });
$("big").onclick = () => {
  const isBig = document.body.classList.toggle("big");
  $("big").setAttribute("aria-pressed", String(!isBig));
};
$("full").hidden = !document.fullscreenEnabled;
$("full").onclick = () =>
  document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen();
$("snapshot").onclick = () => quietly(saveSnapshot());

/** A snapshot may be anybody's: it brings a look, and turns nothing on. */
const isOfLook = (key) => key === "aspect" || (["look", "turbo"].includes(settings[key].group) && key !== "off");

/** A snapshot's settings again; any other picture is drawn, where there is a drawing. */
async function take(file) {
  if (!file) return;
  const held = await settingsOf(file).catch(() => null);
  if (held) {
    const all = Object.entries(held).filter(([, value]) => value !== null);
    const values = Object.fromEntries(all.filter(([key]) => settings[key]?.applies && isOfLook(key)));
    const left = all.filter(([key]) => !(key in values)).map(([key]) => key);
    if ("prompt" in values) $("prompt").value = values.prompt;
    change(values);
    toast(`The snapshot's look again${left.length ? `, without ${left.join(", ")}` : ""}`);
  } else if (status.canvas) await drawbar.put(file);
  else toast("This picture holds no settings of livestyle: drop a snapshot", true);
}

$("snapshot-open").onclick = () => $("snapshot-file").click();
$("snapshot-file").onchange = () => {
  $("help").close();
  quietly(take($("snapshot-file").files[0]));
  $("snapshot-file").value = "";
};
addEventListener("paste", (event) => quietly(take(event.clipboardData.files[0])));
addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  $("drop").hidden = false;
});
addEventListener("dragleave", (event) => event.relatedTarget || ($("drop").hidden = true));
addEventListener("drop", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  $("drop").hidden = true;
  quietly(take(event.dataTransfer.files[0]));
});
addEventListener("keydown", (event) => {
  const undoes = (event.ctrlKey || event.metaKey) && ["z", "y"].includes(event.key.toLowerCase());
  if (!undoes || !status.canvas || isTyping(event.target)) return;
  event.preventDefault();
  const isRedo = event.key.toLowerCase() === "y" || event.shiftKey;
  drawing.surface[isRedo ? "redo" : "undo"](event.timeStamp);
});

const press = (id) => () => $(id).hidden || $(id).disabled || $(id).click();
const ifDrawn = (act) => () => status.canvas && act();

const keys = new Keys({
  dialog: $("help"), list: $("help-keys"), open: $("help-open"), close: $("help-close"), switched: $("keys-on"),
  table: [
    ["O", ["o"], "off, and on again", press("on")],
    ["S", ["s"], "snapshot", press("snapshot")],
    ["R", ["r"], "record, and stop", press("record")],
    ["W", ["w"], "wipe: before and after", press("wipe-open")],
    ["K", ["k"], "what is kept", press("keep-open")],
    ["B", ["b"], "the panels away, and back", press("big")],
    ["F", ["f"], "full screen", press("full")],
    ["/", ["/"], "to the prompt", () => $("prompt").focus()],
    ["1 … 9", [..."123456789"], "styles", (key) => styles.names[key - 1] && change({ style: styles.names[key - 1] })],
    ["P E G", ["p", "e", "g"], "pen, eraser, fill", (key) =>
      ifDrawn(() => drawbar.pick({ p: "pen", e: "eraser", g: "fill" }[key.toLowerCase()]))()],
    ["Ctrl+Z", [], "undo, Ctrl+Y redo", () => {}],
    ["?", ["?"], "these keys", () => keys.toggleHelp()],
    ["Esc", ["escape"], "leave what is open", () => {
      if (keep.isOpen) keep.toggle(false);
      else if (wipe.isOpen) wipe.toggle(false);
    }],
  ],
});
$("prompt").addEventListener("keydown", (event) => event.key === "Escape" && $("prompt").blur());

link.connect();
