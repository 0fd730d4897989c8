/**
 * The port behind which untrusted code runs. A provider makes sandboxes; a sandbox runs commands, takes
 * folders in, gives folders out, keeps snapshots, and is disposed by `await using`.
 */

export interface SandboxProvider extends AsyncDisposable {
  /** As named in the configuration and in reports, for example `local`. */
  readonly name: string;
  /** Why it was taken, in words for a person, where nobody asked for it by name. */
  readonly chosenBecause?: string;
  /** What a program finds in a sandbox of this provider; asked of the sandbox itself where that is possible. */
  describe(signal?: AbortSignal): Promise<SandboxDescription>;
  /** Throws SandboxError when none can be made; that is never the fault of the program to be run. */
  create(options: CreateSandboxOptions): Promise<Sandbox>;
  hasSnapshot(key: string): Promise<boolean>;
  /** Forgets a snapshot; one that is not there is no error. */
  removeSnapshot(key: string): Promise<void>;
  /**
   * Removes what runs that are no more left behind, known by our own names and labels; nothing else is touched. Throws
   * for what could not be removed when all the rest was.
   */
  reap(options: ReapOptions): Promise<Leftover[]>;
  /**
   * Fetches wheels for plain requirements (`name[extras] versions ; markers`, others are passed over) into a cache
   * that every sandbox can read and none can write. Nothing of a repository takes part and no foreign code runs.
   * Only a saving of time: returns false where nothing was added, and throws for cancellation or a broken sandbox alone.
   */
  warmDownloadCache?(requirements: readonly string[], python: string, signal?: AbortSignal): Promise<boolean>;
}

export interface ReapOptions {
  /** Snapshots that nobody has used for so long go too, in milliseconds. */
  snapshotsUnusedMs: number;
  /** True: nothing is removed. */
  dryRun: boolean;
  signal?: AbortSignal;
}

/** What every start of a provider holds to. */
export const usualBounds: ReapOptions = { snapshotsUnusedMs: 14 * 24 * 3600_000, dryRun: false };

/** Something that a dead run left, or that nobody has used for long. */
export interface Leftover {
  kind: "sandbox" | "snapshot";
  name: string;
  ageMs: number;
}

export interface SandboxDescription {
  provider: string;
  /** What names the files that every sandbox starts with, for keys of snapshots; null where that is the host. */
  image: string | null;
  /** For example `Debian GNU/Linux 12 (bookworm)`. */
  system: string;
  /** For example `x86_64`. */
  architecture: string;
  pythons: PythonInterpreter[];
  cpuCores: number;
  memoryMb: number;
  /** False where nothing separates the program from the host. */
  isolated: boolean;
  /** Whether a program may install packages of the system (apt). */
  systemPackages: boolean;
  /** For example `NVIDIA A100, 40 GB`; null for none. */
  gpu: string | null;
  /** Programs of common use that are there: compilers, build tools, interpreters. */
  tools: string[];
}

export interface PythonInterpreter {
  /** Absolute path inside a sandbox. */
  path: string;
  /** For example `3.11.2`. */
  version: string;
  /** Whether `Python.h` is there, so that C extensions can be compiled. */
  hasHeaders: boolean;
}

export interface SandboxLimits {
  memoryMb: number;
  /** Processes and threads at one time. */
  processes: number;
  /** Bytes written below the writable folders, in MiB. */
  diskMb: number;
}

export interface CreateSandboxOptions {
  network: "full" | "none";
  limits: SandboxLimits;
  /** Key of a snapshot whose paths the sandbox starts with; read-only where the provider can. */
  snapshot?: string;
  /** True: programs may change what came with the snapshot; it is a copy. */
  handOver?: boolean;
  /** True: no other program has ever run in it. Otherwise it may have, and left nothing. */
  fresh?: boolean;
  /** Whether it gets the GPU that the provider has to give. */
  gpu?: boolean;
  signal?: AbortSignal;
}

export interface Sandbox extends AsyncDisposable {
  /**
   * Runs one command to its end. Resolves whatever the program did; throws SandboxError if the sandbox itself failed,
   * with code `sandbox-lost` where it went away in the middle: that says nothing about the program. CancelledError on abort.
   */
  run(options: RunCommandOptions): Promise<CommandResult>;
  /** Copies a host folder to an absolute path inside; `readOnly` allows a provider to mount it instead. */
  putFolder(options: { from: string; to: string; readOnly?: boolean }): Promise<void>;
  /** Writes files below an absolute folder inside; keys are relative paths. */
  putFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
  /** Copies what is below a folder inside to a host folder: regular files only, links are never followed, nothing outside is written. */
  getFolder(options: GetFolderOptions): Promise<GotFolder>;
  /**
   * Installs packages of the system as root; those that are there already are left alone. Names are Debian's. Throws
   * SandboxError, code `no-system-packages`, where `SandboxDescription.systemPackages` is false.
   */
  installSystemPackages(options: InstallSystemPackagesOptions): Promise<CommandResult>;
  /**
   * Keeps what stands at the given absolute paths below /work now, and installed packages of the system, under a key
   * that other sandboxes can start from. What else lies in the writable folders is not kept, and may be gone here too.
   * A snapshot that stands under the key already is replaced; sandboxes that began with it keep what they have.
   */
  snapshot(options: { key: string; paths: readonly string[] }): Promise<void>;
}

export interface RunCommandOptions {
  /** Never passed through a shell. */
  argv: readonly [string, ...string[]];
  /** Absolute path inside. */
  cwd: string;
  /** The only variables beside the provider's own PATH, HOME, TMPDIR and LANG. */
  env?: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** Bytes kept of each stream: head, tail and lines that look like errors between them. */
  outputLimitBytes?: number;
  onOutput?: (stream: "stdout" | "stderr", text: string) => void;
  signal?: AbortSignal;
}

export interface InstallSystemPackagesOptions
  extends Pick<RunCommandOptions, "timeoutMs" | "outputLimitBytes" | "onOutput" | "signal"> {
  packages: readonly string[];
}

export interface CommandResult {
  status: CommandStatus;
  stdout: CapturedOutput;
  stderr: CapturedOutput;
  durationMs: number;
  /** Highest resident memory seen of all its processes, MiB; null where it was not measured. */
  peakMemoryMb: number | null;
}

export type CommandStatus =
  | { kind: "exited"; code: number }
  | { kind: "timed-out" }
  | { kind: "out-of-memory" }
  /** Ended from outside, by a signal or by a limit. */
  | { kind: "killed"; signal: string; limit?: "disk" | "processes" };

export interface CapturedOutput {
  text: string;
  totalBytes: number;
  truncated: boolean;
}

export interface GetFolderOptions {
  from: string;
  to: string;
  /** First parts of paths that are passed over in silence. */
  exclude?: readonly string[];
  /** Files above this size are left and named in `left`. */
  maxFileBytes: number;
  maxTotalBytes: number;
  maxFiles: number;
}

export interface GotFolder {
  files: Array<{ path: string; bytes: number }>;
  left: Array<{
    path: string;
    bytes: number;
    reason: "file-too-large" | "folder-too-large" | "too-many-files" | "not-a-regular-file" | "unreadable";
  }>;
}
