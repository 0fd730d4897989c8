import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { extract, type Header } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commands } from "../../src/templates/command-table.ts";
import { failedRun, idOf, queuedRun, runningRun, verifiedRun } from "./sample-records.ts";
import { operatorToken, postForm, type ServedPages, servePages } from "./serve-pages.ts";

let pages: ServedPages;
const get = (path: string, init: RequestInit = {}) => fetch(`${pages.address}${path}`, { redirect: "manual", ...init });
const textOf = async (path: string, init: RequestInit = {}) => (await get(path, init)).text();

beforeEach(async () => {
  pages = await servePages();
});
afterEach(async () => {
  await pages[Symbol.asyncDispose]();
});

describe("every page", () => {
  it.each(["/", "/runs", `/runs/${idOf(1)}`, `/runs/${idOf(2)}`, "/healthz", `/runs/${idOf(1)}.json`])(
    "of %s may fetch, frame and tell others nothing",
    async (path) => {
      pages.store.putRun(verifiedRun(1));
      const { headers } = await get(path);
      expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/);
      expect(headers.get("content-security-policy")).not.toContain("unsafe");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cache-control")).toBe(path === "/" ? "public, max-age=300" : "no-store");
    },
  );

  it("answers HEAD with the headers alone", async () => {
    pages.store.putRun(verifiedRun(1));
    pages.store.putFile(idOf(1), "example/main.py", Buffer.from("print(1)\n"));
    for (const path of ["/", "/runs", `/runs/${idOf(1)}`, `/runs/${idOf(1)}/example.tar.gz`]) {
      const answer = await get(path, { method: "HEAD" });
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, ""]);
    }
  });

  it.each([
    ["POST", "/", "GET, HEAD"],
    ["DELETE", "/runs", "GET, HEAD"],
    ["PUT", `/runs/${idOf(1)}`, "GET, HEAD"],
    ["OPTIONS", "/metrics", "GET, HEAD"],
    ["GET", "/sign-in", "POST"],
    ["HEAD", "/sign-out", "POST"],
  ])("refuses %s %s and says what is allowed", async (method, path, allowed) => {
    const answer = await get(path, { method });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allowed]);
  });

  it("leaves other addresses to others", async () => {
    for (const path of ["/api/github/webhooks", "//evil.example", "/run", "/runsx"])
      expect(await textOf(path)).toBe("nobody");
  });

  it("tells how to install it where that is known", async () => {
    expect(await textOf("/")).not.toContain("Install");
    await using other = await servePages({ appUrl: async () => "https://github.com/apps/codedistiller" });
    const text = await (await fetch(other.address)).text();
    expect(text).toContain('href="https://github.com/apps/codedistiller"');
  });
});

it("lists the commands as a comment's help does", async () => {
  const text = (await textOf("/")).replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  for (const { command } of commands) expect(text).toContain(`<code>${command}</code>`);
  expect(text.match(/<th scope="row">/g)).toHaveLength(commands.length);
});

