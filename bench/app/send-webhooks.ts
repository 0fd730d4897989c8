/** Sends webhooks at a fixed rate whatever becomes of them, in a process of its own so that nothing else delays it. */
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";
import { sign } from "@octokit/webhooks-methods";

export interface SendOptions {
  url: string;
  secret: string;
  /** Sent in turns. */
  payloads: string[];
  perSecond: number;
  seconds: number;
}

export interface Sent {
  /** Milliseconds from when it should have been sent to the end of its answer, in ascending order. */
  latencies: number[];
  /** Status -> how many; 0: no answer. */
  statuses: Record<number, number>;
  /** Longest time by which one was sent too late, in milliseconds: what is ours of the latencies. */
  latestMs: number;
}

process.once("message", async (options: SendOptions) => {
  process.send?.(await send(options));
  process.disconnect();
});

async function send({ url, secret, payloads, perSecond, seconds }: SendOptions): Promise<Sent> {
  const signed = await Promise.all(payloads.map(async (text) => ({ text, signature: await sign(secret, text) })));
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const sent: Sent = { latencies: [], statuses: {}, latestMs: 0 };
  const answers: Promise<void>[] = [];
  const began = performance.now() + 100;
  for (let index = 0; index < perSecond * seconds; index += 1) {
    const planned = began + (index * 1000) / perSecond;
    const wait = planned - performance.now();
    if (wait > 0) await setTimeout(wait);
    sent.latestMs = Math.max(sent.latestMs, performance.now() - planned);
    const { text, signature } = signed[index % signed.length] ?? { text: "", signature: "" };
    answers.push(
      post({ url, agent, text, signature }).then((status) => {
        sent.latencies.push(performance.now() - planned);
        sent.statuses[status] = (sent.statuses[status] ?? 0) + 1;
      }),
    );
  }
  await Promise.all(answers);
  agent.destroy();
  sent.latencies.sort((a, b) => a - b);
  return sent;
}

function post({ url, agent, text, signature }: { url: string; agent: Agent; text: string; signature: string }) {
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "x-github-event": "issue_comment",
    "x-github-delivery": randomUUID(),
    "x-hub-signature-256": signature,
  };
  return new Promise<number>((resolve) => {
    const posted = request(url, { method: "POST", agent, headers, timeout: 10_000 }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode ?? 0));
    });
    posted.on("timeout", () => posted.destroy());
    posted.on("error", () => resolve(0));
    posted.end(text);
  });
}
