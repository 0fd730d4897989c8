import { lostSandbox } from "../command.ts";

/** One message between us and the agent: a type, and at most `maxFrameBytes`. On the wire the length stands between them, big-endian. */
export interface Frame {
  /**
   * To the agent: `q` request (JSON), `d` bytes of an archive (an empty one ends it), `k` end the program now. From it:
   * `o` and `e` output of a program, `s` output left out (JSON), `d` bytes of an archive, `r` result (JSON), which is the last.
   */
  type: string;
  payload: Buffer;
}

export const maxFrameBytes = 1 << 20;
const headerBytes = 5;

export function encodeFrame(type: string, payload: Uint8Array = new Uint8Array(0)): Buffer {
  if (payload.length > maxFrameBytes) throw new RangeError(`A frame holds at most ${maxFrameBytes} bytes.`);
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.write(type, 0, 1, "latin1");
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, headerBytes);
  return frame;
}

/** Reads frames from bytes as they arrive. Ends where the bytes end; throws SandboxError for what is no frame. */
export async function* decodeFrames(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let chunks: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    held += chunk.length;
    if (held < wantedBytes(chunks[0])) continue;
    const data = chunks.length === 1 && chunks[0] ? asBuffer(chunks[0]) : Buffer.concat(chunks, held);
    let at = 0;
    while (data.length - at >= headerBytes) {
      const length = data.readUInt32BE(at + 1);
      if (length > maxFrameBytes) throw lostSandbox("it gave an answer that is not to be understood");
      if (data.length - at < headerBytes + length) break;
      const end = at + headerBytes + length;
      yield { type: data.toString("latin1", at, at + 1), payload: data.subarray(at + headerBytes, end) };
      at = end;
    }
    chunks = at < data.length ? [data.subarray(at)] : [];
    held = data.length - at;
  }
  if (held > 0) throw lostSandbox("it gave an answer that is not to be understood");
}

/** How many bytes the frame takes that begins with these; so a large frame that comes in small pieces is joined once. */
function wantedBytes(first: Uint8Array | undefined): number {
  if (first === undefined || first.length < headerBytes) return 0;
  return headerBytes + Math.min(asBuffer(first).readUInt32BE(1), maxFrameBytes);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
