/** What a library user imports: run a job, read its state, and bring an author or a sandbox of one's own. */
export type { Attempt, Author, AuthorContext, DraftOutcome, Revision } from "./authors/author.ts";
export { createExtractiveAuthor } from "./authors/extractive/extractive-author.ts";
export { Config, resolveConfig } from "./config.ts";
export { ConfigError, DistillerError, RepositoryError, SandboxError } from "./errors.ts";
export type { JobAdapters, JobRequest, JobResult } from "./jobs/job.ts";
export { runJob } from "./jobs/run-job.ts";
export type { Emit, RunEvent, Stage } from "./pipeline/events.ts";
export { Outcome, Verdict } from "./pipeline/outcome.ts";
export { RunState, readRunState } from "./pipeline/run-state.ts";
export { createContainerProvider } from "./sandboxes/container.ts";
export { defaultImage, type ImageRecipe } from "./sandboxes/image.ts";
export { createLocalProvider } from "./sandboxes/local.ts";
export { createModalProvider } from "./sandboxes/modal.ts";
export { passThroughEnvironment } from "./sandboxes/pass-through-environment.ts";
export type { Sandbox, SandboxProvider } from "./sandboxes/sandbox.ts";
