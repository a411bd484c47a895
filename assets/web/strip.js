/**
 * The timeline strip: one row of chunks for video and one for audio, true to scale, coloured by state, under a
 * playhead; a legend that counts; and the details of one chunk.
 *
 * Belongs here: drawing, updating in place, pointer and keyboard. Does not belong here: polling and playing.
 * Invariants: a chunk's button lives as long as the plan does, so polling never takes away focus; state is told by
 * texture and words as well as by colour; one chunk per row is in the tab order, arrow keys reach the others.
 *
 * @import {Chunk, ChunkState, VideoStatus} from "./api.js"
 */
import { clock, el, millis, setText } from "./dom.js";

/** @type {Record<ChunkState, string>} */
const WORDS = { hit: "reused", rendered: "rendered", rendering: "rendering", pending: "pending", failed: "failed" };
const STATES = /** @type {ChunkState[]} */ (Object.keys(WORDS));
const TRACKS = /** @type {const} */ ({ video: "Video", audio: "Audio" });
/** A chunk stays wide enough to be hit with a finger's edge; what does not fit scrolls. */
const CHUNK_MIN_PX = 22;
/** Steps between ticks of the ruler in seconds; the first that leaves at most `TICKS_MAX` is taken. */
const TICK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const TICKS_MAX = 8;
/** As much of a key as tells chunks apart by eye. */
const KEY_SHOWN = 12;

