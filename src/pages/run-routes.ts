import type { RunRecord } from "../store/run-record.ts";
import { type Answer, json } from "./answer.ts";
import { cleanTexts } from "./clean-texts.ts";
import { describeRunForPrograms, describeRunPage, maxLogLines, repositoryName } from "./describe-run.ts";
import { packExample, pickExampleFiles, type RunFile } from "./pack-example.ts";
import { renderPage } from "./render-page.ts";
import { type Exchange, hideRun, noSuchRun, type Pages, type Route } from "./route.ts";

/** The pages of one run. Whoever has the link may see it, but one of a private repository is the operator's alone. */
export const runRoutes: readonly Route[] = [
  { path: /^\/runs\/([0-9a-f]{32})$/, method: "GET", answer: showRun },
  { path: /^\/runs\/([0-9a-f]{32})\.json$/, method: "GET", answer: showRunForPrograms },
  { path: /^\/runs\/([0-9a-f]{32})\/report$/, method: "GET", answer: showReport },
  { path: /^\/runs\/([0-9a-f]{32})\/example\.tar\.gz$/, method: "GET", answer: sendExample },
  { path: /^\/runs\//, method: "GET", answer: hideRun },
];

const reportFile = "report.html";

/** A report holds a repository's own text: it may show itself and its figures, run nothing, and has no session of ours. */
const reportPolicy =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async function showRun(pages: Pages, exchange: Exchange): Promise<Answer> {
  const run = await findVisibleRun(pages, exchange);
  if (!run) return hideRun(pages, exchange);
  const { store, session, githubUrl = "https://github.com" } = pages;
  const [place, log, files] = await Promise.all([
    store.runs.place(run),
    store.runs.readLog(run.id, maxLogLines),
    listFiles(pages, run),
  ]);
  const content = describeRunPage(run, {
    place,
    log,
    files: pickExampleFiles(files),
    hasReport: files.some(({ path }) => path === reportFile),
    githubUrl: githubUrl.replace(/\/+$/, ""),
    now: new Date(),
  });
  return renderPage({
    name: "run",
    title: `Run of ${cleanTexts(repositoryName(run))}`,
    content,
    isOperator: session.isOperator(exchange.request),
    refreshes: run.status !== "finished",
  });
}

async function showRunForPrograms(pages: Pages, exchange: Exchange): Promise<Answer> {
  const run = await findVisibleRun(pages, exchange);
  if (!run) return json(404, { error: noSuchRun });
  return json(200, describeRunForPrograms(run, { place: await pages.store.runs.place(run) }));
}

async function showReport(pages: Pages, exchange: Exchange): Promise<Answer> {
  const run = await findVisibleRun(pages, exchange);
  const report = run?.status === "finished" ? await pages.store.files.read(run.id, reportFile) : null;
  if (!report) return hideRun(pages, exchange);
  return { status: 200, type: "html", body: report, policy: reportPolicy };
}

async function sendExample(pages: Pages, exchange: Exchange): Promise<Answer> {
  const run = await findVisibleRun(pages, exchange);
  const files = run ? pickExampleFiles(await listFiles(pages, run)) : [];
  if (!run || files.length === 0) return hideRun(pages, exchange);
  return {
    status: 200,
    type: "archive",
    body: packExample(pages.store.files, run, files),
    headers: { "content-disposition": 'attachment; filename="example.tar.gz"' },
  };
}

/** The run of an address, if this reader may see it; for all others it is as if it were not there. */
async function findVisibleRun({ store, session }: Pages, { request, id }: Exchange): Promise<RunRecord | null> {
  const run = await store.runs.get(id);
  return run && (!run.target.isPrivate || session.isOperator(request)) ? run : null;
}

/** None before the run has ended: until then they may be replaced at any time. */
async function listFiles({ store }: Pages, run: RunRecord): Promise<RunFile[]> {
  return run.status === "finished" ? store.files.list(run.id) : [];
}
