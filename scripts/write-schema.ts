/** Writes schema.json, the JSON Schema of a configuration file; `--check` fails where it is out of date. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { configSchema } from "../src/config.ts";

const path = fileURLToPath(new URL("../schema.json", import.meta.url));
const text = `${JSON.stringify(configSchema(), null, 2)}\n`;
if (!process.argv.includes("--check")) writeFileSync(path, text);
else if (readFileSync(path, "utf8") !== text) {
  process.stderr.write("schema.json does not match src/config.ts: npm run schema\n");
  process.exitCode = 1;
}
