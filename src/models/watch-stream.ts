import { CancelledError, ModelError } from "../errors.ts";

/** How long a provider may be silent, in milliseconds. */
export interface StreamLimits {
  firstByteMs: number;
  /** Between two pieces of an answer; a provider's sign of life counts as one. */
  idleMs: number;
  totalMs: number;
}

export const hostedStreamLimits: StreamLimits = { firstByteMs: 120_000, idleMs: 90_000, totalMs: 15 * 60_000 };

/** A model on somebody's own machine may read a long prompt for minutes before its first word. */
export const localStreamLimits: StreamLimits = { firstByteMs: 290_000, idleMs: 290_000, totalMs: 60 * 60_000 };

/** What a request has to be made with, so that it is watched and can be stopped. */
export interface WatchedConnection {
  fetch: typeof globalThis.fetch;
  signal: AbortSignal;
}

export interface WatchedStream<Event> {
  /** The provider's name, for people. */
  provider: string;
  limits: StreamLimits;
  maxOutputTokens: number;
  signal: AbortSignal | undefined;
  /** Told of the first event. */
  onBegun?: (() => void) | undefined;
  open(connection: WatchedConnection): PromiseLike<AsyncIterable<Event>>;
  /** Takes one event; returns how many characters of the answer it held. */
  read(event: Event): number;
}

/**
 * Reads a stream to its end. On a breach the request is aborted and a ModelError thrown: a silent provider
 * (`model-timed-out`), one that does not stop (`model-answer-endless`), one that sends no event at all
 * (`model-answer-garbled`). CancelledError when the signal fires.
 */
export async function watchStream<Event>({ open, read, onBegun, ...bounds }: WatchedStream<Event>): Promise<void> {
  using watch = startWatch(bounds);
  let events = 0;
  try {
    for await (const event of await open(watch.connection)) {
      events += 1;
      if (events === 1) onBegun?.();
      watch.heard();
      watch.received(read(event));
      if (watch.ending() !== null) break;
    }
  } catch (error) {
    throw watch.ending() ?? error;
  }
  const ending = watch.ending();
  if (ending !== null) throw ending;
  if (events === 0) throw noEvents(bounds.provider);
}

/** Tokens hold four characters on average; one that holds more than sixteen is white space or a loop. */
const charactersPerToken = 16;
const spareCharacters = 100_000;
/** An event wraps a token in some 350 bytes, and three of OpenAI's repeat the whole prompt. */
const bytesPerToken = 2048;
const spareBytes = 32 * 1024 ** 2;

type Bounds = Pick<WatchedStream<unknown>, "provider" | "limits" | "maxOutputTokens" | "signal">;

function startWatch({ provider, limits, maxOutputTokens, signal }: Bounds) {
  const stopped = new AbortController();
  let breach: ModelError | null = null;
  const stop = (error: ModelError) => {
    breach ??= error;
    stopped.abort();
  };
  let characters = 0;
  let bytes = 0;
  const first = setTimeout(() => stop(slowStart(provider, limits.firstByteMs)), limits.firstByteMs);
  const total = setTimeout(() => stop(tooSlow(provider, limits.totalMs)), limits.totalMs);
  let idle: NodeJS.Timeout | undefined;
  const heard = () => {
    clearTimeout(first);
    idle ??= setTimeout(() => stop(fellSilent(provider, limits.idleMs)), limits.idleMs);
    idle.refresh();
  };
  const heardBytes = (length: number) => {
    heard();
    bytes += length;
    if (bytes > maxOutputTokens * bytesPerToken + spareBytes) stop(endless(provider));
  };

  return {
    connection: {
      fetch: listeningFetch(heardBytes),
      signal: signal === undefined ? stopped.signal : AbortSignal.any([signal, stopped.signal]),
    },
    heard,
    received(length: number) {
      characters += length;
      if (characters > maxOutputTokens * charactersPerToken + spareCharacters) stop(endless(provider));
    },
    ending(): ModelError | CancelledError | null {
      return breach ?? (signal?.aborted ? new CancelledError(signal.reason) : null);
    },
    [Symbol.dispose]() {
      for (const timer of [first, total, idle]) clearTimeout(timer);
      stopped.abort();
    },
  };
}

/**
 * The SDKs keep a provider's signs of life to themselves, and a line without end in memory: the bytes tell.
 * A redirect is not followed, since the key would go along.
 */
function listeningFetch(heard: (bytes: number) => void): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, redirect: "manual" });
    if (response.body === null) return response;
    const listener = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        heard(chunk.length);
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(listener), response);
  };
}

function slowStart(provider: string, ms: number): ModelError {
  return timedOut(`${provider} did not begin to answer within ${seconds(ms)}`);
}

function fellSilent(provider: string, ms: number): ModelError {
  return timedOut(`${provider} fell silent in the middle of an answer for ${seconds(ms)}`);
}

function tooSlow(provider: string, ms: number): ModelError {
  return timedOut(`${provider} did not finish its answer within ${seconds(ms)}`);
}

function timedOut(what: string): ModelError {
  return new ModelError({
    code: "model-timed-out",
    userMessage: `${what}: try again later, or use another --model.`,
    retryable: true,
  });
}

function endless(provider: string): ModelError {
  return new ModelError({
    code: "model-answer-endless",
    userMessage: `${provider} went on answering far beyond the limit it was given: use another --model.`,
  });
}

function noEvents(provider: string): ModelError {
  return new ModelError({
    code: "model-answer-garbled",
    userMessage: `${provider} answered with something that is no stream of events: check the base URL, or try again later.`,
    retryable: true,
  });
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
