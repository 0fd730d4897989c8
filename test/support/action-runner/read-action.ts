import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const ActionFile = z.object({
  inputs: z.record(z.string(), z.object({ default: z.string().optional() }).nullable()).default({}),
  runs: z.object({
    using: z.string(),
    main: z.string(),
    pre: z.never().optional(),
    post: z.string().optional(),
    "post-if": z.literal("always()").optional(),
  }),
});

export interface Action {
  /** Every input that `action.yml` names, with its default; empty where it has none. */
  defaults: Record<string, string>;
  main: string;
  post: string | null;
}

/** An action out of its folder, with paths that are absolute. Expressions other than `github.token` are not read. */
export function readAction(folder: string, token: string): Action {
  const { inputs, runs } = ActionFile.parse(parse(readFileSync(join(folder, "action.yml"), "utf8")));
  const [major] = process.versions.node.split(".");
  if (runs.using !== `node${major}`) throw new Error(`The action wants ${runs.using}, and this is node${major}.`);
  const defaults = Object.entries(inputs).map(([name, input]) => [name, evaluate(input?.default ?? "", token)]);
  return {
    defaults: Object.fromEntries(defaults),
    main: join(folder, runs.main),
    post: runs.post === undefined ? null : join(folder, runs.post),
  };
}

function evaluate(text: string, token: string): string {
  return text.replace(/\$\{\{\s*(.*?)\s*\}\}/g, (_, expression: string) => {
    if (expression !== "github.token") throw new Error(`A default with ${expression} is not read here.`);
    return token;
  });
}

/** `INPUT_*`: upper case, and underscores for spaces only. */
export function inputVariables(
  defaults: Record<string, string>,
  given: Record<string, string>,
): Record<string, string> {
  const unknown = Object.keys(given).filter((name) => !(name in defaults));
  // The runner only warns of those.
  if (unknown.length > 0) throw new Error(`The action has no input ${unknown.join(", ")}.`);
  const inputs = Object.entries({ ...defaults, ...given });
  return Object.fromEntries(inputs.map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value]));
}
