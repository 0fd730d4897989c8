import { type Logger, pino } from "pino";

export type { Logger } from "pino";

const keyShape =
  /\b(sk-[A-Za-z0-9_-]{16,}|AIza[\w-]{30,}|(?:hf|gsk|r8)_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|ak-[A-Za-z0-9]{16,}|as-[A-Za-z0-9]{16,})/g;
const urlCredentials = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;

/** Takes out values that look like a provider's or GitHub's key. */
export function redactKeys(text: string): string {
  return text.replace(keyShape, "[redacted]");
}

/** What must never reach a log or a message: keys, and credentials in URLs. A program's text may hold the latter as a pattern. */
export function redactSecrets(text: string): string {
  return redactKeys(text.replace(urlCredentials, "$1[redacted]@"));
}

/** What a server's log tells of a request: whoever has one of these is the operator. */
const sessionHeaders = ["req.headers.authorization", "req.headers.cookie", 'res.headers["set-cookie"]'];

/** A structured log, one JSON object a line. Secrets are redacted where the bytes go out. */
export function createLogger(write: (line: string) => void, level = "info"): Logger {
  return pino(
    { base: null, level, timestamp: pino.stdTimeFunctions.isoTime, redact: sessionHeaders },
    { write: (line: string) => write(redactSecrets(line)) },
  );
}

/** The same, appended to a file. */
export function createFileLogger(path: string): Logger {
  const file = pino.destination({ dest: path, sync: true, append: true });
  return createLogger((line) => file.write(line));
}
