import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ModalClient } from "modal";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sandboxImage } from "../../support/sandbox-image.ts";
import { openProviderSession, type ProviderSession, usual } from "./provider-session.ts";
import { startChild } from "./start-child.ts";

const image = await sandboxImage();
const dayMs = 24 * 3600_000;

describe.runIf(image !== null)("what dead runs left at Modal", () => {
  let session: ProviderSession;
  beforeAll(async () => {
    session = await openProviderSession(image?.rootfs ?? "");
  });
  afterEach(() => session.reset());
  afterAll(() => session?.[Symbol.asyncDispose]());

  const ids = () => session.running().map(({ id }) => id);

  it("goes at the next start, and nothing else does", async () => {
    const stateFolder = join(session.folder, "state");
    const child = startChild({ stateFolder, what: "hold" });
    await child.waitFor("running");
    const dead = ids();
    expect(dead).toHaveLength(2);
    child.process.kill("SIGKILL");
    await child.ended;
    expect(ids()).toEqual(dead);

    const alive = startChild({ stateFolder, what: "hold", options: { reapAtStart: false } });
    await alive.waitFor("running");
    const strangers = await createStrangers();
    const before = await session.make({ reapAtStart: false });
    const seen = await before.reap({ snapshotsUnusedMs: Number.POSITIVE_INFINITY, dryRun: true });
    expect(seen.map(({ kind, name }) => [kind, name]).toSorted()).toEqual(
      [...dead, strangers.old].map((id) => ["sandbox", id]).toSorted(),
    );
    expect(seen.find(({ name }) => name === strangers.old)?.ageMs).toBeGreaterThan(2.9 * dayMs);

    await session.make();
    const staying = ids();
    for (const gone of [...dead, strangers.old]) expect(staying).not.toContain(gone);
    for (const stays of strangers.staying) expect(staying).toContain(stays);
    expect(staying).toHaveLength(2 + strangers.staying.length);
    alive.process.kill("SIGKILL");
    await alive.ended;
    for (const sandbox of session.running()) await sandbox.breakDown("terminated");
  });

  it("may be gone before it is looked at, which stops nobody", async () => {
    const child = startChild({ stateFolder: join(session.folder, "state"), what: "hold" });
    await child.waitFor("running");
    child.process.kill("SIGKILL");
    await child.ended;
    const provider = await session.make({ reapAtStart: false });
    session.server.faults.add({ kind: "status", method: "SandboxTagsGetV2", code: "NOT_FOUND" });
    expect(await provider.reap({ snapshotsUnusedMs: dayMs, dryRun: true })).toHaveLength(1);
    session.server.faults.add({ kind: "status", method: "SandboxTerminateV2", code: "NOT_FOUND" });
    expect(await provider.reap({ snapshotsUnusedMs: dayMs, dryRun: false })).toHaveLength(2);
    for (const sandbox of session.running()) await sandbox.breakDown("terminated");
  });

  it.each([
    ["SandboxListV2", "refused", 0],
    ["SandboxListV2", "never answered", 0],
    ["SandboxTagsGetV2", "refused", 1],
    ["SandboxTerminateV2", "refused", 1],
    ["SandboxTerminateV2", "never answered", 1],
  ] as const)("stops no start where %s is %s, and goes as far as it can", async (method, how, ended) => {
    const child = startChild({ stateFolder: join(session.folder, "state"), what: "hold" });
    await child.waitFor("running");
    child.process.kill("SIGKILL");
    await child.ended;
    session.server.faults.add(
      how === "refused"
        ? { kind: "status", method, code: "FAILED_PRECONDITION", message: "not now" }
        : { kind: "hang", method },
    );
    const told: string[] = [];
    const provider = await session.make({ deadlines: { shortMs: 400 }, onProgress: (text) => told.push(text) });
    expect(told).toEqual([
      expect.stringMatching(/^what earlier runs left could not be removed now: .*(not now|did not answer)/),
    ]);
    expect(ids()).toHaveLength(2 - ended);
    expect(await provider.reap({ snapshotsUnusedMs: dayMs, dryRun: false })).toHaveLength(2 - ended);
    expect(ids()).toEqual([]);
  });

  it("goes with snapshots that nobody has used for long: the image and the note of it", async () => {
    const provider = await session.make();
    for (const key of ["old", "new"]) {
      await using sandbox = await provider.create(usual);
      await sandbox.snapshot({ key, paths: [] });
    }
    const notes = noteFolder(join(session.folder, "state"));
    const longAgo = new Date(Date.now() - 5 * dayMs);
    utimesSync(join(notes, "old"), longAgo, longAgo);
    writeFileSync(join(notes, ".of another program"), "{");
    utimesSync(join(notes, ".of another program"), longAgo, longAgo);
    const images = session.server.imageIds();
    const bounds = { snapshotsUnusedMs: 4 * dayMs, dryRun: true };
    expect(await provider.reap(bounds)).toMatchObject([{ kind: "snapshot", name: "old" }]);
    expect(session.server.imageIds()).toEqual(images);
    expect(await provider.reap({ ...bounds, dryRun: false })).toMatchObject([{ kind: "snapshot", name: "old" }]);
    expect(session.server.imageIds()).toHaveLength(images.length - 1);
    expect(readdirSync(notes).sort()).toEqual([".of another program", "new"]);
    expect([await provider.hasSnapshot("old"), await provider.hasSnapshot("new")]).toEqual([false, true]);
    expect(await provider.reap({ ...bounds, dryRun: false })).toEqual([]);

    // Its image is gone already, by Modal's own bound.
    utimesSync(join(notes, "new"), longAgo, longAgo);
    session.server.faults.add({ kind: "status", method: "ImageDelete", code: "NOT_FOUND" });
    expect(await provider.reap({ ...bounds, dryRun: false })).toHaveLength(1);
    expect(existsSync(join(notes, "new"))).toBe(false);
  });

  it("is used again by its note as long as that is young, and a snapshot of another token never", async () => {
    const provider = await session.make();
    {
      await using sandbox = await provider.create(usual);
      await sandbox.snapshot({ key: "shared", paths: [] });
    }
    const again = await session.make();
    await using _sandbox = await again.create({ ...usual, snapshot: "shared" });
    const folder = noteFolder(join(session.folder, "state"));
    writeFileSync(join(folder, "damaged"), '{"imageId":');
    writeFileSync(join(folder, "expired"), JSON.stringify({ imageId: "im-1", keptAt: Date.now() - 13.5 * dayMs }));
    for (const key of ["damaged", "expired"]) expect(await again.hasSnapshot(key)).toBe(false);
    expect(folder).not.toContain(session.server.environment.MODAL_TOKEN_ID);
  });

  /** Sandboxes in our app that are not for us to end, and one of another host that is old. */
  async function createStrangers(): Promise<{ staying: string[]; old: string }> {
    const client = new ModalClient();
    const app = await client.apps.fromName("codedistiller", { createIfMissing: true });
    const base = await client.images.fromRegistry("ubuntu:24.04").build(app);
    const create = async (tags: Record<string, string>): Promise<string> =>
      (await client.sandboxes.create(app, base, { timeoutMs: 60_000, tags })).sandboxId;
    const otherHost = { product: "codedistiller", owner: "0badcafe-4026531836-17-4242" };
    const staying = [
      await create({}),
      await create({ product: "something-else", owner: otherHost.owner, created: "1" }),
      await create({ ...otherHost, created: String(Date.now() - dayMs) }),
      await create({ product: "codedistiller" }),
      await create({ ...otherHost, created: "long ago" }),
    ];
    const old = await create({ ...otherHost, created: String(Date.now() - 3 * dayMs) });
    client.close();
    return { staying, old };
  }
});

function noteFolder(stateFolder: string): string {
  const [name, ...others] = readdirSync(stateFolder).filter((each) => each.startsWith("snapshots-modal-"));
  if (name === undefined || others.length > 0) throw new Error(`Folders of notes: ${name} ${others}`);
  return join(stateFolder, name);
}
