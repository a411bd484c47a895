/**
 * What came of it: the headline, progress and facts of the shown video, its warnings or failure, and its download.
 *
 * Belongs here: words about one `VideoStatus`. Does not belong here: the chunks (strip.js), polling (api.js).
 * Invariant: the download is a link only while there is something to download.
 *
 * @import {Problem, VideoStatus} from "./api.js"
 * @import {Mode} from "./player.js"
 */
import { isBusy } from "./api.js";
import { byId, el, frameRate, millis, setText } from "./dom.js";
import { explain } from "./form.js";

/** What is said of a video of which nothing is to come by itself. */
const WORDS = { on_demand: "rendered as it is watched", done: "done", failed: "failed", rendering: "", saving: "" };

export class Result {
  /** @param {() => void} onAgain */
  constructor(onAgain) {
    this.root = byId("result", HTMLElement);
    this.headline = byId("headline", HTMLElement);
    this.progress = byId("progress", HTMLProgressElement);
    this.facts = byId("facts", HTMLUListElement);
    this.failure = byId("video-error", HTMLElement);
    this.warnings = byId("warnings", HTMLUListElement);
    this.download = byId("download", HTMLAnchorElement);
    this.again = byId("again", HTMLButtonElement);
    this.again.addEventListener("click", onAgain);
  }

  /**
   * @param {VideoStatus} status
   * @param {number|null} firstFrameMs from the click to the first frame, as measured here
   * @param {Mode} mode
   */
  show(status, firstFrameMs, mode) {
    this.root.hidden = false;
    this.showHeadline(status, firstFrameMs);
    this.progress.value = status.status === "done" ? 1 : status.progress;
    this.progress.hidden = !isBusy(status);
    this.showFacts([
      isBusy(status) ? `${status.status}, ${Math.floor(status.progress * 100)} %` : WORDS[status.status],
      `click to first frame ${firstFrameMs === null ? "–" : millis(firstFrameMs)}`,
      `server's first part ${status.first_part_ms === null ? "–" : millis(status.first_part_ms)}`,
      `${Number(status.duration_s.toFixed(2))} s`,
      `${status.width} × ${status.height}`,
      frameRate(status.fps),
      mode === "live" ? "playing the live playlist" : "playing the VOD playlist",
    ]);
    this.showDownload(status);
    this.again.disabled = isBusy(status);
    this.showWarnings(status.warnings);
    this.failure.hidden = status.status !== "failed";
    if (status.status === "failed") this.showFailure(status.error ?? "The server gave no reason.");
  }

  /** @param {VideoStatus} status @param {number|null} firstFrameMs */
  showHeadline({ chunks_hit: hit, chunks_total: total, chunks_rendered: rendered }, firstFrameMs) {
    const picture = firstFrameMs === null ? "first picture to come" : `first picture in ${millis(firstFrameMs)}`;
    if (this.headline.textContent === `${hit} of ${total} chunks reused · ${rendered} rendered · ${picture}`) return;
    this.headline.replaceChildren(
      el("span", {}, el("b", {}, `${hit} of ${total}`), " chunks reused"), " · ",
      el("span", {}, el("b", {}, String(rendered)), " rendered"), " · ",
      firstFrameMs === null ? el("span", {}, picture) : el("span", {}, "first picture in ", el("b", {}, millis(firstFrameMs))));
  }

  /** @param {string[]} facts */
  showFacts(facts) {
    while (this.facts.childElementCount < facts.length) this.facts.append(el("li"));
    for (const [at, fact] of facts.entries()) setText(this.facts.children[at], fact);
  }

  /** @param {VideoStatus} status */
  showDownload(status) {
    const ready = status.status === "done";
    this.download.toggleAttribute("download", ready);
    this.download.setAttribute("aria-disabled", String(!ready));
    if (ready) this.download.href = status.urls.mp4;
    else this.download.removeAttribute("href");
  }

  /** @param {string[]} warnings */
  showWarnings(warnings) {
    this.warnings.hidden = warnings.length === 0;
    const shown = [...this.warnings.children].map((item) => item.textContent);
    if (shown.join("\n") === warnings.join("\n")) return;
    this.warnings.replaceChildren(...warnings.map((warning) => el("li", {}, warning)));
  }

  /** @param {Problem|string} problem */
  showFailure(problem) {
    const parts = [el("strong", {}, "The video failed. "), ...explain(typeof problem === "string" ? { message: problem } : problem)];
    // An alert that is written again is read out again.
    if (this.failure.textContent === parts.map((part) => part.textContent).join("")) return;
    this.failure.replaceChildren(...parts);
  }
}