describe("signing in", () => {
  it("gives a cookie that scripts cannot read and other sites cannot use", async () => {
    const answer = await postForm(`${pages.address}/sign-in`, { token: operatorToken });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/runs"]);
    expect(answer.headers.get("set-cookie")).toMatch(
      /^codedistiller=\d+\.[\w-]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/,
    );
  });

  it("keeps the cookie to HTTPS where that is how the app is reached", async () => {
    await using other = await servePages({ publicUrl: "https://distil.example.org" });
    const answer = await postForm(`${other.address}/sign-in`, { token: operatorToken });
    expect(answer.headers.get("set-cookie")).toMatch(/^__Host-codedistiller=.*; Secure$/);
  });

  it("refuses a wrong token, and repeats nothing of it", async () => {
    const answer = await postForm(`${pages.address}/sign-in`, { token: "<i>wrong</i>" });
    expect([answer.status, answer.headers.get("set-cookie")]).toEqual([401, null]);
    const text = await answer.text();
    expect(text).toContain("That is not the token.");
    expect(text).not.toContain("wrong");
  });

  it("is refused after ten wrong tries in a minute, but with the right token", async () => {
    const trySignIn = (token: string) => postForm(`${pages.address}/sign-in`, { token });
    for (let index = 0; index < 10; index++) expect((await trySignIn("guess")).status).toBe(401);
    const answer = await trySignIn("guess");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await trySignIn(operatorToken)).status).toBe(303);
  });

  it("reads no more than a form, and only forms of its own page", async () => {
    const token = "x".repeat(5000);
    expect((await postForm(`${pages.address}/sign-in`, { token })).status).toBe(413);
    const chunked = new Blob([`token=${token}`]).stream();
    const type = { "content-type": "application/x-www-form-urlencoded" };
    const init = { method: "POST", body: chunked, headers: type, duplex: "half" } as RequestInit;
    expect((await get("/sign-in", init)).status).toBe(413);
    expect((await get("/sign-in", { method: "POST", body: JSON.stringify({ token }) })).status).toBe(415);
    const elsewhere = { "sec-fetch-site": "cross-site" };
    expect((await postForm(`${pages.address}/sign-in`, { token: operatorToken }, elsewhere)).status).toBe(403);
  });

  it("is nobody's where no token is set, not even with an empty one", async () => {
    await using other = await servePages({ operatorToken: null });
    expect((await postForm(`${other.address}/sign-in`, { token: "" })).status).toBe(401);
    const text = await (await fetch(`${other.address}/runs`)).text();
    expect(text).toContain("No operator’s token is set");
    expect(text).not.toContain("<form");
  });

  it("ends with the token: a session of another one is worth nothing", async () => {
    const cookie = await pages.signIn();
    await using other = await servePages({ operatorToken: "another-token-of-the-operator" });
    expect(await (await fetch(`${pages.address}/runs`, { headers: { cookie } })).text()).toContain("Sign out");
    expect(await (await fetch(`${other.address}/runs`, { headers: { cookie } })).text()).not.toContain("Sign out");
  });

  it("is ended by the operator only", async () => {
    const cookie = await pages.signIn();
    const stranger = await postForm(`${pages.address}/sign-out`, {});
    const elsewhere = await postForm(`${pages.address}/sign-out`, {}, { cookie, "sec-fetch-site": "cross-site" });
    const operator = await postForm(`${pages.address}/sign-out`, {}, { cookie });
    expect([stranger, elsewhere].map(({ headers }) => headers.get("set-cookie"))).toEqual([null, null]);
    expect(operator.headers.get("set-cookie")).toContain("codedistiller=; Max-Age=0;");
  });
});

describe("the list", () => {
  it("is not shown to others, not even that there is something in it", async () => {
    const empty = await textOf("/runs");
    pages.store.putRun(verifiedRun(1));
    expect(await textOf("/runs?status=finished")).toBe(empty);
    expect(empty).toContain("There is no public list");
  });

  it("has pages of fifty, newest first, and keeps its filters in the links", async () => {
    for (let number = 1; number <= 60; number++) pages.store.putRun(failedRun(number));
    pages.store.putRun(queuedRun(61, { target: { id: 9, owner: "a", name: "b", isPrivate: true } }));
    const headers = { cookie: await pages.signIn() };
    const idsOn = async (path: string) =>
      [...(await textOf(path, { headers })).matchAll(/href="\/runs\/([0-9a-f]{32})"/g)].map(([, id]) => id);
    expect(await idsOn("/runs")).toEqual(Array.from({ length: 50 }, (_, index) => idOf(61 - index)));
    expect(await idsOn("/runs?page=2")).toHaveLength(11);
    expect(await idsOn("/runs?status=finished&page=2")).toHaveLength(10);
    expect(await idsOn("/runs?status=queued")).toEqual([idOf(61)]);
    expect(await idsOn("/runs?repository=9")).toEqual([idOf(61)]);
    expect(await idsOn("/runs?status=nonsense&repository=-1&page=zero")).toHaveLength(50);
    const text = await textOf("/runs?status=finished&repository=4711", { headers });
    expect(text).toContain('href="/runs?status&#x3D;finished&amp;repository&#x3D;4711&amp;page&#x3D;2"');
    expect(text).toContain("Runs of marit-solheim/orbital-elements");
  });

  it("shows what was given up, with what cannot be seen made visible", async () => {
    const text = await textOf("/runs", { headers: { cookie: await pages.signIn() } });
    expect(text).toContain("1 job given up.");
    expect(text).toContain("GitHub answered 502 eight times.\\u202e &lt;b&gt;x&lt;/b&gt;");
  });
});

