/**
 * The HTTP contract as the studio sees it: types, one function per endpoint, and the follower that polls one video.
 *
 * Belongs here: URLs, status codes, retries and their bounds. Does not belong here: anything of the page.
 * Invariant: every failure leaves this module as an `ApiError`, except an abort, which stays an `AbortError`.
 *
 * @typedef {"hit"|"rendered"|"rendering"|"pending"|"failed"} ChunkState
 * @typedef {{index:number, track:"video"|"audio", start_s:number, duration_s:number, key:string, state:ChunkState,
 *   render_ms:number|null, layers:string[]}} Chunk
 * @typedef {{self:string, live:string, index:string, mp4:string}} Urls
 * @typedef {{code?:string, message:string, field?:string, value?:unknown, allowed?:unknown}} Problem
 * @typedef {{id:string, template:string|null, status:"on_demand"|"rendering"|"saving"|"done"|"failed", progress:number, duration_s:number,
 *   frames:number, width:number, height:number, fps:string, urls:Urls, chunks_total:number, chunks_hit:number,
 *   chunks_rendered:number, first_part_ms:number|null, warnings:string[], error:Problem|string|null,
 *   chunks?:Chunk[]}} VideoStatus
 * @typedef {{find:string, label:string, default:string}} Field
 * @typedef {{id:string, title:string, description:string, width:number, height:number, fps:string, duration_s:number,
 *   fields:Field[], variants:string[]}} Template
 * @typedef {{template:string, data:Record<string,string>, variant?:string, scheme?:string, chunk_max_ms?:number}} VideoRequest
 * @typedef {{name:string, status:"live"|"away"|"ended", since_unix_ms:number, bytes_in:number,
 *   tracks:{track:string, codec:string|null}[], audience?:{now:Record<string,number>, skips:number}}} LiveStream
 * @typedef {"requests"|"bytes"|"render"} Unit
 * @typedef {{requests:number, bytes:number, render_ms:number}} Amount
 * @typedef {{value:number, low:number, high:number}} Range
 * @typedef {{asked:number, fetched:number, distinct:Range, observed:number|null, maximum:Range|null, headroom:number|null}} Figure
 * @typedef {{total:Figure, cacheable:Figure}} Scopes
 * @typedef {{offload:Record<Unit, Scopes>, hits:{ram:Amount, disk:Amount, peer:Amount}, collapsed:Amount, uncacheable:Amount,
 *   misses:(Amount & {cause:string})[]}} Traffic
 * @typedef {{algorithm:string, steps:{capacity:number, misses:Record<Unit, number>}[]}} Curve
 * @typedef {{capacity:number, sampled_requests:number, sampled_objects:number, rate:number, curves:Curve[],
 *   gain:{more_bytes:number, offload:Record<Unit, number>}, policies:{policy:string, misses:Record<Unit, number>}[]}} Chart
 * @typedef {{first:string, second:string, times:number, bytes:number, render_ms:number, differs:string[]}} Pair
 * @typedef {{name:string, value:number, unit:"part"|"points"|"count"|"bytes"|"ms"}} Evidence
 * @typedef {{kind:string, class:string|null, gain:number|null, text:string, evidence:Evidence[]}} Advice
 * @typedef {{seconds:number, nodes:{name:string, age_s:number, seconds:number, requests:Scopes, bytes:Scopes}[],
 *   cache:{policy:string, capacity:number, memory:number}, whole:Traffic, classes:(Traffic & {class:string})[],
 *   curve:Chart|null, twins:Pair[], advice:Advice[]}} OffloadReport
 * @typedef {{store:{chunks:number, bytes:number}, cache:{hits:number, misses:number, coalesced:number}}} Stats
 */

/** A request that has not been answered by then is reported as unreachable. POST plans the whole video, so be generous. */
const REQUEST_TIMEOUT_MS = 20_000;
/** Fast enough that a chunk's change of state looks immediate, slow enough to be no load. */
const POLL_MS = 250;
/** While the server does not answer, the pause doubles up to this. */
const POLL_MAX_MS = 8_000;

/** Whether something is still to come of a video by itself. @param {VideoStatus} video */
export const isBusy = ({ status }) => status === "rendering" || status === "saving";

/** Where the key that a server may want is kept, for as long as the tab is open. */
const KEY = "loomcast-key";

/** How a key is come by, and where it is kept: the page says. */
export const keys = {
  /** @param {string} _reason @returns {string|null} */
  ask: (_reason) => null,
};

/** Asks for a key and keeps it. @param {string} reason @returns {boolean} whether one was given */
export function askForKey(reason) {
  const key = keys.ask(reason);
  if (key) sessionStorage.setItem(KEY, key);
  return Boolean(key);
}

/** @returns {Record<string, string>} */
function keyHeader() {
  const key = sessionStorage.getItem(KEY);
  return key ? { "x-api-key": key } : {};
}

