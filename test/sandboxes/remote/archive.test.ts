import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { packFiles, unpackInto } from "../../../src/sandboxes/remote/archive.ts";

const folder = mkdtempSync(join(tmpdir(), "archive-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const limits = { from: "/work", maxFileBytes: 1e9, maxTotalBytes: 1e9, maxFiles: 100 };
const content = Buffer.alloc(3_000_000, "content ");

async function packed(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of packFiles({ "a/whole": "whole", large: content })) parts.push(part);
  return Buffer.concat(parts);
}

/** Files below a folder that this process has open. */
function openBelow(place: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((number) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${number}`);
      return path.startsWith(place) ? [path] : [];
    } catch {
      return [];
    }
  });
}

describe("an archive from a sandbox", () => {
  it("is written below a folder as it arrives", async () => {
    const to = join(folder, "whole");
    await using archive = await unpackInto({ ...limits, to });
    await archive.write(await packed());
    expect(await archive.finish()).toEqual([
      { path: "a/whole", bytes: 5 },
      { path: "large", bytes: content.length },
    ]);
    expect(readFileSync(join(to, "large")).equals(content)).toBe(true);
  });

  it("leaves nothing open and nobody waiting where it does not come to its end", async () => {
    const to = join(folder, "broken");
    const archive = await unpackInto({ ...limits, to });
    await archive.write((await packed()).subarray(0, 1_000_000));
    expect(openBelow(to)).not.toEqual([]);
    await archive[Symbol.asyncDispose]();
    expect(openBelow(to)).toEqual([]);
    await expect(archive.finish()).rejects.toThrow("the archive has not come to its end");
  });
});
