import { describe, expect, it } from "vitest";
import { RunFolderError } from "../../src/errors.ts";
import { asCloneError, oneLine } from "../../src/repository/clone-errors.ts";
import { remoteGitError } from "../../src/repository/git-errors.ts";
import { nearestNames } from "../../src/repository/nearest-names.ts";
import { parseRepositorySource } from "../../src/repository/repository-source.ts";

function errorFor(stderr: string, text = "https://git.example.org/x/name") {
  const source = parseRepositorySource(text);
  if (source.kind !== "git") throw new Error("not git");
  return remoteGitError(source, { exitCode: 128, stderr });
}

describe("remoteGitError", () => {
  it.each([
    ["fatal: unable to access 'https://x/': Failed to connect to x port 443 after 3 ms", "repository-unreachable"],
    ["fatal: unable to access 'https://x/': Could not resolve proxy: p", "repository-unreachable"],
    ["ssh: connect to host x port 22: Network is unreachable", "repository-unreachable"],
    ["fatal: unable to access 'https://x/': gnutls_handshake() failed: Handshake failed", "tls-failed"],
    ["fatal: unable to access 'https://x/': The requested URL returned error: 429", "server-unavailable"],
    ["remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://x/'", "authentication-required"],
    ["remote: Repository not found.\nfatal: repository 'https://x/' not found", "repository-not-found"],
    ["fatal: 'x' does not appear to be a git repository", "not-a-repository"],
    ["error: RPC failed; curl 92 HTTP/2 stream 5\nfatal: early EOF\nfatal: index-pack failed", "connection-lost"],
    ["fatal: write error: No space left on device\nfatal: index-pack failed", "disk-full"],
    ["fatal: transport 'http' not allowed", "protocol-refused"],
    ["error: cannot run ssh: No such file or directory", "ssh-missing"],
    ["fatal: something new", "git-failed"],
    ["", "git-failed"],
  ])("reads %j as %s", (stderr, code) => {
    const error = errorFor(stderr);
    expect(error.code).toBe(code);
    expect(error.userMessage).not.toMatch(/[\n\r\u001b]/);
  });

  it("repeats git's last words where it does not know them", () => {
    expect(errorFor("warning: x\nfatal: something \u001b[31mnew\nhint: y").userMessage).toContain("fatal: something");
  });

  it("does not tell whether a name on GitHub is private or missing", () => {
    const stderr = "fatal: could not read Username for 'https://github.com': terminal prompts disabled";
    expect(errorFor(stderr, "octo/name").code).toBe("repository-not-found");
    expect(errorFor(stderr).code).toBe("authentication-required");
  });
});

describe("asCloneError", () => {
  const facts = { name: "octo/name", timeoutMs: 1000, cancelled: false, timedOut: false };
  const systemError = (code: string) => Object.assign(new Error(code), { code });

  it.each([
    ["ENOSPC", "disk-full"],
    ["EDQUOT", "disk-full"],
    ["EROFS", "destination-not-writable"],
    ["EACCES", "destination-not-writable"],
  ])("reads %s as %s", (code, expected) => {
    const error = asCloneError(systemError(code), facts);
    expect(error).toBeInstanceOf(RunFolderError);
    expect(error).toMatchObject({ code: expected });
  });

  it("passes on what it does not know, and lets cancelling win", () => {
    const error = new Error("bug");
    expect(asCloneError(error, facts)).toBe(error);
    expect(asCloneError(systemError("ENOSPC"), { ...facts, cancelled: true })).toMatchObject({ code: "cancelled" });
  });
});

it("offers names that hold the wanted one or are a few letters away", () => {
  const names = ["main", "develop", "release/1.0", "v1.0", "v1.1", "mian-2"];
  expect(nearestNames("mian", names)).toEqual(["mian-2", "main"]);
  expect(nearestNames("v1.2", names)).toEqual(["v1.0", "v1.1"]);
  expect(nearestNames("zzz", names)).toEqual([]);
});

it("makes one line of anything", () => {
  expect(oneLine("a\u0007\nb\u202e\u2028c")).toBe("a b c");
  expect(oneLine("x".repeat(300))).toHaveLength(200);
});
