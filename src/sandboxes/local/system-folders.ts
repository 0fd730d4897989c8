import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Owner } from "./beneath.ts";

/** Shown in every sandbox where they are on the host, so that settings which name them hold inside. */
export const shownFolders = ["/usr", "/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust"];

/** Of /etc only what programs need to load libraries, trust certificates and draw text. Nothing that may hold a password. */
const sharedSettings = [
  "R",
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "debian_version",
  "fonts",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "mime.types",
  "os-release",
  "pki/ca-trust",
  "pki/tls/certs",
  "protocols",
  "services",
  "ssl/certs",
  "ssl/openssl.cnf",
];

/** Arguments that show the host's system read-only: /usr, the links or folders into it, and a minimal /etc. */
export function showSystem(settingsFolder: string, network: "full" | "none"): string[] {
  const links = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].flatMap((name) => {
    const stat = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    return stat.isSymbolicLink() ? ["--symlink", readlinkSync(`/${name}`), `/${name}`] : showReadOnly(`/${name}`);
  });
  const shared = sharedSettings.flatMap((name) => {
    const path = join("/etc", name);
    return existsSync(path) ? showReadOnly(realpathSync(path), path) : [];
  });
  const own = ["passwd", "group", "nsswitch.conf", "hostname"].flatMap((name) =>
    showReadOnly(join(settingsFolder, name), join("/etc", name)),
  );
  const names = network === "full" ? ["hosts", "resolv.conf"].filter((name) => existsSync(join("/etc", name))) : [];
  const resolving = names.flatMap((name) => showReadOnly(realpathSync(join("/etc", name)), join("/etc", name)));
  const withoutNetwork = network === "none" ? showReadOnly(join(settingsFolder, "hosts"), "/etc/hosts") : [];
  return [...showReadOnly("/usr"), ...links, ...shared, ...own, ...resolving, ...withoutNetwork];
}

/** Shows a host path read-only; folders above it are made readable for everybody, whatever they are on the host. */
export function showReadOnly(host: string, inside: string = host): string[] {
  return [...foldersAbove(inside), "--ro-bind", host, inside];
}

function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let at = dirname(path); at !== "/"; at = dirname(at)) folders.unshift("--dir", at);
  return folders;
}

/** Writes the few files of /etc that are the sandbox's own. */
export async function writeSettings(folder: string, owner: Owner): Promise<void> {
  const uid = owner?.uid ?? 1000;
  const gid = owner?.gid ?? 1000;
  const files: Record<string, string> = {
    passwd: `root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nsandbox:x:${uid}:${gid}::/work/home:/bin/sh\n`,
    group: `root:x:0:\nsandbox:x:${gid}:\n`,
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    hostname: "sandbox\n",
    hosts: "127.0.0.1 localhost sandbox\n::1 localhost\n",
  };
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o644);
  }
}
