import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRunFolder, readRunState, writeFileAtomically, writeRunState } from "../../src/pipeline/run-state.ts";
import { makeFolder } from "../support/author-context.ts";
import { verifiedRun } from "../support/sample-run.ts";

describe("the state of a run", () => {
  it("reads what it wrote", async () => {
    await using folder = await makeFolder();
    const { state } = verifiedRun();
    await writeRunState(folder.path, state);
    expect(await readRunState(folder.path)).toEqual(state);
  });

  it("reads one that was written before some keys of the configuration were known", async () => {
    await using folder = await makeFolder();
    const { state } = verifiedRun();
    await writeRunState(folder.path, state);
    const path = join(folder.path, "current_state.json");
    const saved = JSON.parse(await readFile(path, "utf8"));
    for (const key of ["sandbox_image", "sandbox_cpu_cores", "container_engine", "gpu", "egress_domains", "recipes"])
      delete saved.distiller.config[key];
    saved.distiller.config.sandbox = "local";
    for (const iteration of saved.distiller.iterations) delete iteration.recipe;
    await writeFile(path, JSON.stringify(saved));
    const { distiller } = await readRunState(folder.path);
    expect(distiller.config).toMatchObject({ sandbox: "local", sandbox_image: null, sandbox_cpu_cores: 2, gpu: null });
    expect(distiller.iterations[0]?.recipe).toBeNull();
  });

  it.each([{ colour: "red" }, { sandbox: "docker" }])("refuses a configuration with %j in it", async (wrong) => {
    const { state } = verifiedRun();
    Object.assign(state.distiller.config, wrong);
    await using folder = await makeFolder({ "current_state.json": JSON.stringify(state) });
    await expect(readRunState(folder.path)).rejects.toMatchObject({ code: "run-state-unreadable" });
  });

  it("keeps the reference system's keys at the top level", async () => {
    await using folder = await makeFolder();
    await writeRunState(folder.path, verifiedRun().state);
    const written: unknown = JSON.parse(await readFile(join(folder.path, "current_state.json"), "utf8"));
    for (const key of [
      "repo_url",
      "status",
      "costs",
      "runtimes",
      "reflection_idx",
      "is_finished",
      "change_log",
      "code",
    ])
      expect(written).toHaveProperty(key);
  });

  it("is replaced whole: a reader never sees half of it, and nothing is left over", async () => {
    await using folder = await makeFolder();
    const { state } = verifiedRun();
    await writeRunState(folder.path, state);
    let writing = true;
    const reader = (async () => {
      let reads = 0;
      for (; writing; reads++) expect((await readRunState(folder.path)).repo_url).toBe(state.repo_url);
      return reads;
    })();
    for (let round = 0; round < 20; round++) await writeRunState(folder.path, { ...state, total_runtime_secs: round });
    writing = false;
    expect(await reader).toBeGreaterThan(0);
    expect(await readdir(folder.path)).toEqual(["current_state.json"]);
  });

  it("says what a folder without a state is", async () => {
    await using folder = await makeFolder();
    await expect(readRunState(folder.path)).rejects.toMatchObject({ code: "run-folder-without-state" });
  });

  it.each(["", "{", "[]", "null", '{"status": "COMPLETED"}', "[".repeat(100_000)])(
    "says that a damaged state is damaged: %.20j",
    async (text) => {
      await using folder = await makeFolder({ "current_state.json": text });
      await expect(readRunState(folder.path)).rejects.toMatchObject({ code: "run-state-unreadable" });
    },
  );

  it("refuses is_finished as a text instead of taking it for no", async () => {
    const state = { ...verifiedRun().state, is_finished: "true" };
    await using folder = await makeFolder({ "current_state.json": JSON.stringify(state) });
    await expect(readRunState(folder.path)).rejects.toMatchObject({ code: "run-state-unreadable" });
  });

  it("says why it cannot be written, in one line, and leaves nothing behind", async () => {
    await using folder = await makeFolder({ file: "x" });
    await expect(createRunFolder(join(folder.path, "file", "run"))).rejects.toMatchObject({
      code: "output-not-a-folder",
    });
    await mkdir(join(folder.path, "taken"));
    await expect(writeFileAtomically(join(folder.path, "taken"), "x")).rejects.toMatchObject({ code: "output-failed" });
    expect((await readdir(folder.path)).sort()).toEqual(["file", "taken"]);
  });
});
