import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ContractTools, findPython, run, shell } from "./contract-subject.ts";

/** What a provider that isolates owes: a program reaches nothing of the host, of its keepers and of other programs. */
export function describeIsolation({ provider, create, can, secret, elsewhere }: ContractTools): void {
  describe.runIf(can.isolated)("against a hostile program", () => {
    it("shows no file and no process of the host", async () => {
      const name = `planted-${randomBytes(6).toString("hex")}`;
      const planted = plantFiles(name, [elsewhere.options.stateFolder]);
      try {
        await using sandbox = await create({ network: "full" });
        const reached = await run(sandbox, ["sh", "-c", readEverywhere, "sh", ...planted]);
        expect(reached.stdout.text).toBe("");
        expect(reached.status).toEqual({ kind: "exited", code: 0 });
        const found = await shell(sandbox, `find / -path /proc -prune -o -name '*${name}*' -print 2> /dev/null; :`);
        expect(found.stdout.text).toBe("");
        const processes = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' '\\n'";
        const seen = (await shell(sandbox, processes)).stdout.text;
        expect(seen).toContain("LANG=C.UTF-8");
        expect(seen).not.toContain(secret);
        expect(seen).not.toMatch(/vitest/);
        expect((await run(sandbox, ["cat", "/etc/shadow"])).status).toEqual({ kind: "exited", code: 1 });
      } finally {
        for (const path of planted) rmSync(path, { force: true });
      }
    });

    it("gives no privilege, and no way to one", async () => {
      const from = mkdtempSync(join(tmpdir(), "set-user-id-"));
      copyFileSync(execFileSync("sh", ["-c", "command -v id"], { encoding: "utf8" }).trim(), join(from, "id"));
      chmodSync(join(from, "id"), 0o6755);
      chmodSync(from, 0o755);
      await using sandbox = await create();
      await sandbox.putFolder({ from, to: "/opt/planted", readOnly: true });
      await sandbox.putFolder({ from, to: "/work/planted" });
      const status = (await shell(sandbox, "id -u; grep -E '^(Cap|NoNewPrivs)' /proc/self/status")).stdout.text;
      expect(status.split("\n")[0]).not.toBe("0");
      expect(status.match(/^Cap(Inh|Prm|Eff|Amb):\t0+$/gm)).toHaveLength(4);
      expect(status).toContain("NoNewPrivs:\t1");
      const ways = [
        "/opt/planted/id",
        "/work/planted/id",
        "cp planted/id own; chmod 6755 own; ./own",
        "su root -c id < /dev/null",
        "sudo -n id",
        "setpriv --reuid 0 id",
        "for file in $(find / -xdev -perm -4000 2> /dev/null); do timeout 1 $file -c id < /dev/null; done",
      ];
      for (const way of ways) {
        expect((await shell(sandbox, `{ ${way}; } 2>&1; :`)).stdout.text, way).not.toMatch(/uid=0\b|euid=0\b/);
      }
      const refused = await run(sandbox, ["sh", "-c", writeEverywhere, "sh", ...placesOfRoot]);
      expect(refused.stdout.text).toBe("");
      for (const act of ["mount -t tmpfs none /tmp", "mknod disk b 8 0", "chroot / true", "chown 0 planted"]) {
        expect((await shell(sandbox, act)).status, act).not.toMatchObject({ code: 0 });
      }
      rmSync(from, { recursive: true });
    });

    it("lets no program harm or imitate what looks after it", async () => {
      const python = await findPython(provider());
      await using sandbox = await create();
      const result = await run(sandbox, [python, "-c", attackOthers]);
      expect(result.stdout.text).toBe("");
      expect(result.status).toEqual({ kind: "exited", code: 3 });
      const answer = JSON.stringify({ ok: true, status: { kind: "exited", code: 0 }, durationMs: 1, peakMemoryMb: 1 });
      const frame = `r${String.fromCharCode(0, 0, 0, answer.length)}${answer}`;
      await sandbox.putFiles("/work", { frame });
      const imitated = await run(sandbox, [python, "-c", imitate, "frame"]);
      expect(imitated.stdout.text).toBe(frame);
      expect(imitated.status).toEqual({ kind: "exited", code: 5 });
      expect((await shell(sandbox, "echo alive")).stdout.text).toBe("alive\n");
    });

    it("lets a later sandbox see nothing of an earlier one", async () => {
      const python = await findPython(provider());
      const name = `earlier-${randomBytes(6).toString("hex")}`;
      {
        await using earlier = await create();
        const left = await run(earlier, [python, "-c", leaveEverywhere, name]);
        expect(left.status, left.stderr.text).toEqual({ kind: "exited", code: 0 });
        expect(Number(left.stdout.text)).toBeGreaterThan(3);
      }
      for (const fresh of [false, true]) {
        await using later = await create({ fresh });
        const found = `find / -path /proc -prune -o -name '*${name}*' -print 2> /dev/null; ls -A /tmp; tail -qn +2 /proc/sysvipc/*`;
        expect((await shell(later, found)).stdout.text).toBe("");
        const processes = (await shell(later, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).stdout.text;
        expect(processes).not.toContain("sleep 3000.5");
        expect((await shell(later, "ls -A")).stdout.text).toBe("home\n");
      }
    });
  });
}

/** Puts a secret that everybody may read wherever this account can write. */
function plantFiles(name: string, folders: readonly string[]): string[] {
  const places = [
    ...folders,
    homedir(),
    tmpdir(),
    process.cwd(),
    "/etc",
    "/opt",
    "/srv",
    "/root",
    "/var/tmp",
    "/dev/shm",
  ];
  return [...new Set(places)].flatMap((folder) => {
    const path = join(folder, name);
    try {
      writeFileSync(path, "planted", { mode: 0o644, flag: "wx" });
      return [path];
    } catch {
      return [];
    }
  });
}

/** As they are named, and by way of every process in sight. */
const readEverywhere = `
for path; do
  for root in "" /proc/[0-9]*/root /proc/[0-9]*/cwd /oldroot; do cat "$root$path" 2> /dev/null; done
done
:`;

const placesOfRoot = [
  ...["/x", "/etc/x", "/etc/passwd", "/usr/x", "/usr/bin/id", "/root/x", "/opt/x", "/opt/planted/id", "/dev/x"],
  ...["/var/lib/codedistiller/kept.json", "/proc/sys/kernel/hostname", "/sys/fs/cgroup/x", "/etc/ld.so.preload"],
];

const writeEverywhere = 'for path; do (echo x > "$path") 2> /dev/null && echo "$path"; done; :';

/** Prints what it could do to a process of another account; then ends all that it can. */
const attackOthers = `
import ctypes, os
library = ctypes.CDLL(None)
for name in os.listdir("/proc"):
    if not name.isdigit() or os.stat("/proc/" + name).st_uid == os.getuid():
        continue
    for what in ("mem", "environ", "maps"):
        try:
            print(name, what, open("/proc/%s/%s" % (name, what), "rb").read(1) and "read")
        except OSError:
            pass
    for what in ("fd", "cwd", "root"):
        try:
            print(name, what, os.listdir("/proc/%s/%s" % (name, what)))
        except OSError:
            pass
    if library.ptrace(16, int(name), 0, 0) == 0:
        print(name, "traced")
    for signal in (9, 19):
        try:
            os.kill(int(name), signal)
            print(name, "killed")
        except OSError:
            pass
try:
    os.kill(-1, 9)
except OSError:
    pass
os._exit(3)
`;

/** Says what an agent would say when a program has ended well, wherever it can be said. */
const imitate = `
import os, sys
frame = open(sys.argv[1], "rb").read()
os.write(1, frame)
for process in ("self", "1", str(os.getppid())):
    for number in range(3, 30):
        try:
            os.write(os.open("/proc/%s/fd/%d" % (process, number), os.O_WRONLY), frame)
        except OSError:
            pass
sys.exit(5)
`;

/** Files in every folder it may write to, memory and queues of System V, and a process; prints how many folders. */
const leaveEverywhere = `
import ctypes, os, subprocess, sys
count = 0
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders.remove("proc")
    if not os.access(folder, os.W_OK):
        continue
    try:
        open(os.path.join(folder, sys.argv[1]), "w").close()
        count += 1
    except OSError:
        pass
library = ctypes.CDLL(None)
create = 0o1000 | 0o666
assert library.shmget(0x7F3A, 4096, create) >= 0
assert library.semget(0x7F3A, 1, create) >= 0
assert library.msgget(0x7F3A, create) >= 0
subprocess.Popen(["sleep", "3000.5"], start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
print(count)
`;
