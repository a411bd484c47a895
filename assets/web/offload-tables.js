/**
 * The words and tables of the page of origin offload.
 *
 * Belongs here: what is said of a report, and in which form. Does not belong here: where it comes from.
 * Invariant: what a bar shows is written beside it, too.
 *
 * @import {Advice, Amount, Evidence, Figure, OffloadReport, Pair, Traffic, Unit} from "./api.js"
 */
import { el, plural, size } from "./dom.js";

/** @type {[Unit, string][]} */
const UNITS = [["requests", "of the requests"], ["bytes", "of the bytes"], ["render", "of the render time"]];
/** What a cause is called, and what it means. @type {Record<string, [string, string]>} */
const CAUSES = {
  cold: ["new", "never there before, as far as is remembered"],
  fragmented: ["fragmented", "the same bytes were there under another key"],
  evicted: ["evicted", "had to go for others"],
  not_admitted: ["not kept", "the policy did not want it, or not yet"],
  expired: ["expired", "kept as long as it might be"],
  purged: ["removed", "something it is made of changed, or by hand"],
  damaged: ["damaged", "found damaged on disk"],
  lost: ["lost", "was to be there and was not"],
  failed: ["failed", "the fetch before failed"],
  abandoned: ["given up", "nobody waited for the fetch before any more"],
};
/** As much of a key as tells keys apart by eye. */
const KEY_SHOWN = 12;

/** @param {number} part */
export const percent = (part) => `${(part * 100).toFixed(1)} %`;

/** @param {number} part */
export const points = (part) => `${part > 0 ? "+" : part < 0 ? "−" : "±"}${Math.abs(part * 100).toFixed(1)}`;

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Time of render threads. @param {number} ms */
const work = (ms) => (ms < 1000 ? `${ms} ms` : ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(Math.round(ms / 1000)));

/** @param {number} count */
const whole = (count) => count.toLocaleString("en");

/** How sure the maximum is. @param {Figure} figure */
function error({ maximum }) {
  const half = maximum ? ((maximum.high - maximum.low) / 2) * 100 : 0;
  return half >= 0.05 ? ` ±${half.toFixed(1)}` : "";
}

/**
 * A bar from 0 to 1: what is saved, what could be, and the rest.
 *
 * @param {number} observed @param {number} maximum
 */
function bar(observed, maximum) {
  const root = el("span", { class: "offload-bar", "aria-hidden": "true" });
  const spans = [["saved", Math.max(0, observed)], ["room", Math.max(0, maximum - Math.max(0, observed))]];
  for (const [name, part] of spans) {
    const span = el("span", { class: String(name) });
    span.style.width = `${Math.min(1, Number(part)) * 100}%`;
    root.append(span);
  }
  return root;
}

/** The three figures that are looked at first. @param {HTMLElement} root @param {Traffic} whole */
export function showDials(root, { offload }) {
  root.replaceChildren(...UNITS.map(([unit, words]) => {
    const { total } = offload[unit];
    if (total.observed === null || total.maximum === null) {
      return el("div", { class: "dial" }, el("p", { class: "dial-now" }, "–"), el("p", { class: "dial-of" }, words),
        bar(0, 0), el("p", { class: "hint" }, unit === "render" ? "nothing was rendered" : "nothing was asked for"));
    }
    return el("div", { class: "dial" },
      el("p", { class: "dial-now" }, percent(total.observed)),
      el("p", { class: "dial-of" }, `${words} spared the origin`),
      bar(total.observed, total.maximum.value),
      el("p", { class: "hint" }, "at most ", el("b", {}, percent(total.maximum.value)), `${error(total)}; `,
        `${points(total.headroom ?? 0)} points could be gained`));
  }));
}

/** @param {HTMLElement} root @param {Advice[]} advice */
export function showAdvice(root, advice) {
  if (advice.length === 0) {
    root.replaceChildren(el("li", { class: "hint" }, "Nothing: no cause costs a point of the requests."));
    return;
  }
  root.replaceChildren(...advice.map((one) => el("li", { "data-kind": one.kind },
    el("p", { class: "advice-text" },
      one.gain === null ? null : el("b", { class: "advice-gain" }, points(one.gain)),
      one.text, one.class ? ` Mostly ${one.class}.` : null),
    el("ul", { class: "advice-evidence" }, ...one.evidence.map((evidence) => el("li", {}, evidence.name, " ", el("b", {}, value(evidence))))))));
}

/** @param {Evidence} evidence */
function value({ unit, value: amount }) {
  switch (unit) {
    case "part": return percent(amount);
    case "points": return `${points(amount)} points`;
    case "bytes": return size(amount);
    case "ms": return work(amount);
    default: return whole(amount);
  }
}

/** @param {(string|null)[]} columns */
const head = (columns) =>
  el("thead", {}, el("tr", {}, ...columns.map((column) => (column ? el("th", { scope: "col" }, column) : el("td", {})))));

/** Observed, maximum and both as a bar. @param {Figure} figure */
function figures(figure) {
  const { observed, maximum } = figure;
  if (observed === null || maximum === null) return el("td", { class: "none" }, "–");
  return el("td", { class: "pair" },
    el("span", { class: "pair-words" }, el("b", {}, percent(observed)), el("span", {}, percent(maximum.value), el("small", {}, error(figure)))),
    bar(observed, maximum.value));
}

