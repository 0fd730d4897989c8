import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** What must never reach a log: credentials in URLs, and values that look like providers' or GitHub's keys. */
const secretPatterns: Array<[RegExp, string]> = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, "$1[redacted]@"],
  [
    /\b(sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|ak-[A-Za-z0-9]{16,}|as-[A-Za-z0-9]{16,})/g,
    "[redacted]",
  ],
];

export function redactSecrets(text: string): string {
  return secretPatterns.reduce((redacted, [pattern, replacement]) => redacted.replace(pattern, replacement), text);
}

/** A structured log, one JSON object a line, appended to a file. Secrets are redacted where the bytes go out. */
export function createFileLogger(path: string): Logger {
  const file = pino.destination({ dest: path, sync: true, append: true });
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => file.write(redactSecrets(line)) },
  );
}
