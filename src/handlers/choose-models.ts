import { type Config, extractiveModel, findFastModel } from "../config.ts";

export type Models = Pick<Config, "model_str_code" | "model_str_fast" | "model_str_judge">;

/** Who reads and who judges follow the writer, as they do in the operator's own configuration; for the free one, both are free. */
export function chooseModels(
  run: Models,
  repository: { [K in keyof Models]?: Models[K] | undefined } | null,
  said: string | undefined,
  allowed: ReadonlySet<string>,
): Partial<Models> {
  const writer = said ?? repository?.model_str_code;
  const named = {
    ...(repository?.model_str_fast === undefined ? {} : { model_str_fast: repository.model_str_fast }),
    ...(repository?.model_str_judge === undefined ? {} : { model_str_judge: repository.model_str_judge }),
  };
  if (writer === undefined) return named;
  const followers = followWriter(run, writer, allowed);
  // The file's readers and judges belong to the file's writer.
  return said === undefined || said === repository?.model_str_code
    ? { model_str_code: writer, ...followers, ...named }
    : { model_str_code: writer, ...followers };
}

function followWriter(run: Models, writer: string, allowed: ReadonlySet<string>): Omit<Models, "model_str_code"> {
  if (writer === extractiveModel) return { model_str_fast: extractiveModel, model_str_judge: extractiveModel };
  if (writer === run.model_str_code)
    return { model_str_fast: run.model_str_fast, model_str_judge: run.model_str_judge };
  const small = findFastModel(writer);
  const followed = allowed.has(small) ? small : writer;
  return {
    model_str_fast: run.model_str_fast === findFastModel(run.model_str_code) ? followed : run.model_str_fast,
    model_str_judge: run.model_str_judge === run.model_str_code ? writer : run.model_str_judge,
  };
}
