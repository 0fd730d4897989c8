import { isAbsolute, join, resolve } from "node:path";
import { createExtractiveAuthor } from "../authors/extractive/extractive-author.ts";
import { type EstimateOptions, estimateCost } from "../authors/llm/estimate-cost.ts";
import { createLlmAuthor, type LlmAuthorOptions } from "../authors/llm/llm-author.ts";
import { type Config, extractiveModel, providerKeyVariables } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { AuthorRun, JobAdapters } from "../jobs/job.ts";
import { redactKeys } from "../log.ts";
import { type CallLimiter, createCallLimiter } from "../models/call-limiter.ts";
import { createModel } from "../models/create-model.ts";
import { createLedger, priceUnknown } from "../models/ledger.ts";
import type { ModelClient } from "../models/model.ts";
import { isBilled, parseModelName } from "../models/model-name.ts";
import { createPriceList, type PriceList } from "../models/pricing.ts";
import { openRecording } from "../models/recording.ts";
import { createReplayClient } from "../models/replay.ts";
import type { Host } from "./host.ts";

/** Answers that a run has paid for, in its folder. */
const journalFile = "model-calls.jsonl";

export interface AuthorAdapterOptions {
  host: Host;
  /** Where the calls are written down besides; null for nowhere. */
  recordFile: string | null;
  /** What the program of a `command/` model is given; else the host's, but for the providers' keys. */
  commandEnvironment?: NodeJS.ProcessEnv;
}

export type AuthorAdapters = Pick<JobAdapters, "createAuthor" | "createEstimator">;

/** Constructs authors. What providers limit is shared by all jobs of the process. */
export function createAuthorAdapters({
  host,
  recordFile,
  commandEnvironment = host.environment,
}: AuthorAdapterOptions): AuthorAdapters {
  const { environment, workingFolder } = host;
  const limiters = new Map<string, CallLimiter>();
  const redact = createRedactor(environment);
  return {
    async createAuthor(config, run) {
      refuseKeysInNames(config);
      const extractive = createExtractiveAuthor();
      if (config.model_str_code === extractiveModel) return extractive;
      return createLlmAuthor({
        ...(await createModels(config, run)),
        extractive,
        contextTokens: config.max_context_tokens,
      });
    },
    createEstimator: (config) => {
      const { model_str_code: code, model_str_fast: fast, model_str_judge: judge, prices, max_context_tokens } = config;
      refuseKeysInNames(config);
      const list = createPriceList({ overrides: prices });
      const costsNothing = (name: string): boolean => {
        if (name === extractiveModel) return true;
        parseModelName(name);
        return !isBilled(name, environment);
      };
      const free = new Set([code, fast, judge].filter(costsNothing));
      const options: EstimateOptions = {
        models: { code, fast, judge },
        prices: { ...list, priceOf: (name, usage) => (free.has(name) ? 0 : list.priceOf(name, usage)) },
        extractive: createExtractiveAuthor(),
        contextTokens: max_context_tokens,
      };
      return (context) => estimateCost(context, options);
    },
  };

  async function createModels(
    config: Config,
    { folder, jobId, onSpent, warn }: AuthorRun,
  ): Promise<Pick<LlmAuthorOptions, "models" | "spending" | "dispose">> {
    const names = [config.model_str_code, config.model_str_fast, config.model_str_judge];
    const prices = createPriceList({ overrides: config.prices });
    const clients = new Map<string, ModelClient>();
    for (const name of new Set(names.filter((each) => each !== extractiveModel))) {
      const client = await createClient(name, config);
      refuseUnknownPrice(client, prices);
      clients.set(name, client);
    }
    const journal = await openRecording(join(folder, journalFile), { redact });
    const recordTo = recordFile === null ? null : await openRecording(resolve(workingFolder, recordFile), { redact });
    if (journal.damagedLines > 0) warn(`${journal.damagedLines} damaged lines of ${journalFile} were passed over.`);
    const ledger = createLedger({ maxCostUsd: config.max_cost_usd, calls: journal.calls, onSpent });
    const shared = { job: jobId, journal, recordTo, ledger, prices, redact, notes: warn };
    const [code, fast, judge] = names.map((name) => {
      const client = clients.get(name);
      return client ? createModel({ ...shared, client, limiter: limiterOf(limiters, client, config) }) : null;
    });
    if (!code) throw new Error("The author that asks models has none.");
    return {
      models: { code, fast: fast ?? null, judge: judge ?? null },
      spending: () => ledger.spending().rows,
      dispose: async () => {
        await journal[Symbol.asyncDispose]();
        await recordTo?.[Symbol.asyncDispose]();
      },
    };
  }

  /** A model's name stands in every file of a run. */
  function refuseKeysInNames({ model_str_code, model_str_fast, model_str_judge }: Config): void {
    const name = [model_str_code, model_str_fast, model_str_judge].find((each) => redact(each) !== each);
    if (name === undefined) return;
    throw new ConfigError({
      code: "model-name-holds-key",
      userMessage: `The model ${redact(name)} has a key in its name: let the program read it from a variable or a file of its own.`,
    });
  }

  async function createClient(name: string, config: Config): Promise<ModelClient> {
    const address = parseModelName(name);
    if (address.kind !== "replay") {
      // The providers' libraries take long to load, and most commands ask nobody.
      const { createModelClient } = await import("../models/create-client.ts");
      const own = address.kind === "command" ? commandEnvironment : environment;
      return createModelClient({ name, environment: own, baseUrl: config.model_base_url });
    }
    return createReplayClient({ path: isAbsolute(address.file) ? address.file : join(workingFolder, address.file) });
  }
}

function limiterOf(limiters: Map<string, CallLimiter>, { provider }: ModelClient, config: Config): CallLimiter {
  const known = limiters.get(provider);
  if (known) return known;
  const limiter = createCallLimiter({
    concurrency: config.model_concurrency,
    tokensPerMinute: config.model_tokens_per_minute,
  });
  limiters.set(provider, limiter);
  return limiter;
}

/** Told before anything is paid, not by the first call that would need it. */
function refuseUnknownPrice({ name, billed }: ModelClient, prices: PriceList): void {
  if (billed && prices.worstCase(name, 1, 1) === null) throw priceUnknown(name);
}

/** Takes out what looks like a key, and every key that is set, whatever it looks like. */
function createRedactor(environment: NodeJS.ProcessEnv): (text: string) => string {
  const keys = providerKeyVariables.flatMap((name) => {
    const key = environment[name]?.trim() ?? "";
    return key.length >= 8 ? [key] : [];
  });
  return (text) => redactKeys(keys.reduce((redacted, key) => redacted.replaceAll(key, "[redacted]"), text));
}
