/** Writes schema.json, the JSON Schema of a configuration file; `--check` fails where it is out of date. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { AppSettings } from "../src/app-settings.ts";
import { configSchema } from "../src/config.ts";

const path = fileURLToPath(new URL("../schema.json", import.meta.url));
const text = `${JSON.stringify(describeFile(), null, 2)}\n`;
if (!process.argv.includes("--check")) writeFileSync(path, text);
else if (readFileSync(path, "utf8") !== text) {
  process.stderr.write("schema.json does not match src/config.ts and src/app-config.ts: npm run schema\n");
  process.exitCode = 1;
}

/** The keys of a run, and of the app below `app`. */
function describeFile(): object {
  const { properties, ...schema } = configSchema();
  const { $schema: _, ...app } = z.toJSONSchema(AppSettings, { io: "input" });
  const description =
    "What the operator of the GitHub App decides for all installations: for `codedistiller serve` alone.";
  return { ...schema, properties: { ...(properties as object), app: { description, ...app } } };
}
