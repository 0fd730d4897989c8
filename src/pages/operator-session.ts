import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

const lifetimeSeconds = 7 * 24 * 3600;
const tryWindowMs = 60_000;
const triesInWindow = 10;

type SignIn = { kind: "signed-in"; cookie: string } | { kind: "refused" } | { kind: "too-many" };

export interface OperatorSession {
  /** Whether anybody can sign in: a token is set. */
  isOpen: boolean;
  /** By the cookie of a session. */
  isOperator(request: IncomingMessage): boolean;
  /** By the cookie or by `Authorization: Bearer`; for programs. */
  admitProgram(request: IncomingMessage): "operator" | "stranger" | "too-many";
  signIn(token: string): SignIn;
  /** The header that ends a session in the browser. */
  endingCookie: string;
}

export interface OperatorSessionOptions {
  token: string | null;
  secret: string;
  /** Whether browsers reach the app by HTTPS: the cookie then travels by nothing else. */
  isSecure: boolean;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/**
 * Who the operator is. Nothing is kept: a session is its end and a signature under the secret and the token, so all
 * processes know it, and a new token ends every session.
 */
export function createOperatorSession({
  token,
  secret,
  isSecure,
  now = Date.now,
}: OperatorSessionOptions): OperatorSession {
  const sign = (text: string): string => createHmac("sha256", secret).update(text).digest("base64url");
  const isToken = (given: string): boolean =>
    token !== null && isSame(sign(`token ${given}`), sign(`token ${token}`)) && token.length > 0;
  const signSession = (end: string): string => sign(`session ${end} ${sign(`token ${token}`)}`);
  const cookieName = isSecure ? "__Host-codedistiller" : "codedistiller";
  const attributes = `Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
  const forms = createLimit(now);
  const programs = createLimit(now);

  const isOperator = (request: IncomingMessage): boolean => {
    const [end, signature] = (readCookie(request, cookieName) ?? "").split(".");
    if (token === null || !end || !signature || !/^\d{1,12}$/.test(end)) return false;
    return isSame(signature, signSession(end)) && Number(end) * 1000 > now();
  };

  return {
    isOpen: token !== null,
    isOperator,
    endingCookie: `${cookieName}=; Max-Age=0; ${attributes}`,
    admitProgram(request) {
      if (isOperator(request)) return "operator";
      const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
      if (given === undefined) return "stranger";
      return isToken(given) ? "operator" : programs.refuse();
    },
    signIn(given) {
      if (!isToken(given)) return { kind: forms.refuse() === "too-many" ? "too-many" : "refused" };
      const end = String(Math.floor(now() / 1000) + lifetimeSeconds);
      return {
        kind: "signed-in",
        cookie: `${cookieName}=${end}.${signSession(end)}; Max-Age=${lifetimeSeconds}; ${attributes}`,
      };
    },
  };
}

/**
 * Ten wrong tokens in any minute, whoever gives them: addresses are cheap. The right one never meets the limit, or whoever
 * guesses would lock the operator out; that it is long keeps it from being guessed.
 */
function createLimit(now: () => number) {
  let times: number[] = [];
  return {
    refuse(): "stranger" | "too-many" {
      times = times.filter((time) => time > now() - tryWindowMs);
      if (times.length >= triesInWindow) return "too-many";
      times.push(now());
      return "stranger";
    },
  };
}

/** In a time that does not tell how much of it is right. */
function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function readCookie(request: IncomingMessage, name: string): string | null {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name && value) return value;
  }
  return null;
}
