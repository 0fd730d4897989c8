import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuthorContext, CostEstimate } from "../authors/author.ts";
import type { Config } from "../config.ts";
import { cloneRepository } from "../repository/clone-repository.ts";
import { readRepositoryText } from "../repository/read-text.ts";
import { parseRepositorySource } from "../repository/repository-source.ts";
import { surveyRepository } from "../repository/survey.ts";
import type { JobAdapters } from "./job.ts";

export interface EstimateJobOptions {
  source: string;
  config: Config;
  adapters: JobAdapters;
  signal?: AbortSignal | undefined;
}

/** What a run would cost: the repository is fetched and read, nothing is run and no model is asked. Leaves nothing behind. */
export async function estimateJob({ source, config, adapters, signal }: EstimateJobOptions): Promise<CostEstimate> {
  const { workingFolder, homeFolder, gitEnvironment, gitAuthorization, allowsHost } = adapters;
  const estimate = adapters.createEstimator(config);
  const folder = await mkdtemp(join(tmpdir(), "codedistiller-estimate-"));
  try {
    const repository = await cloneRepository({
      source: parseRepositorySource(source, { workingFolder, homeFolder }),
      ...(config.ref === null ? {} : { ref: config.ref }),
      ...(config.subdirectory === null ? {} : { subdirectory: config.subdirectory }),
      destination: join(folder, "repository"),
      limits: { maxBytes: config.max_repository_mb * 2 ** 20 },
      gitEnvironment,
      gitAuthorization,
      allowsHost,
      ...(signal ? { signal } : {}),
    });
    const survey = await surveyRepository({
      folder: repository.folder,
      subdirectory: repository.subdirectory,
      ...(signal ? { signal } : {}),
    });
    const request = { dryRun: true, runId: null, onProgress: () => undefined };
    await using provider = await adapters.createProvider(config, request);
    const context: AuthorContext = {
      repository,
      survey,
      sandbox: await provider.describe(signal),
      focus: config.focus,
      maxProgramSeconds: Math.round(config.max_runtime_mins * 60),
      programNetwork: config.program_network,
      readText: (path) => readRepositoryText(repository.folder, path),
      signal,
    };
    return await estimate(context);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
