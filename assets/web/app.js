/**
 * The studio's conductor: which template is chosen, which video is shown, and what the server last said of it.
 *
 * Belongs here: the flow between the parts of the page. Does not belong here: how any part looks or works; each has
 * a module of its own.
 * Invariant: one video is shown at a time, and `current.stop` ends everything that was started for it.
 *
 * @import {VideoRequest, VideoStatus} from "./api.js"
 */
import { asApiError, createVideo, follow, getStats, getVideo, isAbort, isBusy, keys, listTemplates, listVideos } from "./api.js";
import { byId, calm, millis, plural, setText, size } from "./dom.js";
import { MergeForm } from "./form.js";
import { History } from "./history.js";
import { Player } from "./player.js";
import { Result } from "./result.js";
import { Share } from "./share.js";
import { Strip } from "./strip.js";
import { TemplateCards } from "./templates.js";

/** Progress is spoken in steps of this, not at every poll. */
const SPOKEN_STEP = 0.25;
const HASH = "#video=";
/** How often the list is read again while a video other than the shown one is being rendered. */
const LIST_MS = 4_000;

/** @type {{stop: AbortController, id: string, status: VideoStatus, firstFrameMs: number|null, spoken: number}|null} */
let current = null;
/** Chosen by the user, in memory of which a video opened from the list does not overwrite a form being typed in. */
let chosen = "";

const ui = {
  status: byId("status", HTMLElement),
  banner: byId("banner", HTMLElement),
  bannerText: byId("banner-text", HTMLElement),
  bannerRetry: byId("banner-retry", HTMLButtonElement),
  store: byId("store", HTMLElement),
  playerTitle: byId("player-title", HTMLElement),
  stripEmpty: byId("strip-empty", HTMLElement),
};

const result = new Result(() => {
  form.focusFirst();
  say("The form is still filled in. Change what is different for the next person.");
});
const share = new Share(byId("share", HTMLElement));
const form = new MergeForm({ onSubmit: weave, onChange: () => share.showCall(form.request()) });
const cards = new TemplateCards(byId("templates", HTMLElement), (template) => {
  chosen = template.id;
  form.show(template);
});
const player = new Player({
  onTime: (seconds) => strip.setTime(seconds),
  onFirstFrame: (ms) => {
    if (!current) return;
    current.firstFrameMs = ms;
    showResult();
    say(`First picture after ${millis(ms)}.`);
  },
  onMode: showResult,
});
const strip = new Strip(byId("strip", HTMLElement), byId("legend", HTMLElement), (seconds) => player.seek(seconds));
const history = new History(byId("history", HTMLElement), byId("history-empty", HTMLElement), reopen);

/** @param {string} text */
function say(text) {
  setText(ui.status, text);
}

/** On a small screen the player is below the form: brings it into view, and leaves a page alone that shows it already. */
function reveal() {
  const { top, bottom } = player.stage.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  ui.playerTitle.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "start" });
}

/** @param {VideoRequest} request */
async function weave(request) {
  const clickedAt = performance.now();
  form.setBusy(true);
  try {
    const status = await createVideo(request);
    connected();
    history.remember(status.id, request.data);
    show(status, clickedAt);
    say("Weaving has begun.");
    reveal();
  } catch (error) {
    const failure = asApiError(error);
    if (failure.unreachable) disconnected(failure.message);
    form.showError(failure);
  } finally {
    form.setBusy(false);
  }
}

/** @param {string} id */
async function reopen(id) {
  const clickedAt = performance.now();
  try {
    const status = await getVideo(id);
    connected();
    const data = history.dataOf(id);
    const template = status.template ? cards.choose(status.template) : undefined;
    if (template) {
      chosen = template.id;
      form.show(template, data);
    } else cards.choose(chosen);
    show(status, clickedAt);
    say("Video opened.");
    reveal();
  } catch (error) {
    const failure = asApiError(error);
    if (failure.unreachable) disconnected(failure.message);
    else if (failure.status === 404) say("The server no longer knows this video.");
    player.say(failure.status === 404 ? "The server no longer knows this video." : failure.message);
  }
}

/**
 * @param {VideoStatus} status
 * @param {number} clickedAt
 */
