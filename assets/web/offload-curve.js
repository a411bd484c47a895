/**
 * The curve of a cache: what part of the traffic it would miss with other room, beside what none can be better than.
 *
 * Belongs here: the drawing and its words. Does not belong here: the choice of unit.
 * Invariants: lines are told apart by their dashes and labels as well as by colour; all that is drawn is in a table for those
 * who do not see it.
 *
 * @import {Chart, Curve, Unit} from "./api.js"
 */
import { el, size } from "./dom.js";
import { percent, points } from "./offload-tables.js";

const [WIDTH, HEIGHT] = [640, 320];
const EDGE = { left: 46, right: 92, top: 26, bottom: 40 };
/** Labels of lines are at least so far apart. */
const LABEL_PX = 15;
/** @type {Record<Unit, string>} */
const WORDS = { requests: "requests", bytes: "bytes", render: "render time" };

/**
 * @param {string} tag @param {Record<string, string|number>} [attributes] @param {...(Node|string)} children
 * @returns {SVGElement}
 */
function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @param {HTMLElement} root @param {Chart} chart @param {Unit} unit */
export function drawCurve(root, chart, unit) {
  const sizes = chart.curves[0]?.steps.map(({ capacity }) => capacity) ?? [];
  if (sizes.length < 2) {
    root.replaceChildren(el("p", { class: "hint" }, "A cache without room has no curve."));
    return;
  }
  const [least, most] = [sizes[0], sizes[sizes.length - 1]].map(Math.log2);
  const all = chart.curves.flatMap(({ steps }) => steps.map(({ misses }) => misses[unit]));
  const top = ceiling(Math.max(...all));
  /** @param {number} capacity Sizes double: each doubling is as wide. */
  const x = (capacity) => EDGE.left + ((Math.log2(capacity) - least) / (most - least)) * (WIDTH - EDGE.left - EDGE.right);
  /** @param {number} part */
  const y = (part) => HEIGHT - EDGE.bottom - (part / top) * (HEIGHT - EDGE.top - EDGE.bottom);

  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", "aria-label": summary(chart, unit) });
  for (let at = 0; at <= 4; at += 1) {
    const part = (top * at) / 4;
    picture.append(
      svg("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(part), y2: y(part) }),
      svg("text", { class: "axis", x: EDGE.left - 8, y: y(part) + 4, "text-anchor": "end" }, `${Number((part * 100).toFixed(1))} %`));
  }
  for (const capacity of ticks(sizes, x)) {
    picture.append(
      svg("line", { class: "tick", x1: x(capacity), x2: x(capacity), y1: HEIGHT - EDGE.bottom, y2: HEIGHT - EDGE.bottom + 5 }),
      svg("text", { class: "axis", x: x(capacity), y: HEIGHT - EDGE.bottom + 20, "text-anchor": "middle" }, size(capacity)));
  }
  const now = x(chart.capacity);
  const late = now > WIDTH / 2;
  picture.append(
    svg("line", { class: "present", x1: now, x2: now, y1: EDGE.top - 8, y2: HEIGHT - EDGE.bottom }),
    svg("text", { class: "present-label", x: now + (late ? -6 : 6), y: EDGE.top - 12, "text-anchor": late ? "end" : "start" }, `now ${size(chart.capacity)}`));

  const more = chart.capacity + chart.gain.more_bytes;
  const [running] = chart.curves;
  const at = running.steps.find(({ capacity }) => capacity === chart.capacity);
  const then = running.steps.find(({ capacity }) => capacity === more);
  if (at && then) {
    picture.append(svg("path", { class: "gain", d: `M${now} ${y(at.misses[unit])} H${x(more)} V${y(then.misses[unit])}` }));
  }
  const ends = chart.curves.map((curve) => y(curve.steps[curve.steps.length - 1].misses[unit]));
  const labels = apart(ends);
  chart.curves.forEach((curve, index) => {
    const line = curve.steps.map(({ capacity, misses }, step) => `${step ? "L" : "M"}${x(capacity).toFixed(1)} ${y(misses[unit]).toFixed(1)}`).join("");
    const kind = index === 0 ? "running" : curve.algorithm;
    picture.append(
      svg("path", { class: `line line-${kind}`, d: line }),
      svg("text", { class: `line-label label-${kind}`, x: WIDTH - EDGE.right + 8, y: labels[index] + 4 }, curve.algorithm));
  });
  for (const step of [at, then]) {
    if (step) picture.append(svg("circle", { class: "dot", cx: x(step.capacity), cy: y(step.misses[unit]), r: 4 }));
  }
  const gain = chart.gain.offload[unit];
  root.replaceChildren(
    el("p", { class: "gain-words" }, `+${size(chart.gain.more_bytes)} gives `, el("b", {}, `${points(gain)} points`), ` of the ${WORDS[unit]}`),
    picture,
    policies(chart, unit),
    el("p", { class: "hint" }, `Misses, by ${WORDS[unit]}, simulated on ${chart.sampled_requests.toLocaleString("en")} requests for ${chart.sampled_objects.toLocaleString("en")} objects, ${percent(chart.rate)} of all, from an empty cache. `,
      "belady knows what will be asked for; infinite lets nothing go."),
    table(chart.curves, unit));
}

/** The first round number at or above `part`. @param {number} part */
const ceiling = (part) => [0.01, 0.02, 0.04, 0.1, 0.2, 0.4, 0.6, 0.8].find((round) => part <= round) ?? 1;

/** As many sizes as have room for their words. @param {number[]} sizes @param {(capacity: number) => number} x */
function ticks(sizes, x) {
  /** @type {number[]} */
  const kept = [];
  for (const capacity of sizes) {
    if (kept.length === 0 || x(capacity) - x(kept[kept.length - 1]) >= 58) kept.push(capacity);
  }
  return kept;
}

/** Moves labels that would lie over each other, the upper ones up. @param {number[]} places */
function apart(places) {
  const order = places.map((_, at) => at).sort((one, other) => places[other] - places[one]);
  const moved = [...places];
  for (let at = 1; at < order.length; at += 1) {
    moved[order[at]] = Math.min(moved[order[at]], moved[order[at - 1]] - LABEL_PX);
  }
  return moved;
}

/** Other policies with the room there is. @param {Chart} chart @param {Unit} unit */
function policies(chart, unit) {
  const running = chart.curves[0]?.algorithm;
  const sorted = [...chart.policies].sort((one, other) => one.misses[unit] - other.misses[unit]);
  return el("p", { class: "policies" }, "With the room there is: ", ...sorted.flatMap(({ policy, misses }, at) => [
    at > 0 ? " · " : "", el(policy === running ? "b" : "span", {}, `${policy} ${percent(misses[unit])}`)]));
}

/** @param {Chart} chart @param {Unit} unit */
function summary(chart, unit) {
  return `Misses by ${WORDS[unit]} against room. ${size(chart.gain.more_bytes)} more than the present ${size(chart.capacity)} gives ${points(chart.gain.offload[unit])} points.`;
}

/** @param {Curve[]} curves @param {Unit} unit */
function table(curves, unit) {
  const [first] = curves;
  return el("table", { class: "visually-hidden" }, el("caption", {}, `Misses by ${WORDS[unit]}`),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "room"), ...curves.map(({ algorithm }) => el("th", { scope: "col" }, algorithm)))),
    el("tbody", {}, ...first.steps.map(({ capacity }, at) => el("tr", {}, el("th", { scope: "row" }, size(capacity)),
      ...curves.map(({ steps }) => el("td", {}, percent(steps[at].misses[unit])))))));
}
