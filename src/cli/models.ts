import { isAbsolute, join, resolve } from "node:path";
import type { Spending } from "../authors/author.ts";
import { createExtractiveAuthor } from "../authors/extractive/extractive-author.ts";
import { estimateCost } from "../authors/llm/estimate-cost.ts";
import { createLlmAuthor } from "../authors/llm/llm-author.ts";
import { type Config, extractiveModel, providerKeyVariables } from "../config.ts";
import type { AuthorRun, JobAdapters } from "../jobs/run-job.ts";
import { redactSecrets } from "../log.ts";
import { type CallLimiter, createCallLimiter } from "../models/call-limiter.ts";
import { createModel } from "../models/create-model.ts";
import { createLedger } from "../models/ledger.ts";
import type { Model, ModelClient } from "../models/model.ts";
import { parseModelName } from "../models/model-name.ts";
import { createPriceList } from "../models/pricing.ts";
import { openRecording } from "../models/recording.ts";
import { createReplayClient } from "../models/replay.ts";
import type { Terminal } from "./terminal.ts";

/** Answers that a run has paid for, in its folder. */
const journalFile = "model-calls.jsonl";

export interface AuthorAdapterOptions {
  terminal: Terminal;
  /** Where the calls are written down besides; null for nowhere. */
  recordFile: string | null;
}

/** Constructs authors. What providers limit is shared by all jobs of the process. */
export function createAuthorAdapters({
  terminal,
  recordFile,
}: AuthorAdapterOptions): Pick<JobAdapters, "createAuthor" | "createEstimator"> {
  const { environment, workingFolder } = terminal;
  const limiters = new Map<string, CallLimiter>();
  const redact = createRedactor(environment);
  return {
    async createAuthor(config, run) {
      const extractive = createExtractiveAuthor();
      if (config.model_str_code === extractiveModel) return extractive;
      const models = await createModels(config, run, (client) => limiterOf(limiters, client, config));
      return createLlmAuthor({ ...models, extractive, contextTokens: config.max_context_tokens });
    },
    createEstimator: (config) => {
      const { model_str_code: code, model_str_fast: fast, model_str_judge: judge, prices, max_context_tokens } = config;
      const options = {
        models: { code, fast, judge },
        prices: createPriceList({ overrides: prices }),
        extractive: createExtractiveAuthor(),
        contextTokens: max_context_tokens,
      };
      return (context) => estimateCost(context, options);
    },
  };

  async function createModels(
    config: Config,
    { folder, jobId, onSpent, warn }: AuthorRun,
    findLimiter: (client: ModelClient) => CallLimiter,
  ): Promise<{
    models: Record<"code" | "fast" | "judge", Model>;
    spending: () => Spending;
    dispose: () => Promise<void>;
  }> {
    const names = {
      code: config.model_str_code,
      fast: config.model_str_fast,
      judge: config.model_str_judge,
    };
    const clients = new Map<string, ModelClient>();
    for (const name of new Set(Object.values(names))) clients.set(name, await createClient(name, config));
    const journal = await openRecording(join(folder, journalFile), { redact });
    const recordTo = recordFile === null ? null : await openRecording(resolve(workingFolder, recordFile), { redact });
    if (journal.damagedLines > 0) warn(`${journal.damagedLines} damaged lines of ${journalFile} were passed over.`);
    const prices = createPriceList({ overrides: config.prices });
    const ledger = createLedger({ maxCostUsd: config.max_cost_usd, calls: journal.calls, onSpent });
    const shared = { job: jobId, journal, recordTo, ledger, prices, redact, notes: warn };
    const create = (name: string): Model => {
      const client = clients.get(name);
      if (!client) throw new Error(`No client was made for ${name}.`);
      return createModel({ ...shared, client, limiter: findLimiter(client) });
    };
    return {
      models: { code: create(names.code), fast: create(names.fast), judge: create(names.judge) },
      spending: () => ledger.spending().rows,
      dispose: async () => {
        await journal[Symbol.asyncDispose]();
        await recordTo?.[Symbol.asyncDispose]();
      },
    };
  }

  async function createClient(name: string, config: Config): Promise<ModelClient> {
    const address = parseModelName(name);
    if (address.kind !== "replay") {
      // The providers' libraries take long to load, and most commands ask nobody.
      const { createModelClient } = await import("../models/create-client.ts");
      return createModelClient({ name, environment, baseUrl: config.model_base_url });
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

/** Takes out what looks like a key, and every key that is set, whatever it looks like. */
function createRedactor(environment: NodeJS.ProcessEnv): (text: string) => string {
  const keys = providerKeyVariables.flatMap((name) => {
    const key = environment[name]?.trim() ?? "";
    return key.length >= 8 ? [key] : [];
  });
  return (text) => redactSecrets(keys.reduce((redacted, key) => redacted.replaceAll(key, "[redacted]"), text));
}
