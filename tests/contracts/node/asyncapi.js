// Prints what the AsyncAPI parser finds in each file named, as JSON: file -> ["severity code path: message"].
const { readFile } = require("node:fs/promises");
const { Parser } = require("@asyncapi/parser");

const SEVERITIES = ["error", "warning", "information", "hint"];

async function found(file) {
  const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"), { source: file });
  const lines = diagnostics.map(
    (one) => `${SEVERITIES[one.severity]} ${one.code} ${one.path.join(".")}: ${one.message}`,
  );
  return document ? lines : [...lines, "error no document came of it"];
}

Promise.all(process.argv.slice(2).map(async (file) => [file, await found(file)])).then((all) =>
  console.log(JSON.stringify(Object.fromEntries(all))),
);
