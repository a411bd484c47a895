/**
 * A player for live streams that come by WebSocket as fragmented MP4, with Media Source Extensions: about a fifth of
 * a second behind the newest frame. With push-queue.js and push-edge.js it is whole; docs/ref/live.md has the protocol.
 *
 * Belongs here: the socket, the buffer, and where in it is played. Does not belong here: the page, and what is measured
 * of any `<video>` whatever plays in it.
 * Invariants: at most one socket and one media source; after `stop` nothing of them is left, and no callback comes.
 *
 * @import {Setup} from "./push-queue.js"
 * @typedef {"connecting"|"playing"|"waiting"|"over"|"failed"} PushState `waiting`: the connection is tried again;
 *   `over`: the last picture was shown; `failed`: `reason` says why, and nothing is tried any more
 */
import { beginning, move, toEnd } from "./push-edge.js";
import { PushQueue } from "./push-queue.js";

/** What is behind the picture stays for so long. */
const KEPT_S = 20;
/** Pauses before the next connection. */
const RETRY_MS = 400;
const RETRY_MAX_MS = 8_000;
const TRIES = 12;
const TICK_MS = 100;

const OVER = 1000;
const TOO_SLOW = 1008;

export class PushPlayer {
  /**
   * @param {HTMLVideoElement} video
   * @param {{onState?: (state: PushState, reason: string) => void}} [on]
   */
  constructor(video, { onState = () => {} } = {}) {
    this.video = video;
    this.onState = onState;
    /** @type {PushState} */
    this.state = "connecting";
    /** What happened so far. */
    this.counts = { jumps: 0, holes: 0, reconnects: 0, errors: 0 };
    /** The server's clock less this one's, by what the newest setup said when it came. @type {number|null} */
    this.clockAheadMs = null;
    /** @type {AbortController|null} ends all listeners */
    this.life = null;
    this.url = "";
    /** @type {WebSocket|null} */
    this.socket = null;
    /** @type {MediaSource|null} */
    this.source = null;
    /** @type {SourceBuffer|null} */
    this.buffer = null;
    /** What the buffer takes. */
    this.mime = "";
    this.objectUrl = "";
    /** @type {Setup|null} what the buffer is set up with */
    this.setup = null;
    /** @type {Setup|null} a setup whose init segment has not come yet */
    this.announced = null;
    /** Whether this connection brought its setup. */
    this.greeted = false;
    this.queue = new PushQueue();
    /** Whether no more comes. */
    this.complete = false;
    this.begun = false;
    /** Whether the picture has been where it should be. */
    this.steady = false;
    /** Where in the stream each setup begins, newest last. @type {{from: number, taken: number}[]} */
    this.clocks = [];
    this.tries = 0;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.retry = undefined;
    /** @type {ReturnType<typeof setInterval>|undefined} */
    this.ticker = undefined;
  }

  /** Plays the stream at this address. @param {string} url `ws:`, `wss:`, or relative to the page */
  start(url) {
    this.stop();
    this.life = new AbortController();
    const { signal } = this.life;
    this.url = new URL(url, location.href).href.replace(/^http/, "ws");
    this.video.addEventListener("waiting", () => { this.steady = false; }, { signal });
    this.video.addEventListener("ended", () => this.complete && this.tell("over", "The stream is over."), { signal });
    this.video.addEventListener("error", () => this.video.error && this.broken(this.video.error.message), { signal });
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    if (mediaSource()) this.connect();
    else this.fail("This browser has no Media Source Extensions.");
  }

  /** Lets go of everything. */
  stop() {
    this.life?.abort();
    this.life = null;
    clearInterval(this.ticker);
    this.hangUp();
    this.detach();
    this.setup = this.announced = null;
    this.clocks = [];
    this.complete = false;
    this.tries = 0;
    this.state = "connecting";
  }

