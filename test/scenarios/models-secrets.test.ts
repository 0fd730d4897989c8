import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandLine, canIsolate, type EndedCommand, filesWith } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import { onlyRun, parseResult, readState } from "../support/run-result.ts";
import {
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  judges,
  kindOf,
  orbitProgram,
  plantedKey,
  textIn,
  writes,
} from "../support/scripted-author.ts";

/** Looks like no provider's key: only its being set tells that it is one. */
const plainKey = "planted0key0without0any0pattern";

/** Prints and returns all that a program can see of the environment of any process. */
const snooping = `import glob, os
    seen = [dict(os.environ)]
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            seen.append(open(path, "rb").read().decode("latin1"))
        except OSError:
            pass
    print("seen:", seen)
    open("seen.txt", "w").write(str(seen))`;

describe.runIf(canIsolate)("the key of a provider", () => {
  const commandLine = new CommandLine();
  const keys = [plantedKey, plainKey];
  let server: ModelServer;
  let environment: Record<string, string>;
  let refused: EndedCommand;
  let ended: EndedCommand;
  let runFolder: string;

  beforeAll(async () => {
    const echoed = `The key ${plantedKey} (${plainKey}) is on hold.`;
    const script = createScriptedAuthor({
      summary: [{ value: { description: `Computes orbits. ${echoed}`, highlyRelevantFiles: [] } }],
      // In pieces that hold no key by themselves.
      writing: [
        (mark) => ({
          text: textIn(writes({ "main.py": orbitProgram(snooping), "notes.txt": echoed })(mark)),
          pieceLength: 9,
        }),
      ],
      judgement: [judges({ statement: `Well done. ${echoed}` })],
    });
    let isRefusing = true;
    server = await startModelServer({
      keepRequests: true,
      answer: (request) => {
        if (!isRefusing || kindOf(request) !== "classification") return script(request);
        isRefusing = false;
        // The provider's own words, which repeat the key.
        return {
          html: JSON.stringify({ type: "error", error: { type: "invalid_request_error", message: echoed } }),
          status: 400,
        };
      },
    });
    environment = { ...anthropicAt(server), ANTHROPIC_API_KEY: plainKey, OPENAI_API_KEY: plantedKey };
    const argv = ["distill", copySample(commandLine), "--out", "out", ...anthropicModels];
    refused = await commandLine.run([...argv, "--verbose", "--record", "calls.jsonl"], { environment });
    runFolder = onlyRun(commandLine.path("out"));
    ended = await commandLine.run(
      ["distill", "--resume", runFolder, "--json", "--verbose", "--record", "calls.jsonl"],
      {
        environment,
      },
    );
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  it("goes to its provider, and in no prompt", () => {
    expect(parseResult(ended).outcome, ended.stderr).toBe("verified");
    for (const { received } of server.requests) {
      const { authorization, "x-api-key": header } = received?.headers ?? {};
      expect(`${authorization} ${header}`).toContain(plainKey);
      for (const key of keys) expect(JSON.stringify(received?.body)).not.toContain(key);
    }
    expect(server.unexpected).toEqual([]);
  });

  it("is left out where a provider's error repeats it", () => {
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/codedistiller: Anthropic refuses the request \(.*The key \[redacted\]/);
  });

  it("is in no result, no file of the run, no recording and no cache, though models and errors repeat it", () => {
    const recording = readFileSync(commandLine.path("calls.jsonl"), "utf8");
    expect(recording.trimEnd().split("\n")).toHaveLength(4);
    expect(recording).toContain("Computes orbits. The key [redacted]");
    expect(statSync(commandLine.path("calls.jsonl")).mode & 0o077).toBe(0);
    for (const key of keys) {
      expect(refused.stdout + refused.stderr + ended.stdout).not.toContain(key);
      expect(filesWith(commandLine.folder, key)).toEqual([]);
    }
  });

  it("is not put together again from the pieces in which an answer comes and is shown", () => {
    expect(ended.stderr).toMatch(/\d+ characters: /);
    for (const key of keys) expect(ended.stderr.split("\n").filter((line) => line.includes(key))).toEqual([]);
  });

  it("is not in the environment of a sandbox, nor of any process that a program there can see", () => {
    const best = readState(runFolder).distiller.best ?? -1;
    const { folder } = readState(runFolder).distiller.iterations[best] ?? { folder: "" };
    const seen = filesWith(join(runFolder, folder), "seen:").concat(filesWith(join(runFolder, folder), "PATH"));
    expect(seen.length).toBeGreaterThan(0);
    for (const path of seen) expect(readFileSync(path, "utf8")).not.toMatch(/API_KEY|BASE_URL|planted/);
  });
});
