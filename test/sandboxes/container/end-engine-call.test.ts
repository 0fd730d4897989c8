import { spawn } from "node:child_process";
import { describe, expect, it, vi } from "vitest";
import { endEngineCall } from "../../../src/sandboxes/container/end-engine-call.ts";

vi.mock("../../../src/sandboxes/local/process-table.ts", () => ({
  createProcessTable() {
    throw Object.assign(new Error("EACCES: permission denied, scandir '/proc'"), { code: "EACCES" });
  },
}));

describe("a call of an engine", () => {
  it("is ended also where this machine's processes cannot be listed", async () => {
    const child = spawn("sleep", ["60"], { stdio: "pipe" });
    const ended = new Promise((resolve) => child.once("close", (_code, signal) => resolve(signal)));
    await endEngineCall(child, { patienceMs: 0 });
    expect(await ended).toBe("SIGKILL");
  });
});
