import { ModelError, throwIfCancelled } from "../errors.ts";
import { type CallProgress, usageOfBrokenCall } from "./broken-call.ts";
import type { CallLimiter } from "./call-limiter.ts";
import type { Ledger } from "./ledger.ts";
import type { Completion, CompletionRequest, ModelClient, Question, Usage } from "./model.ts";
import type { PriceList } from "./pricing.ts";
import { describePrompt, keyOf, type NewCall, type RecordedAnswer } from "./recorded-call.ts";
import type { Recording } from "./recording.ts";
import { redactAnswer } from "./redact-answer.ts";
import { redactStream } from "./redact-stream.ts";
import { longestWaitMs, type RetryOptions, retry } from "./retry.ts";
import { boundTokens, estimateTokens } from "./tokens.ts";

/** What a call goes through: what a run remembers and may spend, and what it shares with other jobs. */
export interface CallContext {
  client: ModelClient;
  /** Whose turn it is among the jobs of a process. */
  job: string;
  /** Of this run: what is in it is not asked again. */
  journal: Recording;
  /** Where the calls are written down besides. */
  recordTo: Recording | null;
  ledger: Ledger;
  prices: PriceList;
  limiter: CallLimiter;
  retry?: Omit<RetryOptions, "signal" | "onRetry" | "now">;
  redact: (text: string) => string;
  /** Told in a sentence what goes on. */
  notes: (text: string) => void;
}

export type CallOptions = Pick<Question, "stage" | "onText" | "signal">;

/**
 * Makes one call, unless the journal has its answer. An answer is on the disk before it is returned. Every attempt that
 * may have been billed is entered, also one that broke off or was cancelled: for what the provider reported, else for
 * what its prompt and the text that came are at most, or the longest answer of a model that may have thought unseen. Throws BudgetError, ConfigError, CancelledError, ModelError.
 */
export async function callModel(
  context: CallContext,
  request: CompletionRequest,
  { stage, onText, signal }: CallOptions,
): Promise<Completion> {
  throwIfCancelled(signal);
  const { client, redact, notes, prices } = context;
  const model = redact(client.name);
  const asked = { key: keyOf(request), stage, model, prompt: describePrompt(request) };
  const remembered = await remember(context, asked);
  if (remembered) {
    onText?.(remembered.text);
    return remembered;
  }
  const attempt: Attempt = {
    request,
    asked,
    worstCaseUsd: prices.worstCase(client.name, boundPrompt(request), request.maxOutputTokens),
    tokens: estimatePrompt(request) + request.maxOutputTokens,
    // A signal for each call: some versions of Node warn of more than ten listeners on one.
    signal: signal && AbortSignal.any([signal]),
    onText,
    queuedMs: 0,
  };
  return retry(() => attemptCall(context, attempt), {
    ...context.retry,
    signal: attempt.signal,
    // Many jobs at one time wait long for their turn: that is not the provider's time.
    now: () => performance.now() - attempt.queuedMs,
    onRetry: ({ error, waitMs, attempt: number, attempts }) =>
      notes(`${error.userMessage} Attempt ${number} of ${attempts} in ${Math.ceil(waitMs / 1000)} s.`),
  });
}

/** Tokens that a prompt takes at most, with what providers put around messages and tools. */
export function boundPrompt(request: CompletionRequest): number {
  const around = 16 * (request.messages.length + 1) + (request.answer ? forcedToolTokens : 0);
  return textsOf(request).reduce((sum, text) => sum + boundTokens(text), around);
}

/** What Anthropic puts before a prompt whose answer is a tool's input; at most 530 for any of its models. */
const forcedToolTokens = 600;

interface Attempt extends Pick<CallOptions, "onText" | "signal"> {
  request: CompletionRequest;
  asked: Pick<NewCall, "key" | "stage" | "model" | "prompt">;
  worstCaseUsd: number | null;
  tokens: number;
  /** Milliseconds that all attempts together waited for money and for their turn. */
  queuedMs: number;
}

