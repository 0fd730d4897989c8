import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CallLimiter, createCallLimiter } from "../../src/models/call-limiter.ts";
import { createModelClient } from "../../src/models/create-client.ts";
import { createModel } from "../../src/models/create-model.ts";
import { createLedger } from "../../src/models/ledger.ts";
import type { Message, Model, ModelClient } from "../../src/models/model.ts";
import { createPriceList } from "../../src/models/pricing.ts";
import { openRecording } from "../../src/models/recording.ts";

export const callsOfJob = 8;
const openingCharacters = 30_000;
const questionCharacters = 2700;

/** What the jobs of a process share, and what is seen of all their calls. */
export interface Jobs extends AsyncDisposable {
  /** Runs one job; resolves with the milliseconds from the start of `Jobs` to its last answer. */
  run(name: string): Promise<number>;
  /** Asks so many questions at once, as no author does. */
  runGreedy(name: string, calls: number): Promise<number>;
  readonly maxInFlight: number;
}

export async function startJobs({ url, concurrency }: { url: string; concurrency: number }): Promise<Jobs> {
  const folder = await mkdtemp(join(tmpdir(), "codedistiller-bench-"));
  const limiter = createCallLimiter({ concurrency });
  const gauge = createGauge();
  const started = performance.now();
  const runAs = async (name: string, ask: (model: Model) => Promise<unknown>): Promise<number> => {
    await using journal = await openRecording(join(folder, `${name}.jsonl`), { redact });
    await ask(createJobModel({ name, url, limiter, journal, watch: gauge.watch }));
    return performance.now() - started;
  };
  return {
    run: (name) => runAs(name, (model) => converse(model)),
    runGreedy: (name, calls) =>
      runAs(name, (model) =>
        Promise.all(
          Array.from({ length: calls }, (_, call) =>
            ask(model, [{ role: "user", parts: [{ text: makeOpening() }, { text: `Question ${call}.` }] }]),
          ),
        ),
      ),
    get maxInFlight() {
      return gauge.highest();
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** The prompt grows from 30 KB to 60 KB: with each call, what was answered and what is asked next. */
async function converse(model: Model): Promise<void> {
  const messages: Message[] = [{ role: "user", parts: [{ text: makeOpening(), cache: true }] }];
  for (let call = 0; call < callsOfJob; call++) {
    const text = await ask(model, messages);
    messages.push({ role: "assistant", parts: [{ text }] });
    messages.push({ role: "user", parts: [{ text: ownCopy(fill(`Turn ${call}.`, questionCharacters)), cache: true }] });
  }
}

async function ask(model: Model, messages: readonly Message[]): Promise<string> {
  const answer = await model.ask({ stage: "write", system, messages, maxOutputTokens: 4000, onText: () => undefined });
  if (answer.kind !== "answered") throw new Error(answer.why);
  return answer.text;
}

interface JobModelOptions {
  name: string;
  url: string;
  limiter: CallLimiter;
  journal: Awaited<ReturnType<typeof openRecording>>;
  watch: (client: ModelClient) => ModelClient;
}

/** Each job has a client, a ledger and a journal of its own, as in the product. */
function createJobModel({ name, url, limiter, journal, watch }: JobModelOptions): Model {
  const environment = { ANTHROPIC_API_KEY: "sk-ant-bench", ANTHROPIC_BASE_URL: url };
  const client = createModelClient({ name: "claude-sonnet-4-5-20250929", environment, baseUrl: null });
  return createModel({
    client: watch(client),
    job: name,
    journal,
    recordTo: null,
    ledger: createLedger({ maxCostUsd: 1000, calls: [] }),
    prices: createPriceList({ overrides: {} }),
    limiter,
    redact,
    notes: (text) => {
      throw new Error(text);
    },
  });
}

function createGauge(): { watch: (client: ModelClient) => ModelClient; highest: () => number } {
  let [inFlight, highest] = [0, 0];
  return {
    highest: () => highest,
    watch: (client) => ({
      ...client,
      async complete(request, options) {
        inFlight += 1;
        highest = Math.max(highest, inFlight);
        try {
          return await client.complete(request, options);
        } finally {
          inFlight -= 1;
        }
      },
    }),
  };
}

const system = fill("You write small, working examples of scientific software.", 5000);
const redact = (text: string): string => text;

/**
 * The same words for every job, in memory of its own: the server, which remembers what it has counted, then costs little,
 * and the client as much as if each job had another repository.
 */
function makeOpening(): string {
  return ownCopy(
    fill("def compute(values, scale=1.0): return sum(value * scale for value in values)", openingCharacters),
  );
}

function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}

function fill(text: string, characters: number): string {
  return `${text}\n`.repeat(Math.ceil(characters / (text.length + 1))).slice(0, characters);
}
