/**
 * What came of a live stream by WebSocket and waits for the buffer: init segments with their setups, and fragments.
 *
 * Belongs here: the bound on what waits, and with which fragment decoding can begin. Does not belong here: the buffer.
 * Invariant: what is left out ends at a key frame, so that what comes out can always be decoded.
 *
 * @typedef {{type: "setup", mime: string, tracks: string[], taken_unix_ms: number, now_unix_ms: number}} Setup
 * @typedef {{setup: Setup|null, fresh: boolean, bytes: Uint8Array<ArrayBuffer>}} Piece an init segment with its setup,
 *   `fresh` if it is a connection's first, or a fragment
 */

/** What waits at most; with more, all up to the next key frame is left out. */
const MAX_BYTES = 16 << 20;
const MAX_PIECES = 2_000;
/** What is given to the buffer at once. */
const TOGETHER_MAX_BYTES = 1 << 20;

export class PushQueue {
  constructor() {
    /** @type {Piece[]} */
    this.pieces = [];
    this.bytes = 0;
    /** Whether what comes is left out until decoding can begin again. */
    this.skipping = false;
    /** What the next fragment is of. @type {Setup|null} */
    this.setup = null;
    /** Fragments that were left out. */
    this.dropped = 0;
  }

  /** @returns {Piece|undefined} */
  get first() {
    return this.pieces[0];
  }

  /** @param {Setup} setup @param {boolean} fresh @param {Uint8Array<ArrayBuffer>} bytes */
  pushInit(setup, fresh, bytes) {
    this.skipping = false;
    this.setup = setup;
    this.push({ setup, fresh, bytes });
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  pushFragment(bytes) {
    if (this.bytes > MAX_BYTES || this.pieces.length > MAX_PIECES) {
      this.skipping = true;
      const init = this.pieces.findLast(({ setup }) => setup);
      this.clear();
      // Without it the buffer could do nothing with what follows.
      if (init) this.push(init);
    }
    if (this.skipping && begins(bytes, this.setup)) this.skipping = false;
    if (this.skipping) this.dropped += 1;
    else this.push({ setup: null, fresh: false, bytes });
  }

  /** @param {Piece} piece */
  push(piece) {
    this.pieces.push(piece);
    this.bytes += piece.bytes.length;
  }

  /** How many pieces go to the buffer at once: an init segment alone, fragments together. */
  ready() {
    if (this.first?.setup) return 1;
    let bytes = 0;
    const after = this.pieces.findIndex((piece) => piece.setup || (bytes += piece.bytes.length) > TOGETHER_MAX_BYTES);
    return after < 0 ? this.pieces.length : Math.max(1, after);
  }

  /** The bytes of the first pieces, which stay. @param {number} count */
  peek(count) {
    return joined(this.pieces.slice(0, count));
  }

  /** @param {number} count */
  remove(count) {
    for (const { bytes } of this.pieces.splice(0, count)) this.bytes -= bytes.length;
  }

  /** Leaves out all that waits. */
  clear() {
    this.dropped += this.pieces.filter(({ setup }) => !setup).length;
    this.pieces = [];
    this.bytes = 0;
  }
}

/** @param {Piece[]} pieces */
function joined(pieces) {
  if (pieces.length === 1) return pieces[0].bytes;
  const all = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of pieces) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

/**
 * Whether decoding can begin with a fragment: with a key frame, or, where there are no pictures, with any.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes @param {Setup|null} setup
 */
function begins(bytes, setup) {
  const pictures = (setup?.tracks.indexOf("video") ?? -1) + 1;
  if (pictures === 0) return true;
  const traf = box(box(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), "moof"), "traf");
  const [tfhd, trun] = [box(traf, "tfhd"), box(traf, "trun")];
  if (!tfhd || !trun || tfhd.getUint32(4) !== pictures) return false;
  const flags = sampleFlags(trun) ?? defaultFlags(tfhd);
  return flags !== null && (flags & NON_SYNC) === 0;
}

/** sample_is_non_sync_sample (ISO/IEC 14496-12, 8.8.3.1). */
const NON_SYNC = 0x1_0000;

/** The first sample's flags, of a track run (8.8.8). @param {DataView} trun */
function sampleFlags(trun) {
  const has = trun.getUint32(0);
  const first = 8 + (has & 0x1 ? 4 : 0);
  if (has & 0x4) return trun.getUint32(first);
  return has & 0x400 ? trun.getUint32(first + (has & 0x100 ? 4 : 0) + (has & 0x200 ? 4 : 0)) : null;
}

/** A fragment's default flags, of its track fragment header (8.8.7). @param {DataView} tfhd */
function defaultFlags(tfhd) {
  const has = tfhd.getUint32(0);
  const before = [[0x1, 8], [0x2, 4], [0x8, 4], [0x10, 4]].reduce((sum, [bit, size]) => sum + (has & bit ? size : 0), 8);
  return has & 0x20 ? tfhd.getUint32(before) : null;
}

/** What is in the first box of a type. @param {DataView|null} within @param {string} type @returns {DataView|null} */
function box(within, type) {
  for (let at = 0; within && at + 8 <= within.byteLength;) {
    const size = within.getUint32(at);
    if (size < 8 || at + size > within.byteLength) return null;
    const name = String.fromCharCode(...[4, 5, 6, 7].map((byte) => within.getUint8(at + byte)));
    if (name === type) return new DataView(within.buffer, within.byteOffset + at + 8, size - 8);
    at += size;
  }
  return null;
}