  /** When what is shown was taken, in milliseconds of Unix time by the server's clock. @returns {number|null} */
  takenUnixMs() {
    const at = this.video.currentTime;
    const clock = this.clocks.findLast(({ from }) => from <= at) ?? this.clocks[0];
    return this.begun && clock ? clock.taken + at * 1000 : null;
  }

  // The socket --------------------------------------------------------------------------------------------------------

  connect() {
    this.tell("connecting", "");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.socket) return;
      if (typeof data === "string") this.announce(data);
      else this.take(new Uint8Array(data));
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket !== this.socket) return;
      this.socket = null;
      if (code === OVER) {
        this.complete = true;
        if (!this.begun && !this.queue.first) this.tell("over", "The stream is over.");
        this.pump();
      } else this.again(code === TOO_SLOW ? "This connection is too slow for the stream." : "The connection was lost.");
    });
  }

  /** @param {string} reason */
  again(reason) {
    this.hangUp();
    if (this.tries >= TRIES) {
      this.fail(reason);
      return;
    }
    const pause = Math.min(RETRY_MS * 2 ** this.tries, RETRY_MAX_MS) * (0.75 + Math.random() / 2);
    this.tries += 1;
    this.counts.reconnects += 1;
    this.tell("waiting", reason);
    this.retry = setTimeout(() => this.connect(), pause);
  }

  /** The next connection begins with a setup, so what is left of this one is of no use. */
  hangUp() {
    clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = null;
    socket?.close(OVER);
    this.announced = null;
    this.greeted = false;
    this.queue.clear();
  }

  /** @param {string} text */
  announce(text) {
    const said = parse(text);
    if (said?.type !== "setup") return;
    this.announced = said;
    this.clockAheadMs = said.now_unix_ms - Date.now();
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  take(bytes) {
    const setup = this.announced;
    this.announced = null;
    if (setup) {
      this.queue.pushInit(setup, !this.greeted, bytes);
      this.greeted = true;
    } else if (this.greeted) this.queue.pushFragment(bytes);
    this.pump();
  }

  // The buffer --------------------------------------------------------------------------------------------------------

  /** Gives the buffer what waits, as far as it takes it. */
  pump() {
    const next = this.queue.first;
    if (next?.setup && !this.fits(next.setup, next.fresh)) return;
    const { buffer, source } = this;
    if (!buffer || buffer.updating || source?.readyState !== "open") return;
    try {
      if (!next) {
        if (this.complete) source.endOfStream();
        else this.forget(buffer);
        return;
      }
      const mime = next.setup?.mime;
      if (mime && mime !== this.mime) buffer.changeType(mime);
      this.mime = mime ?? this.mime;
      const count = this.queue.ready();
      buffer.appendBuffer(this.queue.peek(count));
      this.queue.remove(count);
      if (!next.setup) {
        this.tries = 0;
        return;
      }
      this.setup = next.setup;
      const { buffered } = buffer;
      const from = buffered.length > 0 ? buffered.end(buffered.length - 1) : 0;
      this.clocks = [...this.clocks, { from, taken: next.setup.taken_unix_ms }].slice(-8);
    } catch (error) {
      if (error instanceof DOMException && error.name === "QuotaExceededError" && this.forget(buffer, 2)) return;
      this.broken(String(error));
    }
  }

  /** Whether the buffer there is can go on with `setup`; if not, one that can is on its way. @param {Setup} setup @param {boolean} fresh */
  fits(setup, fresh) {
    if (!mediaSource()?.isTypeSupported(setup.mime)) {
      this.fail(`This browser does not play ${setup.mime}.`);
      return false;
    }
    const before = this.setup;
    // The tracks of a buffer cannot change. And behind another connection may be another stream of the same name, whose
    // time began anew.
    const same = before?.tracks.join() === setup.tracks.join() && (!fresh || before.taken_unix_ms === setup.taken_unix_ms);
    if (this.source && (!before || same)) return true;
    this.detach();
    this.attach(setup.mime);
    return false;
  }

  /** @param {string} mime */
  attach(mime) {
    const Source = mediaSource();
    if (!Source) return;
    const source = new Source();
    this.source = source;
    this.mime = mime;
    source.addEventListener("sourceopen", () => {
      if (source !== this.source || this.buffer) return;
      const buffer = source.addSourceBuffer(mime);
      this.buffer = buffer;
      buffer.addEventListener("updateend", () => {
        if (source !== this.source) return;
        this.tick();
        this.pump();
      });
      this.pump();
    });
    // A managed source, all that an iPhone has, opens only where nothing is sent to other screens.
    if (!("MediaSource" in globalThis)) this.video.disableRemotePlayback = true;
    this.objectUrl = URL.createObjectURL(source);
    this.video.src = this.objectUrl;
  }

  detach() {
    if (!this.source) return;
    this.source = this.buffer = this.setup = null;
    this.begun = this.steady = false;
    this.clocks = [];
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.objectUrl);
  }

  /**
   * Removes what is long past; of a paused picture, too, or it would all be kept.
   *
   * @param {SourceBuffer} buffer
   * @param {number} kept seconds
   * @returns {boolean} whether there was anything
   */
  forget(buffer, kept = KEPT_S) {
    const { buffered } = buffer;
    if (buffered.length === 0 || buffer.updating) return false;
    const end = buffered.end(buffered.length - 1);
    const until = (this.video.paused ? end : Math.min(end, this.video.currentTime)) - kept / 2;
    if (buffered.start(0) >= until - kept / 2) return false;
    buffer.remove(0, until);
    return true;
  }

  /** What the buffer or the decoder cannot go on with: all begins anew. @param {string} reason */
  broken(reason) {
    this.counts.errors += 1;
    this.detach();
    if (!this.complete) this.again(reason || "The picture could not be decoded.");
    else this.fail(reason);
  }

  // The picture -------------------------------------------------------------------------------------------------------

  /** Begins, hops over holes, and stays near the newest frame. */
  tick() {
    const { video, buffer } = this;
    if (!buffer || !this.source || video.error) return;
    if (!buffer.updating && !this.queue.first && this.source.readyState === "open") this.pump();
    const { buffered } = video;
    if (buffered.length === 0) return;
    if (!this.begun) {
      this.begun = true;
      this.seek(beginning(buffered));
      this.play();
      this.tell("playing", "");
      return;
    }
    if (this.state === "connecting" && this.socket?.readyState === WebSocket.OPEN) this.tell("playing", "");
    if (video.seeking || video.paused || video.ended) return;
    const at = video.currentTime;
    // To its end a stream is played as it is, over holes only.
    const next = this.complete ? toEnd(buffered, at) : move(buffered, at, video.playbackRate, this.steady);
    if ("seek" in next) {
      this.counts[next.why === "hole" ? "holes" : "jumps"] += 1;
      this.seek(next.seek);
      return;
    }
    this.steady ||= next.near;
    if (next.rate !== video.playbackRate) video.playbackRate = next.rate;
  }

  /** @param {number} at */
  seek(at) {
    this.video.currentTime = at;
    this.video.playbackRate = 1;
  }

  async play() {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      // Without sound it is allowed nearly everywhere; the controls bring it back.
      this.video.muted = true;
      this.video.play().catch(() => {});
    }
  }

  /** @param {PushState} state @param {string} reason */
  tell(state, reason) {
    if (!this.life || (this.state === state && state !== "waiting")) return;
    this.state = state;
    this.onState(state, reason);
  }

  /** @param {string} reason */
  fail(reason) {
    this.hangUp();
    clearInterval(this.ticker);
    this.tell("failed", reason);
  }
}

/** @returns {typeof MediaSource|undefined} */
const mediaSource = () => globalThis.MediaSource ?? /** @type {any} */ (globalThis).ManagedMediaSource;

/** @param {string} text @returns {any} */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
