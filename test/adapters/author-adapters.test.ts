import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createAuthorAdapters } from "../../src/adapters/author-adapters.ts";
import { resolveConfig } from "../../src/config.ts";
import { createContext, makeFolder } from "../support/author-context.ts";

it("runs a model's command with the variables that are meant for it", async () => {
  await using folder = await makeFolder({ "README.md": "# Orbits\n" });
  const seen = join(folder.path, "seen");
  const host = {
    environment: { PATH: process.env.PATH, DATABASE_PASSWORD: "secret" },
    homeFolder: folder.path,
    workingFolder: folder.path,
    signal: new AbortController().signal,
  };
  const commandEnvironment = { PATH: process.env.PATH, ITS_OWN: "given" };
  const { createAuthor } = createAuthorAdapters({ host, recordFile: null, commandEnvironment });
  const model = `command/sh -c "env > ${seen}; exit 1"`;
  const config = resolveConfig({ flags: { model_str_code: model }, file: null, environment: {} });
  const run = { folder: folder.path, jobId: "1", onSpent: () => undefined, warn: () => undefined };
  const author = await createAuthor({ ...config, model_str_fast: model, model_str_judge: model }, run);
  await author.summarize(await createContext(folder.path)).catch(() => undefined);
  await author.dispose();
  expect(readFileSync(seen, "utf8")).toContain("ITS_OWN=given");
  expect(readFileSync(seen, "utf8")).not.toContain("DATABASE_PASSWORD");
});
