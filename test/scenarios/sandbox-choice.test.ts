import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser } from "../support/browser.ts";
import {
  CommandLine,
  canIsolate,
  canMount,
  type EndedCommand,
  fixture,
  processesWith,
  waitUntil,
} from "../support/command-line.ts";
import { type FakeEngine, makeBarePath, makeFakeEngine } from "../support/fake-engine.ts";
import { type ModalServer, startModalServer } from "../support/modal-server/modal-server.ts";
import { onlyRun, parseResult, readState } from "../support/run-result.ts";
import { containerImage, sandboxImage } from "../support/sandbox-image.ts";

const orbits = fixture("orbital-elements");
const image = (await containerImage()) ?? "";
const rootfs = (await sandboxImage())?.rootfs ?? "";
/** Hides what would otherwise be there. */
const withoutBubblewrap = [
  "unshare",
  "-m",
  "sh",
  "-c",
  'mount --bind /dev/null "$(command -v bwrap)"; exec "$@"',
  "sh",
];

it("verifies an example without isolation too, where that is asked for by name", async () => {
  using commandLine = new CommandLine();
  const ended = await commandLine.run(["distill", orbits, "--out", "out", "--json", "--sandbox", "none"]);
  expect(parseResult(ended)).toMatchObject({ outcome: "verified" });
  expect(ended.stderr).toContain("WARNING: --sandbox none");
});

