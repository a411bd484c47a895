/**
 * What one takes along: the addresses of the video, and the API call that makes it, as a curl command.
 *
 * Belongs here: showing and copying. Does not belong here: deciding what the call is (form.js).
 *
 * @import {Urls, VideoRequest} from "./api.js"
 */
import { copyButton, el, setText } from "./dom.js";

/** @type {[keyof Urls, string][]} */
const ADDRESSES = [["live", "Live playlist"], ["index", "VOD playlist"], ["mp4", "MP4"]];

export class Share {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.addresses = ADDRESSES.map(([key, label]) => {
      const id = `url-${key}`;
      const input = el("input", { id, type: "text", readonly: true, spellcheck: "false", placeholder: "after weaving" });
      input.addEventListener("focus", () => input.select());
      const copy = copyButton(`the address of the ${label}`, () => input.value);
      copy.disabled = true;
      root.append(el("div", { class: "address" }, el("label", { for: id }, label), input, copy));
      return { key, input, copy };
    });
    this.command = el("code");
    const copy = copyButton("the curl command", () => this.command.textContent ?? "");
    root.append(el("div", { class: "curl" },
      el("div", { class: "curl-head" }, el("h3", {}, "The same by API"), copy),
      el("pre", { tabindex: 0, role: "region", "aria-label": "curl command" }, this.command)));
  }

  /** @param {Urls} urls */
  showUrls(urls) {
    for (const { key, input, copy } of this.addresses) {
      input.value = new URL(urls[key], location.href).href;
      copy.disabled = false;
    }
  }

  /** @param {VideoRequest|null} request */
  showCall(request) {
    setText(this.command, request ? curl(request) : "Choose a template to see the call.");
  }
}

/** @param {VideoRequest} request */
function curl(request) {
  return [
    `curl -sS '${new URL("/v1/videos", location.href).href}' \\`,
    "  -H 'content-type: application/json' \\",
    `  -d ${quote(JSON.stringify(request))}`,
  ].join("\n");
}

/** One word for a POSIX shell: a single quote ends the string, is escaped, and begins it anew. @param {string} text */
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
