/**
 * One of the two pictures of a stream: its player, the curtain in front of it, and what is measured.
 *
 * Belongs here: what can be measured of any `<video>`, whatever plays in it. Does not belong here: how it plays.
 * Invariant: what is measured is of the stream that is open; opening another begins anew.
 *
 * @import {HlsPlayer} from "./live-hls.js"
 * @import {PushPlayer, PushState} from "./push.js"
 * @typedef {{latencyMs: number|null, firstMs: number|null, stalls: number, dropped: number, frames: number}} Measured
 */
import { el, millis, setText } from "./dom.js";

/** Latency is the mean of so many looks. */
const LOOK_MS = 250;
const LOOKS = 12;
/** @type {[keyof Measured, string][]} */
const MEASURES = [["latencyMs", "Latency to live"], ["firstMs", "First picture"], ["stalls", "Stalls"], ["dropped", "Dropped frames"]];

export class LiveView {
  /**
   * @param {HTMLElement} root
   * @param {{title: string, note: string, clock: () => number|null, say: (text: string) => void,
   *   player: new (video: HTMLVideoElement, on: {onState: (state: PushState, reason: string) => void}) => PushPlayer|HlsPlayer}} of
   */
  constructor(root, { title, note, clock, say, player }) {
    this.title = title;
    this.clock = clock;
    this.say = say;
    this.video = el("video", { controls: true, playsinline: true, "aria-label": `The stream by ${title}` });
    // As an attribute it would be a default only, and two at once would be an echo.
    this.video.muted = true;
    this.curtainText = el("p", { class: "curtain-text" });
    this.stage = el("div", { class: "stage", "data-state": "idle" }, this.video, el("div", { class: "curtain" }, this.curtainText));
    this.measures = new Map(MEASURES.map(([key]) => [key, el("dd", {}, "–")]));
    const list = el("dl", { class: "measures" });
    for (const [key, label] of MEASURES) list.append(el("div", {}, el("dt", {}, label), this.measures.get(key)));
    root.append(
      el("h3", {}, title, " ", el("span", { class: "hint" }, note)),
      el("div", { class: "well" }, this.stage),
      list,
    );
    this.player = new player(this.video, { onState: (state, reason) => this.onState(state, reason) });
    /** @type {Measured} */
    this.measured = fresh();
    /** @type {number[]} */
    this.looks = [];
    /** What was played at the last look. */
    this.at = 0;
    this.url = "";
    this.openedAt = 0;
    /** Counts streams, so that a late callback knows it is late. */
    this.generation = 0;
    this.video.addEventListener("waiting", () => {
      // Before the first picture, at a jump and at the end it stands still as it should.
      if (this.measured.firstMs !== null && !this.video.seeking && !this.video.ended) this.measured.stalls += 1;
    });
    this.video.addEventListener("resize", () => {
      const { videoWidth, videoHeight } = this.video;
      if (videoWidth > 0 && videoHeight > 0) this.stage.style.setProperty("--ratio", String(videoWidth / videoHeight));
    });
    setInterval(() => this.look(), LOOK_MS);
    this.close("Choose a stream.");
  }

  /** @param {string} url */
  open(url) {
    this.generation += 1;
    this.url = url;
    this.openedAt = performance.now();
    this.measured = fresh();
    this.looks = [];
    this.curtain("loading", "Waiting for the first picture…");
    this.awaitPicture();
    this.player.start(url);
  }

  /** @param {string} why */
  close(why) {
    this.generation += 1;
    this.url = "";
    this.player.stop();
    this.curtain("idle", why);
  }

  awaitPicture() {
    const { generation, video } = this;
    const first = () => {
      if (generation !== this.generation || this.measured.firstMs !== null) return;
      this.measured.firstMs = performance.now() - this.openedAt;
      this.curtain("playing", "");
      this.say(`${this.title}: first picture after ${millis(this.measured.firstMs)}.`);
    };
    // A frame callback comes when the picture is really presented; `playing` only says that it may now be.
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(first);
    // Of a stream of sound alone there is none.
    this.video.addEventListener("playing", () => video.videoWidth === 0 && first(), { once: true });
  }

  /** @param {PushState} state @param {string} reason */
  onState(state, reason) {
    if (state === "waiting" && this.measured.firstMs !== null) this.say(`${this.title}: ${reason}`);
    if (state === "waiting" && this.measured.firstMs === null) this.curtain("loading", `${reason} Trying again…`);
    if (state === "over" || state === "failed") {
      this.curtain(state === "over" ? "idle" : "error", reason);
      this.say(`${this.title}: ${reason}`);
    }
    if (state === "playing" && this.measured.firstMs !== null) this.curtain("playing", "");
  }

  look() {
    if (!this.url) return;
    const [now, taken] = [this.clock(), this.player.takenUnixMs()];
    // A picture that stands still grows old, which says nothing of the way that it came.
    const moves = this.video.currentTime !== this.at && !this.video.seeking && this.measured.firstMs !== null;
    this.at = this.video.currentTime;
    if (now !== null && taken !== null && moves) this.looks = [...this.looks, now - taken].slice(-LOOKS);
    if (!moves) this.looks = [];
    const quality = this.video.getVideoPlaybackQuality();
    this.measured.latencyMs = this.looks.length > 0 ? this.looks.reduce((sum, one) => sum + one, 0) / this.looks.length : null;
    this.measured.dropped = quality.droppedVideoFrames;
    this.measured.frames = quality.totalVideoFrames;
    this.show();
  }

  show() {
    const { latencyMs, firstMs, stalls, dropped, frames } = this.measured;
    const texts = {
      latencyMs: latencyMs === null ? "–" : `${(latencyMs / 1000).toFixed(2)} s`,
      firstMs: firstMs === null ? "–" : millis(firstMs),
      stalls: String(stalls),
      dropped: `${dropped} of ${frames}`,
    };
    for (const [key, element] of this.measures) setText(element, texts[/** @type {keyof typeof texts} */ (key)]);
  }

  /** @param {"idle"|"loading"|"playing"|"error"} state @param {string} text */
  curtain(state, text) {
    this.stage.dataset.state = state;
    setText(this.curtainText, text);
  }
}

/** @returns {Measured} */
const fresh = () => ({ latencyMs: null, firstMs: null, stalls: 0, dropped: 0, frames: 0 });