describe("a run", () => {
  it("shows how it ended, what it cost and where its pull request is", async () => {
    pages.store.putRun(verifiedRun(1));
    pages.store.putFile(idOf(1), "report.html", Buffer.from("<p>report</p>"));
    await pages.store.runs.log(idOf(1), "cloned 4f2a9c3");
    const text = await textOf(`/runs/${idOf(1)}`);
    for (const part of [
      "Verified",
      "6 min 41 s",
      "$0.43 of at most $5.00",
      "4f2a9c31d0b8",
      'href="https://github.com/marit-solheim/orbital-elements/pull/31"',
      'href="https://github.com/marit-solheim/orbital-elements/issues/12"',
      "came to the same 14 values",
      "cloned 4f2a9c3",
      `href="/runs/${idOf(1)}/report"`,
    ])
      expect(text).toContain(part);
    expect(text).not.toContain("<script");
    expect(text).not.toContain("example.tar.gz");
  });

  it("says how many are before it while it waits, and links to GitHub where that is", async () => {
    await using other = await servePages({ githubUrl: "https://github.example.org/" });
    for (const number of [1, 2, 3]) other.store.putRun(queuedRun(number));
    const text = await (await fetch(`${other.address}/runs/${idOf(3)}`)).text();
    expect(text).toContain("2 runs are before it.");
    expect(text).toContain('href="https://github.example.org/marit-solheim/orbital-elements"');
  });

  it("reloads itself while it goes on, with no script needed and none but ours allowed", async () => {
    pages.store.putRun(runningRun(1));
    const answer = await get(`/runs/${idOf(1)}`);
    expect(answer.headers.get("content-security-policy")).toMatch(/script-src 'sha256-[\w+/=]+'; connect-src 'self'/);
    expect(await answer.text()).toContain('<noscript><meta http-equiv="refresh" content="10"></noscript>');
  });

  it("is told to programs without what only the app needs", async () => {
    pages.store.putRun(queuedRun(1, { startedAt: null }));
    pages.store.putRun(queuedRun(2, { settings: { model_str_code: "secret-model" } }));
    const answer = await get(`/runs/${idOf(2)}.json`);
    const value = (await answer.json()) as Record<string, unknown>;
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(value).toMatchObject({ status: "queued", repository: "marit-solheim/orbital-elements", runsBefore: 1 });
    expect(Object.keys(value)).not.toEqual(expect.arrayContaining(["settings"]));
    for (const key of ["settings", "triggerKey", "installationId", "slot", "comment"])
      expect(value).not.toHaveProperty(key);
  });

  it("of a private repository is to others as if it were not there, and the operator's to see", async () => {
    pages.store.putRun(
      verifiedRun(1, { target: { id: 5, owner: "quiet", name: "secret-repository", isPrivate: true } }),
    );
    pages.store.putFile(idOf(1), "report.html", Buffer.from("<p>report</p>"));
    pages.store.putFile(idOf(1), "example/main.py", Buffer.from("print(1)\n"));
    const headers = { cookie: await pages.signIn() };
    for (const rest of ["", ".json", "/report", "/example.tar.gz"]) {
      const [hidden, unknown] = await Promise.all([get(`/runs/${idOf(1)}${rest}`), get(`/runs/${idOf(999)}${rest}`)]);
      expect([hidden.status, unknown.status]).toEqual([404, 404]);
      expect(await hidden.text()).toBe(await unknown.text());
      const without = (answer: Response) => [...answer.headers].filter(([name]) => name !== "date");
      expect(without(hidden)).toEqual(without(unknown));
      expect((await get(`/runs/${idOf(1)}${rest}`, { headers })).status).toBe(200);
    }
  });

  it("is found by its whole id only", async () => {
    pages.store.putRun(verifiedRun(10));
    for (const id of ["", "a", idOf(10).toUpperCase(), `${idOf(10)}0`, `${idOf(10)}/`, `${idOf(10)}/../report`, "%00"])
      expect((await fetch(`${pages.address}/runs/${id}`)).status).toBe(404);
  });
});

describe("the report of a run", () => {
  it("is shown in a sandbox of the browser", async () => {
    pages.store.putRun(verifiedRun(1));
    pages.store.putFile(idOf(1), "report.html", Buffer.from("<p>report</p>"));
    const answer = await get(`/runs/${idOf(1)}/report`);
    expect(await answer.text()).toBe("<p>report</p>");
    expect(answer.headers.get("content-security-policy")).toMatch(
      /^sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:;/,
    );
  });

  it("and its files are not there before it has ended", async () => {
    pages.store.putRun(runningRun(1));
    pages.store.putFile(idOf(1), "report.html", Buffer.from("<p>half</p>"));
    pages.store.putFile(idOf(1), "example/main.py", Buffer.from("half"));
    expect((await get(`/runs/${idOf(1)}/report`)).status).toBe(404);
    expect((await get(`/runs/${idOf(1)}/example.tar.gz`)).status).toBe(404);
  });
});

