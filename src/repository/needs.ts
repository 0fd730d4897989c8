import { z } from "zod";

/** Something that a plain sandbox does not have, with where the repository says so. */
export const Need = z.object({
  kind: z.enum(["gpu", "api-key", "network-data", "gui", "conda", "python2", "missing-module", "non-python"]),
  path: z.string(),
  line: z.number().int(),
  text: z.string(),
});
export type Need = z.infer<typeof Need>;

interface NeedPattern {
  kind: Need["kind"];
  in: "code" | "prose";
  pattern: RegExp;
  /** What on the same file's text takes the need away again. */
  unless?: RegExp;
}

const patterns: NeedPattern[] = [
  {
    kind: "gpu",
    in: "code",
    pattern:
      /\.cuda\(|device\s*=\s*["']cuda|torch\.device\(\s*["']cuda["':\d]*\s*\)|\bimport cupy\b|\bfrom cupy\b|@cuda\.jit/,
    unless: /is_available\(\)|map_location\s*=\s*["']cpu|["']cpu["']/,
  },
  {
    kind: "gpu",
    in: "prose",
    pattern:
      /\b(requires?|needs?|required|must have|necessary)\b[^.\n]{0,60}\b(GPU|CUDA|NVIDIA)\b|\b(GPU|CUDA)\b[^.\n]{0,40}\b(is|are) (required|needed|necessary)\b|docker run --gpus/i,
  },
  {
    kind: "api-key",
    in: "code",
    pattern:
      /\b(os\.environ|os\.getenv|getenv)\b.{0,20}["'][A-Z0-9_]*(API_?KEY|TOKEN|SECRET)[A-Z0-9_]*["']|openai\.api_key|api_key\s*=\s*["'](your|<|xxx|sk-)/i,
  },
  {
    kind: "api-key",
    in: "prose",
    pattern:
      /\b[A-Z][A-Z0-9_]*_(API_)?(KEY|TOKEN)\b\s*=|\b(set up|need|requires?|provide|obtain|get)\b[^.\n]{0,30}\bAPI[ _-]?keys?\b/i,
  },
  {
    kind: "network-data",
    in: "code",
    pattern:
      /\b(requests\.(get|post)|urllib\.request\.|urlopen\(|urlretrieve\(|wget\.download|gdown\.|hf_hub_download|from_pretrained\(|fetch_openml|MPRester\()/,
  },
  {
    kind: "network-data",
    in: "prose",
    pattern:
      /\b(download|get)\b[^.\n]{0,40}\b(data ?sets?|weights|checkpoints?|pre-?trained models?|model files?)\b[^.\n]{0,60}\b(from|at|here)\b/i,
  },
  {
    kind: "gui",
    in: "code",
    pattern:
      /^[ \t]*(import|from)[ \t]+(tkinter|Tkinter|PyQt[456]|PySide[26]|wx|pygame|kivy|pyglet|mayavi|traitsui|vpython)\b/m,
  },
  { kind: "conda", in: "prose", pattern: /\bconda install\b|\bconda env create\b|\bmamba install\b/ },
];

/** Needs that one file states, the first place of each kind. */
export function findNeeds(path: string, text: string, is: "code" | "prose"): Need[] {
  const needs: Need[] = [];
  for (const { kind, in: where, pattern, unless } of patterns) {
    if (where !== is || needs.some((need) => need.kind === kind)) continue;
    const at = text.search(pattern);
    if (at === -1 || unless?.test(text)) continue;
    const line = text.slice(0, at).split("\n").length;
    needs.push({ kind, path, line, text: (text.split("\n")[line - 1] ?? "").trim().slice(0, 160) });
  }
  return needs;
}

/** Whether text that is no valid Python 3 looks like Python 2. */
export function looksLikePython2(text: string): boolean {
  return (
    /^[ \t]*print\s+(["'\w(%]|$)(?!\s*\()/m.test(text) ||
    /\bexcept\s+\w+\s*,\s*\w+\s*:|\bxrange\(|\braw_input\(|\bexec\s+["']|<>|\bprint\s*>>/.test(text)
  );
}
