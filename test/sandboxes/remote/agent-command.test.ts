import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { agentCommand } from "../../../src/sandboxes/remote/agent-command.ts";
import { encodeFrame } from "../../../src/sandboxes/remote/frames.ts";

it("starts an agent that answers, in a command that Modal takes", () => {
  const [python = "", ...options] = agentCommand({ op: "serve" });
  expect(options.join(" ").length).toBeLessThan(60_000);
  const request = encodeFrame("q", Buffer.from(JSON.stringify({ op: "dance" })));
  const answer = execFileSync(python, options, { input: request });
  expect(JSON.parse(answer.subarray(5).toString())).toMatchObject({ ok: false, code: "bad-request" });
});
