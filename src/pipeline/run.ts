import { access } from "node:fs/promises";
import { join } from "node:path";
import type { AuthorContext, Spending } from "../authors/author.ts";
import type { Config } from "../config.ts";
import { throwIfCancelled } from "../errors.ts";
import type { Owner, RecipeMemory } from "../recipes/recipe.ts";
import type { AllowsHost, GitAuthorization } from "../repository/clone-job.ts";
import { readRepositoryText } from "../repository/read-text.ts";
import type { Repository } from "../repository/repository.ts";
import type { RepositorySource } from "../repository/repository-source.ts";
import type { Survey } from "../repository/survey.ts";
import type { SandboxProvider } from "../sandboxes/sandbox.ts";
import type { Emit, Stage } from "./events.ts";
import { retrySandbox } from "./retry-sandbox.ts";
import { type RunState, writeRunState } from "./run-state.ts";

export interface RunOptions {
  folder: string;
  state: RunState;
  source: RepositorySource;
  provider: SandboxProvider;
  /** For git alone: HOME, PATH, SSH agent and proxy settings of whoever started the run. */
  gitEnvironment: NodeJS.ProcessEnv;
  gitAuthorization?: GitAuthorization | undefined;
  allowsHost?: AllowsHost | undefined;
  dryRun: boolean;
  /** What is remembered of environments, and for whom; null where nothing is to be. */
  recipes: { memory: RecipeMemory; owner: Owner } | null;
  /** What the author has paid so far. */
  spending: () => Spending;
  emit: Emit;
  signal: AbortSignal | undefined;
}

/** One run: its folder, its state, and what its steps share. */
export class Run {
  readonly folder: string;
  readonly state: RunState;
  readonly source: RepositorySource;
  readonly provider: SandboxProvider;
  readonly gitEnvironment: NodeJS.ProcessEnv;
  readonly gitAuthorization: GitAuthorization | undefined;
  readonly allowsHost: AllowsHost | undefined;
  readonly dryRun: boolean;
  readonly recipes: RunOptions["recipes"];
  readonly signal: AbortSignal | undefined;
  readonly #emit: Emit;
  readonly #spending: () => Spending;
  #stage: Stage = "clone";

  constructor({
    folder,
    state,
    source,
    provider,
    gitEnvironment,
    gitAuthorization,
    allowsHost,
    dryRun,
    recipes,
    spending,
    emit,
    signal,
  }: RunOptions) {
    this.folder = folder;
    this.state = state;
    this.source = source;
    this.provider = provider;
    this.gitEnvironment = gitEnvironment;
    this.gitAuthorization = gitAuthorization;
    this.allowsHost = allowsHost;
    this.dryRun = dryRun;
    this.recipes = recipes;
    this.signal = signal;
    this.#spending = spending;
    this.#emit = emit;
  }

  get config(): Config {
    return this.state.distiller.config;
  }

  get repositoryFolder(): string {
    return join(this.folder, "repository");
  }

  get exampleFolder(): string {
    return join(this.folder, "example");
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  save(): Promise<void> {
    this.#recordSpending();
    return writeRunState(this.folder, this.state);
  }

  /** Money is added up by whoever pays, and only copied here. */
  #recordSpending(): void {
    const { state } = this;
    const rows = this.#spending();
    state.distiller.spending = rows;
    state.costs = {};
    for (const { stage, costUsd } of rows) state.costs[stage] = (state.costs[stage] ?? 0) + (costUsd ?? 0);
    state.total_cost = rows.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0);
  }

  note(stage: Stage, text: string): void {
    this.#emit({ kind: "note", stage, text });
  }

  /** Tells, times and saves one step; its time is added to what earlier attempts at it took. */
  async stage<T>(stage: Stage, work: () => Promise<T>, iteration: number | null = null): Promise<T> {
    throwIfCancelled(this.signal);
    const { state } = this;
    this.#stage = stage;
    state.distiller.stage = stage;
    state.status_message = iteration === null ? stage : `${stage}, iteration ${iteration}`;
    this.#emit({ kind: "stage-started", stage, iteration });
    const started = performance.now();
    let finished = false;
    try {
      const result = await work();
      finished = true;
      return result;
    } finally {
      const seconds = (performance.now() - started) / 1000;
      state.runtimes[stage] = round((state.runtimes[stage] ?? 0) + seconds);
      state.total_runtime_secs = round(Object.values(state.runtimes).reduce((sum, each) => sum + each, 0));
      this.#recordSpending();
      if (finished) await this.save();
      this.#emit({ kind: "stage-finished", stage, seconds });
    }
  }

  /** Shows a program's last line while it runs. */
  outputListener(stage: Stage): (text: string) => void {
    return (text) => {
      const line = text.trimEnd().split("\n").at(-1)?.trim();
      if (line) this.#emit({ kind: "output", stage, text: line.slice(0, 200) });
    };
  }

  /** For what is done again where a sandbox failed. */
  retrying(stage: Stage): { note: (text: string) => void; signal: AbortSignal | undefined } {
    return { note: (text) => this.note(stage, text), signal: this.signal };
  }

  async createAuthorContext(repository: Repository, survey: Survey): Promise<AuthorContext> {
    const sandbox = await retrySandbox(() => this.provider.describe(this.signal), this.retrying(this.#stage));
    const { system, architecture, isolated, provider, image } = sandbox;
    const chosenBecause = this.provider.chosenBecause ?? null;
    if (chosenBecause !== null && this.state.distiller.sandbox?.provider !== provider)
      this.note(this.#stage, `Sandbox: ${provider}, because ${chosenBecause}.`);
    this.state.distiller.sandbox = {
      provider,
      system,
      architecture,
      isolated,
      image,
      chosenBecause,
      python: this.state.distiller.sandbox?.python ?? null,
    };
    return {
      repository,
      survey,
      sandbox,
      focus: this.config.focus,
      maxProgramSeconds: Math.round(this.config.max_runtime_mins * 60),
      programNetwork: this.config.program_network,
      onProgress: (text) => this.#emit({ kind: "output", stage: this.#stage, text }),
      readText: (path) => readRepositoryText(repository.folder, path),
      signal: this.signal,
    };
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
