/**
 * The player: hls.js where Media Source Extensions exist, the browser's own HLS where they do not.
 *
 * Belongs here: loading, switching between the live and the VOD playlist, seeking, recovery, and the time to the
 * first frame. Does not belong here: the timeline strip and the video's state on the server.
 * Invariants: at most one hls.js instance; events of a video that is no longer shown change nothing.
 *
 * @import {Urls} from "./api.js"
 * @typedef {"live"|"vod"} Mode
 */
import { byId, setText } from "./dom.js";

/** A playlist that is not there yet or a dropped connection is asked for again so often, ever more slowly. */
const RETRIES = 6;
const RETRY_MS = 300;
/** About one part: how soon a live playlist without a whole segment is read again. */
const EMPTY_MS = 250;
/** Seeking exactly to the newest frame would wait for the next one. */
const LIVE_EDGE_S = 0.1;
/** The loom on the curtain: warp threads, woven rows, and their distance in the drawing's units. */
const WARPS = 25;
const WEFTS = 9;
const WEFT_GAP = 5.4;

export class Player {
  /**
   * @param {{onTime: (seconds: number) => void, onFirstFrame: (ms: number) => void, onMode: (mode: Mode) => void}} on
   */
  constructor(on) {
    this.on = on;
    this.video = byId("video", HTMLVideoElement);
    this.stage = byId("stage", HTMLElement);
    this.text = byId("curtain-text", HTMLElement);
    this.retryButton = byId("curtain-retry", HTMLButtonElement);
    this.note = byId("player-note", HTMLElement);
    this.switch = byId("mode", HTMLFieldSetElement);
    /** @type {any} the hls.js instance */
    this.hls = null;
    /** @type {Urls|null} */
    this.urls = null;
    /** @type {Mode} */
    this.mode = "live";
    this.retries = 0;
    /** Counts loads, so that a late callback knows it is late. */
    this.generation = 0;
    this.frame = 0;
    /** Whether it was us who muted, so that a later video, started by a click, is heard again. */
    this.silenced = false;

    drawLoom();
    this.switch.addEventListener("change", (event) => {
      if (!(event.target instanceof HTMLInputElement) || !this.urls) return;
      this.open(/** @type {Mode} */ (event.target.value), this.video.currentTime);
    });
    this.retryButton.addEventListener("click", () => this.open(this.mode, this.video.currentTime));
    for (const name of ["timeupdate", "seeking", "seeked", "pause", "ended"]) {
      this.video.addEventListener(name, () => this.urls && this.on.onTime(this.video.currentTime));
    }
    this.video.addEventListener("playing", () => this.tick());
    this.video.addEventListener("error", () => {
      // hls.js reports and recovers by itself; this is the browser's own player speaking.
      if (!this.hls && this.urls) this.recoverNative();
    });
  }

  /**
   * Shows a video from its beginning.
   *
   * @param {Urls} urls
   * @param {{mode: Mode, clickedAt: number, width: number, height: number}} how
   */
  load(urls, { mode, clickedAt, width, height }) {
    this.urls = urls;
    this.switch.disabled = false;
    this.stage.style.setProperty("--ratio", String(width / height));
    if (this.silenced) this.video.muted = false;
    this.silenced = false;
    this.open(mode, 0);
    this.awaitFirstFrame(clickedAt);
  }

  /** Plays on at a time, from the other playlist if this one does not reach so far yet. @param {number} seconds */
  seek(seconds) {
    if (!this.urls) return;
    const { seekable } = this.video;
    const reach = seekable.length > 0 ? seekable.end(seekable.length - 1) : 0;
    if (this.mode === "live" && seconds > reach - LIVE_EDGE_S) {
      this.open("vod", seconds);
      this.say("That moment is not in the live playlist yet, so the VOD playlist took over: its chunks are rendered on demand.");
      return;
    }
    this.video.currentTime = seconds;
    if (this.video.paused) this.play();
  }

  /**
   * @param {Mode} mode
   * @param {number} at seconds
   */
  open(mode, at) {
    if (!this.urls) return;
    const generation = this.close();
    this.mode = mode;
    this.retries = 0;
    this.say("");
    this.curtain("loading", mode === "live" ? "Waiting for the first part…" : "Loading…");
    for (const input of this.switch.querySelectorAll("input")) input.checked = input.value === mode;
    this.on.onMode(mode);

    const url = mode === "live" ? this.urls.live : this.urls.index;
    const Hls = /** @type {any} */ (globalThis).Hls;
    if (Hls?.isSupported()) this.openHls(Hls, url, at, generation);
    else if (this.video.canPlayType("application/vnd.apple.mpegurl")) this.openNative(url, at, generation);
    else this.curtain("error", "This browser plays no HLS. Download the MP4 when the video is done.");
  }

