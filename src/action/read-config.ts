import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Config, type ConfigSources, resolveConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { configKeys, type Inputs } from "./read-inputs.ts";
import { isPullRequestEvent, type Workflow } from "./read-workflow.ts";

/** The configuration of the action's runs; inputs go before the file, and both before the environment. Throws ConfigError. */
export async function readConfig(
  inputs: Inputs,
  workflow: Pick<Workflow, "workspace" | "eventName">,
  environment: ConfigSources["environment"],
): Promise<Config> {
  const flags = Object.entries(configKeys).map(([input, key]) => [key, inputs[input as keyof typeof configKeys]]);
  return resolveConfig({
    flags: Object.fromEntries(flags),
    file: await readFileOf(inputs.config, workflow),
    environment,
  });
}

/** A path in the workspace, or the JSON itself. */
async function readFileOf(
  config: string,
  { workspace, eventName }: Pick<Workflow, "workspace" | "eventName">,
): Promise<ConfigSources["file"]> {
  if (config === "") return null;
  if (config.startsWith("{")) return { name: "Input config", text: config };
  // What is checked out there may be a stranger's, and a configuration can name a program to run.
  if (isPullRequestEvent({ eventName }))
    throw new ConfigError({
      code: "config-of-strangers",
      userMessage: `Input config: on ${eventName} a file is not taken, since the pull request may have changed it. Give the JSON itself.`,
    });
  try {
    return { name: config, text: await readFile(resolve(workspace, config), "utf8") };
  } catch (error) {
    throw new ConfigError({
      code: "config-unreadable",
      userMessage: `Input config: ${config} cannot be read in the workspace. Check the path, and that a step before this one checks the repository out; or give the JSON itself.`,
      cause: error,
    });
  }
}
