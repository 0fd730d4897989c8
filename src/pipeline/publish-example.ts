import { cp, lstat, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemPackagesOf, withAptFile } from "../example/apt.ts";
import { type Draft, sourceFolder } from "../example/example.ts";
import type { Execution } from "../example/execution.ts";
import type { Repository } from "../repository/repository.ts";
import type { Survey } from "../repository/survey.ts";
import { render } from "../templates/render.ts";
import { type DependsOn, listDependencies } from "./depends-on.ts";
import { pinRequirements } from "./pin-requirements.ts";
import { pinRunscript } from "./pin-runscript.ts";
import type { PublishedMetadata } from "./verify-example.ts";

/** Largest repository that is put into the folder itself, where nobody could fetch it otherwise. */
const maxCarriedSourceBytes = 20_000_000;

export interface PublishExampleOptions {
  /** Host folder to write; replaced whole. */
  folder: string;
  draft: Draft;
  execution: Execution;
  repository: Repository;
  /** What the iteration left: `results.json`, `to_save/`. */
  outputFolder: string;
  survey: Pick<Survey, "files" | "packaging" | "modules" | "coreFunctions" | "licence">;
  /** What it was to show; null for the core functionality. */
  focus: string | null;
}

/**
 * Writes the folder that a pull request adds: it works with `bash run.sh` and nothing of ours. Its requirements are pinned to
 * what was installed when it ran, so that the clean room tests what is published.
 */
export async function publishExample(options: PublishExampleOptions): Promise<Record<string, string>> {
  const { folder, draft, execution, repository, outputFolder, survey } = options;
  const files = publishedFiles(draft, execution);
  const dependsOn = await listDependencies({ draft, execution, repositoryFolder: repository.folder, survey });
  const metadata = describePublished(options, { files: Object.keys(files), dependsOn });
  const temporary = `${folder}.partial`;
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(join(temporary, "outputs"), { recursive: true });
    for (const [path, text] of Object.entries(files))
      await writeFile(join(temporary, path), text, { mode: path.endsWith(".sh") ? 0o755 : 0o644 });
    await writeFile(join(temporary, "metadata.json"), `${JSON.stringify(metadata, null, 2)}\n`);
    await writeFile(join(temporary, "results.json"), `${JSON.stringify(execution.results ?? {}, null, 2)}\n`);
    await copyIfThere(join(outputFolder, "to_save"), join(temporary, "outputs"));
    for (const name of ["log.json", "stdout.python.txt"])
      await copyIfThere(join(outputFolder, name), join(temporary, "outputs", name));
    if (repository.url === null && repository.totalBytes <= maxCarriedSourceBytes)
      await cp(repository.folder, join(temporary, sourceFolder), { recursive: true });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
  return files;
}

function describePublished(
  { draft, execution, repository, survey, focus }: PublishExampleOptions,
  { files, dependsOn }: { files: string[]; dependsOn: DependsOn },
): PublishedMetadata {
  return {
    ...draft.metadata,
    distiller: {
      source: repository.source,
      commit: repository.commit,
      subdirectory: repository.subdirectory,
      licence: survey.licence?.name ?? null,
      modules: survey.modules.map(({ name }) => name),
      coreFunctions: survey.coreFunctions,
      python: execution.evidence.python ?? "3",
      changesSource: draft.changesSource,
      focus,
      dependsOn,
      files,
    },
  };
}

/** The files of the clean room and of the published folder, which are the same. */
function publishedFiles(draft: Draft, execution: Execution): Record<string, string> {
  return {
    ...withAptFile(draft.files, systemPackagesOf(draft.files)),
    "requirements.txt": pinRequirements(draft.files["requirements.txt"] ?? "", execution.packages),
    "runscript.sh": pinRunscript(draft.files["runscript.sh"] ?? "", execution.packages),
    "run.sh": render("example/run.sh", {}),
  };
}

async function copyIfThere(from: string, to: string): Promise<void> {
  const found = await lstat(from).catch(() => null);
  if (!found) return;
  if (found.isDirectory()) {
    for (const name of await readdir(from))
      await cp(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
  } else await cp(from, to);
}
