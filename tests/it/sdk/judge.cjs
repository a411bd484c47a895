// Judges answers by the published description of the Edit API: each line of standard
// input is {"schema", "value"}. Prints a line for each answer that does not fit, and
// last how many there were.

const fs = require("node:fs");
const schemas = require("@shotstack/schemas/zod");

const lines = fs.readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) {
  const { schema, value } = JSON.parse(line);
  const read = schemas[`${schema}Schema`].safeParse(value);
  if (!read.success) console.log(`${schema}: ${read.error} in ${line}`);
}
console.log(`judged ${lines.length}`);
