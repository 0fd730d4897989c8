import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleAction } from "../scripts/action-bundle/bundle-action.ts";
import type { BundledCode } from "../scripts/action-bundle/bundle-code.ts";
import { compareFolders } from "../scripts/action-bundle/compare-folders.ts";
import { packageNameOf } from "../scripts/action-bundle/find-package.ts";
import { judgeBundle } from "../scripts/action-bundle/judge-bundle.ts";
import { grammarFiles } from "../src/repository/grammars.ts";
import { type EndedAction, runAction } from "./support/action-runner.ts";
import { fixture } from "./support/command-line.ts";
import { type GitHubServer, startGitHub } from "./support/github-server.ts";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const entry = "src/action.ts";

describe("the Action's bundle", () => {
  const place = mkdtempSync(join(tmpdir(), "codedistiller-bundle-"));
  // What git and an installer bring, without what others would find above it.
  const target = join(place, "dist");
  let bundled: BundledCode;

  beforeAll(async () => {
    bundled = await bundleAction({ root, entry, target });
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it("holds no server and no database, and loads what is slow only when it is used", () => {
    expect(judgeBundle(bundled, root).faults).toEqual([]);
    const held = [...bundled.imports.keys()].map((id) => relative(root, id));
    expect(held).toEqual(expect.arrayContaining(["src/jobs/run-job.ts", "src/sandboxes/modal.ts"]));
    expect(
      held.filter((path) => /^src\/(app|server|cli)\.ts|^src\/(pages|cli)\/|^src\/store\/.*database/.test(path)),
    ).toEqual([]);
  });

  it("is the same from a checkout elsewhere", async () => {
    // Beside the packages: there is the same file system, so that they need not be copied.
    const caches = join(root, "node_modules/.cache");
    mkdirSync(caches, { recursive: true });
    const elsewhere = mkdtempSync(join(caches, "another checkout-"));
    try {
      const packages = new Set([...bundled.imports.keys()].flatMap((id) => topFolderOf(id) ?? []));
      for (const file of Object.values(grammarFiles)) packages.add(topFolderOf(join(root, "node_modules", file)) ?? "");
      execFileSync("cp", ["-al", "--parents", "src", "package.json", ...packages, elsewhere], { cwd: root });
      await bundleAction({ root: elsewhere, entry, target: join(place, "second") });
      expect(compareFolders(join(place, "second"), target)).toEqual([]);
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });

  it("tells nothing of the machine that it was made on", () => {
    for (const path of ["index.js", "licenses.txt", "package.json"]) {
      const text = readFileSync(join(target, path), "utf8");
      expect([root, place].filter((folder) => text.includes(folder))).toEqual([]);
    }
  });

  it("has every file beside it that its modules read beside themselves", () => {
    const read = [...bundled.code.matchAll(/new URL\("([^"]+)", new URL\("([^"]+)", import\.meta\.url\)\.href\)/g)];
    const named = read.map(([, path = "", module = ""]) => fileURLToPath(new URL(path, `file://${target}/${module}`)));
    expect(named.map((path) => relative(target, path)).sort()).toEqual(["sandboxes/agent", "sandboxes/observer"]);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
    for (const folder of ["templates", "sandboxes/agent", "sandboxes/observer"])
      expect(
        compareFolders(join(target, folder), join(root, "src", folder)).filter(
          (path) => !/\.ts$|__pycache__/.test(path),
        ),
      ).toEqual([]);
    const grammars = Object.values(grammarFiles).map((file) => basename(file));
    expect(readdirSync(join(target, "repository/grammars")).sort()).toEqual(grammars.sort());
  });

  it("names every package in it with its licence", () => {
    const licenses = readFileSync(join(target, "licenses.txt"), "utf8").split(`\n\n${"=".repeat(80)}\n\n`);
    const named = licenses.map((text) => text.slice(0, text.indexOf(" ")));
    const held = [...bundled.modules.keys()].flatMap((id) => packageNameOf(id) ?? []);
    const grammars = ["@vscode/tree-sitter-wasm", "@davisvaughan/tree-sitter-r", "tree-sitter-julia"];
    expect(new Set(named)).toEqual(new Set([...held, ...grammars]));
    const withoutText = licenses.filter((text) => text.length < 400).map((text) => text.split(" ")[0]);
    // Of these the packages bring none.
    expect(withoutText).toEqual(["binary-search", "modal", "standardwebhooks"]);
  });

  describe("in a folder with nothing but action.yml", () => {
    let github: GitHubServer;
    const repository = { owner: "ada", name: "orbits" };

    beforeAll(async () => {
      copyFileSync(join(root, "action.yml"), join(place, "action.yml"));
      github = await startGitHub({
        users: [{ login: "ada" }],
        repositories: [{ ...repository, folder: fixture("orbital-elements") }],
      });
    });
    afterAll(() => github[Symbol.asyncDispose]());

    const run = (inputs: Record<string, string>): Promise<EndedAction> =>
      runAction({
        github,
        repository,
        event: { name: "workflow_dispatch" },
        action: place,
        inputs,
        withPackages: true,
      });

    it("distils a repository", async () => {
      using ended = await run({ sandbox: "local", "open-pull-request": "false" });
      expect(ended).toMatchObject({ status: 0, postStatus: 0, outputs: { verdict: "verified" } });
      expect(existsSync(join(ended.outputs["example-path"] ?? "", "main.py"))).toBe(true);
    });

    it("refuses an input that it does not know", async () => {
      using ended = await run({ command: "distil" });
      expect(ended).toMatchObject({ status: 1, outputs: { verdict: "error" } });
      expect(ended.annotations.map(({ message }) => message).join()).toMatch(/^Input command: /);
    });
  });
});

/** The outermost package of a module, below the root. */
function topFolderOf(moduleId: string): string | null {
  return /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(relative(root, moduleId))?.[0] ?? null;
}