async function remember({ journal, recordTo }: CallContext, asked: Attempt["asked"]): Promise<Completion | null> {
  const call = journal.find(asked.key, asked.model);
  if (!call) return null;
  // A recording that was begun later, or a kill between the two files, would lack it.
  if (recordTo && !recordTo.find(asked.key, asked.model)) await recordTo.append(call);
  return { ...call.answer, usage: call.usage };
}

async function attemptCall(context: CallContext, attempt: Attempt): Promise<Completion> {
  const { client, ledger, redact } = context;
  const { asked, request, worstCaseUsd, signal } = attempt;
  const planned = { ...asked, billed: client.billed, worstCaseUsd, signal };
  using reservation = await inQueue(attempt, ledger.reserve(planned));
  const enter = async (answer: RecordedAnswer | null, usage: Usage | null, costUsd: number | null): Promise<void> => {
    const call: NewCall = { ...asked, answer, usage, costUsd };
    await context.journal.append(call);
    reservation.settle(call);
    await context.recordTo?.append(call);
  };
  const progress: CallProgress = { sent: false, begun: false, text: "" };
  const completion = await takeTurn(context, attempt, progress).catch(async (error: unknown) => {
    const broken = settleBroken(context, { error, progress, request });
    if (broken) await enter(null, broken.usage, broken.costUsd);
    throw error;
  });
  const { text, stop, usage } = completion;
  const answer = { text: redactAnswer(text, redact), stop };
  await enter(answer, usage, costOf(context, usage, worstCaseUsd));
  return { ...answer, usage };
}

async function inQueue<T>(attempt: Attempt, turn: Promise<T>): Promise<T> {
  const since = performance.now();
  const value = await turn;
  attempt.queuedMs += performance.now() - since;
  return value;
}

async function takeTurn(
  { client, job, limiter, redact }: CallContext,
  attempt: Attempt,
  progress: CallProgress,
): Promise<Completion> {
  const { request, tokens, onText, signal } = attempt;
  using _ = await inQueue(attempt, limiter.enter({ job, tokens, signal }));
  const shown = onText && redactStream(onText, redact);
  progress.sent = true;
  try {
    const completion = await client.complete(request, {
      onText(text) {
        progress.text += text;
        shown?.write(text);
      },
      onBegun() {
        progress.begun = true;
      },
      signal,
    });
    shown?.end();
    return completion;
  } catch (error) {
    if (error instanceof ModelError && error.code === "model-rate-limited")
      limiter.pause(Math.min(error.retryAfterMs || shortPauseMs, longestWaitMs));
    throw error;
  }
}

/** Null where there is nothing to pay. */
function settleBroken(
  { client, prices }: CallContext,
  { error, progress, request }: { error: unknown; progress: CallProgress; request: CompletionRequest },
): { usage: Usage; costUsd: number | null } | null {
  const reported = error instanceof ModelError ? error.usage : null;
  if (!client.billed) return reported && { usage: reported, costUsd: 0 };
  const usage = usageOfBrokenCall(error, progress, {
    promptTokens: boundPrompt(request),
    receivedTokens: client.thinksUnseen ? request.maxOutputTokens : boundTokens(progress.text),
    maxOutputTokens: request.maxOutputTokens,
  });
  if (!usage || reported) return usage && { usage, costUsd: prices.priceOf(client.name, usage) };
  // Nobody said how much of the prompt went into the cache, which may be dearer.
  return { usage, costUsd: prices.worstCase(client.name, usage.inputTokens, usage.outputTokens) };
}

/** Where a provider limits its rate and does not say for how long. */
const shortPauseMs = 1000;

/** Where a provider does not say what it counted, all that the call could cost is taken for spent. */
function costOf({ client, prices }: CallContext, usage: Usage | null, worstCaseUsd: number | null): number | null {
  if (!client.billed) return 0;
  return usage ? prices.priceOf(client.name, usage) : worstCaseUsd;
}

function estimatePrompt(request: CompletionRequest): number {
  return textsOf(request).reduce((sum, text) => sum + estimateTokens(text), 0);
}

function textsOf({ system, messages, answer }: CompletionRequest): string[] {
  const parts = messages.flatMap((message) => message.parts.map(({ text }) => text));
  return [system, ...parts, ...(answer ? [answer.name, JSON.stringify(answer.schema, null, 1)] : [])];
}
