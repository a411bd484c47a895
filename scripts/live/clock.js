/**
 * The clock that the encoder drew into the picture.
 *
 * @param {HTMLVideoElement} video @param {HTMLCanvasElement} canvas
 * @param {{block: number, perRow: number, bits: number, width: number}} clock
 * @returns {number|null} how many milliseconds ago the picture was drawn; `null` if it has no clock that can be read
 */
export function readClock(video, canvas, { block, perRow, bits, width }) {
  const all = bits + 8, rows = Math.ceil(all / perRow), height = rows * block;
  if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const scale = video.videoWidth / width;
  context.drawImage(video, 0, 0, video.videoWidth, height * scale, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  let value = 0n;
  for (let bit = 0; bit < all; bit += 1) {
    const x = (bit % perRow) * block + block / 2, y = Math.floor(bit / perRow) * block + block / 2;
    if (data[(y * width + x) * 4 + 1] > 128) value |= 1n << BigInt(bit);
  }
  const ms = Number(value >> 8n), sum = Number(value & 0xffn);
  const bytes = [24, 16, 8, 0].map((shift) => (ms / 2 ** shift) & 0xff);
  if ((bytes.reduce((a, b) => a + b) & 0xff) !== sum) return null;
  return (Date.now() - ms + 2 ** 33) % 2 ** 32;
}
