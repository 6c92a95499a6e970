// Writes TypeScript types into the first folder: of the OpenAPI documents and JSON schemas named after it.
const { readFile, writeFile } = require("node:fs/promises");
const { basename, join } = require("node:path");
const { compile } = require("json-schema-to-typescript");
const openapi = require("openapi-typescript");

const [folder, ...files] = process.argv.slice(2);

async function typed(file) {
  const document = JSON.parse(await readFile(file, "utf8"));
  const text = document.openapi
    ? openapi.astToString(await openapi.default(document))
    : await compile(document, document.title, { additionalProperties: true });
  await writeFile(join(folder, `${basename(file, ".json")}.ts`), text);
}

(async () => {
  for (const file of files) await typed(file);
})();
