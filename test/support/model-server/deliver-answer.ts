import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Answer, AnswerWriter, ServerEvent } from "./protocol.ts";
import { type Delivery, type Interruption, interruptionOf } from "./reply.ts";

export interface DeliveryJob {
  response: ServerResponse;
  headers: Record<string, string>;
  writer: AnswerWriter;
  answer: Answer;
  delivery: Delivery;
  /** Repeats the text until the client goes away. */
  endless: boolean;
  /** Fires when the client goes away. */
  signal: AbortSignal;
}

/** How many characters of the answer's text went out, and whether everything did. */
export interface Delivered {
  characters: number;
  complete: boolean;
}

/** Sends an answer the way its script wants it sent; returns when the response has ended, whoever ended it. */
export async function deliverAnswer(job: DeliveryJob): Promise<Delivered> {
  const delivered: Delivered = { characters: 0, complete: false };
  try {
    if (job.answer.request.stream) await streamAnswer(job, delivered);
    else await sendWhole(job, delivered);
  } catch (error) {
    if (!job.signal.aborted) throw error;
  }
  return delivered;
}

async function streamAnswer(job: DeliveryJob, delivered: Delivered): Promise<void> {
  const { response, headers, writer, delivery, signal } = job;
  response.writeHead(200, {
    ...headers,
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  response.flushHeaders();
  if (delivery.slowFirstByteMs) await pause(delivery.slowFirstByteMs, undefined, { signal });
  await send(job, eventText(writer.opening()));
  const interruption = interruptionOf(delivery);
  for (const piece of piecesOf(job, interruption)) {
    await send(job, eventText(writer.piece(piece)));
    delivered.characters += piece.length;
    const wait = delivery.pieceDelayMs ?? (job.endless ? 1 : 0);
    if (wait > 0) await pause(wait, undefined, { signal });
  }
  if (interruption) return interruptStream(job, interruption);
  delivered.complete = true;
  response.end(eventText(writer.closing()));
}

function* piecesOf({ answer, delivery, endless }: DeliveryJob, interruption: Interruption | null): Generator<string> {
  const length = delivery.pieceLength ?? 200;
  const text = interruption ? answer.text.slice(0, interruption.after) : answer.text;
  do yield* text.match(new RegExp(`[^]{1,${length}}`, "gu")) ?? [];
  while (endless && text !== "");
}

async function interruptStream(job: DeliveryJob, { kind }: Interruption): Promise<void> {
  const { response, writer } = job;
  if (kind === "cut") response.socket?.destroySoon();
  else if (kind === "stall") await clientGone(job.signal);
  else if (kind === "malformed") response.end(malformed(writer));
  else response.end(eventText(writer.failure(kind)));
}

/** The beginning of a delta's event, as if a line had been lost. */
function malformed(writer: AnswerWriter): string {
  const [event] = writer.piece("lost");
  const name = event?.name ? `event: ${event.name}\n` : "";
  return `${name}data: ${JSON.stringify(event?.data ?? {}).slice(0, -1)}\n\n`;
}

/** An error in mid answer never comes here: without a stream it is a status. */
async function sendWhole(job: DeliveryJob, delivered: Delivered): Promise<void> {
  const { response, headers, writer, answer, delivery, signal } = job;
  const body = JSON.stringify(writer.whole());
  const interruption = interruptionOf(delivery);
  const sent = interruption ? body.slice(0, Math.min(interruption.after, body.length - 1)) : body;
  const length = Buffer.byteLength(interruption?.kind === "malformed" ? sent : body);
  delivered.characters = answer.text.length;
  response.writeHead(200, { ...headers, "content-type": "application/json", "content-length": length });
  response.flushHeaders();
  if (delivery.slowFirstByteMs) await pause(delivery.slowFirstByteMs, undefined, { signal });
  if (job.endless) return clientGone(signal);
  if (sent !== "") await send(job, sent);
  if (interruption?.kind === "cut") response.socket?.destroySoon();
  else if (interruption?.kind === "stall") await clientGone(signal);
  else response.end();
  delivered.complete = interruption === null;
}

async function send({ response, signal }: DeliveryJob, text: string): Promise<void> {
  if (text !== "" && !response.write(text)) await once(response, "drain", { signal });
  signal.throwIfAborted();
}

async function clientGone(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

function eventText(events: readonly ServerEvent[]): string {
  return events
    .map(
      ({ name, data }) =>
        `${name ? `event: ${name}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`,
    )
    .join("");
}
