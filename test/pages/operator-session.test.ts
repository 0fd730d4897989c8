import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { createOperatorSession, type OperatorSessionOptions } from "../../src/pages/operator-session.ts";

const week = 7 * 24 * 3600 * 1000;

function open(given: Partial<OperatorSessionOptions> = {}) {
  const clock = { now: Date.UTC(2026, 10, 23) };
  const options = { token: "the token", secret: "a secret", isSecure: false, now: () => clock.now, ...given };
  return { clock, session: createOperatorSession(options) };
}

function withCookie(cookie: string): IncomingMessage {
  return { headers: { cookie } } as IncomingMessage;
}

function cookieOf(session: ReturnType<typeof createOperatorSession>): string {
  const result = session.signIn("the token");
  return result.kind === "signed-in" ? (result.cookie.split(";")[0] ?? "") : "";
}

describe("an operator's session", () => {
  it("lasts seven days", () => {
    const { clock, session } = open();
    const cookie = cookieOf(session);
    clock.now += week - 2000;
    expect(session.isOperator(withCookie(`other=1; ${cookie}; more=x`))).toBe(true);
    clock.now += 4000;
    expect(session.isOperator(withCookie(cookie))).toBe(false);
  });

  it("is known to another process with the same token and secret, and to no other", () => {
    const cookie = withCookie(cookieOf(open().session));
    expect(open().session.isOperator(cookie)).toBe(true);
    expect(open({ secret: "another" }).session.isOperator(cookie)).toBe(false);
    expect(open({ token: "another" }).session.isOperator(cookie)).toBe(false);
    expect(open({ token: null }).session.isOperator(cookie)).toBe(false);
  });

  it("cannot be prolonged or made up", () => {
    const { clock, session } = open();
    const [name = "", value = ""] = cookieOf(session).split("=");
    const [end = "", signature = ""] = value.split(".");
    clock.now += week;
    for (const each of [
      `${Number(end) + 9999}.${signature}`,
      `${end}9.${signature}`,
      `${end}.`,
      `.${signature}`,
      "",
      `9999999999.${"A".repeat(43)}`,
    ])
      expect(session.isOperator(withCookie(`${name}=${each}`))).toBe(false);
  });

  it("may be guessed at ten times in any minute", () => {
    const { clock, session } = open();
    const guess = { headers: { authorization: "Bearer a guess" } } as IncomingMessage;
    for (let index = 0; index < 10; index++) {
      expect(session.signIn("a guess").kind).toBe("refused");
      expect(session.admitProgram(guess)).toBe("stranger");
      clock.now += 1000;
    }
    expect(session.signIn("a guess").kind).toBe("too-many");
    expect(session.admitProgram(guess)).toBe("too-many");
    clock.now += 51_000;
    expect(session.signIn("a guess").kind).toBe("refused");
    expect(session.admitProgram(guess)).toBe("stranger");
  });

  it("is open to who has the token, however many guess", () => {
    const { session } = open();
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } }) as IncomingMessage;
    for (let index = 0; index < 30; index++) {
      session.signIn("a guess");
      session.admitProgram(bearer("a guess"));
    }
    expect(session.signIn("the token").kind).toBe("signed-in");
    expect(session.admitProgram(bearer("the token"))).toBe("operator");
  });

  it("lets a program with the right token ask as often as it likes", () => {
    const { session } = open();
    const request = { headers: { authorization: "Bearer the token" } } as IncomingMessage;
    for (let index = 0; index < 50; index++) expect(session.admitProgram(request)).toBe("operator");
  });
});
