/**
 * A small loader of legacy LHLS: segments that are announced are read while they are made. No player of today does.
 *
 * Follows one stream whose settings do not change; it is here to measure with, and has no rendition to choose from.
 */

/** How far behind the newest frame is played, and beyond which distance it hurries. */
const TARGET_S = 0.5;
const LATE_S = 0.8;
const FASTER = 1.1;
/** What is behind the picture stays for so long. */
const KEPT_S = 20;

export class LhlsPlayer {
  /** @param {HTMLVideoElement} video @param {(error: unknown) => void} onError */
  constructor(video, onError) {
    this.video = video;
    this.onError = onError;
  }

  /** @param {string} url of the multivariant playlist */
  async start(url) {
    const text = await (await fetch(url)).text();
    const codecs = /CODECS="([^"]*)"/.exec(text)[1].split(",");
    const source = new MediaSource();
    this.video.src = URL.createObjectURL(source);
    await new Promise((resolve) => { source.addEventListener("sourceopen", resolve, { once: true }); });
    const tracks = codecs.map((codec) => {
      const track = codec.startsWith("mp4a") ? "audio" : "video";
      return { track, buffer: source.addSourceBuffer(`${track}/mp4; codecs="${codec}"`) };
    });
    for (const { track, buffer } of tracks) {
      const playlist = new URL(`${track}.m3u8`, url).href;
      this.follow(playlist, buffer).catch(this.onError);
    }
    setInterval(() => this.keepUp(), 100);
  }

  /** @param {string} url @param {SourceBuffer} buffer */
  async follow(url, buffer) {
    let next = null, map = null;
    for (;;) {
      const text = await (await fetch(url, { cache: "no-store" })).text();
      const maps = [...text.matchAll(/#EXT-X-MAP:URI="([^"]*)"/g)];
      const newest = maps.at(-1)[1];
      const announced = [...text.matchAll(/#EXT-X-PREFETCH:(\S+)/g)].map((match) => match[1]);
      const listed = [...text.matchAll(/^[^#\s]\S*\.lhls\.m4s$/gm)].map((match) => match[0]);
      const all = [...listed, ...announced];
      const number = (uri) => Number(/(\d+)\.lhls\.m4s$/.exec(uri)[1]);
      next ??= number(announced[0]);
      const uri = all.find((known) => number(known) === next);
      if (!uri) throw new Error(`segment ${next} is not listed`);
      if (newest !== map) {
        map = newest;
        await append(buffer, new Uint8Array(await (await fetch(new URL(map, url))).arrayBuffer()));
      }
      await this.read(await fetch(new URL(uri, url)), buffer);
      next += 1;
    }
  }

  /** Appends what comes of a segment, fragment by fragment. @param {Response} answer @param {SourceBuffer} buffer */
  async read(answer, buffer) {
    const reader = answer.body.getReader();
    let held = new Uint8Array();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const more = new Uint8Array(held.length + value.length);
      more.set(held);
      more.set(value, held.length);
      const whole = wholeFragments(more);
      held = more.subarray(whole);
      if (whole > 0) await append(buffer, more.slice(0, whole));
      const old = this.video.currentTime - KEPT_S;
      if (buffer.buffered.length && buffer.buffered.start(0) < old - KEPT_S) {
        buffer.remove(0, old);
        await idle(buffer);
      }
    }
  }

  keepUp() {
    const { video } = this, { buffered } = video;
    if (!buffered.length) return;
    const end = buffered.end(buffered.length - 1), behind = end - video.currentTime;
    if (behind > 3 || video.currentTime < buffered.start(0)) {
      if (end - buffered.start(buffered.length - 1) >= TARGET_S) video.currentTime = end - TARGET_S;
    } else if (behind > LATE_S) video.playbackRate = FASTER;
    else if (behind < TARGET_S) video.playbackRate = 1;
  }
}

/** How many bytes are whole boxes up to the end of the last `mdat`. @param {Uint8Array} bytes */
function wholeFragments(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0, whole = 0;
  while (at + 8 <= bytes.length) {
    const length = view.getUint32(at);
    if (length < 8 || at + length > bytes.length) break;
    at += length;
    if (String.fromCharCode(...bytes.subarray(at - length + 4, at - length + 8)) === "mdat") whole = at;
  }
  return whole;
}

/** @param {SourceBuffer} buffer @param {Uint8Array} bytes */
async function append(buffer, bytes) {
  buffer.appendBuffer(bytes);
  await idle(buffer);
}

/** @param {SourceBuffer} buffer */
function idle(buffer) {
  return new Promise((resolve, reject) => {
    buffer.addEventListener("updateend", resolve, { once: true });
    buffer.addEventListener("error", () => reject(new Error("it was not appended")), { once: true });
  });
}
