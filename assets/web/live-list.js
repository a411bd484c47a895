/**
 * The list of live streams.
 *
 * Belongs here: what is said of each stream. Does not belong here: where the list comes from, and opening a stream.
 *
 * @import {LiveStream} from "./api.js"
 */
import { el, plural, setText, size } from "./dom.js";

/** What the server calls them, and what people do. @type {Record<string, string>} */
const STATUS = { live: "live", away: "encoder away", ended: "ended" };
/** @type {Record<string, string>} */
const PROTOCOLS = { http_flv: "FLV", websocket: "WebSocket", dictionary: "dictionary",
  hls: "HLS", ll_hls: "LL-HLS", lhls: "LHLS" };

export class LiveList {
  /**
   * @param {HTMLElement} root
   * @param {(name: string) => void} onOpen
   */
  constructor(root, onOpen) {
    this.root = root;
    /** @type {Map<string, {item: HTMLElement, button: HTMLElement, status: HTMLElement, lines: HTMLElement[]}>} */
    this.rows = new Map();
    root.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button[data-name]") : null;
      if (button instanceof HTMLButtonElement && button.dataset.name) onOpen(button.dataset.name);
    });
  }

  /**
   * Rows stay the elements they are, so that the focus and a screen reader's place stay, too.
   *
   * @param {LiveStream[]} streams @param {string} chosen
   */
  show(streams, chosen) {
    const names = new Set(streams.map(({ name }) => name));
    for (const [name, { item }] of this.rows) {
      if (names.has(name)) continue;
      item.remove();
      this.rows.delete(name);
    }
    streams.forEach((stream, index) => {
      const row = this.rows.get(stream.name) ?? this.make(stream.name);
      if (this.root.children[index] !== row.item) this.root.insertBefore(row.item, this.root.children[index] ?? null);
      row.status.dataset.status = stream.status;
      setText(row.status, STATUS[stream.status] ?? stream.status);
      [about(stream), traffic(stream)].forEach((text, line) => setText(row.lines[line], text));
      if (stream.name === chosen) row.button.setAttribute("aria-current", "true");
      else row.button.removeAttribute("aria-current");
    });
  }

  /** @param {string} name */
  make(name) {
    const status = el("span", { class: "history-state" });
    const lines = [el("span", { class: "history-sub" }), el("span", { class: "history-sub" })];
    const button = el("button", { type: "button", "data-name": name }, el("span", { class: "history-name" }, name), status, ...lines);
    const row = { item: el("li", {}, button), button, status, lines };
    this.rows.set(name, row);
    return row;
  }
}

/** @param {LiveStream} stream */
function about({ since_unix_ms, tracks }) {
  const since = new Date(since_unix_ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const codecs = tracks.map(({ codec }) => codec ?? "unknown").join(", ");
  return `since ${since} · ${codecs || "no tracks yet"}`;
}

/** @param {LiveStream} stream */
function traffic({ bytes_in, audience }) {
  const parts = Object.entries(audience?.now ?? {}).filter(([, count]) => count > 0);
  const viewers = parts.map(([protocol, count]) => `${count} ${PROTOCOLS[protocol] ?? protocol}`).join(", ");
  return `${size(bytes_in)} in · ${viewers ? `viewers: ${viewers}` : "no viewers"} · ${plural(audience?.skips ?? 0, "skip")}`;
}
