import type { Handler } from "./handler.ts";
import { installationHandlers } from "./installation.ts";
import { issueCommentHandler } from "./issue-comment.ts";
import { issueGoneHandler } from "./issue-gone.ts";
import { issueLabeledHandler } from "./issue-labeled.ts";
import { pullRequestHandlers } from "./pull-request.ts";
import { repositoryHandlers } from "./repository.ts";

/** All that the app reacts to. */
export const handlers: readonly Handler[] = [
  issueCommentHandler,
  issueLabeledHandler,
  issueGoneHandler,
  ...installationHandlers,
  ...pullRequestHandlers,
  ...repositoryHandlers,
];
