import { Config } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { CommandSettings } from "../handlers/command.ts";
import { mergeSettings, type RepositoryConfig } from "../handlers/repository-config.ts";
import { slugOfRun } from "../jobs/slug-of-run.ts";
import type { ActionContext } from "./action-context.ts";
import { findNamed, type NamedSource } from "./named-source.ts";
import { namesProgram } from "./read-inputs.ts";

/** An example that is asked for. */
export interface Wanted {
  /** What it is of, as people call it. */
  name: string;
  /** What is fetched; null: the workflow's own repository. */
  source: NamedSource | null;
  slug: string;
  config: Config;
}

/** What one line of the input `repository` names; none, the workflow's own. Throws what a person can mend. */
export async function findWanted(
  line: string | null,
  repositoryConfig: RepositoryConfig | null,
  context: ActionContext,
): Promise<Wanted> {
  const source = line === null ? null : await findNamed(line, context);
  const { ref, subdirectory, focus, model } = context.inputs;
  const settings = { ref, subdirectory, focus, model_str_code: model };
  return composeWanted({ source, settings, slug: null, repositoryConfig }, context);
}

export interface WantedSettings {
  source: NamedSource | null;
  settings: CommandSettings;
  /** That of an example that is there; null: made from what is asked for. */
  slug: string | null;
  repositoryConfig: RepositoryConfig | null;
}

/** An example with what was said of it, as far as the repository's own configuration says nothing else. */
export function composeWanted(
  { source, settings, slug, repositoryConfig }: WantedSettings,
  { config: run, repository, workflow, say }: ActionContext,
): Wanted {
  const { model_str_code, model_str_fast, model_str_judge } = repositoryConfig ?? {};
  // Whoever may write that file need not be allowed to write workflows, which can have any program run.
  const allowed = [model_str_code, model_str_fast, model_str_judge].filter((each) => each && !namesProgram(each));
  const merged = mergeSettings({
    operator: { run, settings: { allowed_models: allowed.flatMap((each) => each ?? []) } },
    repository: repositoryConfig,
    command: { repository: source?.url ?? null, settings },
  });
  if (merged.problems.length > 0)
    throw new ConfigError({ code: "settings-refused", userMessage: merged.problems.join(" ") });
  for (const note of merged.notes) say(note);
  const config = Config.parse({ ...run, ...merged.config });
  const name = source ? (source.facts?.fullName ?? source.url) : repository.fullName;
  return {
    name,
    source,
    slug:
      slug ??
      slugOfRun({
        target: repository.name,
        source: source && nameInSlugs(source),
        subdirectory: config.subdirectory,
        focus: config.focus,
      }),
    config: { ...config, ref: config.ref ?? (source ? null : workflow.sha) },
  };
}

/** `owner/name` of a whole repository on the workflow's GitHub; of a part of one, and elsewhere, its address. */
function nameInSlugs({ url, facts }: NamedSource): string {
  return facts?.cloneUrl === url ? facts.fullName : url.replace(/^https:\/\//, "").replace(/\.git$/, "");
}
