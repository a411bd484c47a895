/**
 * A player for live streams as low-latency HLS: hls.js where Media Source Extensions exist, else the browser's own.
 *
 * Belongs here: loading, staying near the end, recovery. Does not belong here: the page, and what is measured of any
 * `<video>`.
 * Invariant: after `stop` nothing is left, and no callback comes. It is used as `PushPlayer` is.
 *
 * @import {PushState} from "./push.js"
 */

/** Pauses before what failed is tried again. */
const RETRY_MS = 400;
const RETRY_MAX_MS = 8_000;
const TRIES = 12;
/** About one part: how soon a playlist without a whole segment is read again. */
const EMPTY_MS = 250;
/** How much faster it plays when it is behind. */
const CATCH_UP = 1.1;
/** Nearer to the end than this, and without more to show, it is the end. */
const END_S = 0.25;
const TICK_MS = 500;

export class HlsPlayer {
  /**
   * @param {HTMLVideoElement} video
   * @param {{onState?: (state: PushState, reason: string) => void}} [on]
   */
  constructor(video, { onState = () => {} } = {}) {
    this.video = video;
    this.onState = onState;
    /** @type {AbortController|null} */
    this.life = null;
    /** @type {any} the hls.js instance */
    this.hls = null;
    this.tries = 0;
    /** Where the stream ends, once that is known. @type {number|null} */
    this.endsAt = null;
    /** @type {ReturnType<typeof setInterval>|undefined} */
    this.ticker = undefined;
  }

  /** @param {string} url */
  start(url) {
    this.stop();
    this.life = new AbortController();
    const { signal } = this.life;
    this.tell("connecting", "");
    this.video.addEventListener("playing", () => this.tell("playing", ""), { signal });
    this.video.addEventListener("ended", () => this.tell("over", "The stream is over."), { signal });
    const Hls = /** @type {any} */ (globalThis).Hls;
    if (Hls?.isSupported()) this.openHls(Hls, url, signal);
    else if (this.video.canPlayType("application/vnd.apple.mpegurl")) this.openNative(url, signal);
    else this.tell("failed", "This browser plays no HLS.");
  }

  stop() {
    this.life?.abort();
    this.life = null;
    clearInterval(this.ticker);
    this.tries = 0;
    this.endsAt = null;
    this.hls?.destroy();
    this.hls = null;
    if (!this.video.hasAttribute("src")) return;
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** When what is shown was taken, by the playlist's dates. @returns {number|null} milliseconds of Unix time */
  takenUnixMs() {
    if (this.hls) return this.hls.playingDate?.getTime() ?? null;
    const start = /** @type {any} */ (this.video).getStartDate?.().getTime();
    return Number.isFinite(start) ? start + this.video.currentTime * 1000 : null;
  }

  /** @param {any} Hls @param {string} url @param {AbortSignal} signal */
  openHls(Hls, url, signal) {
    const hls = new Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: CATCH_UP, backBufferLength: 20 });
    this.hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.play());
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      this.tries = 0;
    });
    hls.on(Hls.Events.LEVEL_UPDATED, (/** @type {string} */ _name, /** @type {any} */ { details }) => {
      if (!details.live) this.endsAt = details.edge;
    });
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    hls.on(Hls.Events.ERROR, (/** @type {string} */ _name, /** @type {any} */ data) => {
      if (signal.aborted) return;
      if (data.details === Hls.ErrorDetails.LEVEL_EMPTY_ERROR) {
        // Parts but no whole segment yet: hls.js would look again only after a target duration.
        setTimeout(() => !signal.aborted && hls.loadSource(url), EMPTY_MS);
        return;
      }
      if (!data.fatal) return;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR && this.tries < TRIES) {
        this.tries += 1;
        hls.recoverMediaError();
        return;
      }
      this.again(() => {
        // Without a parsed manifest there is nothing startLoad could go on with.
        if (hls.levels.length === 0) hls.loadSource(url);
        else hls.startLoad();
      }, signal);
    });
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  /** Of a stream that ends where it is played, hls.js 1.7 ends the sound only, and `ended` never comes. */
  tick() {
    const { video, endsAt } = this;
    if (endsAt === null || video.ended || video.readyState > video.HAVE_CURRENT_DATA || video.currentTime < endsAt - END_S) return;
    clearInterval(this.ticker);
    video.pause();
    this.tell("over", "The stream is over.");
  }

  /** @param {string} url @param {AbortSignal} signal */
  openNative(url, signal) {
    const open = () => {
      this.video.src = url;
      this.play();
    };
    this.video.addEventListener("error", () => this.again(open, signal), { signal });
    open();
  }

  /** @param {() => void} next @param {AbortSignal} signal */
  again(next, signal) {
    if (this.tries >= TRIES) {
      this.tell("failed", "The playlists cannot be loaded.");
      return;
    }
    const pause = Math.min(RETRY_MS * 2 ** this.tries, RETRY_MAX_MS);
    this.tries += 1;
    this.tell("waiting", "The playlists do not come.");
    setTimeout(() => !signal.aborted && next(), pause);
  }

  play() {
    // The studio's pictures begin without sound, so this is refused only where nothing may play by itself.
    this.video.play().catch(() => {});
  }

  /** @param {PushState} state @param {string} reason */
  tell(state, reason) {
    if (this.life) this.onState(state, reason);
  }
}
