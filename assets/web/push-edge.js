/**
 * Where in what is buffered of a live stream is played, and how fast.
 *
 * Belongs here: the distances and speeds. Does not belong here: the `<video>`, which is the caller's.
 *
 * @typedef {{seek: number, why: "hole"|"late"}|{rate: number, near: boolean}} Move to another time, or at this speed;
 *   `near` the target or not
 */

/** How far behind the newest frame is played: less, and every late frame is seen. */
export const TARGET_S = 0.2;
/** Nearer than this to the target, speed stays as it is. */
const EASE_S = 0.08;
/** So far behind it jumps; sooner where the picture was not steady yet. */
const JUMP_S = 1.5;
const JUMP_UNSTEADY_S = 0.5;
/** Changes of speed that are hardly heard, and the one for those further behind than `HURRY_S`. */
const SLOWER = 0.97;
const FASTER = 1.05;
const HURRY = 1.12;
const HURRY_S = 0.35;
/** At the end of a range nothing moves, though it is not over yet. */
const NEAR_END_S = 0.05;

/** Where playing begins, if anything is there. @param {TimeRanges} buffered not empty */
export function beginning(buffered) {
  const last = buffered.length - 1;
  return Math.max(buffered.start(last), buffered.end(last) - TARGET_S);
}

/**
 * @param {TimeRanges} buffered not empty
 * @param {number} at what is played
 * @param {number} rate how fast
 * @param {boolean} steady whether it was where it should be since it last stood still
 * @returns {Move}
 */
export function move(buffered, at, rate, steady) {
  const hole = holeAt(buffered, at);
  if (hole !== null) return { seek: hole, why: "hole" };
  const behind = buffered.end(buffered.length - 1) - at;
  if (behind > (steady ? JUMP_S : JUMP_UNSTEADY_S)) return { seek: beginning(buffered), why: "late" };
  return { rate: speed(behind - TARGET_S, rate), near: Math.abs(behind - TARGET_S) < EASE_S };
}

/** The same for a stream of which all is there. @param {TimeRanges} buffered @param {number} at @returns {Move} */
export function toEnd(buffered, at) {
  const hole = holeAt(buffered, at);
  return hole === null ? { rate: 1, near: true } : { seek: hole, why: "hole" };
}

/**
 * A speed is kept until the target is reached, not only the edge of what is near it.
 *
 * @param {number} late seconds @param {number} now
 */
function speed(late, now) {
  if (late > HURRY_S) return HURRY;
  if (late > EASE_S) return Math.max(now, FASTER);
  if (late < -EASE_S) return SLOWER;
  return (now > 1 && late > 0) || (now < 1 && late < 0) ? now : 1;
}

/** Where playing goes on if there is nothing at `at`, but later. @param {TimeRanges} buffered @param {number} at */
function holeAt(buffered, at) {
  for (let index = 0; index < buffered.length; index += 1) {
    if (at < buffered.start(index)) return buffered.start(index);
    if (at < buffered.end(index) - NEAR_END_S) return null;
  }
  return null;
}
