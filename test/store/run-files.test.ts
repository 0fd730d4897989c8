import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { createDatabaseFiles, createFolderFiles } from "../../src/store/run-files.ts";
import { createStore } from "../../src/store/sql-store.ts";
import type { RunFiles } from "../../src/store/store.ts";
import { boundsOf, newRun, startDatabases } from "../support/databases.ts";
import { openDatabase } from "../support/open-database.ts";

const databases = await startDatabases();
afterAll(() => databases[Symbol.asyncDispose]());

const binary = randomBytes(100_000);
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "codedistiller-files-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A run's folder with one of everything that may lie in it. */
async function fill(folder: string): Promise<void> {
  await mkdir(join(folder, "example1/figures"), { recursive: true });
  await mkdir(join(folder, "repository/src"), { recursive: true });
  await writeFile(join(folder, "state.json"), '{"a":1}');
  await writeFile(join(folder, "example1/runscript.sh"), "#!/bin/sh\n");
  await chmod(join(folder, "example1/runscript.sh"), 0o755);
  await writeFile(join(folder, "example1/figures/plot.png"), binary);
  await writeFile(join(folder, "example1/empty"), "");
  await writeFile(join(folder, "repository/src/main.py"), "print()");
  await writeFile(join(folder, "lock"), "1 2");
  await writeFile(join(folder, "state.json.tmp"), "half");
  await symlink("/etc/passwd", join(folder, "example1/link"));
  execFileSync("mkfifo", [join(folder, "example1/pipe")]);
}

const kept = [
  { path: "example1/empty", bytes: 0, executable: false },
  { path: "example1/figures/plot.png", bytes: binary.length, executable: false },
  { path: "example1/runscript.sh", bytes: 10, executable: true },
  { path: "state.json", bytes: 7, executable: false },
];
const unsafe = [
  "../state.json",
  "/etc/passwd",
  "example1/../state.json",
  "state.json\0",
  "",
  ".",
  "example1//empty",
  "example1",
];

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe("folders of one machine", () => {
  const id = "a".repeat(32);

  it("list and read what is kept of a run, and nothing else", async () => {
    const files = createFolderFiles({ root });
    await fill(files.folderOf(id));
    expect(await files.list(id)).toEqual(kept);
    expect(await files.read(id, "example1/figures/plot.png")).toEqual(binary);
    for (const path of [
      ...unsafe,
      "lock",
      "repository/src/main.py",
      "state.json.tmp",
      "example1/link",
      "example1/pipe",
      "none",
    ]) {
      expect(await files.read(id, path), path).toBeNull();
    }
  });

  it("read nothing through a folder that is a link", async () => {
    const files = createFolderFiles({ root });
    await fill(files.folderOf(id));
    await mkdir(join(root, "elsewhere"));
    await writeFile(join(root, "elsewhere/secret"), "secret");
    await symlink(join(root, "elsewhere"), join(files.folderOf(id), "example2"));
    expect(await files.read(id, "example2/secret")).toBeNull();
    expect(await files.list(id)).toEqual(kept);
  });

  it("are copied for another run, and removed", async () => {
    const files = createFolderFiles({ root });
    await fill(files.folderOf(id));
    const other = "b".repeat(32);
    await files.copy(id, other);
    expect(await files.list(other)).toEqual(kept);
    expect(await files.read(other, "example1/figures/plot.png")).toEqual(binary);
    await files.remove(id);
    expect(await files.list(id)).toEqual([]);
    expect(await isThere(files.folderOf(id))).toBe(false);
  });

  it("have no folder for what is no id of a run", () => {
    expect(() => createFolderFiles({ root }).folderOf("../etc")).toThrow();
  });
});

