import { readFile, rm } from "node:fs/promises";
import { basename } from "node:path";
import type { Author, AuthorContext, FileClassification, RepositorySummary } from "../authors/author.ts";
import { cloneRepository } from "../repository/clone-repository.ts";
import type { Repository } from "../repository/repository.ts";
import { Survey, surveyRepository } from "../repository/survey.ts";
import { exists, type Run } from "./run.ts";
import { writeFileAtomically } from "./run-state.ts";

/** Fetches the repository into the run's folder, pinned to its commit. */
export async function cloneSource(run: Run): Promise<Repository> {
  const { distiller } = run.state;
  const known = distiller.repository;
  // The run's folder may have been moved since.
  if (known && (await exists(run.repositoryFolder))) return { ...known, folder: run.repositoryFolder };
  return run.stage("clone", async () => {
    const { ref, subdirectory, max_repository_mb } = run.config;
    const repository = await cloneRepository({
      source: run.source,
      ref: known?.commit && known.kind === "git" && !known.modified ? known.commit : ref,
      subdirectory: subdirectory ?? known?.subdirectory ?? null,
      destination: run.repositoryFolder,
      limits: { maxBytes: max_repository_mb * 2 ** 20 },
      gitEnvironment: run.gitEnvironment,
      gitAuthorization: run.gitAuthorization,
      allowsHost: run.allowsHost,
      ...(run.signal ? { signal: run.signal } : {}),
    });
    // What is pinned to no commit may have changed since it was read.
    if (known && !isSameContent(known, repository)) await rm(run.path("survey.json"), { force: true });
    distiller.repository = known ? { ...repository, ref: known.ref } : repository;
    run.state.repo_url = repository.url ?? repository.source;
    for (const note of repository.notes) run.note("clone", note);
    run.note(
      "clone",
      `${repository.name} at ${repository.commit?.slice(0, 12) ?? "no commit"}, ${repository.fileCount} files`,
    );
    return repository;
  });
}

function isSameContent(a: Repository, b: Repository): boolean {
  return (
    a.commit === b.commit &&
    a.modified === b.modified &&
    a.archiveSha256 === b.archiveSha256 &&
    a.fileCount === b.fileCount &&
    a.totalBytes === b.totalBytes
  );
}

/** Reads every file's type, the documents, the packaging and the outlines; kept in `survey.json`. */
export async function surveySource(run: Run, repository: Repository): Promise<Survey> {
  const path = run.path("survey.json");
  if (await exists(path)) {
    const parsed = Survey.safeParse(JSON.parse(await readFile(path, "utf8")));
    if (parsed.success) return parsed.data;
  }
  return run.stage("survey", async () => {
    const survey = await surveyRepository({
      folder: repository.folder,
      subdirectory: repository.subdirectory,
      ...(run.signal ? { signal: run.signal } : {}),
    });
    await writeFileAtomically(path, JSON.stringify(survey));
    run.note("survey", describeSurvey(survey));
    return survey;
  });
}

function describeSurvey({ files, languages, coreFunctions, readme, snippets }: Survey): string {
  const language = Object.keys(languages)[0] ?? "no source code";
  const core = coreFunctions
    .slice(0, 4)
    .map(({ qualifiedName }) => qualifiedName)
    .join(", ");
  return `${files.length} files, mostly ${language}; ${readme ? basename(readme) : "no README"}, ${snippets.length} snippets; core functions: ${core || "none found"}`;
}

export async function summarizeRepository(
  run: Run,
  author: Author,
  context: AuthorContext,
): Promise<RepositorySummary> {
  const { distiller } = run.state;
  if (distiller.summary) return distiller.summary;
  return run.stage("summarize", async () => {
    const summary = await author.summarize(context);
    distiller.summary = summary;
    run.state.repository_description = summary.description;
    return summary;
  });
}

export async function classifyFiles(
  run: Run,
  author: Author,
  context: AuthorContext,
  summary: RepositorySummary,
): Promise<FileClassification[]> {
  const { state } = run;
  if (state.classification_list.length > 0) return state.classification_list;
  return run.stage("classify", async () => {
    state.classification_list = await author.classify(context, summary);
    return state.classification_list;
  });
}