  /** @param {any} Hls @param {string} url @param {number} at @param {number} generation */
  openHls(Hls, url, at, generation) {
    const hls = new Hls({ lowLatencyMode: true, startPosition: at });
    this.hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.play());
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      this.retries = 0;
    });
    hls.on(Hls.Events.ERROR, (/** @type {string} */ _name, /** @type {any} */ data) => {
      if (generation !== this.generation) return;
      if (data.details === Hls.ErrorDetails.LEVEL_EMPTY_ERROR) {
        // Parts but no whole segment yet: hls.js would look again only after a target duration.
        setTimeout(() => generation === this.generation && hls.loadSource(url), EMPTY_MS);
        return;
      }
      if (!data.fatal) return;
      if (this.retries >= RETRIES) {
        this.fail(`The video could not be played (${data.details}).`);
        return;
      }
      const pause = RETRY_MS * 2 ** this.retries;
      this.retries += 1;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR) {
        hls.recoverMediaError();
        return;
      }
      setTimeout(() => {
        if (generation !== this.generation) return;
        // Without a parsed manifest there is nothing startLoad could go on with.
        if (hls.levels.length === 0) hls.loadSource(url);
        else hls.startLoad(this.video.currentTime || at);
      }, pause);
    });
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  /** @param {string} url @param {number} at @param {number} generation */
  openNative(url, at, generation) {
    this.video.addEventListener("loadedmetadata", () => {
      // A live playlist would start at its edge; a person wants the beginning of the video made for them.
      if (generation === this.generation) this.video.currentTime = at;
    }, { once: true });
    this.video.src = url;
    this.play();
  }

  recoverNative() {
    const generation = this.generation;
    if (this.retries >= RETRIES) {
      this.fail("The video could not be played.");
      return;
    }
    const pause = RETRY_MS * 2 ** this.retries;
    this.retries += 1;
    const at = this.video.currentTime;
    setTimeout(() => {
      if (generation !== this.generation || !this.urls) return;
      this.openNative(this.mode === "live" ? this.urls.live : this.urls.index, at, generation);
    }, pause);
  }

  /** Lets go of the current playlist. @returns {number} the new generation */
  close() {
    this.generation += 1;
    this.hls?.destroy();
    this.hls = null;
    if (this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load();
    }
    return this.generation;
  }

  async play() {
    const generation = this.generation;
    try {
      await this.video.play();
    } catch (error) {
      if (generation !== this.generation || !(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.video.muted = true;
      this.silenced = true;
      this.say("The browser allowed playing only without sound. Unmute in the player's controls.");
      this.video.play().catch(() => {
        this.curtain("playing", "");
        this.say("The browser wants you to press play.");
      });
    }
  }

  /** @param {number} clickedAt on the clock of `performance.now()` */
  awaitFirstFrame(clickedAt) {
    const urls = this.urls;
    let seen = false;
    const first = () => {
      if (seen || this.urls !== urls) return;
      seen = true;
      this.on.onFirstFrame(performance.now() - clickedAt);
    };
    // A frame callback fires when the picture is really presented; `playing` only says it may now be.
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(first);
    else /** @type {HTMLVideoElement} */ (this.video).addEventListener("playing", first, { once: true });
  }

  /** Follows the playing video frame by frame, so that the playhead glides; `timeupdate` comes only 4 times a second. */
  tick() {
    this.curtain("playing", "");
    cancelAnimationFrame(this.frame);
    const step = () => {
      if (this.video.paused || this.video.ended) return;
      this.on.onTime(this.video.currentTime);
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** @param {string} message */
  fail(message) {
    this.close();
    this.curtain("error", message);
  }

  /** @param {"idle"|"loading"|"playing"|"error"} state @param {string} text */
  curtain(state, text) {
    this.stage.dataset.state = state;
    this.retryButton.hidden = state !== "error";
    setText(this.text, text);
  }

  /** @param {string} text */
  say(text) {
    this.note.hidden = text === "";
    setText(this.note, text);
  }
}

/** The curtain's picture: warp threads, rows of weft, and the warp that passes over every other crossing. */
function drawLoom() {
  const loom = document.getElementById("loom");
  if (!loom) throw new Error("index.html has no #loom");
  /** @param {string} d @param {string} name */
  const path = (d, name) => {
    const thread = document.createElementNS("http://www.w3.org/2000/svg", "path");
    thread.setAttribute("d", d);
    thread.setAttribute("class", name);
    loom.append(thread);
  };
  const xs = Array.from({ length: WARPS }, (_, at) => (20 + (at * 200) / (WARPS - 1)).toFixed(2));
  path(xs.map((x) => `M${x} 8v104`).join(""), "warp-thread");
  for (let row = 0; row < WEFTS; row += 1) {
    const y = 106 - row * WEFT_GAP;
    path(`M14 ${y}h212`, `weft-${Math.floor(row / 2) % 3}`);
    path(xs.filter((_, at) => at % 2 === row % 2).map((x) => `M${x} ${y - WEFT_GAP / 2}v${WEFT_GAP}`).join(""), "warp-over");
  }
}