describe.each(databases.kinds)("files in a database, %s", (kind) => {
  let database: Database;
  let id: string;
  let here: RunFiles;
  let there: RunFiles;
  let warnings: unknown[];

  beforeAll(async () => {
    database = await openDatabase(await databases.createPlace(kind));
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    warnings = [];
    const log = { warn: (fields: unknown) => void warnings.push(fields) };
    here = createDatabaseFiles({ root: join(root, "here"), database, log });
    there = createDatabaseFiles({ root: join(root, "there"), database });
    id = await createId();
  });

  async function createId(): Promise<string> {
    const store = createStore({ database, files: createFolderFiles({ root }) });
    const creation = await store.runs.create(newRun(), boundsOf(1, 1000), async () => {});
    if (creation.kind !== "created") throw new Error(creation.kind);
    return creation.run.id;
  }

  it("come to another machine as they were: bytes, executable bits, times", async () => {
    await fill(here.folderOf(id));
    await utimes(join(here.folderOf(id), "state.json"), 1_700_000_000, 1_700_000_000);
    await here.keep(id);
    expect(await there.list(id)).toEqual(kept);
    expect(await there.read(id, "example1/figures/plot.png")).toEqual(binary);
    for (const path of [...unsafe, "lock", "example1/link"]) expect(await there.read(id, path), path).toBeNull();
    await there.restore(id);
    const folder = there.folderOf(id);
    expect(await readFile(join(folder, "example1/figures/plot.png"))).toEqual(binary);
    expect((await stat(join(folder, "example1/runscript.sh"))).mode & 0o777).toBe(0o755);
    expect((await stat(join(folder, "state.json"))).mtimeMs).toBe(1_700_000_000_000);
    expect(await isThere(join(folder, "repository"))).toBe(false);
    expect(await isThere(join(folder, "example1/link"))).toBe(false);
  });

  it("are written only where they changed, and removed where they went", async () => {
    await fill(here.folderOf(id));
    const path = (name: string): string => join(here.folderOf(id), name);
    const old = new Date(Date.now() - 60_000);
    for (const { path: name } of kept) await utimes(path(name), old, old);
    await here.keep(id);
    const versions = async (): Promise<unknown[]> =>
      (await database.query("SELECT path, xmin::text FROM codedistiller.run_files WHERE run_id = $1 ORDER BY 1", [id]))
        .rows;
    const first = await versions();
    await here.keep(id);
    expect(await versions()).toEqual(first);
    await writeFile(path("state.json"), '{"a":2}');
    await rm(path("example1/empty"));
    await chmod(path("example1/runscript.sh"), 0o644);
    await here.keep(id);
    expect(await there.read(id, "state.json")).toEqual(Buffer.from('{"a":2}'));
    expect(await there.list(id)).toEqual([
      kept[1],
      { path: "example1/runscript.sh", bytes: 10, executable: false },
      kept[3],
    ]);
    expect((await versions())[0]).toEqual(first[1]);
  });

  it("replace what a machine had from an earlier turn, and are not led astray by links", async () => {
    await fill(here.folderOf(id));
    await here.keep(id);
    const folder = there.folderOf(id);
    await mkdir(join(root, "elsewhere/figures"), { recursive: true });
    await writeFile(join(root, "elsewhere/untouched"), "untouched");
    await mkdir(join(folder, "repository"), { recursive: true });
    await writeFile(join(folder, "repository/kept"), "");
    await writeFile(join(folder, "lock"), "3 4");
    await writeFile(join(folder, "state.json"), '{"a":0}');
    await writeFile(join(folder, "stale"), "stale");
    await mkdir(join(folder, "stale-folder/inner"), { recursive: true });
    await writeFile(join(folder, "stale-folder/inner/file"), "stale");
    await symlink(join(root, "elsewhere"), join(folder, "example1"));
    await there.restore(id);
    expect(await readFile(join(folder, "state.json"), "utf8")).toBe('{"a":1}');
    expect(await readFile(join(folder, "example1/figures/plot.png"))).toEqual(binary);
    expect(await isThere(join(folder, "stale"))).toBe(false);
    expect(await isThere(join(folder, "stale-folder"))).toBe(false);
    expect(await isThere(join(folder, "repository/kept"))).toBe(true);
    expect(await readFile(join(folder, "lock"), "utf8")).toBe("3 4");
    expect(await readFile(join(root, "elsewhere/untouched"), "utf8")).toBe("untouched");
    expect(await isThere(join(root, "elsewhere/figures/plot.png"))).toBe(false);
  });

  it("stay as they are on the machine that kept them last, which may have newer ones", async () => {
    const path = (name: string): string => join(here.folderOf(id), name);
    await fill(here.folderOf(id));
    await here.keep(id);
    await writeFile(path("state.json"), "newer");
    await writeFile(path("model-calls.jsonl"), "paid");
    await here.restore(id);
    expect(await readFile(path("state.json"), "utf8")).toBe("newer");
    expect(await readFile(path("model-calls.jsonl"), "utf8")).toBe("paid");
    // Another machine went on with it meanwhile.
    await there.restore(id);
    await writeFile(join(there.folderOf(id), "state.json"), "newest");
    await there.keep(id);
    await here.restore(id);
    expect(await readFile(path("state.json"), "utf8")).toBe("newest");
    expect(await isThere(path("model-calls.jsonl"))).toBe(false);
  });

  it("leave a machine once their run is gone, or ended a while ago", async () => {
    const store = createStore({ database, files: here });
    const [gone, ended, recent, live] = [id, await createId(), await createId(), await createId()];
    for (const each of [gone, ended, recent, live]) {
      await fill(here.folderOf(each));
      await here.keep(each);
    }
    await mkdir(join(root, "here/not-ours"));
    await database.query("DELETE FROM codedistiller.runs WHERE id = $1", [gone]);
    for (const [each, finishedAt] of [
      [ended, "2020-01-01T00:00:00.000Z"],
      [recent, "2022-01-01T00:00:00.000Z"],
    ] as const)
      await store.runs.update(each, (run) => ({ ...run, status: "finished", finishedAt }));
    expect(await here.removeCopies("2021-01-01T00:00:00.000Z")).toBe(2);
    expect((await readdir(join(root, "here"))).sort()).toEqual([recent, live, "not-ours"].sort());
    expect(await here.list(ended)).toEqual(kept);
  });

  it("leave out what is too large, and say so", async () => {
    await fill(here.folderOf(id));
    await writeFile(join(here.folderOf(id), "huge.bin"), "");
    await truncate(join(here.folderOf(id), "huge.bin"), 33 * 2 ** 20);
    await here.keep(id);
    expect(await there.list(id)).toEqual(kept);
    expect(warnings).toEqual([{ run: id, files: ["huge.bin"], more: 0 }]);
  });

  it("become those of another run, and are removed with their own", async () => {
    await fill(here.folderOf(id));
    await here.keep(id);
    const revision = await createId();
    await here.copy(id, revision);
    expect(await readFile(join(here.folderOf(revision), "state.json"), "utf8")).toBe('{"a":1}');
    await here.remove(id);
    expect(await here.list(id)).toEqual([]);
    expect(await isThere(here.folderOf(id))).toBe(false);
    expect(await there.list(revision)).toEqual(kept);
    expect(await there.read(revision, "example1/figures/plot.png")).toEqual(binary);
  });

  it("are not kept of a run that is gone", async () => {
    const gone = "c".repeat(32);
    await fill(here.folderOf(gone));
    await here.keep(gone);
    expect(await here.list(gone)).toEqual([]);
  });
});
