import { type Config, extractiveModel, findFastModel } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { RunState } from "../pipeline/run-state.ts";

/** What may be other than before when a run is gone on with. */
export type ResumeChanges = {
  [K in
    | "model_str_code"
    | "model_str_fast"
    | "model_str_judge"
    | "max_cost_usd"
    | "max_debug_iterations"
    | "max_runtime_mins"
    | "prices"
    | "recipes"
    | "sandbox"
    | "sandbox_image"
    | "container_engine"
    | "gpu"]?: Config[K] | undefined;
};

/** Applies them to a run's state, and opens again what had ended for want of money; throws ConfigError and changes nothing where they cannot be. */
export function changeConfig(state: RunState, changes: ResumeChanges): void {
  const { distiller } = state;
  const { config } = distiller;
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const asksModels = (model: string): boolean => model !== extractiveModel;
  if (changes.model_str_code && asksModels(changes.model_str_code) !== asksModels(config.model_str_code)) {
    throw new ConfigError({
      code: "resume-other-author",
      userMessage: `A run that ${config.model_str_code} began cannot go on with ${changes.model_str_code}: begin a new one.`,
    });
  }
  const { model_str_code: code, model_str_fast: fast, model_str_judge: judge } = config;
  Object.assign(config, given);
  // Who followed the writer follows the new one.
  if (given.model_str_judge === undefined && judge === code) config.model_str_judge = config.model_str_code;
  if (given.model_str_fast === undefined && fast === findFastModel(code))
    config.model_str_fast = findFastModel(config.model_str_code);
  Object.assign(state, { model_str_code: config.model_str_code, model_str_fast: config.model_str_fast });
  distiller.author = config.model_str_code;
  if (changes.max_cost_usd === undefined || distiller.gaveUp?.reasonCode !== "budget") return;
  Object.assign(distiller, { outcome: null, verdict: null, gaveUp: null, finishedAt: null });
}
