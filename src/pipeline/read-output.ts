import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseBoundedJson } from "../bounded-json.ts";
import { type Execution, LogEntry } from "../example/execution.ts";

export async function readResults(output: string): Promise<Pick<Execution, "results" | "resultsProblem">> {
  const text = await readFile(join(output, "results.json"), "utf8").catch(() => null);
  if (text === null) return { results: null, resultsProblem: "main.py wrote no results.json" };
  const results = parseBoundedJson(text)?.value;
  if (results === undefined) return { results: null, resultsProblem: "results.json is not valid JSON" };
  return { results, resultsProblem: isEmpty(results) ? "results.json holds no values" : null };
}

/** Whether a value holds nothing but empty objects, lists and texts, and names of types. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === "") return true;
  return typeof value === "object" && Object.entries(value).every(([key, each]) => key === "type" || isEmpty(each));
}

export async function readLog(output: string): Promise<Execution["log"]> {
  const text = await readFile(join(output, "log.json"), "utf8").catch(() => "");
  const parsed = z.array(LogEntry).safeParse(parseBoundedJson(text)?.value);
  return parsed.success ? parsed.data.slice(0, 1000) : [];
}
