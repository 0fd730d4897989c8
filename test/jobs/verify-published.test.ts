import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAdapters } from "../../src/adapters/adapters.ts";
import { type Config, extractiveModel, resolveConfig } from "../../src/config.ts";
import { SandboxError } from "../../src/errors.ts";
import type { JobAdapters } from "../../src/jobs/job.ts";
import { runJob } from "../../src/jobs/run-job.ts";
import { cloneCurrent, verifyPublished } from "../../src/jobs/verify-published.ts";
import { findChangedDependencies } from "../../src/pipeline/depends-on.ts";
import type { RunEvent } from "../../src/pipeline/events.ts";
import { type PublishedExample, readPublishedExample } from "../../src/pipeline/verify-example.ts";
import { commitAll, git, makeTemporaryFolder, makeWorkTree } from "../repository/make-repository.ts";
import { canIsolate, fixture } from "../support/command-line.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";

const flags: Partial<Config> = { model_str_code: extractiveModel, sandbox: "local" };
const config = resolveConfig({ flags, file: null, environment: {} });

describe.runIf(canIsolate)("a published example, verified again", () => {
  const base = makeTemporaryFolder();
  const root = join(base, "server");
  const work = join(base, "work");
  const scratch = join(base, "scratch");
  const kepler = join(work, "orbits/src/orbelem/kepler.py");
  let server: GitHttpServer;
  let adapters: JobAdapters;
  let example: PublishedExample;
  let madeAt: string;
  let clones = 0;

  beforeAll(async () => {
    mkdirSync(scratch);
    server = await startGitHttpServer({ root });
    const environment = {
      PATH: process.env.PATH,
      CODEDISTILLER_CACHE: join(base, "cache"),
      GIT_SSL_CAINFO: server.certificateFile,
    };
    const host = { environment, homeFolder: base, workingFolder: base, signal: new AbortController().signal };
    adapters = createAdapters({ host, warn: () => undefined });
    cpSync(fixture("orbital-elements"), join(work, "orbits"), { recursive: true });
    madeAt = makeWorkTree(work, { "README.md": "# Exercise classes\n" });
    serve();
    const { error, runFolder } = await runJob({
      request: {
        kind: "new",
        source: `${server.url}/octo/classes.git`,
        config: { ...config, subdirectory: "orbits", focus: "ground tracks" },
        dryRun: false,
        folder: join(base, "run"),
      },
      adapters,
      emit: () => undefined,
    });
    expect(error).toBeNull();
    example = await readPublishedExample(join(runFolder ?? "", "example"));
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(base, { recursive: true });
  });

  function serve(): void {
    rmSync(join(root, "octo"), { recursive: true, force: true });
    git(base, "clone", "--quiet", "--mirror", work, join(root, "octo/classes.git"));
  }

  /** Commits changes of the repository, and verifies at what its server has then. */
  async function verifyChanged(change: () => void) {
    change();
    const head = commitAll(work);
    serve();
    clones += 1;
    const destination = join(base, `current-${clones}`);
    const current = await cloneCurrent({ example, adapters, config, destination });
    if (!current) throw new Error("nothing was cloned");
    expect(current.commit).toBe(head);
    const { dependsOn } = example.metadata.distiller;
    const { changed } = await findChangedDependencies({ dependsOn, repositoryFolder: current.folder });
    const source = { kind: "folder", folder: current.folder, commit: head } as const;
    const { verification, commit } = await verifyPublished({
      example,
      source,
      adapters,
      config,
      scratch,
      emit: () => undefined,
    });
    expect(commit).toBe(head);
    expect(readdirSync(scratch)).toEqual([]);
    git(work, "reset", "--quiet", "--hard", madeAt);
    return { changed, ...verification };
  }

  const verify = (changed: PublishedExample) =>
    verifyPublished({ example: changed, adapters, config, scratch, emit: () => undefined });

  const edit = (path: string, from: string | RegExp, to: string) => {
    const text = readFileSync(path, "utf8");
    expect(text).toMatch(from);
    writeFileSync(path, text.replace(from, to));
  };

  it("is published with what it shows and what it depends on", () => {
    const { focus, dependsOn } = example.metadata.distiller;
    expect(focus).toBe("ground tracks");
    const paths = dependsOn?.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(["orbits/pyproject.toml", "orbits/src/orbelem/kepler.py"]));
    expect(paths).not.toContain("README.md");
  });

  it("is run at the commit that it was made at, whatever came since", async () => {
    edit(kepler, /\ndef solve_kepler\(/, "\ndef solve(");
    commitAll(work);
    serve();
    const events: RunEvent[] = [];
    const emit = (event: RunEvent) => void events.push(event);
    const { verification, commit } = await verifyPublished({ example, adapters, config, scratch, emit });
    git(work, "reset", "--quiet", "--hard", madeAt);
    expect(verification).toMatchObject({ reasonCode: "verified", tail: "" });
    expect(commit).toBe(madeAt);
    const stages = events.flatMap((event) =>
      "stage" in event && event.kind !== "output" ? [`${event.kind} ${event.stage}`] : [],
    );
    expect(stages).toEqual([
      "stage-started clone",
      "stage-finished clone",
      "stage-started verify",
      "stage-finished verify",
    ]);
  });

  it("holds at a later commit that changed nothing of it", async () => {
    const found = await verifyChanged(() => writeFileSync(join(work, "README.md"), "# Classes\n"));
    expect(found).toMatchObject({ changed: [], reasonCode: "verified" });
  });

  it("differs where the repository computes something else now", async () => {
    const found = await verifyChanged(() => edit(join(work, "orbits/src/orbelem/bodies.py"), /6378\.\d+/, "6478.137"));
    expect(found).toMatchObject({ changed: ["orbits/src/orbelem/bodies.py"], reasonCode: "results-differ", tail: "" });
    expect(found.reproduction.differences.length).toBeGreaterThan(0);
  });

  it("fails where a function that it calls is gone, with the end of what it printed", async () => {
    const elements = join(work, "orbits/src/orbelem/groundtrack.py");
    const found = await verifyChanged(() => edit(elements, /\ndef ground_track\(/, "\ndef track("));
    expect(found).toMatchObject({ reasonCode: "program-failed", reproduction: { check: { result: "failed" } } });
    expect(found.tail).toMatch(/ImportError: .*ground_track/);
    expect(Buffer.byteLength(found.tail)).toBeLessThanOrEqual(4096);
  });

  it("fails where the part that was distilled is gone: all of the repository is there to run against", async () => {
    const found = await verifyChanged(() => rmSync(join(work, "orbits"), { recursive: true }));
    expect(found).toMatchObject({ reasonCode: "program-failed", grounded: { result: "not-made" } });
    expect(found.changed).toContain("orbits/pyproject.toml");
  });

  it("cannot be built where its script fails, and the end of that is told, in whole lines", async () => {
    const script = 'for n in $(seq 1000); do echo "line $n \u{1f30a}" >&2; done\nexit 7\n';
    const changed = { ...example, files: { ...example.files, "runscript.sh": script } };
    const { verification } = await verify(changed);
    expect(verification).toMatchObject({ reasonCode: "environment-not-buildable", grounded: { result: "not-made" } });
    expect(verification.tail).toMatch(/^line \d+ \u{1f30a}\n[\s\S]*\nline 1000 \u{1f30a}$/u);
    expect(Buffer.byteLength(verification.tail)).toBeLessThanOrEqual(4096);
  });

  it("is not grounded where it calls the repository no more", async () => {
    const results = JSON.stringify(example.results);
    const files = { ...example.files, "main.py": `open("results.json", "w").write(${JSON.stringify(results)})\n` };
    const changed = { ...example, files };
    const { verification } = await verify(changed);
    expect(verification).toMatchObject({ reasonCode: "not-grounded", reproduction: { check: { result: "passed" } } });
  });

  it("is not broken where its program leaves nothing to compare, but failed", async () => {
    const changed = { ...example, results: {}, files: { ...example.files, "main.py": 'print("done")\n' } };
    const { verification } = await verify(changed);
    expect(verification).toMatchObject({ reasonCode: "program-failed", tail: "done" });
    expect(verification.reproduction.check.evidence).toMatch(/^main\.py exited with 0, but /);
  });

  it("is no worse for a sandbox that is down: that is an error", async () => {
    const down = new SandboxError({ code: "sandbox-unavailable", userMessage: "The sandbox is down." });
    const createProvider: JobAdapters["createProvider"] = async (...request) => ({
      ...(await adapters.createProvider(...request)),
      create: () => Promise.reject(down),
    });
    const verified = verifyPublished({
      example,
      adapters: { ...adapters, createProvider },
      config,
      scratch,
      emit: () => undefined,
    });
    await expect(verified).rejects.toBe(down);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it("fetches from servers alone what an example names, and a folder only where a person names it", async () => {
    const of = (changes: { repository_url: string | null; source: string }): PublishedExample => {
      const { repository_url, source } = changes;
      const metadata = { ...example.metadata, repository_url };
      return { ...example, metadata: { ...metadata, distiller: { ...metadata.distiller, source } } };
    };
    const destination = join(base, "elsewhere");
    for (const source of [work, "work", "file:///etc"]) {
      const clone = cloneCurrent({ example: of({ repository_url: null, source }), adapters, config, destination });
      await expect(clone).rejects.toMatchObject({ code: "source-elsewhere" });
    }
    const named = await cloneCurrent({ example, from: work, adapters, config, destination });
    expect(named).toMatchObject({ commit: madeAt, folder: destination });
  });

  it("has nothing newer where the example carries what it was made from", async () => {
    const folder = join(base, "carrying");
    cpSync(example.folder, folder, { recursive: true });
    cpSync(fixture("orbital-elements"), join(folder, "source/orbits"), { recursive: true });
    const carrying = await readPublishedExample(folder);
    const destination = join(base, "none");
    expect(await cloneCurrent({ example: carrying, adapters, config, destination })).toBeNull();
    const { verification } = await verify(carrying);
    expect(verification.reasonCode).toBe("verified");
  });
});
