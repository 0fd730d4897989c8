import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/action/read-config.ts";
import { readInputs } from "../../src/action/read-inputs.ts";

describe("the configuration of the action's runs", () => {
  const workspace = mkdtempSync(join(tmpdir(), "codedistiller-workspace-"));
  afterAll(() => rmSync(workspace, { recursive: true }));
  mkdirSync(join(workspace, "ci"));
  writeFileSync(join(workspace, "ci/distill.json"), '{"max_cost_usd": 2, "max_runtime_mins": 3}');

  const read = (given: Record<string, string>, environment: Record<string, string> = {}, eventName = "push") => {
    const variables = Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
    const inputs = readInputs({ "INPUT_GITHUB-TOKEN": "token", ...Object.fromEntries(variables) });
    return readConfig(inputs, { workspace, eventName }, environment);
  };

  it("is taken from inputs before the file, and from both before variables", async () => {
    const environment = {
      CODEDISTILLER_MAX_COST_USD: "1",
      CODEDISTILLER_MAX_RUNTIME_MINS: "1",
      CODEDISTILLER_PROGRAM_NETWORK: "true",
      CODEDISTILLER_SANDBOX: "local",
    };
    expect(await read({ config: "ci/distill.json", "max-cost-usd": "4", sandbox: "auto" }, environment)).toMatchObject({
      max_cost_usd: 4,
      max_runtime_mins: 3,
      program_network: true,
      sandbox: "local",
    });
  });

  it("is no file of a pull request, whose author could name a program in it", async () => {
    for (const event of ["pull_request", "pull_request_target", "merge_group"]) {
      const refused = read({ config: "ci/distill.json" }, {}, event);
      await expect(refused).rejects.toMatchObject({ code: "config-of-strangers" });
      expect(await read({ config: '{"max_debug_iterations": 1}' }, {}, event)).toMatchObject({
        max_debug_iterations: 1,
      });
    }
  });

  it("may be given as JSON itself", async () => {
    expect(await read({ config: ' {"max_debug_iterations": 1}\n' })).toMatchObject({ max_debug_iterations: 1 });
  });

  it.each([
    [
      "missing.json",
      "config-unreadable",
      /missing\.json cannot be read in the workspace\. .*checks the repository out/,
    ],
    ["ci", "config-unreadable", /ci cannot be read/],
    ['{"max_cost": 1}', "config", /max_cost/],
    ['{"max_cost_usd": 1', "config", /Input config/],
  ])("says what is wrong with %s", async (config, code, words) => {
    await expect(read({ config })).rejects.toMatchObject({
      code: expect.stringMatching(new RegExp(`^${code}`)),
      userMessage: expect.stringMatching(words),
    });
  });
});
