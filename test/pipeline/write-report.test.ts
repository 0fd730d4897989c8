import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readOutputs } from "../../src/pipeline/report-outputs.ts";
import {
  renderExampleReadme,
  renderMarkdownReport,
  renderReport,
  writeReport,
} from "../../src/pipeline/write-report.ts";
import { failedRun, hostileRun, skippedRun, verifiedRun, writeSampleRun } from "../support/sample-run.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "report-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("writeReport", () => {
  it("writes both reports into the run's folder, with the figures in the page", async () => {
    const run = verifiedRun();
    await writeSampleRun(folder, run);
    await writeReport({ runFolder: folder, state: run.state, survey: run.survey });
    const html = await readFile(join(folder, "report.html"), "utf8");
    expect(html).toContain("data:image/svg+xml;base64,");
    expect(html).toContain("data:image/png;base64,");
    const markdown = await readFile(join(folder, "REPORT.md"), "utf8");
    expect(markdown).toMatch(/^\*\*Verified\.\*\* /);
    expect(markdown).toContain("](example/outputs/example3/ground_track.svg)");
  });

  it("names the packages of the system that the published folder needs", () => {
    const { state } = verifiedRun();
    expect(renderExampleReadme(state)).not.toContain("apt.txt");
    for (const { draft } of state.distiller.iterations) draft.files["apt.txt"] = "ffmpeg\nlibgl1\n";
    expect(renderExampleReadme(state)).toContain("by their names in Debian: `ffmpeg`, `libgl1` (`apt.txt`)");
  });

  it("says why, where nothing was run and nothing was read", () => {
    const { state } = skippedRun();
    const html = renderReport({
      state: { ...state, distiller: { ...state.distiller, repository: null } },
      survey: null,
      outputs: [],
    });
    expect(html).toContain("can be run without a GPU");
    expect(html).toContain("Nothing was run.");
  });

  it("shows a run that has not ended as such", () => {
    const { state, survey } = failedRun();
    const distiller = { ...state.distiller, outcome: null, verdict: null, finishedAt: null };
    expect(renderMarkdownReport({ state: { ...state, distiller }, survey, outputs: [] })).toMatch(
      /^\*\*Not finished\.\*\*/,
    );
  });

  it("cuts long output and says so", () => {
    const { state, survey } = verifiedRun();
    const program = state.distiller.iterations[1]?.execution?.program;
    if (program) program.stdout = `${"x".repeat(99)}\n`.repeat(640);
    const html = renderReport({ state, survey, outputs: [] });
    expect(html).toContain("characters are left out");
    expect(html.length).toBeLessThan(200_000);
  });

  it("stays quick and small for files that no highlighter and no diff should see", () => {
    const { state, survey } = verifiedRun();
    for (const { draft, index } of state.distiller.iterations)
      draft.files["main.py"] = Array.from(
        { length: 20_000 },
        (_, line) => `x${index} = ${line} ${"(".repeat(40)}`,
      ).join("\n");
    const started = performance.now();
    const html = renderReport({ state, survey, outputs: [] });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(html.length).toBeLessThan(2_000_000);
    expect(html).toContain("Rewritten: too much differs");
  });

  it("does not fall over results that are nested without end", () => {
    const { state, survey } = verifiedRun();
    const execution = state.distiller.iterations[1]?.execution;
    if (execution) execution.results = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`);
    expect(renderReport({ state, survey, outputs: [] })).toContain("results.json");
  });
});

describe("readOutputs", () => {
  it("carries figures up to a size and a number, and names the rest", async () => {
    const { state } = verifiedRun();
    const png = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(64)]);
    await mkdir(join(folder, "example/outputs"), { recursive: true });
    for (let index = 10; index < 30; index++) await writeFile(join(folder, `example/outputs/a${index}.png`), png);
    await writeFile(join(folder, "example/outputs/a00.png"), Buffer.concat([png, Buffer.alloc(2_000_000)]));
    await writeFile(join(folder, "example/outputs/a01.png"), "<script>");
    const outputs = await readOutputs(folder, state);
    expect(outputs).toHaveLength(22);
    expect(outputs.filter(({ figure }) => figure !== null).map(({ name }) => name)).toEqual(
      Array.from({ length: 12 }, (_, index) => `a${10 + index}.png`),
    );
  });

  it("follows no link, neither to a file nor to a folder, and no iteration out of the run's folder", async () => {
    const { state } = hostileRun({ linked: false });
    await writeFile(join(folder, "secret.txt"), "secret");
    await mkdir(join(folder, "run/example/outputs"), { recursive: true });
    await symlink(join(folder, "secret.txt"), join(folder, "run/example/outputs/a.txt"));
    await symlink(folder, join(folder, "run/example/outputs/all"));
    expect(await readOutputs(join(folder, "run"), state)).toEqual([]);
  });

  it("takes what the last iteration left where nothing was published", async () => {
    const { state } = failedRun();
    const left = join(folder, state.distiller.iterations[2]?.folder ?? "", "local-output/to_save");
    await mkdir(left, { recursive: true });
    await writeFile(join(left, "partial.csv"), "a,b\n1,2\n");
    expect((await readOutputs(folder, state)).map(({ name, preview }) => [name, preview])).toEqual([
      ["partial.csv", "a,b\n1,2\n"],
    ]);
  });
});

describe("the Markdown reports of a hostile run", () => {
  const { state, survey } = hostileRun({ linked: true });
  const texts = [
    ["REPORT.md", renderMarkdownReport({ state, survey, outputs: [] })],
    ["README.md", renderExampleReadme(state, survey)],
  ] as const;

  it.each(texts)("%s holds no element but code, no image, and no link out of the repository", (_name, text) => {
    const nodes = nodesOf(fromMarkdown(text));
    expect(new Set(nodes.flatMap((node) => (node.type === "html" ? [node.value] : [])))).toEqual(
      new Set(["<code>", "</code>"]),
    );
    expect(
      nodes.filter(({ type }) => ["image", "definition", "linkReference", "imageReference"].includes(type)),
    ).toEqual([]);
    const links = nodes.flatMap((node) => (node.type === "link" ? [node.url] : []));
    expect(links.length).toBeGreaterThan(0);
    for (const link of links)
      expect(link).toMatch(
        /^https:\/\/github\.com\/marit-solheim\/orbital-elements(\/(blob|tree)\/[0-9a-f]{40}[\w/%.?=#-]*)?$/,
      );
  });

  it.each(texts)("%s mentions nobody, refers to nothing, and shows what cannot be seen", (_name, text) => {
    for (const node of nodesOf(fromMarkdown(text)))
      if (node.type === "text") expect(node.value).not.toMatch(/@[a-z\d]|#\d|\bGH-\d|https?:\/\/|\bwww\./i);
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u200b\u202e\u2066\ufeff]|\ud800/);
    expect(text).toContain("u202e");
  });

  it.each(texts)("%s keeps its tables whole", (_name, text) => {
    const columns = text
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .map((line) => line.split("|").length);
    expect(new Set(columns).size).toBeLessThanOrEqual(3);
  });
});

function nodesOf(node: Nodes): Nodes[] {
  return [node, ...("children" in node ? node.children.flatMap(nodesOf) : [])];
}
