/**
 * The shipped templates as cards, one of which is chosen.
 *
 * Belongs here: the cards, their posters, and what stands there while loading, when empty or after a failure.
 * Does not belong here: the merge fields (form.js). The cards are radio buttons, so arrow keys and screen readers
 * need no help from us.
 *
 * @import {Template} from "./api.js"
 */
import { posterUrl } from "./api.js";
import { aspect, el } from "./dom.js";

/** As many as fit one row of cards on a laptop; the real number is not known before the answer. */
const SKELETONS = 2;

export class TemplateCards {
  /**
   * @param {HTMLElement} root
   * @param {(template: Template) => void} onChoose
   */
  constructor(root, onChoose) {
    this.root = root;
    /** @type {Map<string, Template>} */
    this.templates = new Map();
    root.addEventListener("change", (event) => {
      const input = event.target;
      const template = input instanceof HTMLInputElement ? this.templates.get(input.value) : undefined;
      if (template) onChoose(template);
    });
  }

  showLoading() {
    this.root.setAttribute("aria-busy", "true");
    const ghosts = Array.from({ length: SKELETONS }, () => el("div", { class: "template ghost", "aria-hidden": "true" }));
    this.root.replaceChildren(...ghosts, el("p", { class: "visually-hidden" }, "Loading templates"));
  }

  /** @param {string} message @param {() => void} onRetry */
  showFailure(message, onRetry) {
    this.root.setAttribute("aria-busy", "false");
    const retry = el("button", { type: "button", class: "quiet" }, "Load again");
    retry.addEventListener("click", onRetry);
    this.root.replaceChildren(el("div", { class: "empty" }, el("p", {}, message), retry));
  }

  /** @param {Template[]} templates */
  show(templates) {
    this.root.setAttribute("aria-busy", "false");
    this.templates = new Map(templates.map((template) => [template.id, template]));
    this.root.replaceChildren(...(templates.length > 0
      ? templates.map(card)
      : [el("p", { class: "empty" }, "The server has no templates. Put one into its templates folder, or POST an edit of your own.")]));
  }

  /**
   * Marks a card as chosen without announcing it as a choice of the user's.
   *
   * @param {string} id
   * @returns {Template|undefined}
   */
  choose(id) {
    for (const input of this.root.querySelectorAll("input")) input.checked = input.value === id;
    return this.templates.get(id);
  }
}

/** @param {Template} template */
function card(template) {
  const shape = aspect(template.width, template.height);
  const picture = el("span", { class: "poster" });
  const fallback = el("span", { class: "poster-fallback", "aria-hidden": "true" }, el("b", {}, shape), el("span", {}, template.title));
  const image = el("img", { src: posterUrl(template.id), alt: "", decoding: "async", width: template.width, height: template.height });
  // The fallback's frame has the template's own shape, so a portrait template is told from a wide one at a glance.
  fallback.style.aspectRatio = `${template.width} / ${template.height}`;
  image.addEventListener("load", () => fallback.remove());
  image.addEventListener("error", () => image.remove());
  picture.append(fallback, image);

  return el("label", { class: "template", title: template.description },
    el("input", { type: "radio", name: "template", value: template.id, class: "visually-hidden" }),
    picture,
    el("span", { class: "template-title" }, template.title),
    el("span", { class: "template-meta" }, `${shape} · ${Number(template.duration_s.toFixed(1))} s`));
}