describe("the sandbox that is taken where nobody names one", () => {
  const commandLine = new CommandLine();
  let engine: FakeEngine;
  let bare: { PATH: string; CODEDISTILLER_SANDBOX: string };
  beforeAll(() => {
    mkdirSync(commandLine.path("fake"));
    engine = makeFakeEngine(commandLine.path("fake"), { buildSeconds: "0" });
    mkdirSync(commandLine.path("bare"));
    bare = { PATH: makeBarePath(commandLine.path("bare")), CODEDISTILLER_SANDBOX: "auto" };
  });
  afterAll(() => commandLine[Symbol.dispose]());

  function distil(argv: readonly string[], environment: Record<string, string>): Promise<EndedCommand> {
    return commandLine.run(["distill", ...argv], { environment, timeoutSeconds: 100 });
  }

  it.runIf(canIsolate)("is bubblewrap where there is neither a token nor an engine, and the run says why", async () => {
    const ended = await distil([orbits, "--out", "local", "--json"], bare);
    expect(ended.stderr).toContain(
      "Sandbox: local, because no Modal token is set; docker and podman: not installed.\n",
    );
    const { runFolder, outcome } = parseResult(ended);
    expect(outcome).toBe("verified");
    expect(readState(runFolder ?? "").distiller.sandbox).toMatchObject({ provider: "local", isolated: true });
  });

  it.runIf(canIsolate)("is bubblewrap where an engine cannot build its image, after saying so", async () => {
    const ended = await distil([orbits, "--out", "unbuilt"], { ...bare, PATH: engine.path });
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/^docker could not build the image .*no space for layers/m);
    expect(ended.stderr).toMatch(/Sandbox: local, because no Modal token is set; container: docker could not build/);
  });

  it("is none without isolation, and none that knows no images where one is named", async () => {
    const ended = await distil([orbits, "--out", "image", "--sandbox-image", "debian:12"], bare);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/^codedistiller: There is nowhere to run programs apart from this machine/m);
    expect(ended.stderr).toContain("(local: it knows no sandbox_image)");
    expect(readdirSync(commandLine.path("image"))).toEqual([]);
  });

  it.runIf(canMount)("is refused, with every reason and what to do, where nothing can be had", async () => {
    const ended = await commandLine.run(["distill", orbits, "--out", "refused"], {
      within: withoutBubblewrap,
      environment: { ...bare, PATH: `${engine.path}:/usr/bin:/bin` },
    });
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain("  set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET (https://modal.com),\n");
    expect(ended.stderr).toContain("--sandbox none.\n");
    expect(ended.stderr).toMatch(/^ {2}\(container: docker could not build the image/m);
    expect(ended.stderr).toMatch(/^ {2}\(local: bubblewrap is not installed: apt-get install bubblewrap/m);
    expect(readdirSync(commandLine.path("refused"))).toEqual([]);
  });

  it.runIf(canIsolate)("is asked for nothing by a plan, which can be run anywhere afterwards", async () => {
    const before = engine.calls().length;
    const planned = await distil([orbits, "--out", "plan", "--dry-run"], { ...bare, PATH: engine.path });
    expect(planned.status, planned.stderr).toBe(0);
    expect(engine.calls()).toHaveLength(before);
    const runFolder = onlyRun(commandLine.path("plan"));
    const ended = await distil(["--resume", runFolder, "--sandbox", "local", "--json"], bare);
    expect(parseResult(ended).outcome, ended.stderr).toBe("verified");
    const { iterations, sandbox, config } = readState(runFolder).distiller;
    expect(sandbox?.provider).toBe("local");
    expect(config.sandbox).toBe("local");
    expect(iterations[0]?.folder).toMatch(/^local-python-/);
    expect(readdirSync(runFolder).filter((name) => /-python-/.test(name))).toEqual([iterations[0]?.folder]);
  });

  it("says which settings the chosen kind does not use", async () => {
    const ended = await distil([orbits, "--out", "unused", "--sandbox", "local", "--sandbox-image", "debian:12"], {
      PATH: bare.PATH,
    });
    expect(ended.stderr).toContain("sandbox_image: not used where the sandbox is local.\n");
  });

  describe.runIf(image !== "")("with a container engine", () => {
    const environment = (): Record<string, string> => ({ CODEDISTILLER_SANDBOX: "auto" });
    let runFolder: string;

    it("is a container, and both reports say why", async () => {
      const ended = await distil([orbits, "--out", "container", "--json", "--sandbox-image", image], environment());
      const result = parseResult(ended);
      expect(result.outcome, ended.stderr).toBe("verified");
      expect(ended.stderr).toContain("Sandbox: container, because no Modal token is set.\n");
      runFolder = result.runFolder ?? "";
      expect(readState(runFolder).distiller.sandbox).toMatchObject({ provider: "container", image: /./ });
      expect(readFileSync(join(runFolder, "REPORT.md"), "utf8")).toContain(
        "Sandbox: container, because no Modal token is set; Debian GNU/Linux 12",
      );
    }, 100_000);

    it("shows it in the page as a browser draws it", async ({ skip }) => {
      await using browser = await openBrowser();
      if (browser === null) return skip();
      const page = await browser.newPage();
      await page.goto(pathToFileURL(join(runFolder, "report.html")).href);
      const row = page.locator("section", { has: page.locator("#configuration") });
      expect(await row.innerText()).toMatch(/Sandbox\s+container, because no Modal token is set\s+Image\s+\w+/);
    });

    it("is verified in another kind of sandbox than it was made in", async () => {
      const verified = await commandLine.run(["verify", join(runFolder, "example"), "--sandbox", "local"]);
      expect(verified.status, verified.stderr).toBe(0);
      const again = ["verify", join(runFolder, "example"), "--sandbox-image", image, "--sandbox", "auto"];
      const inContainer = await commandLine.run(again, { timeoutSeconds: 100 });
      expect(inContainer.stderr).toMatch(/^Sandbox: container, because no Modal token is set\.$/m);
      expect(inContainer.status, inContainer.stderr).toBe(0);
    }, 100_000);

    it("is found ready by doctor, which fetches and builds nothing", async () => {
      const settings = { CODEDISTILLER_SANDBOX_IMAGE: image };
      const there = await commandLine.run(["doctor"], { environment: { ...environment(), ...settings } });
      expect(there.stdout).toMatch(new RegExp(`^found +container +podman [\\d.]+, image ${image}$`, "m"));
      expect(there.stdout).toMatch(/^found +sandbox +auto takes container: no Modal token is set$/m);
      const builds = engine.calls().filter((call) => call === "build").length;
      const absent = await commandLine.run(["doctor"], { environment: { ...environment(), PATH: engine.path } });
      expect(absent.stdout).toMatch(/^limited +container +docker 27\.0\.1, but its image codedistiller-sandbox:/m);
      expect(absent.stdout).toMatch(/^ +It is built when the first run begins/m);
      expect(engine.calls().filter((call) => call === "build")).toHaveLength(builds);
    });
  });
});

