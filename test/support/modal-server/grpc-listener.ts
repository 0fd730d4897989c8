import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { type GrpcCode, GrpcError, grpcCodes } from "./grpc-error.ts";

/** One call as it came: nothing of it was decoded. */
export interface ReceivedCall {
  /** `/package.Service/Method`. */
  path: string;
  headers: IncomingHttpHeaders;
  request: Buffer;
  /** Aborted when the caller gives up or the connection breaks. */
  signal: AbortSignal;
}

export interface GrpcListener extends AsyncDisposable {
  port: number;
  /** Breaks every connection; the next one is refused. */
  close(): Promise<void>;
}

export interface GrpcListenerOptions {
  /** 0, or none, for one that is free. */
  port?: number;
  /** Yields the encoded answers; a thrown GrpcError becomes the status of the call. */
  answer: (call: ReceivedCall) => AsyncIterable<Uint8Array>;
}

/**
 * Unary and server streaming calls in the clear, without compression, on the loopback. Not a library's server, since
 * calls of methods that nobody registered have to be seen as well.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export async function listenForCalls({ port = 0, answer }: GrpcListenerOptions): Promise<GrpcListener> {
  // Requests of many MiB come in one message; the window is so wide that the sender need not wait for us.
  const server = createServer({ maxSessionMemory: 1000, settings: { initialWindowSize: 16 * 2 ** 20 } });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    session.setLocalWindowSize(64 * 2 ** 20);
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => session.destroy());
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on("error", () => {});
    void receive(stream, headers, answer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  async function close(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const session of sessions) session.destroy();
    await closed;
  }
  return { port: (server.address() as AddressInfo).port, close, [Symbol.asyncDispose]: close };
}

async function receive(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  answer: GrpcListenerOptions["answer"],
): Promise<void> {
  const gone = new AbortController();
  stream.on("close", () => gone.abort());
  let code: GrpcCode = "OK";
  let details = "";
  try {
    const request = await readMessage(stream);
    const call = { path: String(headers[":path"]), headers, request, signal: gone.signal };
    for await (const message of answer(call)) {
      if (gone.signal.aborted || stream.destroyed) return;
      if (!stream.headersSent) stream.respond(responseHeaders, { waitForTrailers: true });
      await writeMessage(stream, message, gone.signal);
    }
  } catch (error) {
    if (gone.signal.aborted || stream.destroyed) return;
    code = error instanceof GrpcError ? error.code : "UNKNOWN";
    details = error instanceof Error ? error.message : String(error);
  }
  // A client that cancels destroys the stream a moment before it is closed.
  if (gone.signal.aborted || stream.destroyed) return;
  const status = { "grpc-status": String(grpcCodes[code]), "grpc-message": encodeURI(details) };
  if (!stream.headersSent) {
    stream.respond({ ...responseHeaders, ...status }, { endStream: true });
    return;
  }
  stream.on("wantTrailers", () => stream.sendTrailers(status));
  stream.end();
}

const responseHeaders = { ":status": 200, "content-type": "application/grpc+proto" };
/** A byte for the compression and four for the length. */
const prefixBytes = 5;

async function readMessage(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  if (body.length < prefixBytes || body[0] !== 0 || body.readUInt32BE(1) !== body.length - prefixBytes) {
    throw new GrpcError("INTERNAL", "The request is not one uncompressed message.");
  }
  return body.subarray(prefixBytes);
}

async function writeMessage(stream: ServerHttp2Stream, message: Uint8Array, signal: AbortSignal): Promise<void> {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  stream.write(prefix);
  if (stream.write(message)) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off("drain", go);
      signal.removeEventListener("abort", go);
      resolve();
    };
    stream.on("drain", go);
    signal.addEventListener("abort", go);
  });
}