describe("the example of a run", () => {
  it("is an archive with its bytes and executable bits, and nothing else of the run", async () => {
    pages.store.putRun(verifiedRun(1));
    const large = Buffer.alloc(3_000_000, 7);
    const long = `outputs/${"long-".repeat(30)}é.bin`;
    pages.store.putFile(idOf(1), "example/run.sh", Buffer.from("#!/bin/sh\n"), { executable: true });
    pages.store.putFile(idOf(1), "example/main.py", Buffer.from("print(1)\n"));
    pages.store.putFile(idOf(1), "example/outputs/empty", Buffer.alloc(0));
    pages.store.putFile(idOf(1), `example/${long}`, large);
    pages.store.putFile(idOf(1), "current_state.json", Buffer.from("{}"));
    const answer = await get(`/runs/${idOf(1)}/example.tar.gz`);
    const archive = Buffer.from(await answer.arrayBuffer());
    const entries = await readArchive(archive);
    expect(entries.map(({ header: { name, mode, type } }) => [name, mode, type])).toEqual([
      ["orbital-elements/main.py", 0o644, "file"],
      ["orbital-elements/outputs/empty", 0o644, "file"],
      [`orbital-elements/${long}`, 0o644, "file"],
      ["orbital-elements/run.sh", 0o755, "file"],
    ]);
    expect(entries[2]?.bytes.equals(large)).toBe(true);
    expect(archive.equals(Buffer.from(await (await get(`/runs/${idOf(1)}/example.tar.gz`)).arrayBuffer()))).toBe(true);
  });

  it("writes nothing outside of its folder, whatever the paths and the slug are", async () => {
    pages.store.putRun(verifiedRun(1, { slug: "../../etc" }));
    for (const path of ["../x", "a/../../x", "/x", "./x", "a//x", "ok"])
      pages.store.putFile(idOf(1), `example/${path}`, Buffer.from(path));
    const answer = await get(`/runs/${idOf(1)}/example.tar.gz`);
    const entries = await readArchive(Buffer.from(await answer.arrayBuffer()));
    expect(entries.map(({ header }) => header.name)).toEqual(["example/ok"]);
  });

  it("breaks off where a file cannot be read, so that no part passes for the whole", async () => {
    pages.store.putRun(verifiedRun(1));
    pages.store.putFile(idOf(1), "example/main.py", Buffer.alloc(2_000_000, 1));
    pages.store.putFile(idOf(1), "example/other.py", Buffer.from("x"));
    const { read } = pages.store.files;
    pages.store.files.read = (id, path) =>
      path.endsWith("other.py") ? Promise.reject(new Error("the disk")) : read(id, path);
    const answer = get(`/runs/${idOf(1)}/example.tar.gz`).then((each) => each.arrayBuffer());
    await expect(answer).rejects.toThrow();
    expect((await get("/healthz")).status).toBe(200);
  });
});

describe("what programs ask", () => {
  it("is whether it lives, and what keeps it from being ready", async () => {
    await using other = await servePages({ whatIsNotReady: async () => ["the database does not answer"] });
    expect((await get("/healthz")).status).toBe(200);
    expect((await get("/readyz")).status).toBe(200);
    const answer = await fetch(`${other.address}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ ready: false, missing: ["the database does not answer"] });
  });

  it("is the metrics, which are the operator's", async () => {
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    const stranger = await get("/metrics");
    expect([stranger.status, stranger.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect((await get("/metrics", bearer(operatorToken))).status).toBe(200);
    expect((await get("/metrics", { headers: { cookie: await pages.signIn() } })).status).toBe(200);
    for (let index = 0; index < 10; index++) expect((await get("/metrics", bearer("guess"))).status).toBe(401);
    expect((await get("/metrics", bearer("guess"))).status).toBe(429);
  });

  it("is the metrics without a token from this machine, but not through a proxy on it", async () => {
    await using other = await servePages({ operatorToken: null });
    const answer = await fetch(`${other.address}/metrics`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
    const proxied = await fetch(`${other.address}/metrics`, { headers: { "x-forwarded-for": "203.0.113.9" } });
    expect(proxied.status).toBe(403);
  });
});

async function readArchive(archive: Buffer): Promise<Array<{ header: Header; bytes: Buffer }>> {
  const entries: Array<{ header: Header; bytes: Buffer }> = [];
  const tar = extract();
  Readable.from([archive]).pipe(createGunzip()).pipe(tar);
  for await (const entry of tar) entries.push({ header: entry.header, bytes: await buffer(entry) });
  return entries;
}
