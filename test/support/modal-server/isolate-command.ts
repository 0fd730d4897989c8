import { join } from "node:path";

export interface IsolatedPlaceOptions {
  /** Its own; has `upper` and `work` for what is written, and `root` to mount at. */
  folder: string;
  /** Folders of the layers, the topmost first. */
  layers: readonly string[];
  network: "host" | "none";
  /** Null for one that waits for programs. */
  command: readonly string[] | null;
  workingFolder: string;
  environment: Readonly<Record<string, string>>;
  memoryMb: number;
}

/** Program and arguments that mount the layers and start the first process above them; tells on descriptor 3 which it is. */
export function isolateCommand(options: IsolatedPlaceOptions): [string, ...string[]] {
  const { folder, layers } = options;
  const root = join(folder, "root");
  const mount = `lowerdir=${layers.join(":")},upperdir=${join(folder, "upper")},workdir=${join(folder, "work")},${overlayOptions}`;
  return ["unshare", "-m", "sh", "-ec", mountAndRun, "sh", mount, root, "bwrap", ...bubblewrapArguments(options, root)];
}

/** Nothing here has to survive a loss of power; renamed folders are as with containers everywhere. */
const overlayOptions = "volatile,index=off,metacopy=off,redirect_dir=off,xino=off";
const mountAndRun = 'mount -t overlay overlay -o "$1" "$2"; shift 2; exec "$@"';
/** What root of a container has: https://man7.org/linux/man-pages/man7/capabilities.7.html */
const capabilities = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_SYS_CHROOT: 18,
};
/** By their numbers. */
export const keptCapabilities = Object.values(capabilities);

function bubblewrapArguments(
  { network, command, workingFolder, environment }: IsolatedPlaceOptions,
  root: string,
): string[] {
  return [
    "--die-with-parent",
    ...["--info-fd", "3", "--bind", root, "/"],
    ...["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"],
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "modal", "--new-session"],
    ...(network === "none" ? ["--unshare-net"] : []),
    ...["--cap-drop", "ALL", ...Object.keys(capabilities).flatMap((name) => ["--cap-add", name])],
    "--clearenv",
    ...Object.entries(environment).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--chdir", workingFolder, "--"],
    ...(command ?? ["sleep", "infinity"]),
  ];
}