/** What went wrong, in the server's own words where it had any. */
export class ApiError extends Error {
  /**
   * @param {Problem} problem
   * @param {number} status 0 when no answer came
   * @param {number|null} [retryAfterS]
   */
  constructor(problem, status, retryAfterS = null) {
    super(problem.message);
    this.name = "ApiError";
    this.problem = problem;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  /** Whether no server answered, as opposed to one that refused. */
  get unreachable() {
    return this.status === 0;
  }
}

/** @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/**
 * @param {unknown} error
 * @returns {ApiError}
 */
export function asApiError(error) {
  if (error instanceof ApiError) return error;
  return new ApiError({ message: error instanceof Error ? error.message : String(error) }, 0);
}

/**
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
async function request(url, init = {}) {
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(), REQUEST_TIMEOUT_MS);
  const outer = init.signal;
  const relay = () => clock.abort();
  outer?.addEventListener("abort", relay);
  try {
    outer?.throwIfAborted();
    const response = await fetch(url, { cache: "no-store", ...init, signal: clock.signal });
    const text = await response.text();
    const body = parse(text);
    if (response.ok && body !== undefined) return body;
    throw refusal(response, body);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    outer?.throwIfAborted();
    const message = clock.signal.aborted
      ? `The server did not answer within ${REQUEST_TIMEOUT_MS / 1000} s.`
      : "The server cannot be reached.";
    throw new ApiError({ code: "unreachable", message }, 0);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", relay);
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {Response} response
 * @param {any} body
 */
function refusal(response, body) {
  const retry = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const said = body?.error;
  /** @type {Problem} */
  const problem = typeof said?.message === "string"
    ? said
    : { message: `The server answered ${response.status} ${response.statusText}`.trim() + "." };
  return new ApiError(problem, response.status, Number.isFinite(retry) ? retry : null);
}

/** @param {AbortSignal} [signal] @returns {Promise<Template[]>} */
export const listTemplates = async (signal) => (await request("/v1/templates", { signal })).templates ?? [];

/** @param {AbortSignal} [signal] @returns {Promise<VideoStatus[]>} */
export const listVideos = async (signal) =>
  (await request("/v1/videos", { headers: keyHeader(), signal })).videos ?? [];

/** @param {AbortSignal} [signal] @returns {Promise<Stats>} */
export const getStats = (signal) => request("/v1/stats", { signal });

/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<VideoStatus>} */
export const getVideo = (id, signal) => request(`/v1/videos/${encodeURIComponent(id)}`, { signal });

/** @param {AbortSignal} [signal] @returns {Promise<{now_unix_ms: number, streams: LiveStream[]}>} */
export const listLive = (signal) => request("/v1/live", { headers: keyHeader(), signal });

/** @param {string} name @param {AbortSignal} [signal] @returns {Promise<LiveStream & {now_unix_ms: number}>} */
export const getLive = (name, signal) => request(`/v1/live/${encodeURIComponent(name)}`, { signal });

/** @param {number} minutes @param {AbortSignal} [signal] @returns {Promise<OffloadReport>} */
export const getOffload = (minutes, signal) => request(`/v1/offload?minutes=${minutes}`, { headers: keyHeader(), signal });

/** @param {string} id */
export const posterUrl = (id) => `/v1/templates/${encodeURIComponent(id)}/poster.jpg`;

/**
 * Where the server wants a key, it is asked for, once a try, until it is right or none is given.
 *
 * @param {VideoRequest} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<VideoStatus>}
 */
export async function createVideo(body, signal) {
  for (;;) {
    const headers = { "content-type": "application/json", ...keyHeader() };
    try {
      return await request("/v1/videos", { method: "POST", headers, body: JSON.stringify(body), signal });
    } catch (error) {
      const keyless = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (!keyless || !askForKey(error.message)) throw error;
    }
  }
}

/**
 * Follows one video until it is done or failed, or the signal aborts. A server that does not answer, or says it is
 * busy, is asked again ever more rarely; one that says the video is unknown ends the following.
 *
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {{onStatus:(status:VideoStatus)=>void, onTrouble:(error:ApiError, nextMs:number)=>void,
 *   onGone:(error:ApiError)=>void}} on
 */
export async function follow(id, signal, on) {
  let pause = POLL_MS;
  while (!signal.aborted) {
    try {
      await sleep(pause, signal);
      const status = await getVideo(id, signal);
      pause = POLL_MS;
      on.onStatus(status);
      if (!isBusy(status)) return;
    } catch (error) {
      if (isAbort(error)) return;
      const failure = asApiError(error);
      if (failure.status >= 400 && failure.status < 500 && failure.status !== 429) {
        on.onGone(failure);
        return;
      }
      pause = Math.min(failure.retryAfterS ? failure.retryAfterS * 1000 : pause * 2, POLL_MAX_MS);
      on.onTrouble(failure, pause);
    }
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
