/**
 * The page of live streams: which there are, which is chosen, and how late each of two players shows it.
 *
 * Belongs here: asking the server, its clock, and the flow between the parts. Does not belong here: how a part looks or
 * works.
 * Invariant: both players show the chosen stream, or none.
 *
 * @import {LiveStream} from "./api.js"
 */
import { asApiError, askForKey, getLive, keys, listLive } from "./api.js";
import { byId, copyButton, el, millis, setText } from "./dom.js";
import { LiveList } from "./live-list.js";
import { LiveView } from "./live-view.js";
import { HlsPlayer } from "./live-hls.js";
import { PushPlayer } from "./push.js";

const REFRESH_MS = 3_000;
const HASH = "#stream=";
/** The server's clock is known by the quickest of so many answers. */
const CLOCKS = 20;

const ui = {
  status: byId("status", HTMLElement),
  banner: byId("banner", HTMLElement),
  bannerText: byId("banner-text", HTMLElement),
  bannerButton: byId("banner-retry", HTMLButtonElement),
  title: byId("player-title", HTMLElement),
  note: byId("player-note", HTMLElement),
  error: byId("clock-error", HTMLElement),
  empty: byId("streams-empty", HTMLElement),
  addresses: byId("addresses", HTMLElement),
};

/** What one answer told of the server's clock. @type {{aheadMs: number, errorMs: number}[]} */
let clocks = [];
let chosen = location.hash.startsWith(HASH) ? decodeURIComponent(location.hash.slice(HASH.length)) : "";
/** Which stream of that name is open: its beginning tells it from another. */
let opened = 0;
/** @type {LiveStream[]} */
let streams = [];
/** Whether the list is closed to those without a key, and they gave none. */
let keyless = false;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let timer;

/** @param {string} text */
const say = (text) => setText(ui.status, text);

const best = () => clocks.reduce((least, one) => (one.errorMs < least.errorMs ? one : least), { aheadMs: 0, errorMs: Infinity });

/** The server's clock, in milliseconds of Unix time. */
function serverClock() {
  const { aheadMs, errorMs } = best();
  return errorMs === Infinity ? null : performance.now() + aheadMs;
}

/** @template T @param {Promise<T & {now_unix_ms?: number}>} asked */
async function timed(asked) {
  const before = performance.now();
  const answer = await asked;
  const after = performance.now();
  // It was written at some time between.
  const errorMs = (after - before) / 2;
  if (answer.now_unix_ms) clocks = [...clocks, { aheadMs: answer.now_unix_ms - (before + errorMs), errorMs }].slice(-CLOCKS);
  return answer;
}

const list = new LiveList(byId("streams", HTMLElement), (name) => {
  choose(name);
  if (ui.title.getBoundingClientRect().top > innerHeight / 2) ui.title.scrollIntoView({ block: "start" });
});
const views = [
  { file: "index.m3u8", view: new LiveView(byId("by-hls", HTMLElement), { title: "LL-HLS", note: "hls.js", clock: serverClock, say, player: HlsPlayer }) },
  { file: "ws", view: new LiveView(byId("by-ws", HTMLElement), { title: "WebSocket", note: "fragmented MP4", clock: serverClock, say, player: PushPlayer }) },
];
const addresses = ["HLS", "FLV", "WebSocket"].map((label) => addressRow(ui.addresses, label));
const publish = addressRow(byId("publish", HTMLElement), "Encoder");
const command = byId("publish-command", HTMLElement);
byId("publish-box", HTMLElement).append(copyButton("the command that publishes", () => command.textContent ?? ""));

/** @param {HTMLElement} root @param {string} label */
function addressRow(root, label) {
  const id = `address-${label.toLowerCase()}`;
  const input = el("input", { id, type: "text", readonly: true, spellcheck: "false", placeholder: "no stream is chosen" });
  input.addEventListener("focus", () => input.select());
  const copy = copyButton(`the address for ${label}`, () => input.value);
  root.append(el("div", { class: "address" }, el("label", { for: id }, label), input, copy));
  return { input, copy };
}

/** @param {string} name */
function choose(name) {
  if (chosen === name && opened > 0) return;
  chosen = name;
  opened = 0;
  history.replaceState(null, "", HASH + encodeURIComponent(name));
  follow();
}

