import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ActionResult } from "../../src/action/action-result.ts";
import { outputNames } from "../../src/action/compose-outputs.ts";
import { expectInert } from "../jobs/expect-inert.ts";
import { type EndedAction, runAction } from "../support/action-runner.ts";
import { canIsolate } from "../support/command-line.ts";
import { expectDiscreet } from "../support/expect-discreet.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";

const repository = { owner: "marit", name: "gusts" };
const muddled = { owner: "marit", name: "muddled" };

/** Orders to the runner in both of its forms, to GitHub's readers, and to a browser. */
const orders = [
  "::set-output name=verdict::failed",
  "  ::add-mask::verified",
  "##[error]owned",
  "::stop-commands::endgroup",
  "@marit #1 <img src=x onerror=alert(1)> [x](javascript:alert(1)) | --> ",
];
const heading = "::error file=README.md::owned @marit <b>bold</b> ##[warning]x";

/** Says each order long enough after the last that the log shows it. */
const says = `"""${heading}"""
import sys
import time

ORDERS = ${JSON.stringify(orders)}


def speak():
    """::add-mask::${"run"} <script>alert(1)</script> @marit"""
    for order in ORDERS:
        time.sleep(0.27)
        print(order, flush=True)
        print(order, file=sys.stderr, flush=True)
    return ORDERS
`;

const files = {
  "README.md": `# ${heading}\n\n${orders.join("\n\n")}\n\n## ${heading}\n\n\`\`\`python\nfrom gusts import speak\n\nsaid = speak()\n\`\`\`\n`,
  "gusts.py": says,
  "::error file=a,line=1::b.py": "x = 1\n",
  "##[error]owned.md": "# x\n",
  "<img src=x onerror=alert(1)>.py": "def nothing():\n    return None\n",
};

describe.runIf(canIsolate)("the action, on a repository that speaks to the runner", () => {
  let github: GitHubServer;
  let ended: EndedAction;
  let confused: EndedAction;

  beforeAll(async () => {
    github = await startGitHub({
      repositories: [
        { ...repository, files },
        {
          ...muddled,
          files: { "README.md": "# x\n", ".github/codedistiller.yml": `"${orders[0]}%0A::add-mask::a": 1\n` },
        },
      ],
    });
    const event = { name: "workflow_dispatch" };
    const inputs = { sandbox: "local", focus: heading.slice(0, 60) };
    [ended, confused] = await Promise.all([
      runAction({ github, repository, event, inputs }),
      runAction({ github, repository: muddled, event, inputs: { sandbox: "local" } }),
    ]);
  }, 120_000);
  afterAll(async () => {
    for (const each of [ended, confused]) each?.[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
  });

  it("shows what its program says, and has the runner do nothing of it", () => {
    expect(ended.status, ended.log).toBe(0);
    for (const each of orders.slice(0, 4)) expect(ended.log).toContain(`| ${each.trim().replace("##[", "# #[")}`);
    expect(ended.outputs.verdict).toBe("verified");
    expect(Object.keys(ended.outputs).sort()).toEqual([...outputNames].sort());
    expect(ended.commands).toEqual([]);
    expect(ended.exported).toEqual({});
    expect(ended.annotations).toHaveLength(1);
    // The token, and what git would be given of it.
    expect(ended.masks).toHaveLength(2);
    expect(ended.groups.map(({ name }) => name)).toContain("Run it in a sandbox, iteration 1");
    expectDiscreet(ended, github, []);
  });

  it("writes a summary and a pull request in which none of it is alive", async () => {
    const ours = /^https?:\/\/(127\.0\.0\.1|localhost):\d+\/marit\/gusts[/.]/;
    const page = expectInert(ended.summary);
    expect(page.headings).toBe(1);
    expect(page.links.filter((link) => !ours.test(link))).toEqual([]);
    const [pull] = await github.pullRequests(repository);
    const body = expectInert(pull?.body ?? "");
    expect(body.markers).toHaveLength(1);
    expect(body.links.filter((link) => !ours.test(link))).toEqual([]);
    const [example] = ActionResult.parse(JSON.parse(ended.outputs.result ?? "")).examples;
    expect(example?.slug).toMatch(/^[a-z0-9-]+$/);
  });

  it("names a key of its configuration without doing what the key says", () => {
    expect(confused.status).toBe(1);
    expect(confused.outputs).toMatchObject({ verdict: "error", "reason-code": "repository-config" });
    expect(confused.annotations).toHaveLength(1);
    expect(confused.annotations[0]?.message).toContain("is no key that may stand here");
    expect(confused.commands).toEqual([]);
    expect(confused.masks).toHaveLength(2);
    expectInert(confused.summary);
  });
});
