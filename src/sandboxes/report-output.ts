import { StringDecoder } from "node:string_decoder";

/** Passed on at once per stream, in bytes; beyond that one chunk every `calmMs` milliseconds. */
const promptBytes = 1 << 20;
const calmMs = 200;

/** Reports what arrives, sparingly when it is much: a listener must not pay for gigabytes. */
export function createReporter(report: (text: string) => void): (chunk: Buffer) => void {
  const decoder = new StringDecoder("utf8");
  let reported = 0;
  let reportedAt = 0;
  return (chunk) => {
    const now = performance.now();
    if (reported > promptBytes && now - reportedAt < calmMs) return;
    reported += chunk.length;
    reportedAt = now;
    const text = decoder.write(chunk);
    if (text !== "") report(text);
  };
}