function show(status, clickedAt) {
  if (current && isBusy(current.status) && current.id !== status.id) listTimer ??= setTimeout(loadHistory, LIST_MS);
  current?.stop.abort();
  const stop = new AbortController();
  current = { stop, id: status.id, status, firstFrameMs: null, spoken: 0 };
  globalThis.history.replaceState(null, "", HASH + status.id);
  share.showUrls(status.urls);
  history.setCurrent(status.id);
  take(status);
  // A finished video needs no growing playlist, and its live one may have been forgotten by now.
  const mode = status.status === "done" ? "vod" : "live";
  if (status.status === "failed" && status.first_part_ms === null) player.fail("This video failed before its first picture.");
  else player.load(status.urls, { mode, clickedAt, width: status.width, height: status.height });
  if (!isBusy(status)) return;
  follow(status.id, stop.signal, {
    onStatus: (fresh) => {
      connected();
      take(fresh);
    },
    onTrouble: (failure, nextMs) => disconnected(`${failure.message} Asking again in ${millis(nextMs)}.`),
    onGone: (failure) => player.say(`The server no longer reports on this video: ${failure.message}`),
  });
}

/** @param {VideoStatus} status */
function take(status) {
  if (!current || current.id !== status.id) return;
  const before = current.status;
  current.status = status;
  ui.stripEmpty.hidden = true;
  strip.update(status);
  history.update(status);
  showResult();
  speak(status);
  if (isBusy(before) && !isBusy(status)) loadStats();
}

function showResult() {
  if (current) result.show(current.status, current.firstFrameMs, player.mode);
}

/** @param {VideoStatus} status */
function speak(status) {
  if (!current) return;
  const step = status.status === "rendering" ? Math.floor(status.progress / SPOKEN_STEP) : Number.POSITIVE_INFINITY;
  if (step <= current.spoken) return;
  current.spoken = step;
  if (status.status === "done") say(`Done: ${status.chunks_hit} of ${status.chunks_total} chunks reused, ${status.chunks_rendered} rendered.`);
  else if (status.status === "rendering") say(`${Math.round(step * SPOKEN_STEP * 100)} percent.`);
}

/** @param {string} message */
function disconnected(message) {
  setText(ui.bannerText, navigator.onLine ? message : `This computer is offline. ${message}`);
  ui.banner.hidden = false;
}

function connected() {
  ui.banner.hidden = true;
}

async function loadTemplates() {
  cards.showLoading();
  try {
    const templates = await listTemplates();
    connected();
    cards.show(templates);
    const template = cards.choose(chosen || current?.status.template || "") ?? (templates[0] && cards.choose(templates[0].id));
    if (!template) return;
    chosen = template.id;
    form.show(template);
  } catch (error) {
    const failure = asApiError(error);
    if (failure.unreachable) disconnected(failure.message);
    cards.showFailure(`The templates could not be loaded. ${failure.message}`, start);
  }
}

/** @type {ReturnType<typeof setTimeout>|undefined} */
let listTimer;

async function loadHistory() {
  clearTimeout(listTimer);
  listTimer = undefined;
  try {
    const videos = await listVideos();
    // The shown video is followed closely; the list's word on it may be older.
    history.show(videos.map((video) => (video.id === current?.id ? current.status : video)));
    if (videos.some((video) => isBusy(video) && video.id !== current?.id)) {
      listTimer = setTimeout(loadHistory, LIST_MS);
    }
  } catch (error) {
    if (!isAbort(error) && asApiError(error).unreachable) disconnected(asApiError(error).message);
  }
}

async function loadStats() {
  try {
    const { store, cache } = await getStats();
    const asked = cache.hits + cache.misses;
    const share = asked > 0 ? ` · ${Math.round((cache.hits / asked) * 100)} % hits` : "";
    setText(ui.store, `${plural(store.chunks, "chunk")} in store · ${size(store.bytes)}${share}`);
    ui.store.hidden = false;
  } catch {
    // A figure nobody needs to work; the calls that matter report the same failure.
    ui.store.hidden = true;
  }
}

async function start() {
  keys.ask = (reason) => window.prompt(`${reason}\nThe key:`);
  await Promise.all([loadTemplates(), loadHistory(), loadStats()]);
  const id = location.hash.startsWith(HASH) ? decodeURIComponent(location.hash.slice(HASH.length)) : "";
  if (id && !current) await reopen(id);
}

ui.bannerRetry.addEventListener("click", start);
globalThis.addEventListener("offline", () => disconnected("What is in the cache of this browser still plays."));
globalThis.addEventListener("online", () => {
  // A form being filled in is left alone; what shows a video asks again by itself.
  if (cards.templates.size === 0) start();
  else connected();
});
share.showCall(null);
start();
