/**
 * The page of origin offload: what the server reports, again and again, for as long as somebody looks.
 *
 * Belongs here: asking, the choice of time and unit, what is shown where. Does not belong here: how tables and the curve
 * are drawn.
 * Invariant: all of the page is of one report.
 *
 * @import {OffloadReport, Unit} from "./api.js"
 */
import { asApiError, askForKey, getOffload, keys } from "./api.js";
import { byId, el, setText } from "./dom.js";
import { drawCurve } from "./offload-curve.js";
import { duration, showAdvice, showClasses, showDials, showMet, showNodes, showTwins } from "./offload-tables.js";

/** Counts are of quarters of an hour: nobody misses a second. */
const REFRESH_MS = 15_000;

const ui = {
  main: byId("main", HTMLElement),
  status: byId("status", HTMLElement),
  banner: byId("banner", HTMLElement),
  bannerText: byId("banner-text", HTMLElement),
  bannerButton: byId("banner-retry", HTMLButtonElement),
  covers: byId("covers", HTMLElement),
  curve: byId("curve", HTMLElement),
  nodesCard: byId("nodes-card", HTMLElement),
};
const minutes = byId("minutes", HTMLFieldSetElement);
const unit = byId("unit", HTMLFieldSetElement);

/** @type {OffloadReport|null} */
let shown = null;
/** Whether the report is closed to those without a key. */
let keyless = false;
/** @type {AbortController|undefined} */
let asking;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let timer;

/** @param {HTMLFieldSetElement} set */
function chosen(set) {
  const input = set.querySelector("input:checked");
  return input instanceof HTMLInputElement ? input.value : "";
}

/** @param {OffloadReport} report */
function show(report) {
  shown = report;
  showDials(byId("dials", HTMLElement), report.whole);
  showAdvice(byId("advice", HTMLElement), report.advice);
  showClasses(byId("classes", HTMLTableElement), report);
  showMet(byId("misses", HTMLElement), report.whole);
  showTwins(byId("twins", HTMLTableElement), byId("twins-hint", HTMLElement), report.twins);
  ui.nodesCard.hidden = report.nodes.length < 2;
  showNodes(byId("nodes", HTMLTableElement), report.nodes);
  const nodes = report.nodes.map(({ name, age_s }) => (age_s > 0 ? `${name} (${duration(age_s)} ago)` : name)).join(", ");
  setText(ui.covers, `The last ${duration(report.seconds)} of ${nodes}.`);
  curve();
  ui.main.dataset.state = "shown";
  ui.main.setAttribute("aria-busy", "false");
}

function curve() {
  if (!shown) return;
  if (shown.curve) {
    drawCurve(ui.curve, shown.curve, /** @type {Unit} */ (chosen(unit)));
    return;
  }
  ui.curve.replaceChildren(el("p", { class: "hint" }, "There is no traffic yet to simulate other caches with."));
}

/** @param {string} message @param {string} button */
function warn(message, button) {
  setText(ui.bannerText, message);
  setText(ui.bannerButton, button);
  ui.banner.hidden = false;
}

async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  try {
    const report = await getOffload(Number(chosen(minutes)), mine.signal);
    keyless = false;
    ui.banner.hidden = true;
    show(report);
  } catch (error) {
    // Another question was asked meanwhile: its answer is waited for.
    if (mine.signal.aborted) return;
    const failure = asApiError(error);
    keyless = failure.status === 401 || failure.status === 403;
    warn(failure.message, keyless ? "Enter the key" : "Try again");
    ui.main.setAttribute("aria-busy", "false");
  }
  if (!document.hidden) timer = setTimeout(refresh, REFRESH_MS);
}

minutes.addEventListener("change", async () => {
  await refresh();
  if (ui.banner.hidden) setText(ui.status, ui.covers.textContent ?? "");
});
unit.addEventListener("change", curve);
ui.bannerButton.addEventListener("click", () => {
  if (keyless && !askForKey(ui.bannerText.textContent ?? "")) return;
  refresh();
});
document.addEventListener("visibilitychange", () => !document.hidden && refresh());
keys.ask = (reason) => window.prompt(`${reason}\nThe key:`);
refresh();
