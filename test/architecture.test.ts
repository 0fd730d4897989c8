import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const source = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .sort();

/** Which parts each part may import, beside itself. Leaves import nothing of ours. */
const leaves = ["bounded-json.ts", "config.ts", "errors.ts", "log.ts"];
const allowed: Record<string, readonly string[]> = {
  "bounded-json.ts": [],
  "config.ts": ["errors.ts"],
  "errors.ts": [],
  "log.ts": [],
  repository: leaves,
  example: leaves,
  templates: leaves,
  models: leaves,
  recipes: leaves,
  sandboxes: leaves,
  authors: [...leaves, "models", "templates", "repository", "example", "sandboxes/sandbox.ts"],
  pipeline: [
    ...leaves,
    "authors/author.ts",
    "recipes/recipe.ts",
    "sandboxes/sandbox.ts",
    "templates",
    "repository",
    "example",
  ],
  store: leaves,
  github: leaves,
  jobs: [
    ...leaves,
    "pipeline",
    "authors/author.ts",
    "recipes/recipe.ts",
    "sandboxes/sandbox.ts",
    "repository",
    "store",
    "github",
    "templates",
    "app-config.ts",
  ],
  handlers: [...leaves, "jobs", "github", "store", "templates", "app-config.ts", "app-settings.ts"],
  pages: [...leaves, "jobs", "store", "templates", "pipeline/report-format.ts"],
  "app-config.ts": [...leaves, "app-settings.ts", "app-variables.ts"],
  "app-settings.ts": [],
  "app-variables.ts": leaves,
};
const roots = ["action.ts", "action", "adapters", "app.ts", "cli.ts", "cli", "index.ts", "server.ts"];

function importsOf(path: string): string[] {
  const text = readFileSync(join(source, path), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) =>
    relative(source, resolve(source, dirname(path), match[1] ?? "")),
  );
}

function partOf(path: string): string {
  return path.split("/")[0] ?? path;
}

describe("the direction of imports", () => {
  it("is held by every file", () => {
    const wrong = files.flatMap((path) => {
      const part = partOf(path);
      if (roots.includes(part)) return [];
      const may = allowed[part];
      if (!may) return [`${path} lies in no known part`];
      return importsOf(path)
        .filter(
          (target) => partOf(target) !== part && !may.some((each) => target === each || target.startsWith(`${each}/`)),
        )
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("leaves the environment and the end of the process to the roots", () => {
    const wrong = files.filter(
      (path) =>
        !["action.ts", "cli.ts"].includes(path) &&
        /\bprocess\.(env|exit)\b/.test(readFileSync(join(source, path), "utf8")),
    );
    expect(wrong).toEqual([]);
  });

  it("constructs adapters in the roots only", () => {
    const wrong = files.filter(
      (path) =>
        !roots.includes(partOf(path)) &&
        importsOf(path).some((target) =>
          /^sandboxes\/local\.ts$|^store\/(embedded|postgres)-database\.ts$|^authors\/extractive\/extractive-author\.ts$|^recipes\/recipe-memory\.ts$/.test(
            target,
          ),
        ),
    );
    expect(wrong).toEqual([]);
  });
});
