import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { Probot, Server } from "probot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boundWebhooks } from "../../src/adapters/bound-webhooks.ts";
import { createLogger } from "../../src/log.ts";
import { findFreePort } from "../support/find-free-port.ts";

const secret = "a secret of webhooks";
const log = createLogger(() => undefined, "fatal");
let server: Server;
let received = 0;

beforeAll(async () => {
  const port = await findFreePort();
  const privateKey = "-----BEGIN RSA PRIVATE KEY-----";
  const options = { host: "127.0.0.1", port, log, enableStaticFiles: false };
  server = new Server({ ...options, Probot: Probot.defaults({ appId: 1, privateKey, secret, log }) });
  await server.load((probot) => {
    boundWebhooks(probot, 1000);
    probot.on("ping", () => {
      received += 1;
    });
  });
  await server.start();
});

afterAll(() => server.stop());

function post(body: RequestInit["body"], path = "/api/github/webhooks"): Promise<Response> {
  const signature = typeof body === "string" ? createHmac("sha256", secret).update(body).digest("hex") : "";
  return fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: "POST",
    body,
    duplex: "half",
    headers: {
      "content-type": "application/json",
      "x-github-event": "ping",
      "x-github-delivery": "1",
      "x-hub-signature-256": `sha256=${signature}`,
    },
  } as RequestInit);
}

/** The first line of the answer to a request of which these bytes are all that ever comes. */
function firstLine(text: string): Promise<string> {
  const socket = connect(server.port, "127.0.0.1", () => socket.write(text));
  return new Promise((resolve) => {
    let answer = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      answer += piece;
    });
    socket.on("error", () => undefined).on("close", () => resolve(answer.split("\r\n")[0] ?? ""));
  });
}

describe("a webhook's body", () => {
  it("is taken as far as it is bounded", async () => {
    expect((await post(JSON.stringify({ zen: "x".repeat(900) }))).status).toBe(200);
    expect(received).toBe(1);
  });

  it.each(["/api/github/webhooks", "/x/../api/github/webhooks", "//x/api/github/webhooks"])(
    "is refused before any of it is read where it is too long, at %s",
    async (path) => {
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
      expect(await firstLine(`${head}Content-Length: 1001\r\n\r\n{`)).toBe("HTTP/1.1 413 Payload Too Large");
      expect(await firstLine(`${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`)).toBe(
        "HTTP/1.1 411 Length Required",
      );
    },
  );

  it("is no longer than was said", async () => {
    const head = "POST /api/github/webhooks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    const answer = await firstLine(`${head}Connection: close\r\nContent-Length: 2\r\n\r\n{}${"x".repeat(5000)}`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(received).toBe(1);
  });
});