/** @param {HTMLTableElement} table @param {OffloadReport} report */
export function showClasses(table, { whole: all, classes }) {
  /** @param {string} name @param {Traffic} traffic */
  const row = (name, traffic) => {
    const { offload } = traffic;
    return el("tr", {}, el("th", { scope: "row", title: name }, name),
      el("td", { class: "number" }, whole(offload.requests.total.asked)),
      el("td", { class: "number" }, whole(offload.requests.cacheable.asked)),
      el("td", { class: "number" }, size(offload.bytes.total.asked)),
      ...UNITS.map(([unit]) => figures(offload[unit].total)),
      figures(offload.requests.cacheable), figures(offload.bytes.cacheable));
  };
  table.replaceChildren(
    head([null, "requests", "cacheable", "bytes", "total, by requests", "by bytes", "by render time", "cacheable, by requests", "by bytes"]),
    el("tbody", { class: "sum" }, row("all", all)),
    el("tbody", {}, ...classes.map((one) => row(one.class, one))));
}

/** @param {HTMLTableElement} table @param {OffloadReport["nodes"]} nodes */
export function showNodes(table, nodes) {
  table.replaceChildren(
    head([null, "requests", "told", "total, by requests", "by bytes", "cacheable, by requests", "by bytes"]),
    el("tbody", {}, ...nodes.map(({ name, age_s, requests, bytes }) => el("tr", {}, el("th", { scope: "row" }, name),
      el("td", { class: "number" }, whole(requests.total.asked)),
      el("td", { class: "number" }, age_s > 0 ? `${duration(age_s)} ago` : "now"),
      figures(requests.total), figures(bytes.total), figures(requests.cacheable), figures(bytes.cacheable)))));
}

/** @param {HTMLElement} root @param {Traffic} traffic */
export function showMet(root, traffic) {
  const all = traffic.offload.requests.total.asked;
  if (all === 0) {
    root.replaceChildren(el("p", { class: "hint" }, "Nobody asked for anything."));
    return;
  }
  const { hits, collapsed, uncacheable } = traffic;
  /** @type {{kind: string, name: string, means: string, amount: Amount}[]} */
  const rows = [
    { kind: "hit", name: "memory", means: "", amount: hits.ram },
    { kind: "hit", name: "disk", means: "", amount: hits.disk },
    { kind: "hit", name: "another node", means: "", amount: hits.peer },
    { kind: "hit", name: "another's fetch", means: "waited for it", amount: collapsed },
    ...traffic.misses.map(({ cause, ...amount }) => {
      const [name, means] = CAUSES[cause] ?? [cause, ""];
      return { kind: cause === "cold" || cause === "fragmented" ? cause : "again", name, means, amount };
    }),
    { kind: "pass", name: "may not be kept", means: "", amount: uncacheable },
  ].filter(({ amount }) => amount.requests > 0);
  const most = Math.max(...rows.map(({ amount }) => amount.requests));
  const table = el("table", { class: "met" }, head([null, "requests", "of all", null, "bytes", "render time"]));
  const body = el("tbody", {});
  let group = "";
  for (const { kind, name, means, amount } of rows) {
    const words = kind === "hit" ? "Found" : kind === "pass" ? "Passed on" : "Fetched";
    if (words !== group) {
      group = words;
      body.append(el("tr", { class: "group" }, el("th", { colspan: 6, scope: "rowgroup" }, words)));
    }
    const fill = el("span", { class: "met-fill", "data-kind": kind });
    fill.style.width = `${(amount.requests / most) * 100}%`;
    body.append(el("tr", {}, el("th", { scope: "row", title: means || null }, name),
      el("td", { class: "number" }, whole(amount.requests)),
      el("td", { class: "number now" }, percent(amount.requests / all)),
      el("td", { class: "bar-cell" }, el("span", { class: "met-bar", "aria-hidden": "true" }, fill)),
      el("td", { class: "number" }, size(amount.bytes)),
      el("td", { class: "number" }, amount.render_ms > 0 ? work(amount.render_ms) : "–")));
  }
  table.append(body);
  root.replaceChildren(el("div", { class: "table-scroll", role: "region", "aria-label": "How requests were met", tabindex: 0 }, table),
    el("ul", { class: "legend" },
      ...[["hit", "found"], ["cold", "fetched for the first time"], ["fragmented", "the same under another key"], ["again", "fetched again: what a better cache would spare"], ["pass", "may not be kept"]]
        .filter(([kind]) => rows.some((row) => row.kind === kind))
        .map(([kind, words]) => el("li", {}, el("span", { class: "swatch met-fill", "data-kind": kind }), words))));
}

/** @param {HTMLTableElement} table @param {HTMLElement} hint @param {Pair[]} twins */
export function showTwins(table, hint, twins) {
  if (twins.length === 0) {
    table.replaceChildren();
    hint.textContent = "None: whatever was made was made under one key.";
    return;
  }
  hint.textContent = `${plural(twins.length, "pair")} of keys came to the same bytes. What they differ in cannot be seen, and need not be in the key.`;
  /** @param {string} key */
  const short = (key) => el("code", { title: key }, key.slice(0, KEY_SHOWN));
  table.replaceChildren(
    head(["keys", "differ in", "times", "bytes made twice", "render time"]),
    el("tbody", {}, ...twins.map((pair) => el("tr", {},
      el("th", { scope: "row" }, short(pair.first), " ", short(pair.second)),
      el("td", {}, ...(pair.differs.length > 0 ? pair.differs.flatMap((name, at) => [at > 0 ? ", " : "", el("code", { class: "parameter" }, name)]) : ["not known any more"])),
      el("td", { class: "number" }, whole(pair.times)),
      el("td", { class: "number" }, size(pair.bytes)),
      el("td", { class: "number" }, work(pair.render_ms))))));
}
