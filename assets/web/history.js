/**
 * The list of videos: those the server knows, newest first, those of this page's session with the person's data.
 *
 * Belongs here: the list and the memory of what was typed for which video. Does not belong here: opening a video.
 * Invariant: a person's data stays in this tab's session storage and goes nowhere else.
 *
 * @import {VideoStatus} from "./api.js"
 */
import { el } from "./dom.js";

const MEMORY = "loomcast.videos";
/** As many as GET /v1/videos ever lists. */
const REMEMBERED_MAX = 50;

export class History {
  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} empty
   * @param {(id: string) => void} onOpen
   */
  constructor(root, empty, onOpen) {
    this.root = root;
    this.empty = empty;
    this.onOpen = onOpen;
    /** @type {Map<string, VideoStatus>} */
    this.videos = new Map();
    /** @type {string|null} */
    this.current = null;
    this.drawn = "";
    /** @type {Map<string, Record<string, string>>} */
    this.memory = new Map(recall());
    root.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button[data-id]") : null;
      if (button instanceof HTMLButtonElement && button.dataset.id) onOpen(button.dataset.id);
    });
  }

  /** @param {string} id @param {Record<string, string>} data */
  remember(id, data) {
    this.memory.set(id, data);
    for (const oldest of this.memory.keys()) {
      if (this.memory.size <= REMEMBERED_MAX) break;
      this.memory.delete(oldest);
    }
    try {
      sessionStorage.setItem(MEMORY, JSON.stringify([...this.memory]));
    } catch {
      // Storage may be full or forbidden; the list then only loses the names on reload.
    }
  }

  /** @param {string} id */
  dataOf(id) {
    return this.memory.get(id);
  }

  /** @param {VideoStatus[]} videos newest first */
  show(videos) {
    this.videos = new Map(videos.map((video) => [video.id, video]));
    this.draw();
  }

  /** A fresher state of one video; an unknown one goes on top. @param {VideoStatus} video */
  update(video) {
    if (this.videos.has(video.id)) this.videos.set(video.id, video);
    else this.videos = new Map([[video.id, video], ...this.videos]);
    this.draw();
  }

  /** @param {string|null} id */
  setCurrent(id) {
    this.current = id;
    this.draw();
  }

  draw() {
    this.empty.hidden = this.videos.size > 0;
    const rows = [...this.videos.values()].map((video) => this.row(video));
    // Rebuilding on every poll would take the focus off a row; only what reads differently is rebuilt.
    const drawn = JSON.stringify([this.current, rows]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.id : undefined;
    this.root.replaceChildren(...rows.map(({ id, name, reuse, state, sub }) => {
      const button = el("button", { type: "button", "data-id": id, "aria-current": id === this.current ? "true" : null },
        el("span", { class: "history-name" }, name),
        el("span", { class: "history-state", "data-status": state }, state),
        el("span", { class: "history-sub" }, sub),
        el("span", { class: "meter", "aria-hidden": "true" }, el("span")));
      /** @type {HTMLElement|null} */ (button.querySelector(".meter span"))?.style.setProperty("width", `${reuse * 100}%`);
      return el("li", {}, button);
    }));
    if (focused) /** @type {HTMLElement|null} */ (this.root.querySelector(`[data-id="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {VideoStatus} video */
  row(video) {
    const data = this.memory.get(video.id);
    const name = data ? Object.values(data).filter(Boolean).join(" · ") : "";
    const template = video.template ?? "own edit";
    return {
      id: video.id,
      name: name || template,
      state: video.status,
      reuse: video.chunks_total > 0 ? video.chunks_hit / video.chunks_total : 0,
      sub: `${name ? `${template} · ` : ""}${video.chunks_hit} of ${video.chunks_total} reused · ${video.id.slice(0, 8)}`,
    };
  }
}

/** @returns {[string, Record<string, string>][]} */
function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(MEMORY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((entry) => Array.isArray(entry) && typeof entry[0] === "string" && entry[1] && typeof entry[1] === "object") : [];
  } catch {
    return [];
  }
}
