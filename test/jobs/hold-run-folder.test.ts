import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdRunFolder } from "../../src/jobs/hold-run-folder.ts";
import { makeFolder } from "../support/author-context.ts";

describe("holdRunFolder", () => {
  it("writes who holds the folder and lets it go", async () => {
    await using folder = await makeFolder();
    const lock = join(folder.path, "lock");
    {
      await using _held = await holdRunFolder(folder.path);
      expect(await readFile(lock, "utf8")).toMatch(new RegExp(`^${process.pid} \\d+$`));
    }
    await expect(access(lock)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("refuses a folder that another living process holds, and names it", async () => {
    await using folder = await makeFolder();
    const holding = `import { holdRunFolder } from ${JSON.stringify(new URL("../../src/jobs/hold-run-folder.ts", import.meta.url).href)}; await holdRunFolder(process.argv[1]); console.log("held"); setTimeout(() => {}, 60000);`;
    const other = spawn(process.execPath, ["--input-type=module", "-e", holding, folder.path], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      await once(other.stdout, "data");
      await expect(holdRunFolder(folder.path)).rejects.toMatchObject({
        code: "run-in-progress",
        userMessage: expect.stringContaining(String(other.pid)),
      });
    } finally {
      other.kill("SIGKILL");
      await once(other, "exit");
    }
    await using held = await holdRunFolder(folder.path);
    expect(held).toBeDefined();
  });

  it.each(["", "not a number", "-1", "0"])("takes over a lock that says %j", async (text) => {
    await using folder = await makeFolder({ lock: text });
    await using _held = await holdRunFolder(folder.path);
    expect(await readFile(join(folder.path, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} \\d+$`));
  });

  it("takes over a lock whose process number another process has now", async () => {
    await using folder = await makeFolder({ lock: `${process.ppid} 1` });
    await using _held = await holdRunFolder(folder.path);
    expect(await readFile(join(folder.path, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} \\d+$`));
  });

  it("says in one line that a folder cannot be written", async () => {
    await using folder = await makeFolder({ file: "x" });
    await expect(holdRunFolder(join(folder.path, "file"))).rejects.toMatchObject({ code: "output-not-writable" });
  });
});
