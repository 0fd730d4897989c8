import type { Host } from "../adapters/host.ts";
import { ConfigError } from "../errors.ts";
import { readRepositoryConfig } from "../handlers/admit.ts";
import type { RepositoryConfig } from "../handlers/repository-config.ts";
import type { ActionContext } from "./action-context.ts";
import type { ActionResult } from "./action-result.ts";
import { answerComment } from "./answer-comment.ts";
import { describeFailure } from "./describe-failure.ts";
import { distillExamples } from "./distill-examples.ts";
import { inertLine } from "./inert-line.ts";
import { maskSecrets } from "./mask-secrets.ts";
import { openContext } from "./open-context.ts";
import { readFailOn } from "./read-inputs.ts";
import { describeRunUrl } from "./read-workflow.ts";
import { reportResult } from "./report-result.ts";
import { createStageLog } from "./show-stages.ts";
import { failsStep, summarizeResults } from "./summarize-results.ts";
import { verifyExamples } from "./verify-examples.ts";

/** The step itself: what the inputs ask for, told in outputs, summary and log. Returns the exit status; never throws what a person could mend. */
export async function runAction(host: Host): Promise<number> {
  maskSecrets(host.environment);
  const failOn = readFailOn(host.environment);
  const log = createStageLog({ write: (line) => process.stdout.write(`${line}\n`) });
  const say = (text: string): void => void process.stdout.write(`${inertLine(text, "- ")}\n`);
  const result = await (async () => {
    try {
      await using context = await openContext(host, { emit: log.emit, say });
      return await perform(context);
    } catch (error) {
      return describeFailure(error, host.signal, say);
    } finally {
      log.end();
    }
  })();
  await reportResult({ result, failOn, runUrl: describeRunUrl(host.environment) });
  return failsStep(result, failOn) ? 1 : 0;
}

async function perform(context: ActionContext): Promise<ActionResult> {
  const { command } = context.inputs;
  if (command === "comment") {
    const { example, ...answer } = await answerComment(context);
    return summarizeResults(command, example ? [example] : [], answer);
  }
  const repositoryConfig = await readOwnConfig(context);
  if (repositoryConfig?.enabled === false) return summarizeResults(command, [], switchedOff);
  const examples =
    command === "verify"
      ? await verifyExamples(repositoryConfig, context)
      : await distillExamples(repositoryConfig, context);
  return summarizeResults(command, examples, noExamples);
}

const switchedOff = {
  reasonCode: "repository-disabled",
  explanation: "This repository has switched runs off: enabled is false in .github/codedistiller.yml.",
};

const noExamples = { reasonCode: "no-examples", explanation: "There is no example of ours under examples/." };

/** What the repository says of runs for itself. Throws ConfigError where it cannot be understood: it may be a limit. */
async function readOwnConfig({ at }: ActionContext): Promise<RepositoryConfig | null> {
  const own = await readRepositoryConfig(at.github, at.repository);
  if (own.problem === null) return own.config;
  throw new ConfigError({ code: "repository-config", userMessage: own.problem });
}
