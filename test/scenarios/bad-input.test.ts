import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTar, makeZip } from "../repository/make-archives.ts";
import { git, makeWorkTree } from "../repository/make-repository.ts";
import {
  CommandLine,
  type CommandOptions,
  canIsolate,
  canMount,
  type EndedCommand,
  filesWith,
  fixture,
} from "../support/command-line.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";

const orbits = fixture("orbital-elements");

describe.runIf(canIsolate)("bad input", () => {
  const commandLine = new CommandLine();
  let server: GitHttpServer;

  beforeAll(async () => {
    mkdirSync(commandLine.path("repositories"));
    server = await startGitHttpServer({
      root: commandLine.path("repositories"),
      intercept: (request, response) => {
        const status = /private/.test(request.url ?? "") ? 401 : /busy/.test(request.url ?? "") ? 503 : null;
        if (status !== null) response.writeHead(status, { "www-authenticate": 'Basic realm="x"' }).end();
        return status !== null;
      },
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  /** One line that matches, the exit status, no stack trace. */
  function expectOneLine(ended: EndedCommand, status: 1 | 2, message: RegExp): void {
    expect(ended.stderr).not.toMatch(/^\s+at |node:internal|Error:/m);
    const told = ended.stderr.split("\n").filter((line) => line.startsWith("codedistiller: "));
    expect(told, ended.stderr).toHaveLength(1);
    expect(told[0]).toMatch(message);
    expect(
      ended.stderr
        .trimEnd()
        .split("\n")
        .filter((line) => line !== told[0] && /^error/i.test(line)),
    ).toEqual([]);
    expect(ended.stdout).toBe("");
    expect(ended.status).toBe(status);
  }

  let runs = 0;
  /** Distils into an output folder of its own, of which nothing may be left. */
  async function expectRefused(
    argv: string[],
    status: 1 | 2,
    message: RegExp,
    options?: CommandOptions,
  ): Promise<void> {
    const out = `out-${runs++}`;
    expectOneLine(await commandLine.run(["distill", ...argv, "--out", out], options), status, message);
    const folder = commandLine.path(out);
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
  }

  function file(name: string, content: string | Buffer): string {
    writeFileSync(commandLine.path(name), content);
    return name;
  }

  const overServer = (): CommandOptions => ({ environment: { GIT_SSL_CAINFO: server.certificateFile } });

  describe("repositories", () => {
    it("refuses what is no repository", async () => {
      await expectRefused(["./nowhere/at/all"], 2, /no file or folder ".\/nowhere\/at\/all": check the path/);
      await expectRefused(["nowhere/at/all"], 2, /is neither/);
      await expectRefused([file("notes.txt", "notes")], 2, /neither a folder nor a \.zip.* Give an https/);
    });

    it("refuses an empty repository", async () => {
      mkdirSync(commandLine.path("empty"));
      await expectRefused(["empty"], 1, /empty is empty: there are no files to distil\. /);
      git(commandLine.path("empty"), "init", "--quiet");
      await expectRefused(["empty"], 1, /empty is empty: there are no files to distil\. /);
    });

    it("refuses an address without a repository, and one that asks for a login", async () => {
      const missing = `${server.url}/owner/missing.git`;
      await expectRefused([missing], 1, /does not exist or is private.* check the name, or set up/, overServer());
      await expectRefused([`${server.url}/owner/private.git`], 1, /asks for a login: set up a git cred/, overServer());
    });

    it("refuses credentials in an address without repeating them", async () => {
      const ended = await commandLine.run(["distill", "https://me:hunter2hunter2@example.org/a/b", "--out", "out"]);
      expectOneLine(ended, 2, /credential|password|login/i);
      expect(ended.stderr).not.toContain("hunter2");
    });

    it("leaves nothing behind where a host cannot be reached", async () => {
      const ended = await commandLine.run(["distill", "https://127.0.0.1:1/owner/name", "--out", "unreachable"]);
      expectOneLine(ended, 1, /cannot be reached: check the address, the network and the proxy settings/);
      expect(ended.stderr).not.toContain("Continue with");
      expect(readdirSync(commandLine.path("unreachable"))).toEqual([]);
    });

    it("keeps the signature of an address out of what it leaves", async () => {
      const { certificateFile } = server;
      const ended = await commandLine.run(["distill", `${server.url}/busy.zip?signature=s3cr3t`, "--out", "signed"], {
        environment: { NODE_EXTRA_CA_CERTS: certificateFile },
      });
      expectOneLine(ended, 1, /does not answer properly \(status 503\): try again/);
      expect(ended.stderr).not.toContain("s3cr3t");
      expect(filesWith(commandLine.path("signed"), "s3cr3t")).toEqual([]);
    });

    it("refuses an unknown ref and an unknown subdirectory, and names what there is", async () => {
      makeWorkTree(commandLine.path("work-tree"), { "src/a.py": "def a():\n    return 1\n" });
      await expectRefused(["work-tree", "--ref", "v9"], 1, /no branch, tag or commit "v9": check --ref\..* main/);
      await expectRefused(["work-tree", "--subdirectory", "lib"], 1, /no folder "lib": check --subdirectory\..* src/);
    });

    it("refuses a repository above the limit", async () => {
      makeWorkTree(commandLine.path("large"), { "data.bin": Buffer.alloc(2 ** 20 + 1, "x"), "a.py": "x = 1\n" });
      const limit = ["--max-repository-mb", "1"];
      await expectRefused(["large", ...limit], 1, /larger than the limit of 1 MiB\. Raise --max-repository-mb, or/);
      mkdirSync(commandLine.path("repositories/owner"), { recursive: true });
      git(commandLine.folder, "clone", "--quiet", "--bare", "large", "repositories/owner/large.git");
      const remote = commandLine.path("random");
      makeWorkTree(remote, { "data.bin": randomBytes(3 * 2 ** 20) });
      git(commandLine.folder, "clone", "--quiet", "--bare", "random", "repositories/owner/random.git");
      await expectRefused(
        [`${server.url}/owner/random.git`, ...limit],
        1,
        /larger than the limit of 1 MiB/,
        overServer(),
      );
    });
  });

  describe("archives", () => {
    it("refuses corrupt ones", async () => {
      await expectRefused([file("noise.zip", "no archive at all")], 1, /noise\.zip/);
      const whole = makeZip([{ name: "a.py", content: "x = 1\n".repeat(1000) }]);
      await expectRefused([file("half.zip", whole.subarray(0, whole.length / 2))], 1, /half\.zip/);
      await expectRefused(
        [file("half.tar.gz", gzipSync(makeTar([{ name: "a.py", content: randomBytes(9000) }])).subarray(0, 5000))],
        1,
        /half\.tar\.gz/,
      );
    });

    it("refuses one that unpacks to more than the limit, whatever it claims", async () => {
      const content = Buffer.alloc(64 * 2 ** 20);
      const limit = ["--max-repository-mb", "8"];
      await expectRefused(
        [file("bomb.zip", makeZip([{ name: "zeros", content }])), ...limit],
        1,
        /larger than the limit|limit of 8 MiB/,
      );
      await expectRefused(
        [file("liar.zip", makeZip([{ name: "zeros", content, claimedSize: 10 }])), ...limit],
        1,
        /liar\.zip/,
      );
      await expectRefused(
        [file("bomb.tar.gz", gzipSync(makeTar([{ name: "zeros", content }]))), ...limit],
        1,
        /limit of 8 MiB/,
      );
    });

    it("refuses paths that lead out of it, and writes nothing there", async () => {
      for (const name of ["../../escaped.py", "/tmp/codedistiller-escaped.py", "a/../../../escaped.py"]) {
        await expectRefused([file("out.zip", makeZip([{ name, content: "x = 1\n" }]))], 1, /out\.zip/);
        await expectRefused([file("out.tar", makeTar([{ name, content: "x = 1\n" }]))], 1, /out\.tar/);
      }
      expect(existsSync(commandLine.path("escaped.py")) || existsSync("/tmp/codedistiller-escaped.py")).toBe(false);
    });
  });

  describe("configurations and arguments", () => {
    it.each([
      ['{"max_runtime_mins": "ten"}', /config\.json: max_runtime_mins: .*expected number/],
      ['{"max_runtime_min": 10}', /config\.json: unknown key "max_runtime_min"\. Did you mean "max_runtime_mins"\?/],
      ['{"max_runtime_mins": 10', /config\.json is not valid JSON: /],
      ["[]", /config\.json: .*expected object/],
      ['{"sandbox": "docker"}', /config\.json: sandbox: .*"local"/],
      ['{"max_debug_iterations": -1}', /config\.json: max_debug_iterations: /],
    ])("refuses the configuration %s", async (text, message) => {
      await expectRefused([orbits, file("config.json", text)], 2, message);
    });

    it("refuses a configuration that is not there", async () => {
      await expectRefused([orbits, "absent.json"], 2, /absent\.json cannot be read\. Check its path/);
    });

    it("refuses a value in the environment, and names the variable", async () => {
      const environment = { CODEDISTILLER_MAX_RUNTIME_MINS: "soon" };
      await expectRefused([orbits], 2, /CODEDISTILLER_MAX_RUNTIME_MINS/, { environment });
    });

    it.each([
      [["distill", orbits, "--frobnicate"], /unknown option '--frobnicate'.*--help/],
      [["distill", orbits, "--max-cost", "much"], /'much' is invalid.*--help/],
      [["distill", orbits, "--sandbox", "docker"], /Allowed choices are auto, modal, container, local, none.*--help/],
      [["distill", orbits, "--container-engine", "lxc"], /Allowed choices are docker, podman.*--help/],
      [["reap", "--snapshots-unused", "0"], /1 day at least.*--help/],
      [["distill", "--resume", "run", "--out", "elsewhere"], /takes --out from the run folder/],
      [["distil", orbits], /unknown command 'distil'.*--help/],
      [["verify"], /missing required argument 'example'.*--help/],
      [["distill"], /Name a repository: /],
      [["distill", orbits, "--resume", "run"], /leave the others out/],
      [["distill", orbits, "--model", "some/model"], /of no known provider\. Known: builtin\/extract, claude-/],
      [["distill", "-x/--upload-pack=x"], /.--help/],
    ])("refuses the arguments %j", async (argv, message) => {
      expectOneLine(await commandLine.run(argv), 2, message);
    });

    it("refuses folders that are no runs and no examples", async () => {
      mkdirSync(commandLine.path("no-run"));
      const noState = /no-run holds no current_state\.json: name the folder of a run/;
      expectOneLine(await commandLine.run(["distill", "--resume", "no-run"]), 1, noState);
      expectOneLine(await commandLine.run(["report", "no-run"]), 1, noState);
      expectOneLine(
        await commandLine.run(["verify", "no-run"]),
        1,
        /holds no readable metadata\.json: name the example/,
      );
      expect(readdirSync(commandLine.path("no-run"))).toEqual([]);
      writeFileSync(commandLine.path("no-run/current_state.json"), '{"repo_url": ');
      expectOneLine(await commandLine.run(["distill", "--resume", "no-run"]), 1, /or is damaged/);
    });
  });

  describe("output folders and disks", () => {
    it("refuses an output folder where a file is in the way", async () => {
      file("taken", "x");
      for (const out of ["taken", "taken/below"]) {
        const ended = await commandLine.run(["distill", orbits, "--out", out]);
        expectOneLine(ended, 1, /a file stands in the way\. Choose another folder with --out/);
      }
    });

    it("refuses an output folder that can never be made", async () => {
      const ended = await commandLine.run(["distill", orbits, "--out", "/proc/codedistiller/out"], {
        timeoutSeconds: 15,
      });
      expectOneLine(ended, 1, /\/proc\/codedistiller.* cannot be /);
    });

    it.runIf(canMount)("refuses a read-only output folder", async () => {
      const ended = await runOnDisk("ro,size=1m");
      expectOneLine(ended, 1, /cannot be written\. Choose another folder with --out/);
    });

    it.runIf(canMount).each(["4k", "64k", "160k", "300k"])("says that a disk of %s is full", async (size) => {
      const ended = await runOnDisk(`size=${size}`);
      expectOneLine(ended, 1, /disk is full.*[Ff]ree /);
      for (const name of readdirSync(commandLine.path("kept"), { recursive: true, encoding: "utf8" }))
        expect(name).not.toMatch(/\.tmp$|\.partial/);
    });

    it.runIf(canMount)("says what to install where bubblewrap is missing", async () => {
      const within = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null "$(command -v bwrap)" && exec "$@"', "sh"];
      const ended = await commandLine.run(["distill", orbits, "--out", "no-bubblewrap"], { within });
      expectOneLine(ended, 1, /bubblewrap is not installed: apt-get install bubblewrap; or .*--sandbox none/);
      const doctor = await commandLine.run(["doctor"], { within });
      expect(doctor.status).toBe(1);
      expect(doctor.stdout).toMatch(/missing +bubblewrap[^\n]*\n +bubblewrap is not installed: apt-get install/);
    });

    /** Distils onto a small disk of its own; what is on it in the end is copied to `kept`. */
    function runOnDisk(options: string): Promise<EndedCommand> {
      mkdirSync(commandLine.path("disk"), { recursive: true });
      rmSync(commandLine.path("kept"), { recursive: true, force: true });
      mkdirSync(commandLine.path("kept"));
      const script = `mount -t tmpfs -o ${options} tmpfs disk && "$@"; status=$?; cp -a disk/. kept/; exit $status`;
      return commandLine.run(["distill", orbits, "--out", "disk"], {
        within: ["unshare", "-m", "sh", "-c", script, "sh"],
      });
    }
  });
});
