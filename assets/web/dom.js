/**
 * Small tools for building the page: elements, formatting, the clipboard.
 *
 * Belongs here: what two or more modules need and what knows nothing of videos. Does not belong here: state.
 * Invariant: text from the server or the user only ever becomes a text node or an attribute, never markup.
 */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string|number|boolean|null|undefined>} [attributes] `false`, null and undefined leave one out
 * @param {...(Node|string|null|undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Writes only what changed, so that screen readers, selections and transitions are left in peace by polling.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {number} seconds */
export function clock(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const whole = Math.floor(tenths / 10);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}.${tenths % 10}`;
}

/** @param {number} ms */
export const millis = (ms) => (ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${value.toFixed(at > 0 && value < 10 ? 1 : 0)} ${units[at]}`;
}

/** @param {number} count @param {string} noun */
export const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** @param {string} fps "30" or "30000/1001" */
export function frameRate(fps) {
  const [over, under = "1"] = fps.split("/");
  const value = Number(over) / Number(under);
  return Number.isFinite(value) ? `${Number(value.toFixed(2))} fps` : `${fps} fps`;
}

/** @param {number} width @param {number} height */
export function aspect(width, height) {
  /** @type {(a:number, b:number) => number} */
  const divisor = (a, b) => (b === 0 ? a : divisor(b, a % b));
  const by = divisor(width, height) || 1;
  const [w, h] = [width / by, height / by];
  return w > 32 || h > 32 ? `${(width / height).toFixed(2)}:1` : `${w}:${h}`;
}

/** Whether the person asked the system for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * A button that copies what `text()` says at the moment of the click, and says so on itself.
 *
 * @param {string} what what is copied, for the accessible name
 * @param {() => string} text
 */
export function copyButton(what, text) {
  const button = el("button", { type: "button", class: "quiet copy", "aria-label": `Copy ${what}` }, "Copy");
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  button.addEventListener("click", async () => {
    const copied = await copy(text());
    button.textContent = copied ? "Copied" : "Not allowed";
    button.setAttribute("aria-label", copied ? `Copied ${what}` : `Copying ${what} was not allowed`);
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy ${what}`);
    }, 1600);
  });
  return button;
}

/**
 * @param {string} text
 * @returns {Promise<boolean>}
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard API exists only in secure contexts; a studio on a plain-http LAN address still has to copy.
    const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: -1 });
    const focused = document.activeElement;
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}
