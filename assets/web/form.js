/**
 * The merge fields of the chosen template, the advanced settings, and the server's objections next to what they
 * are about.
 *
 * Belongs here: reading and writing the inputs, placing errors. Does not belong here: sending (app.js).
 * Invariant: what was typed for a template stays until "Reset", so that weaving for another person means changing a
 * name and nothing else.
 *
 * @import {ApiError, Problem, Template, VideoRequest} from "./api.js"
 */
import { byId, el } from "./dom.js";

/** Longer defaults get a text area. */
const ONE_LINE = 60;

export class MergeForm {
  /** @param {{onSubmit: (request: VideoRequest) => void, onChange: () => void}} on */
  constructor(on) {
    this.on = on;
    this.form = byId("form", HTMLFormElement);
    this.fields = byId("fields", HTMLElement);
    this.variantField = byId("variant-field", HTMLElement);
    this.variant = byId("variant", HTMLSelectElement);
    this.advanced = byId("advanced", HTMLDetailsElement);
    this.scheme = byId("scheme", HTMLSelectElement);
    this.chunkMax = byId("chunk_max_ms", HTMLInputElement);
    this.formError = byId("form-error", HTMLElement);
    this.submit = byId("weave", HTMLButtonElement);
    this.reset = byId("reset", HTMLButtonElement);
    /** @type {Template|null} */
    this.template = null;
    /** What was typed, by template, as long as the page lives. @type {Map<string, Record<string, string>>} */
    this.typed = new Map();

    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const request = this.request();
      if (!request || this.submit.disabled) return;
      this.clearErrors();
      on.onSubmit(request);
    });
    this.form.addEventListener("input", (event) => {
      if (this.template) this.typed.set(this.template.id, this.data());
      if (event.target instanceof HTMLElement) this.clearErrorOf(event.target);
      on.onChange();
    });
    this.reset.addEventListener("click", () => {
      if (!this.template) return;
      this.typed.delete(this.template.id);
      this.scheme.value = "";
      this.chunkMax.value = "";
      this.clearErrors();
      this.show(this.template);
      this.focusFirst();
    });
  }

  /**
   * @param {Template} template
   * @param {Record<string, string>} [data] what to fill in instead of what was typed last
   */
  show(template, data) {
    this.template = template;
    if (data) this.typed.set(template.id, data);
    const values = this.typed.get(template.id) ?? {};
    this.fields.replaceChildren(...template.fields.map((field) => {
      const value = values[field.find] ?? field.default;
      const id = `field-${field.find}`;
      const attributes = { id, name: field.find, autocomplete: "off", "aria-describedby": `${id}-error`, "data-field": field.find };
      const input = field.default.length > ONE_LINE || field.default.includes("\n")
        ? el("textarea", { ...attributes, rows: 3 })
        : el("input", { ...attributes, type: "text", placeholder: field.default });
      input.value = value;
      return el("div", { class: "field" },
        el("label", { for: id }, field.label),
        input,
        el("p", { class: "error", id: `${id}-error`, hidden: true }));
    }));
    this.variantField.hidden = template.variants.length === 0;
    this.variant.replaceChildren(
      el("option", { value: "" }, `as it is, ${template.width} × ${template.height}`),
      ...template.variants.map((name) => el("option", { value: name }, name)));
    if (template.fields.length === 0) {
      this.fields.append(el("p", { class: "hint" }, "This template has no merge fields: every video of it is the same."));
    }
    this.clearErrors();
    this.submit.disabled = false;
    this.reset.disabled = false;
    this.on.onChange();
  }

  /** @returns {Record<string, string>} */
  data() {
    /** @type {Record<string, string>} */
    const data = {};
    for (const input of this.inputs()) data[input.dataset.field ?? ""] = input.value;
    return data;
  }

  /** The body of the POST as the form stands. @returns {VideoRequest|null} */
  request() {
    if (!this.template) return null;
    /** @type {VideoRequest} */
    const request = { template: this.template.id, data: this.data() };
    if (this.variant.value) request.variant = this.variant.value;
    if (this.scheme.value) request.scheme = this.scheme.value;
    // The server knows the range; what is no number is shown to it as none, and it says so.
    if (this.chunkMax.value !== "") request.chunk_max_ms = this.chunkMax.valueAsNumber;
    return request;
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.submit.disabled = busy || !this.template;
    this.submit.setAttribute("aria-busy", String(busy));
    this.submit.textContent = busy ? "Planning…" : "Weave video";
  }

  focusFirst() {
    const first = this.inputs()[0] ?? this.submit;
    first.focus();
    if (first instanceof HTMLInputElement) first.select();
  }

  /** @param {ApiError} failure */
  showError(failure) {
    const { problem } = failure;
    const target = this.targetOf(problem.field);
    if (target) {
      const place = document.getElementById(`${target.id}-error`);
      if (place) {
        place.replaceChildren(...explain(problem));
        place.hidden = false;
      }
      target.setAttribute("aria-invalid", "true");
      if (this.advanced.contains(target)) this.advanced.open = true;
      target.focus();
      return;
    }
    const again = failure.retryAfterS === null ? [] : [el("span", { class: "detail" }, `Try again in ${failure.retryAfterS} s.`)];
    this.formError.replaceChildren(...explain(problem), ...again);
    this.formError.hidden = false;
    this.formError.focus();
  }

  clearErrors() {
    this.formError.hidden = true;
    for (const place of this.form.querySelectorAll(".error")) /** @type {HTMLElement} */ (place).hidden = true;
    for (const input of this.form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  }

  /** @param {HTMLElement} input */
  clearErrorOf(input) {
    input.removeAttribute("aria-invalid");
    const place = document.getElementById(`${input.id}-error`);
    if (place) place.hidden = true;
    this.formError.hidden = true;
  }

  inputs() {
    return /** @type {(HTMLInputElement|HTMLTextAreaElement)[]} */ ([...this.fields.querySelectorAll("[data-field]")]);
  }

  /**
   * The input a field path of the server's is about: `/data/name` is the merge field `name`.
   *
   * @param {string|undefined} path
   * @returns {HTMLElement|undefined}
   */
  targetOf(path) {
    const steps = (path ?? "").split("/").filter(Boolean).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (steps[0] === "variant") return this.variant;
    if (steps[0] === "scheme") return this.scheme;
    if (steps[0] === "chunk_max_ms") return this.chunkMax;
    if (steps[0] !== "data") return undefined;
    return this.inputs().find((input) => input.dataset.field === steps[1]);
  }
}

/**
 * A problem in words: the message, then field, value and what would be allowed, as far as the server said.
 *
 * @param {Problem} problem
 * @returns {HTMLElement[]}
 */
export function explain(problem) {
  /** @param {unknown} value */
  const words = (value) => (Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : JSON.stringify(value));
  /** @type {[string, unknown][]} */
  const rows = [["Field", problem.field], ["Value", problem.value], ["Allowed", problem.allowed]];
  const details = rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return [
    el("span", { class: "message" }, problem.message),
    ...details.map(([name, value]) => el("span", { class: "detail" }, `${name}: `, el("code", {}, words(value)))),
  ];
}