export class Strip {
  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} legend
   * @param {(seconds: number) => void} onSeek
   */
  constructor(root, legend, onSeek) {
    this.root = root;
    this.onSeek = onSeek;
    this.duration = 0;
    this.time = 0;
    this.plan = "";
    /** @type {{chunk: Chunk, button: HTMLButtonElement}[]} */
    this.items = [];
    /** The chunk under pointer or focus; without one, details follow the video. @type {number|null} */
    this.looked = null;
    /** @type {Set<number>} */
    this.playing = new Set();

    this.ruler = el("div", { class: "ruler", "aria-hidden": "true" });
    this.rows = { video: el("div", { class: "row row-video" }), audio: el("div", { class: "row row-audio" }) };
    this.flag = el("span", { class: "flag" });
    this.playhead = el("div", { class: "playhead", "aria-hidden": "true" }, this.flag);
    this.inner = el("div", { class: "strip-inner" },
      el("span", { class: "row-label ruler-label", "aria-hidden": "true" }), this.ruler,
      el("span", { class: "row-label label-video", "aria-hidden": "true" }, TRACKS.video), this.rows.video,
      el("span", { class: "row-label label-audio", "aria-hidden": "true" }, TRACKS.audio), this.rows.audio,
      el("div", { class: "overlay" }, this.playhead));
    this.scroller = el("div", { class: "strip-scroll" }, this.inner);
    this.details = el("dl", { class: "details" });
    this.detailsTitle = el("h3", { class: "details-title" });
    root.append(this.scroller,
      el("p", { class: "hint keys" }, "Click a chunk to seek. With the keyboard: arrow keys move, Enter seeks."),
      el("div", { class: "details-box" }, this.detailsTitle, this.details));
    for (const [track, row] of Object.entries(this.rows)) {
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", `${TRACKS[/** @type {"video"|"audio"} */ (track)]} chunks`);
    }

    /** @type {Record<string, HTMLElement>} */
    this.counts = {};
    for (const state of [...STATES, "playing"]) {
      this.counts[state] = el("b", {}, state === "playing" ? "" : "0");
      const label = state === "playing" ? "playing" : WORDS[/** @type {ChunkState} */ (state)];
      legend.append(el("li", {}, el("span", { class: "swatch", "data-state": state, "aria-hidden": "true" }), `${label} `, this.counts[state]));
    }
    this.listen();
  }

  listen() {
    /** @param {Event} event */
    const indexOf = (event) => {
      const button = event.target instanceof Element ? event.target.closest(".chunk") : null;
      return button instanceof HTMLButtonElement ? Number(button.dataset.at) : null;
    };
    /** @param {number|null} at */
    const look = (at) => {
      this.looked = at;
      this.describe();
    };
    this.inner.addEventListener("pointerover", (event) => look(indexOf(event) ?? this.looked));
    this.inner.addEventListener("pointerleave", () => {
      const focused = document.activeElement;
      const kept = focused instanceof HTMLElement && focused.matches(".chunk:focus-visible") && this.inner.contains(focused);
      look(kept ? Number(focused.dataset.at) : null);
    });
    this.inner.addEventListener("focusin", (event) => {
      const at = indexOf(event);
      if (at === null) return;
      look(at);
      this.rove(at);
    });
    this.inner.addEventListener("focusout", () => look(null));
    this.inner.addEventListener("click", (event) => {
      const at = indexOf(event);
      const byPointer = event.detail > 0;
      if (at === null && !this.ruler.contains(/** @type {Node} */ (event.target))) return;
      if (at !== null && !byPointer) {
        this.onSeek(this.items[at].chunk.start_s);
        return;
      }
      const box = this.ruler.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      this.onSeek(share * this.duration);
      if (at !== null) look(at);
    });
    this.inner.addEventListener("keydown", (event) => {
      const at = indexOf(event);
      if (at === null) return;
      const next = this.neighbour(at, event.key);
      if (next === undefined) return;
      event.preventDefault();
      this.items[next].button.focus();
    });
  }

  /** @param {VideoStatus} status */
  update(status) {
    if (!status.chunks) return;
    const chunks = status.chunks;
    const plan = `${status.id} ${chunks.map((chunk) => `${chunk.track}${chunk.start_s}+${chunk.duration_s}`).join()}`;
    if (plan !== this.plan) this.build(status, chunks, plan);
    const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
    for (const [at, chunk] of chunks.entries()) {
      counts[chunk.state] = (counts[chunk.state] ?? 0) + 1;
      const item = this.items[at];
      item.chunk = chunk;
      if (item.button.dataset.state !== chunk.state) item.button.dataset.state = chunk.state;
      this.name(at);
    }
    for (const state of STATES) setText(this.counts[state], String(counts[state]));
    this.describe();
  }

  /** @param {VideoStatus} status @param {Chunk[]} chunks @param {string} plan */
  build(status, chunks, plan) {
    this.plan = plan;
    const end = Math.max(0, ...chunks.map((chunk) => chunk.start_s + chunk.duration_s));
    // Audio chunks are whole AAC frames, so their last one may end a little after the picture does.
    this.duration = Math.max(status.duration_s, end) || 1;
    this.looked = null;
    this.playing.clear();
    this.items = chunks.map((chunk, at) => {
      const button = el("button", { type: "button", class: "chunk", "data-at": at, "data-state": chunk.state, tabindex: -1 });
      button.style.left = `${(chunk.start_s / this.duration) * 100}%`;
      button.style.width = `${(chunk.duration_s / this.duration) * 100}%`;
      return { chunk, button };
    });
    for (const track of /** @type {("video"|"audio")[]} */ (Object.keys(this.rows))) {
      const buttons = this.items.filter(({ chunk }) => chunk.track === track).map(({ button }) => button);
      buttons[0]?.setAttribute("tabindex", "0");
      this.rows[track].replaceChildren(...buttons);
    }
    const most = Math.max(...Object.values(this.rows).map((row) => row.childElementCount));
    this.inner.style.setProperty("--least", `${most * CHUNK_MIN_PX}px`);
    this.drawRuler();
    this.root.hidden = false;
    this.scroller.scrollLeft = 0;
    this.setTime(0);
  }

  drawRuler() {
    const step = TICK_STEPS.find((seconds) => this.duration / seconds <= TICKS_MAX) ?? this.duration / TICKS_MAX;
    const ticks = [];
    for (let at = 0; at <= this.duration - step * 0.4 || at === 0; at += step) {
      const tick = el("span", { class: "tick" }, clock(at).replace(/\.0$/, ""));
      tick.style.left = `${(at / this.duration) * 100}%`;
      ticks.push(tick);
    }
    this.ruler.replaceChildren(...ticks);
  }

  /** @param {number} seconds */
  setTime(seconds) {
    this.time = seconds;
    const share = Math.min(seconds / (this.duration || 1), 1);
    this.playhead.style.left = `${share * 100}%`;
    this.playhead.classList.toggle("late", share > 0.9);
    setText(this.flag, clock(seconds));
    this.follow(share);

    const now = new Set(this.items.flatMap(({ chunk }, at) =>
      seconds >= chunk.start_s && seconds < chunk.start_s + chunk.duration_s ? [at] : []));
    const same = now.size === this.playing.size && [...now].every((at) => this.playing.has(at));
    if (same) return;
    const changed = new Set([...now, ...this.playing]);
    this.playing = now;
    for (const at of changed) {
      this.items[at].button.classList.toggle("is-playing", now.has(at));
      this.name(at);
    }
    const names = [...now].map((at) => `${this.items[at].chunk.track} ${this.items[at].chunk.index}`);
    setText(this.counts.playing, names.join(", "));
    this.describe();
  }

  /** Where the strip is wider than its card, keeps the playhead in sight unless someone is looking elsewhere. @param {number} share */
  follow(share) {
    const { scroller } = this;
    if (this.looked !== null || scroller.scrollWidth <= scroller.clientWidth) return;
    const x = this.ruler.offsetLeft + share * this.ruler.offsetWidth;
    if (x < scroller.scrollLeft + 64 || x > scroller.scrollLeft + scroller.clientWidth - 40) {
      scroller.scrollLeft = x - scroller.clientWidth / 2;
    }
  }

  /** @param {number} at */
  name(at) {
    const { chunk, button } = this.items[at];
    const now = this.playing.has(at) ? ", playing" : "";
    const label = `${TRACKS[chunk.track]} chunk ${chunk.index}, ${clock(chunk.start_s)} to ${clock(chunk.start_s + chunk.duration_s)}, ${WORDS[chunk.state] ?? chunk.state}${now}`;
    if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
  }

  describe() {
    const first = this.items.findIndex((_, index) => this.playing.has(index));
    const at = this.looked ?? (first >= 0 ? first : 0);
    const item = this.items[at];
    if (!item) return;
    const { chunk } = item;
    const state = WORDS[chunk.state] ?? chunk.state;
    const playing = this.playing.has(at) ? " · playing" : "";
    setText(this.detailsTitle, `${TRACKS[chunk.track]} chunk ${chunk.index}`);
    const rows = [
      ["State", state + playing],
      ["Time", `${clock(chunk.start_s)} – ${clock(chunk.start_s + chunk.duration_s)} (${Number(chunk.duration_s.toFixed(3))} s)`],
      ["Render time", chunk.render_ms === null ? (chunk.state === "hit" ? "none, from the cache" : "–") : millis(chunk.render_ms)],
      ["Key", chunk.key.slice(0, KEY_SHOWN)],
      ["Layers", chunk.layers.join(" · ") || "none"],
    ];
    if (this.details.childElementCount !== rows.length) {
      this.details.replaceChildren(...rows.map(([term]) => el("div", { "data-term": term }, el("dt", {}, term), el("dd"))));
    }
    for (const [index, [term, value]] of rows.entries()) {
      const cell = this.details.children[index].lastElementChild;
      if (cell) setText(cell, value);
      if (term === "Key") cell?.setAttribute("title", chunk.key);
      if (term === "State") cell?.setAttribute("data-state", chunk.state);
    }
  }

  /** Makes one chunk its row's entry in the tab order. @param {number} at */
  rove(at) {
    const { track } = this.items[at].chunk;
    for (const { chunk, button } of this.items) if (chunk.track === track) button.tabIndex = -1;
    this.items[at].button.tabIndex = 0;
  }

  /**
   * @param {number} at
   * @param {string} key
   * @returns {number|undefined}
   */
  neighbour(at, key) {
    const { chunk } = this.items[at];
    const row = this.items.flatMap((item, index) => (item.chunk.track === chunk.track ? [index] : []));
    const place = row.indexOf(at);
    const middle = chunk.start_s + chunk.duration_s / 2;
    switch (key) {
      case "ArrowRight": return row[place + 1];
      case "ArrowLeft": return row[place - 1];
      case "Home": return row[0];
      case "End": return row[row.length - 1];
      case "ArrowUp":
      case "ArrowDown": {
        const other = key === "ArrowUp" ? "video" : "audio";
        const found = this.items.findIndex(({ chunk: { track, start_s, duration_s } }) =>
          track === other && chunk.track !== other && middle >= start_s && middle < start_s + duration_s);
        return found >= 0 ? found : undefined;
      }
      default: return undefined;
    }
  }
}
