import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listPublished } from "../../src/pipeline/list-published.ts";
import { PublishedMetadata } from "../../src/pipeline/verify-example.ts";
import type { TreeContent } from "../repository/make-repository.ts";
import { makeFolder } from "../support/author-context.ts";
import { metadata } from "../templates/sample/sample-iteration.ts";

/** As they were written before examples said what they depend on. */
const distiller = {
  source: "https://github.com/marit-solheim/orbital-elements",
  commit: "1".repeat(40),
  subdirectory: null,
  licence: "MIT",
  modules: ["orbelem"],
  coreFunctions: [],
  python: "3.11.2",
  changesSource: false,
  files: ["main.py"],
};

function example(slug: string, changes: object = {}): TreeContent {
  return {
    [`examples/${slug}/metadata.json`]: JSON.stringify({ ...metadata, distiller: { ...distiller, ...changes } }),
    [`examples/${slug}/main.py`]: "print(1)\n",
    [`examples/${slug}/results.json`]: "{}",
  };
}

describe("listPublished", () => {
  it("lists our examples by name, and passes over what others put beside them", async () => {
    await using folder = await makeFolder({
      ...example("waves"),
      ...example("orbits"),
      "examples/README.md": "# Examples\n",
      "examples/notebook/metadata.json": '{"kernel": "python3"}',
      "examples/broken/metadata.json": "{",
      "examples/theirs/main.py": "print(1)\n",
    });
    const { examples, problems } = await listPublished(folder.path);
    expect(examples.map(({ slug }) => slug)).toEqual(["orbits", "waves"]);
    expect(examples[0]?.example).toMatchObject({
      folder: join(folder.path, "examples/orbits"),
      files: { "main.py": "print(1)\n" },
      metadata: { distiller: { ...distiller, focus: null, dependsOn: null } },
    });
    expect(problems).toEqual([]);
  });

  it("names those of ours that cannot be read, and what is wrong", async () => {
    await using folder = await makeFolder({
      ...example("orbits"),
      ...example("incomplete", { files: ["main.py", "runscript.sh"] }),
      ...example("outside", { files: ["../main.py"] }),
      "examples/cut/metadata.json": JSON.stringify({ distiller }).slice(0, -5),
    });
    const { examples, problems } = await listPublished(folder.path);
    expect(examples.map(({ slug }) => slug)).toEqual(["orbits"]);
    expect(problems).toEqual([
      { slug: "cut", problem: "examples/cut/metadata.json is not valid JSON." },
      { slug: "incomplete", problem: expect.stringMatching(/^examples\/incomplete holds no readable runscript\.sh: /) },
      { slug: "outside", problem: expect.stringMatching(/^examples\/outside\/metadata\.json was not written by this/) },
    ]);
  });

  it("follows no link to a folder or a file", async () => {
    await using outside = await makeFolder(example("orbits"));
    const target = join(outside.path, "examples/orbits");
    const metadataText = readFileSync(join(target, "metadata.json"), "utf8");
    await using folder = await makeFolder({
      "examples/linked": { link: target },
      "examples/half/metadata.json": metadataText,
      "examples/half/main.py": { link: join(target, "main.py") },
      "examples/half/results.json": "{}",
    });
    const { examples, problems } = await listPublished(folder.path);
    expect(examples).toEqual([]);
    expect(problems).toEqual([{ slug: "half", problem: expect.stringContaining("no readable main.py") }]);
    await using linked = await makeFolder({ examples: { link: join(outside.path, "examples") } });
    expect(await listPublished(linked.path)).toEqual({ examples: [], problems: [] });
  });

  it("finds nothing where there is no folder of examples", async () => {
    await using folder = await makeFolder({ examples: "a file\n" });
    expect(await listPublished(folder.path)).toEqual({ examples: [], problems: [] });
  });
});

describe("PublishedMetadata", () => {
  const parse = (dependsOn: unknown) =>
    PublishedMetadata.parse({ ...metadata, distiller: { ...distiller, dependsOn } }).distiller.dependsOn;

  it("takes what an example depends on for everything where the list cannot be trusted", () => {
    const sha256 = "0".repeat(64);
    expect(parse([{ path: "a/b.py", sha256 }])).toEqual([{ path: "a/b.py", sha256 }]);
    for (const path of ["../a.py", "/etc/passwd", "a//b.py", "a/./b.py", ""])
      expect(parse([{ path, sha256 }])).toBeNull();
    for (const list of [[{ path: "a.py", sha256: "0" }], Array(2001).fill({ path: "a.py", sha256 }), "all"])
      expect(parse(list)).toBeNull();
  });
});
