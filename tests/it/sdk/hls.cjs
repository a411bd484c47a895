// Reads playlists as hls-parser does where it lets no mistake pass: each line of standard
// input is {"name", "text"}. Prints a line for each that it does not take, and last how
// many there were.

const fs = require("node:fs");
const HLS = require("hls-parser");

HLS.setOptions({ strictMode: true });
const lines = fs.readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) {
  const { name, text } = JSON.parse(line);
  try {
    HLS.parse(text);
  } catch (error) {
    console.log(`${name}: ${error.message} in ${text}`);
  }
}
console.log(`read ${lines.length}`);
