// The view: pictures as they come, the newest alone; a card while none do.

const QUIET_MS = 3000; // what stays the same comes again every second
const AGAIN_MS = 1000;

const picture = document.querySelector("#picture");
const card = document.querySelector("#card");
const pen = picture.getContext("2d");

let newest = null; // a picture that waits while another is decoded
let isDrawing = false;
let quiet = 0;

function tell(words) {
  card.textContent = words;
  card.hidden = false;
  picture.hidden = true;
}

async function draw() {
  isDrawing = true;
  while (newest) {
    const jpeg = newest;
    newest = null;
    const bitmap = await createImageBitmap(jpeg).catch(() => null);
    if (!bitmap) continue; // one that broke on its way
    if (picture.width !== bitmap.width || picture.height !== bitmap.height) {
      picture.width = bitmap.width;
      picture.height = bitmap.height;
    }
    pen.drawImage(bitmap, 0, 0);
    bitmap.close();
    picture.hidden = false;
    card.hidden = true;
  }
  isDrawing = false;
}

function connect() {
  const socket = new WebSocket(`${location.href.replace(/^http/, "ws")}/live`);
  const listen = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => socket.close(), QUIET_MS);
  };
  socket.onopen = listen;
  socket.onmessage = ({ data }) => {
    listen();
    newest = new Blob([data], { type: "image/jpeg" });
    if (!isDrawing) draw();
  };
  socket.onclose = async () => {
    clearTimeout(quiet);
    newest = null;
    tell(await isTakenBack() ? "this address was taken back" : "one moment");
    setTimeout(connect, AGAIN_MS);
  };
}

async function isTakenBack() {
  try {
    return (await fetch(location.href)).status === 404;
  } catch {
    return false; // nobody answers
  }
}

connect();
