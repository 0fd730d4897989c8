import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileLogger, createLogger, redactSecrets } from "../src/log.ts";
import { makeFolder } from "./support/author-context.ts";

const secrets = [
  `sk-ant-${"a1B2".repeat(8)}`,
  `ghp_${"a1B2".repeat(9)}`,
  `github_pat_${"a1B2".repeat(10)}`,
  `ak-${"a1B2".repeat(6)}`,
];

describe("redactSecrets", () => {
  it.each(secrets)("hides %s", (secret) => expect(redactSecrets(`key=${secret}.`)).toBe("key=[redacted]."));

  it("hides the credentials of a URL and keeps the rest", () => {
    expect(redactSecrets("at https://user:pass@host/x and git+ssh://t@h/y")).toBe(
      "at https://[redacted]@host/x and git+ssh://[redacted]@h/y",
    );
    expect(redactSecrets("https://host/a@b mail a@b.org")).toBe("https://host/a@b mail a@b.org");
  });
});

describe("createFileLogger", () => {
  it("appends one JSON object a line, without secrets wherever they stand", async () => {
    await using folder = await makeFolder();
    const path = join(folder.path, "log.jsonl");
    for (const round of [1, 2]) {
      const log = createFileLogger(path);
      log.warn({ round, url: "https://me:word@host/", key: secrets[0] }, "said <script>\n");
    }
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 40, round: 1, url: "https://[redacted]@host/", key: "[redacted]" },
      { round: 2 },
    ]);
  });
});

describe("createLogger", () => {
  it("tells of a server's requests without what makes somebody its operator", () => {
    const lines: string[] = [];
    const log = createLogger((line) => lines.push(line)).child({ name: "http" });
    const req = { url: "/runs.json", headers: { host: "h", authorization: "Bearer the-token", cookie: "c=session" } };
    log.info(
      { req, res: { headers: { "set-cookie": "c=session", "content-type": "text/html" } } },
      "GET /runs.json 200",
    );
    expect(lines.join("")).toContain("/runs.json");
    expect(lines.join("")).toContain("text/html");
    expect(lines.join("")).not.toMatch(/the-token|session/);
  });
});
