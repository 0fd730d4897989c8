import type { DistillerError } from "../errors.ts";
import { diskFull, oneLine, repositoryError } from "./clone-errors.ts";
import type { GitOutcome } from "./git-process.ts";
import type { GitSource } from "./repository-source.ts";

interface KnownFailure {
  code: string;
  retryable?: boolean;
  /** Matched against what git writes to stderr under LC_ALL=C. */
  pattern: RegExp;
  message: (source: GitSource) => string;
}

/** In order: git often says something general after the line that tells the cause. */
const knownFailures: KnownFailure[] = [
  {
    code: "ssh-host-unknown",
    pattern: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    message: ({ text }) =>
      `The ssh host of ${text} is not known: connect once with ssh to accept its key, or use an https URL.`,
  },
  {
    code: "ssh-missing",
    pattern: /cannot run ssh|ssh: (?:command )?not found/,
    message: () => "ssh is not installed: install it (openssh-client), or use an https URL.",
  },
  {
    code: "authentication-required",
    pattern: /Permission denied \(|Too many authentication failures/,
    message: ({ text }) =>
      `${text} did not accept your ssh key: add the key to your account and to ssh-agent, or use an https URL.`,
  },
  {
    code: "repository-unreachable",
    retryable: true,
    pattern:
      /Could not resolve (?:host|proxy)|Failed to connect|Couldn't connect|Connection (?:refused|timed out|reset)|Network is unreachable|No route to host|Operation timed out|Temporary failure in name resolution|Name or service not known/i,
    message: ({ text }) =>
      `The host of ${text} cannot be reached: check the address, the network and the proxy settings.`,
  },
  {
    code: "tls-failed",
    pattern:
      /SSL certificate problem|server certificate verification failed|SSL_connect|gnutls_handshake|SSL peer|no alternative certificate/i,
    message: ({ text }) =>
      `The certificate of ${text} cannot be verified: set GIT_SSL_CAINFO if your network has its own authority.`,
  },
  {
    code: "repository-not-found",
    pattern:
      /returned error: (?:404|410)|Repository not found|repository '[^\n]*' not found|project you were looking for could not be found|does not exist/i,
    message: notFoundOrPrivate,
  },
  {
    code: "repository-moved",
    pattern: /returned error: 30\d/,
    message: ({ text }) => `${text} has moved, and is not followed from here: give its present address.`,
  },
  {
    code: "authentication-required",
    pattern:
      /could not read (?:Username|Password)|Authentication failed|terminal prompts disabled|returned error: 40[13]|HTTP Basic: Access denied/i,
    message: ({ text }) =>
      `${text} asks for a login: set up a git credential helper or use its ssh URL, or check the address.`,
  },
  {
    code: "server-unavailable",
    retryable: true,
    pattern: /returned error: (?:429|5\d\d)/,
    message: ({ text }) => `The server of ${text} does not answer properly: try again in a few minutes.`,
  },
  {
    code: "not-a-repository",
    pattern:
      /not valid: is this a git repository|does not appear to be a git repository|not a git repository|invalid (?:server )?response; got|redirect[^\n]*not supported|unable to update url base/i,
    message: ({ text }) => `There is no git repository at ${text}: check the address.`,
  },
  {
    code: "connection-lost",
    retryable: true,
    pattern:
      /RPC failed|early EOF|unexpected disconnect|hung up|transfer closed|Connection closed|bad pack|index-pack (?:failed|died)|invalid index-pack output|protocol error/i,
    message: ({ text }) => `The connection to ${text} broke off: try again.`,
  },
  {
    code: "protocol-refused",
    pattern: /transport '[^']*' not allowed|Protocol "[^"]*" not supported or disabled/i,
    message: ({ text }) => `${text} leads to an address that is neither https nor ssh: give the final https URL.`,
  },
];

/** Turns a git call that failed against a remote into one line for a person. */
export function remoteGitError(source: GitSource, { stderr, exitCode }: GitOutcome): DistillerError {
  const cause = new Error(`git exited with ${exitCode}: ${stderr.trim()}`);
  if (/No space left on device|Disk quota exceeded/i.test(stderr)) return diskFull(cause);
  // GitHub asks for a login where there is nothing, so as not to tell which private names exist.
  if (isGitHub(source) && /could not read Username|terminal prompts disabled/.test(stderr)) {
    return repositoryError({ code: "repository-not-found", userMessage: notFoundOrPrivate(source), cause });
  }
  const known = knownFailures.find(({ pattern }) => pattern.test(stderr));
  if (known !== undefined) {
    const { code, retryable = false, message } = known;
    return repositoryError({ code, retryable, userMessage: message(source), cause });
  }
  return repositoryError({
    code: "git-failed",
    userMessage: `git could not fetch ${source.text}: ${lastWords(stderr) || `exit status ${exitCode}`}`,
    retryable: true,
    cause,
  });
}

/** The line in which git says why it gave up. */
export function lastWords(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return oneLine(lines.findLast((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1) ?? "");
}

function notFoundOrPrivate(source: GitSource): string {
  const host = isGitHub(source) ? "GitHub" : "The server";
  return `${source.text} does not exist or is private (${host} answers alike): check the name, or set up a git credential helper that may read it.`;
}

function isGitHub(source: GitSource): boolean {
  return source.webUrl?.startsWith("https://github.com/") ?? false;
}
