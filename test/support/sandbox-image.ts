import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { skipAloud } from "./command-line.ts";

/** A small Debian with Python and a compiler, made once for each recipe and shared by every test of the machine. */
export interface SandboxImage {
  /** The unpacked root file system; nobody writes to it. */
  rootfs: string;
  tar: string;
}

/** Null, said aloud, where no root file system can be made: it takes root and mmdebstrap. */
export async function sandboxImage(): Promise<SandboxImage | null> {
  if (process.getuid?.() !== 0 || !works("mmdebstrap", ["--version"])) {
    skipAloud("root account with mmdebstrap");
    return null;
  }
  const image = { rootfs: join(folder, "rootfs"), tar: join(folder, "rootfs.tar") };
  mkdirSync(folder, { recursive: true });
  await holdingLock(join(folder, "lock"), () => {
    if (!existsSync(image.tar)) {
      makeWhole(image.tar, (part) => {
        execFileSync("mmdebstrap", ["--quiet", "--format=tar", ...recipe, "bookworm", part], {
          stdio: ["ignore", "ignore", "inherit"],
        });
      });
    }
    if (!existsSync(image.rootfs)) {
      makeWhole(image.rootfs, (part) => {
        rmSync(part, { recursive: true, force: true });
        mkdirSync(part);
        // Devices are made by whoever starts a container.
        execFileSync("tar", ["--numeric-owner", "--exclude=./dev/*", "-xpf", image.tar, "-C", part]);
        chmodSync(part, 0o755);
      });
    }
  });
  return image;
}

/** Name of the same image for podman; null, said aloud, where it runs no containers. */
export async function containerImage(): Promise<string | null> {
  if (!works("podman", ["version"])) {
    skipAloud("podman");
    return null;
  }
  const name = `localhost/codedistiller-test:${recipeHash}`;
  const isThere = () => works("podman", ["image", "exists", name]);
  if (!isThere()) {
    const image = await sandboxImage();
    if (image === null) return null;
    await holdingLock(join(folder, "podman-lock"), () => {
      if (!isThere()) execFileSync("podman", ["import", "--quiet", image.tar, name], { stdio: "ignore" });
    });
  }
  if (!startsContainers(name)) {
    // Not even by hand: that is the kernel's doing, and nothing that a machine of ours could be given.
    skipAloud("kernel on which podman starts containers", false);
    return null;
  }
  return name;
}

/** Whether one starts in the most modest way, by whichever runtime. */
function startsContainers(image: string): boolean {
  const modest = ["--rm", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];
  const runtimes = [[], ["--runtime", "runc"], ["--runtime", "crun"]];
  return runtimes.some((runtime) => works("podman", [...runtime, "run", ...modest, image, "true"]));
}

const recipe = ["--variant=apt", "--include=ca-certificates,python3,python3-venv,python3-dev,gcc,libc6-dev,git"];
const recipeHash = createHash("sha256").update(recipe.join("\n")).digest("hex").slice(0, 12);
const folder = fileURLToPath(new URL(`../../node_modules/.cache/sandbox-image/${recipeHash}`, import.meta.url));

function works(program: string, argv: readonly string[]): boolean {
  return spawnSync(program, argv, { stdio: "ignore" }).status === 0;
}

/** What was half made by a process that died is made anew. */
function makeWhole(path: string, make: (part: string) => void): void {
  const part = `${path}.part`;
  make(part);
  renameSync(part, path);
}

/** One process at a time; test files run in parallel. The lock of a dead process is taken over. */
async function holdingLock(lock: string, action: () => void): Promise<void> {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (isAbandoned(lock)) rmSync(lock, { force: true });
      else await sleep(200);
    }
  }
  try {
    action();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isAbandoned(lock: string): boolean {
  try {
    return !existsSync(`/proc/${readFileSync(lock, "utf8")}`);
  } catch {
    // It was given back just now.
    return false;
  }
}
