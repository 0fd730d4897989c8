import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Variables by which Podman keeps containers and new images in a folder of their own, and sees the images of the
 * machine: what other tests start and remove at the same time is not among them.
 */
export function makePrivatePodman(folder: string): Record<string, string> {
  mkdirSync(folder, { recursive: true });
  const images = podman(process.env, "info", "--format", "{{.Store.GraphRoot}}").trim();
  const files = {
    CONTAINERS_STORAGE_CONF: `[storage]
driver = "overlay"
graphroot = "${folder}/graph"
runroot = "${folder}/run"
[storage.options]
additionalimagestores = ["${images}"]
`,
    CONTAINERS_CONF: `[engine]
tmp_dir = "${folder}/tmp"
static_dir = "${folder}/graph/libpod"
`,
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return [name, path];
    }),
  );
}

/** What a command of Podman prints. */
export function podman(environment: Readonly<Record<string, string | undefined>>, ...argv: string[]): string {
  return execFileSync("podman", argv, { encoding: "utf8", env: environment, stdio: ["ignore", "pipe", "pipe"] });
}