/** Opens, waits or says that it is over, as the server's last word on the chosen stream is. */
function follow() {
  list.show(streams, chosen);
  showAddresses();
  const stream = streams.find(({ name }) => name === chosen);
  setText(ui.title, chosen ? `Stream ${chosen}` : "Stream");
  if (!chosen) return;
  if (!stream) {
    note(opened > 0 ? "This stream is over." : `There is no stream ${chosen} now. It is played as soon as somebody publishes it.`);
    if (opened === 0) closeAll("Waiting for the stream.");
    return;
  }
  const other = stream.since_unix_ms !== opened;
  if (stream.status === "away") {
    note("The encoder has gone. If it comes back, the stream goes on.");
    if (other) closeAll("Waiting for the encoder.");
    return;
  }
  if (stream.status === "ended") {
    note("This stream is over.");
    if (!other) return;
    opened = stream.since_unix_ms;
    // Playlists lead to its last minute for a while; nothing is pushed any more.
    for (const { file, view } of views) file === "ws" ? view.close("The stream is over.") : view.open(pathOf(file));
    return;
  }
  note("");
  if (!other) return;
  opened = stream.since_unix_ms;
  for (const { file, view } of views) view.open(pathOf(file));
  say(`Stream ${chosen} opened.`);
}

/** @param {string} why */
function closeAll(why) {
  opened = 0;
  for (const { view } of views) if (view.url || view.curtainText.textContent !== why) view.close(why);
}

/** @param {string} file */
const pathOf = (file) => `/live/${encodeURIComponent(chosen)}/${file}`;

function showAddresses() {
  const socket = new URL(pathOf("ws"), location.href);
  socket.protocol = socket.protocol.replace("http", "ws");
  const all = [new URL(pathOf("index.m3u8"), location.href), new URL(`/live/${encodeURIComponent(chosen)}.flv`, location.href), socket];
  addresses.forEach(({ input, copy }, index) => {
    const value = chosen ? all[index].href : "";
    if (input.value !== value) input.value = value;
    copy.disabled = !chosen;
  });
}

/** @param {string} text */
function note(text) {
  ui.note.hidden = text === "";
  setText(ui.note, text);
}

/** @param {string} message @param {string} button */
function warn(message, button) {
  setText(ui.bannerText, message);
  setText(ui.bannerButton, button);
  ui.banner.hidden = false;
}

async function refresh() {
  clearTimeout(timer);
  try {
    streams = await ask();
    if (!keyless) ui.banner.hidden = true;
    ui.empty.hidden = streams.length > 0 || keyless;
    const live = streams.filter(({ status }) => status === "live");
    if (!chosen && live.length === 1) choose(live[0].name);
    else follow();
    const { errorMs } = best();
    setText(ui.error, errorMs === Infinity ? "" : `The server's clock is known to ±${millis(Math.max(1, Math.ceil(errorMs)))}.`);
  } catch (error) {
    const failure = asApiError(error);
    warn(failure.message, "Try again");
  }
  byId("streams", HTMLElement).setAttribute("aria-busy", "false");
  clearTimeout(timer);
  timer = setTimeout(refresh, REFRESH_MS);
}

/** All streams; without the key to the list, the one whose name is known. @returns {Promise<LiveStream[]>} */
async function ask() {
  if (!keyless) {
    try {
      return (await timed(listLive())).streams;
    } catch (error) {
      const failure = asApiError(error);
      if (failure.status !== 401 && failure.status !== 403) throw failure;
      keyless = true;
      warn(`The list of streams: ${failure.message}.`, "Enter the key");
    }
  }
  if (!chosen) return [];
  try {
    return [await timed(getLive(chosen))];
  } catch (error) {
    if (asApiError(error).status === 404) return [];
    throw error;
  }
}

ui.bannerButton.addEventListener("click", () => {
  if (keyless && askForKey(ui.bannerText.textContent ?? "")) keyless = false;
  refresh();
});
globalThis.addEventListener("hashchange", () => location.hash.startsWith(HASH) && choose(decodeURIComponent(location.hash.slice(HASH.length))));
document.addEventListener("visibilitychange", () => !document.hidden && refresh());

keys.ask = (reason) => window.prompt(`${reason}\nThe key:`);
const host = location.hostname.includes(":") ? `[${location.hostname}]` : location.hostname;
publish.input.value = `rtmp://${host}/live/NAME`;
setText(command, `ffmpeg -re -i film.mp4 -c:v libx264 -tune zerolatency -g 50 -c:a aac -f flv rtmp://${host}/live/NAME`);
refresh();