describe.runIf(rootfs !== "")("a machine with Modal's tokens", () => {
  const commandLine = new CommandLine();
  let server: ModalServer;
  const environment = (): Record<string, string> => ({
    ...server.environment,
    CODEDISTILLER_SANDBOX: "auto",
    CODEDISTILLER_SANDBOX_IMAGE: "debian:12",
  });
  beforeAll(async () => {
    server = await startModalServer({ rootfs });
    return async () => {
      await server.stop();
      commandLine[Symbol.dispose]();
    };
  });

  it("is Modal, and where that does not accept the token, nothing else in silence", async () => {
    const refused = await commandLine.run(["distill", orbits, "--out", "token"], {
      environment: { ...environment(), MODAL_TOKEN_SECRET: "as-wrong" },
    });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^codedistiller: Modal does not accept the token .* Without Modal: --sandbox cont/m);
    expect(refused.stderr).not.toContain("as-wrong");
    const doctor = await commandLine.run(["doctor"], { environment: environment() });
    expect(doctor.stdout).toMatch(/^found +modal +MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are set, and Modal accepts/m);
    expect(doctor.stdout).toMatch(/^found +sandbox +auto takes modal/m);
    const limited = await commandLine.run(["doctor"], {
      environment: { ...environment(), MODAL_TOKEN_SECRET: "as-wrong" },
    });
    expect(limited.stdout).toMatch(/^limited +modal .*\n +Modal does not accept the token/m);
    expect(server.sandboxes).toEqual([]);
  });

  it("verifies there what was made on this machine", async () => {
    const made = await commandLine.run(["distill", orbits, "--out", "made", "--json", "--sandbox", "local"]);
    const verified = await commandLine.run(["verify", parseResult(made).exampleFolder ?? ""], {
      environment: environment(),
      timeoutSeconds: 100,
    });
    expect(verified.stderr).toMatch(/^Sandbox: modal, because MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are set\.$/m);
    expect(verified.status, verified.stderr).toBe(0);
  }, 100_000);

  it("lets a run go on elsewhere where Modal is down", async () => {
    const started = commandLine.start(["distill", orbits, "--out", "moved"], { environment: environment() });
    await started.waitForLine(/^building and running/m);
    started.process.kill("SIGKILL");
    const { stderr } = await started.ended;
    expect(stderr).toContain("Sandbox: modal, because MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are set.\n");
    await server.stop();
    const runFolder = onlyRun(commandLine.path("moved"));
    const down = await commandLine.run(["distill", "--resume", runFolder], { environment: environment() });
    expect(down.status).toBe(1);
    expect(down.stderr).toMatch(/^codedistiller: Modal .*\nContinue with: /m);

    const ended = await commandLine.run(["distill", "--resume", runFolder, "--sandbox", "local", "--json"], {
      environment: environment(),
    });
    expect(parseResult(ended).outcome, ended.stderr).toBe("verified");
    const { sandbox, iterations } = readState(runFolder).distiller;
    expect(sandbox).toMatchObject({ provider: "local", image: null, chosenBecause: null });
    expect(iterations).toHaveLength(1);
    expect(iterations[0]?.folder).toMatch(/^local-python-/);
    expect(readdirSync(join(runFolder, "example", "outputs"))).toContain("log.json");
  }, 120_000);
});

describe("an image that takes minutes", () => {
  const commandLine = new CommandLine();
  let engine: FakeEngine;
  beforeAll(() => {
    mkdirSync(commandLine.path("fake"));
    engine = makeFakeEngine(commandLine.path("fake"), { buildSeconds: "61.0721" });
    return () => commandLine[Symbol.dispose]();
  });
  const argv = ["distill", orbits, "--sandbox", "container", "--out"];
  const environment = (): Record<string, string> => ({ PATH: engine.path });

  it("is told once where there is no terminal, and never on stdout", async () => {
    const started = commandLine.start([...argv, "plain", "--json"], { environment: environment() });
    await started.waitForLine(/^preparing a sandbox\n {2}building the image codedistiller-sandbox:\w+, once/m);
    await waitUntil("the engine builds", () => engine.calls().includes("build"));
    started.process.kill("SIGINT");
    const ended = await started.ended;
    expect(ended.status).toBe(130);
    expect(ended.seconds).toBeLessThan(30);
    expect(parseResult(ended)).toMatchObject({ outcome: "cancelled" });
    expect(ended.stderr.match(/preparing a sandbox/g)).toHaveLength(1);
    expect(ended.stderr).not.toContain("Step 1/2");
    expect(engine.hasBuilt()).toBe(false);
    await waitUntil("nothing of the engine runs", () => processesWith("61.0721").length === 0, 3);
  });

  it("is shown live in a terminal, and ends with the interrupt key", async () => {
    const before = engine.calls().length;
    const started = commandLine.startInTerminal([...argv, "live"], {
      environment: { PATH: `${engine.path}:/usr/bin:/bin` },
    });
    let shown = "";
    started.process.stdout?.on("data", (text: string) => {
      shown += text;
    });
    await waitUntil("the engine's words are shown", () =>
      /preparing a sandbox · [\d.]+ s .*Step 1\/2/.test(plain(shown)),
    );
    started.process.stdin?.write("\u0003");
    const { status, stdout } = await started.ended;
    expect(status, stdout).toBe(130);
    expect(stdout).toContain("Continue with: codedistiller distill --resume live/");
    expect(engine.calls().length).toBeGreaterThan(before);
    expect(engine.hasBuilt()).toBe(false);
    await waitUntil("nothing of the engine runs", () => processesWith("61.0721").length === 0, 3);
    expect(existsSync(join(onlyRun(commandLine.path("live")), "lock"))).toBe(false);
  });
});

function plain(text: string): string {
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "");
}
