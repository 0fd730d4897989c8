import { setTimeout as sleep } from "node:timers/promises";
import type protobuf from "protobufjs";
import type { Faults } from "./faults.ts";
import { findUnknownFields } from "./find-unknown-fields.ts";
import { GrpcError } from "./grpc-error.ts";
import type { ReceivedCall } from "./grpc-listener.ts";
import type { MethodDefinition } from "./load-messages.ts";
import type { Handler, Handlers, Message, Requests } from "./protocol.ts";

/** A call that reached the server; bytes are replaced by how many they were. */
export interface RecordedCall {
  method: string;
  request: Message;
}

export interface AnswerCallsOptions {
  methods: ReadonlyMap<string, MethodDefinition>;
  handlers: Handlers;
  faults: Faults;
  calls: RecordedCall[];
  /** What the client sent against the protocol. */
  violations: string[];
  authorize: (call: ReceivedCall) => void;
}

/** From bytes to bytes: looks the call over, lets planned faults happen, and asks the handler. */
export function answerCalls(options: AnswerCallsOptions): (call: ReceivedCall) => AsyncIterable<Uint8Array> {
  const { methods, handlers, faults, calls } = options;
  // A call that is sent again because its answer was lost gets the same answer.
  const answered = new Map<string, Promise<Message>>();
  return async function* answer(call) {
    const method = call.path.slice(call.path.lastIndexOf("/") + 1);
    const definition = methods.get(call.path);
    const request = decodeRequest(call, definition, options.violations);
    calls.push({ method, request: withoutBytes(request) });
    await letFaultsHappen(faults, method, call.signal);
    options.authorize(call);
    const key = call.headers["x-idempotency-key"];
    const again = key === undefined ? undefined : answered.get(`${method} ${key}`);
    const messages = again ?? handlerOf(handlers, method)(request, call.signal);
    if (key !== undefined && !isStream(messages)) {
      const promise = Promise.resolve(messages);
      answered.set(`${method} ${key}`, promise);
      promise.catch(() => answered.delete(`${method} ${key}`));
    }
    for await (const message of isStream(messages) ? messages : [messages]) {
      if (faults.take("lost-answer", method)) throw new GrpcError("UNAVAILABLE", "The connection was lost.");
      yield encode(definition, message);
    }
  };
}

function decodeRequest(call: ReceivedCall, definition: MethodDefinition | undefined, violations: string[]): Message {
  if (definition === undefined) {
    violations.push(`unknown method ${call.path}`);
    throw new GrpcError("UNIMPLEMENTED", `There is no method ${call.path}.`);
  }
  const { requestType } = definition;
  const unknown = findUnknownFields(requestType, call.request);
  if (unknown.length > 0) {
    violations.push(...unknown.map((field) => `unknown field ${field} in ${call.path}`));
    throw new GrpcError("INVALID_ARGUMENT", `Unknown fields: ${unknown.join(", ")}`);
  }
  return requestType.toObject(requestType.decode(call.request), {
    defaults: true,
    arrays: true,
    objects: true,
    longs: Number,
  });
}

function encode(definition: MethodDefinition | undefined, message: Message): Uint8Array {
  const type = definition?.responseType as protobuf.Type;
  for (const name of Object.keys(message)) {
    if (type.fields[name] === undefined) throw new GrpcError("INTERNAL", `${type.name} has no ${name}.`);
  }
  return type.encode(type.fromObject(message)).finish();
}

async function letFaultsHappen(faults: Faults, method: string, signal: AbortSignal): Promise<void> {
  const delay = faults.take("delay", method);
  if (delay) await sleep(delay.ms, undefined, { signal });
  if (faults.take("hang", method)) await new Promise<never>((_, reject) => signal.addEventListener("abort", reject));
  const status = faults.take("status", method);
  if (status) throw new GrpcError(status.code, status.message ?? `Planned: ${status.code}`);
}

/** The newer calls of sandboxes mean the same as the older. */
function handlerOf(handlers: Handlers, method: string): Handler<Message> {
  const name = method in handlers ? method : method.replace(/V2$/, "");
  return handlers[name as keyof Requests] as unknown as Handler<Message>;
}

function isStream(answer: ReturnType<Handler<Message>>): answer is AsyncIterable<Message> {
  return Symbol.asyncIterator in answer;
}

function withoutBytes(request: Message): Message {
  return Object.fromEntries(
    Object.entries(request).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.length : value]),
  );
}
