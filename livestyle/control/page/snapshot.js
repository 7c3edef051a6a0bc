// A snapshot is a PNG that carries the settings of its look: read here, without any library.

import { reasonOf } from "/ask.js";

const KEYWORD = "livestyle";

/** The settings in a PNG's iTXt chunk, or null where it has none. */
export async function settingsOf(file) {
  const buffer = await file.arrayBuffer();
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0) !== 0x89504e47) return null;
  for (let at = 8; at + 12 <= buffer.byteLength; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...new Uint8Array(buffer, at + 4, 4));
    if (kind === "iTXt" && at + 12 + length <= buffer.byteLength) {
      const text = await textOf(new Uint8Array(buffer, at + 8, length));
      if (text !== null) return asObject(JSON.parse(text));
    }
    if (kind === "IEND") break;
    at += 12 + length;
  }
  return null;
}

function asObject(held) {
  return held instanceof Object && !Array.isArray(held) ? held : null;
}

/** keyword 0, whether compressed, method, language 0, keyword translated 0, text */
async function textOf(chunk) {
  const decode = (bytes) => new TextDecoder().decode(bytes);
  const end = chunk.indexOf(0);
  if (decode(chunk.subarray(0, end)) !== KEYWORD) return null;
  const isPacked = chunk[end + 1] === 1;
  const start = chunk.indexOf(0, chunk.indexOf(0, end + 3) + 1) + 1;
  const text = chunk.subarray(start);
  if (!isPacked) return decode(text);
  return new Response(new Blob([text]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

/** A file's name that says when: livestyle-2026-01-31-201500.png */
export function nameNow() {
  const now = new Date();
  const parts = [now.getFullYear(), now.getMonth() + 1, now.getDate()];
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()];
  const two = (number) => String(number).padStart(2, "0");
  return `livestyle-${parts.map(two).join("-")}-${time.map(two).join("")}.png`;
}

export async function saveSnapshot() {
  const reply = await fetch("/api/v1/snapshot.png").catch(() => null);
  if (!reply) throw new Error("no snapshot: livestyle does not answer");
  if (!reply.ok) throw new Error(`no snapshot: ${await reasonOf(reply)}`);
  const url = URL.createObjectURL(await reply.blob());
  Object.assign(document.createElement("a"), { href: url, download: nameNow() }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
