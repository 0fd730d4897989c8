import { describe, expect, it } from "vitest";
import { type Command, maxFeedback, parseCommand } from "../../src/handlers/command.ts";

const problemOf = (body: string): string => {
  const command = parseCommand(body);
  if (command?.kind !== "misunderstood") throw new Error(`Understood as ${JSON.stringify(command)}`);
  return command.problem;
};
const distill = (given: Partial<Extract<Command, { kind: "distill" }>> = {}): Command => ({
  kind: "distill",
  repository: null,
  settings: {},
  dryRun: false,
  ...given,
});

describe("what is a command", () => {
  it.each([
    "/distill",
    "/distill ",
    "/DISTILL",
    "\ufeff/distill",
    "   /distill",
    "/distill\r\nplease",
    "/distill\nthen\nmore --bogus",
    "/distill\rplease",
  ])("takes %j", (body) => expect(parseCommand(body)).toEqual(distill()));

  it.each([
    "",
    "distill",
    "/distillery",
    "/distill-this",
    "please /distill",
    "    /distill",
    "\t/distill",
    "> /distill",
    ">/distill",
    "```\n/distill\n```",
    "~~~\n/distill",
    "`/distill`",
    "- /distill",
    "<!-- \n/distill -->",
    "\n/distill",
    "Thanks!\n/distill",
    "/\u200bdistill",
    "\u202e/distill",
    "/ distill",
  ])("says nothing to %j", (body) => expect(parseCommand(body)).toBeNull());

  it.each(["status", "cancel", "retry", "help"] as const)("takes %s, in any case, and nothing after it", (kind) => {
    expect(parseCommand(`/distill ${kind}`)).toEqual({ kind });
    expect(parseCommand(`/distill  ${kind.toUpperCase()} \r\nmore`)).toEqual({ kind });
    expect(problemOf(`/distill ${kind} now`)).toBe(`/distill ${kind} takes nothing after it.`);
  });
});

