import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { EmulatedExec } from "./emulated-exec.ts";
import type { SandboxEnd } from "./faults.ts";
import { GrpcError } from "./grpc-error.ts";
import type { BuiltImage } from "./image-store.ts";
import { IsolatedPlace } from "./isolated-place.ts";
import {
  type GenericResult,
  genericStatus,
  networkAccessTypes,
  type SandboxDefinition,
  type SandboxResources,
} from "./protocol.ts";

export interface EmulatedSandboxOptions {
  id: string;
  taskId: string;
  appId: string;
  definition: SandboxDefinition;
  tags: Record<string, string>;
  image: BuiltImage;
  environment: Record<string, string>;
  folder: string;
  /** Seconds since the epoch; no two sandboxes have the same. */
  createdAt: number;
}

/** A sandbox of the emulator: real processes, with the life that Modal gives them. */
export class EmulatedSandbox {
  readonly id: string;
  readonly taskId: string;
  readonly appId: string;
  readonly name: string;
  readonly definition: SandboxDefinition;
  readonly createdAt: number;
  readonly environment: Record<string, string>;
  readonly image: BuiltImage;
  readonly execs = new Map<string, EmulatedExec>();
  tags: Record<string, string>;
  /** Undefined while it runs. */
  result: GenericResult | undefined;
  /** Nobody knows it any more. */
  forgotten = false;
  readonly #options: EmulatedSandboxOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #ended = Promise.withResolvers<void>();
  #idle: NodeJS.Timeout | undefined;
  #place: IsolatedPlace | undefined;

  constructor(options: EmulatedSandboxOptions) {
    this.#options = options;
    this.id = options.id;
    this.taskId = options.taskId;
    this.appId = options.appId;
    this.name = options.definition.name ?? "";
    this.definition = options.definition;
    this.createdAt = options.createdAt;
    this.tags = options.tags;
    this.image = options.image;
    this.environment = {
      ...options.image.environment,
      ...options.environment,
      MODAL_SANDBOX_ID: options.id,
      MODAL_TASK_ID: options.taskId,
    };
  }

  async start(): Promise<void> {
    const { definition, image, folder } = this.#options;
    const place = await IsolatedPlace.start({
      folder,
      layers: image.layers,
      network: this.hasNetwork ? "host" : "none",
      command: definition.entrypointArgs.length > 0 ? definition.entrypointArgs : null,
      workingFolder: this.workingFolder,
      environment: this.environment,
      memoryMb: this.resources?.memoryMbMax || memoryWithoutLimitMb,
    });
    mkdirSync(join(folder, "outputs"));
    this.#place = place;
    place.ended.then((code) => this.#finish(resultOfExit(code)));
    this.after(definition.timeoutSecs * 1000, () => this.end({ status: genericStatus.timeout }));
    this.touch();
  }

  /** Ends before it ran. */
  die(exception: string): void {
    this.#finish({ status: genericStatus.initFailure, exception });
  }

  get network(): { access: (typeof networkAccessTypes)[number]; cidrs: string[]; domains: string[] } {
    const access = this.definition.networkAccess;
    return {
      access: networkAccessTypes[access?.networkAccessType ?? 0] ?? "UNSPECIFIED",
      cidrs: access?.allowedCidrs ?? [],
      domains: access?.allowedDomains ?? [],
    };
  }

  get resources(): SandboxResources | null {
    return this.definition.resources;
  }

  /** A list of what may be reached is not enforced, unless it is empty. */
  get hasNetwork(): boolean {
    const { access, cidrs, domains } = this.network;
    return access === "OPEN" || (access === "ALLOWLIST" && cidrs.length + domains.length > 0);
  }

  get workingFolder(): string {
    return this.definition.workdir ?? this.image.workingFolder;
  }

  get processes(): number[] {
    return this.#place?.listProcesses() ?? [];
  }

  /** The place where programs run; a sandbox that has ended has none. */
  get place(): IsolatedPlace {
    if (this.#place === undefined || this.result !== undefined || this.forgotten) {
      throw new GrpcError("NOT_FOUND", `Task ${this.taskId} is not running.`);
    }
    return this.#place;
  }

  get outputFolder(): string {
    return join(this.#options.folder, "outputs");
  }

  /** Starts its idle time anew; there is none while programs run. */
  touch(): void {
    clearTimeout(this.#idle);
    const seconds = this.definition.idleTimeoutSecs;
    if (seconds === undefined || this.result !== undefined) return;
    this.#idle = setTimeout(() => {
      if ([...this.execs.values()].some(({ end }) => end === null)) this.touch();
      else void this.end({ status: genericStatus.idleTimeout });
    }, seconds * 1000);
  }

  after(milliseconds: number, action: () => void): void {
    this.#timers.add(setTimeout(action, milliseconds));
  }

  /** As a fault: of its own, and without a word to those who wait. */
  async breakDown(how: SandboxEnd): Promise<void> {
    this.forgotten = how === "lost";
    if (how === "out-of-memory") {
      const execs = [...this.execs.values()];
      for (const { program } of execs) program.kill();
      await Promise.all(execs.map(({ ended }) => ended));
    }
    await this.end(endResults[how]);
  }

  async end(result: GenericResult): Promise<void> {
    this.#finish(result);
    await this.#place?.[Symbol.asyncDispose]();
  }

  /** Whether it has ended by then. */
  async waitForEnd(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.result !== undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
      signal.addEventListener("abort", () => resolve());
    });
    await Promise.race([this.#ended.promise, over]);
    clearTimeout(timer);
  }

  #finish(result: GenericResult): void {
    if (this.result !== undefined) return;
    this.result = result;
    for (const timer of [...this.#timers, this.#idle]) clearTimeout(timer);
    for (const exec of this.execs.values()) exec[Symbol.dispose]();
    this.#ended.resolve();
  }
}

/** So that a mistake in a test does not take the machine with it. */
const memoryWithoutLimitMb = 8192;

const endResults: Record<SandboxEnd, GenericResult> = {
  lost: { status: genericStatus.terminated, exitcode: 137 },
  "out-of-memory": { status: genericStatus.failure, exitcode: 137, exception: "Sandbox ran out of memory." },
  terminated: { status: genericStatus.terminated, exitcode: 137 },
  timeout: { status: genericStatus.timeout, exitcode: 124 },
};

function resultOfExit(code: number): GenericResult {
  return code === 0
    ? { status: genericStatus.success, exitcode: 0 }
    : { status: genericStatus.failure, exitcode: code, exception: `Sandbox exited with code ${code}.` };
}
