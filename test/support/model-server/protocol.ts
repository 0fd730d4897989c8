import type { IncomingHttpHeaders } from "node:http";
import type { Usage } from "../../../src/models/model.ts";
import type { Vendor } from "./provider-errors.ts";
import type { Api, PromptPart, ReceivedRequest } from "./received-request.ts";

/** One of the providers' wire protocols: reads its requests and words its answers. */
export interface Protocol {
  api: Api;
  vendor: Vendor;
  requestIdHeader: string;
  /** The key, or null where the request carries none. */
  readKey(headers: IncomingHttpHeaders): string | null;
  /** Throws RefusedRequest for what the provider answers with status 400. */
  read(body: unknown, headers: IncomingHttpHeaders): ReadRequest;
  /** The answer on the wire; one for each response, since events are numbered. */
  write(answer: Answer): AnswerWriter;
}

export interface ReadRequest extends Omit<ReceivedRequest, "promptTokens" | "body" | "headers"> {
  prompt: PromptPart[];
  /** The tool by which the answer comes; a forced one takes even text. */
  tool: { name: string; forced: boolean } | null;
  /** Whether a stream ends with its usage; only Chat Completions leaves that to the request. */
  streamsUsage: boolean;
}

export interface Answer {
  /** Letters and digits, of which the provider's ids are made. */
  id: string;
  request: ReadRequest;
  kind: "text" | "value" | "refusal";
  text: string;
  stop: "end" | "length" | "refusal" | "filter";
  /** Output tokens of the whole answer, thinking included. */
  usage: Usage;
  reasoningTokens: number;
}

export interface AnswerWriter {
  opening(): ServerEvent[];
  piece(text: string): ServerEvent[];
  closing(): ServerEvent[];
  /** An error in the middle of the stream. */
  failure(kind: "error" | "failed"): ServerEvent[];
  /** The answer to a request without stream. */
  whole(): unknown;
}

export interface ServerEvent {
  /** The `event:` line; null for none. */
  name: string | null;
  /** A string is sent as it is, anything else as JSON. */
  data: unknown;
}