describe("the options of a run", () => {
  it("takes all of them, in any order, with the repository anywhere", () => {
    const command = distill({
      repository: "https://github.com/marit/orbits",
      settings: {
        ref: "v1.2",
        subdirectory: "src/orbits",
        focus: "two orbits",
        model_str_code: "gpt-5",
        max_cost_usd: 1.5,
      },
      dryRun: true,
    });
    expect(
      parseCommand(
        '/distill --dry-run --ref v1.2 marit/orbits --focus "two orbits" --subdirectory src/orbits --model gpt-5 --max-cost 1.50',
      ),
    ).toEqual(command);
    expect(
      parseCommand(
        "/distill marit/orbits --REF=v1.2 --focus='two orbits' --subdirectory=src/orbits --model=gpt-5 --max-cost=$1.5 —dry-run",
      ),
    ).toEqual(command);
  });

  it.each([
    ['"a b"', "a b"],
    ["'a b'", "a b"],
    ["“a b”", "a b"],
    ["”a b”", "a b"],
    ["„a b“", "a b"],
    ["‘a b’", "a b"],
    ['“a b"', "a b"],
    ['"say \\"a\\" twice"', 'say "a" twice'],
    ["‘it’s a’", "it’s a"],
    ["don't", "don't"],
    ['"--dry-run"', "--dry-run"],
    ['"  a\t b "', "a b"],
  ])("reads the value %s", (written, focus) => {
    expect(parseCommand(`/distill --focus ${written}`)).toEqual(distill({ settings: { focus } }));
    expect(parseCommand(`/distill --focus=${written} --dry-run`)).toEqual(
      distill({ settings: { focus }, dryRun: true }),
    );
  });

  it.each([
    ["/distill --modle x", /There is no option "--modle"\. Did you mean --model\?/],
    ["/distill --maxcost 1", /Did you mean --max-cost\?/],
    ["/distill -h", /There is no option "--h"\. There are --ref, --subdirectory/],
    ["/distill --sandbox none", /There is no option "--sandbox"/],
    ["/distill --ref", /The option --ref needs a value/],
    ["/distill --ref --dry-run", /The option --ref needs a value/],
    ["/distill --ref= main", /The option --ref needs a value/],
    ['/distill --focus ""', /The option --focus needs a value/],
    ["/distill --ref a --ref b", /given twice/],
    ["/distill --dry-run=yes", /takes no value/],
    ['/distill --focus "two orbits', /A quote is opened and not closed/],
    ["/distill --focus two orbits", /"orbits" is neither a repository/],
    ["/distill --max-cost lots", /--max-cost has to be a number of US dollars/],
    ["/distill --max-cost -1", /--max-cost has to be a number/],
    ["/distill --max-cost 1e3", /--max-cost has to be a number/],
    ["/distill --max-cost 0x10", /--max-cost has to be a number/],
    ["/distill --max-cost 1,50", /--max-cost has to be a number/],
    ["/distill --max-cost NaN", /--max-cost has to be a number/],
    ["/distill --ref ..", /--ref cannot be the name of a branch/],
    ["/distill --ref a:b", /--ref cannot be the name/],
    ["/distill --ref '-x'", /--ref cannot be the name/],
    ["/distill --ref a\u202eb", /--ref cannot be the name/],
    ["/distill --subdirectory ../x", /--subdirectory has to be a folder's path/],
    ["/distill --subdirectory /etc", /--subdirectory has to be a folder's path/],
    ["/distill --subdirectory C:\\x", /--subdirectory has to be a folder's path/],
    ["/distill --model a\u200bb", /--model holds characters that cannot be seen/],
    [`/distill --focus ${"x".repeat(501)}`, /--focus is longer than 500 characters/],
    ["/distill stauts", /"stauts" is no command\. Did you mean \/distill status\?/],
    ["/distill revise", /Say what to change/],
    ["/distill please", /"please" is neither a repository/],
    ["/distill a/b c/d", /One repository at a time: "c\/d"/],
  ])("explains what is wrong with %s", (body, problem) => expect(problemOf(body)).toMatch(problem));
});

describe("the repository of a run", () => {
  it.each([
    ["marit/orbits", "https://github.com/marit/orbits"],
    ["marit/orbits.git", "https://github.com/marit/orbits"],
    ["`marit/orbits`", "https://github.com/marit/orbits"],
    ["github.com/marit/orbits", "https://github.com/marit/orbits"],
    ["https://github.com/marit/orbits", "https://github.com/marit/orbits"],
    ["<https://github.com/marit/orbits?tab=readme#use>", "https://github.com/marit/orbits"],
    ["HTTPS://GitHub.com/marit/orbits/tree/main/src", "https://github.com/marit/orbits/tree/main/src"],
    ["https://gitlab.com/group/sub/orbits", "https://gitlab.com/group/sub/orbits"],
    ["https://zenodo.org/records/1/files/a.zip?download=1", "https://zenodo.org/records/1/files/a.zip?download=1"],
    ["https://codeberg.org/a.zip?signature=secret", "https://codeberg.org/a.zip"],
    ["https://www.github.com/marit/orbits", "https://www.github.com/marit/orbits"],
  ])("takes %s", (word, repository) => expect(parseCommand(`/distill ${word}`)).toEqual(distill({ repository })));

  it("looks for owner/name where GitHub is", () => {
    const at = (word: string, gitHubHost: string) => parseCommand(`/distill ${word}`, { gitHubHost });
    expect(at("marit/orbits", "git.example.org")).toEqual(
      distill({ repository: "https://git.example.org/marit/orbits" }),
    );
    expect(at("https://127.0.0.1:8443/marit/orbits", "127.0.0.1:8443")).toEqual(
      distill({ repository: "https://127.0.0.1:8443/marit/orbits" }),
    );
  });

  it.each([
    "./orbits",
    "../orbits",
    "/etc/passwd",
    "~/orbits",
    "a/b/c",
    "a/..",
    "a/.",
    "C:\\orbits",
    "file:///etc/passwd",
    "ssh://git@github.com/marit/orbits",
    "git@github.com:marit/orbits.git",
    "git://github.com/marit/orbits",
    "http://github.com/marit/orbits",
    "ext::sh",
    "https://",
    "https://github.com",
    "https://github.com//x",
    "https:github.com/a/b",
    "javascript:alert(1)",
    "a\u202e/b",
    "https://github.com/a\u0000/b",
    `https://example.org/${"a".repeat(500)}`,
  ])("refuses %j", (word) => expect(parseCommand(`/distill ${word}`)).toMatchObject({ kind: "misunderstood" }));

  it.each([
    "https://localhost/a/b",
    "https://localhost./a/b",
    "https://127.0.0.1/a/b",
    "https://2130706433/a/b",
    "https://0x7f.1/a/b",
    "https://[::1]/a/b",
    "https://169.254.169.254/latest/meta-data",
    "https://intranet/a/b",
    "https://db.svc.internal/a/b",
    "https://printer.local/a/b",
    "https://github.com:8443/a/b",
    "https://gitlab.corp-example.com/a/b",
    "https://10-0-0-5.nip.io/a/b",
    "https://localtest.me/a/b",
    "https://github.com.example.org/a/b",
  ])("asks no host but those that the operator lets it: %s", (word) =>
    expect(problemOf(`/distill ${word}`)).toMatch(/fetched from github\.com, .* only/),
  );

  it("is fetched from where the operator lets it be", () => {
    const url = "https://git.example.org/a/b";
    expect(parseCommand(`/distill ${url}`, { allowHosts: ["git.example.org"] })).toEqual(distill({ repository: url }));
  });

  it("repeats no password", () => {
    for (const word of ["https://me:hunter2@github.com/a/b", "https://hunter2@github.com/a/b"]) {
      expect(problemOf(`/distill ${word}`)).toMatch(/holds a user name or a password/);
      expect(problemOf(`/distill ${word}`)).not.toContain("hunter2");
    }
  });
});

describe("a revision", () => {
  it("takes the rest of the comment, with its lines", () => {
    expect(parseCommand('/distill revise use "SI units"\r\n\r\n- and plot it\n')).toEqual({
      kind: "revise",
      feedback: 'use "SI units"\n\n- and plot it',
    });
    expect(parseCommand("/distill REVISE\nuse SI units")).toEqual({ kind: "revise", feedback: "use SI units" });
    expect(parseCommand("/distill revise --dry-run")).toEqual({ kind: "revise", feedback: "--dry-run" });
  });

  it("refuses what is too long rather than to cut it", () => {
    expect(parseCommand(`/distill revise ${"x".repeat(maxFeedback)}`)).toMatchObject({ kind: "revise" });
    expect(problemOf(`/distill revise ${"x".repeat(maxFeedback + 1)}`)).toBe(
      "What to change is 2001 characters long; 2000 is the most.",
    );
  });

  it("takes out what would lie to whoever reads it", () => {
    const command = parseCommand("/distill revise a\u0000b\u001b[31m\u202egpj.exe \ud800 نمی\u200cدانم");
    expect(command).toEqual({ kind: "revise", feedback: "a b [31m gpj.exe \ufffd نمی\u200cدانم" });
  });
});

describe("nasty comments", () => {
  const pieces = [
    "--focus ",
    "--focus=",
    '"',
    "'",
    "“",
    "”",
    "\\",
    " ",
    "\t",
    "a/b",
    "<",
    "`",
    ">",
    "--",
    "=",
    "-",
    "\u0000",
    "\u202e",
    "\ud800",
    "\r",
    "\n",
    "https://",
    "/",
    "revise ",
    "é",
    "—x ",
  ];

  it.each(pieces)("are read in time that grows with their length: %j", (piece) => {
    const body = (length: number): string => `/distill ${piece.repeat(Math.ceil(length / piece.length))}`;
    for (const tail of ["", " x", '"', "\n"]) {
      const started = performance.now();
      parseCommand(body(500_000) + tail);
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });

  it("never throw, and give only what was checked", () => {
    const next = createRandom(7);
    for (let round = 0; round < 5_000; round += 1) {
      const length = next(12);
      const body = `/distill ${Array.from({ length }, () => pieces[next(pieces.length)]).join("")}`;
      const command = parseCommand(body);
      if (command?.kind === "distill") {
        expect(command.repository ?? "https://").toMatch(/^https:\/\//);
        expect(command.settings.ref ?? "").not.toMatch(/^-|\p{Cc}|\p{Cf}/u);
        expect(command.settings.focus ?? "x").toMatch(/^[^\p{Cc}]{1,500}$/u);
      }
      if (command?.kind === "misunderstood") expect(command.problem.length).toBeLessThan(400);
    }
  });

  it("show no more than a piece of a line of 50 kB", () => {
    for (const body of [
      `/distill ${"x".repeat(50_000)}`,
      `/distill --${"x".repeat(50_000)}`,
      `/distill "${"x ".repeat(25_000)}`,
    ])
      expect(problemOf(body).length).toBeLessThan(300);
  });
});

/** The same numbers every time: a failure can be looked at. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
