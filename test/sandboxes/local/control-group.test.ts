import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createControlGroup } from "../../../src/sandboxes/local/control-group.ts";

const limits = { memoryMb: 100, processes: 20, diskMb: 10 };
const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** Folders in the form of the kernel's; files that the kernel makes in a new group come with the first write. */
function makeHierarchy(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "cgroup-"));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe("a control group", () => {
  it("of version 2 is made below the nearest group that hands its limits on", () => {
    const root = makeHierarchy({
      "cgroup.controllers": "cpu memory pids",
      "user.slice/cgroup.subtree_control": "cpu memory pids\n",
      "user.slice/cgroup.procs": "",
      "user.slice/session.scope/cgroup.subtree_control": "\n",
      "user.slice/session.scope/cgroup.procs": "",
    });
    const group = createControlGroup(limits, { root, own: "0::/user.slice/session.scope\n" });
    group?.add(42);
    const [folder = ""] = newGroups(join(root, "user.slice"));
    const read = (name: string) => readFileSync(join(folder, name), "utf8");
    expect(read("memory.max")).toBe(String(100 * 2 ** 20));
    expect(read("pids.max")).toBe("21");
    expect(read("cgroup.procs")).toBe("42");
    expect(group?.ranOutOfMemory()).toBe(false);
    writeFileSync(join(folder, "memory.events"), "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n");
    expect(group?.ranOutOfMemory()).toBe(true);
  });

  it("of version 1 is made for each controller", () => {
    const root = makeHierarchy({ "memory/own/cgroup.procs": "", "pids/cgroup.procs": "" });
    const group = createControlGroup(limits, { root, own: "5:memory:/own\n4:pids:/\n0::/\n" });
    group?.add(42);
    const [memory = ""] = newGroups(join(root, "memory/own"));
    const [pids = ""] = newGroups(join(root, "pids"));
    expect(readFileSync(join(memory, "memory.limit_in_bytes"), "utf8")).toBe(String(100 * 2 ** 20));
    expect(readFileSync(join(pids, "pids.max"), "utf8")).toBe("21");
    writeFileSync(join(memory, "memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    expect(group?.ranOutOfMemory()).toBe(true);
  });

  it("is not there where none can be made", () => {
    const root = makeHierarchy({
      "cgroup.controllers": "memory pids",
      "cgroup.subtree_control": "",
      "cgroup.procs": "",
    });
    expect(createControlGroup(limits, { root, own: "0::/\n" })).toBeNull();
    expect(createControlGroup(limits, { root: "/nowhere", own: "" })).toBeNull();
    expect(existsSync("/nowhere")).toBe(false);
  });
});

function newGroups(parent: string): string[] {
  return readdirSync(parent)
    .filter((name) => name.startsWith("codedistiller-"))
    .map((name) => join(parent, name));
}
