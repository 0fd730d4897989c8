import type { Survey } from "../../repository/survey.ts";

/** A command that a document gives and that runs one of the repository's own Python scripts. */
export interface ScriptCommand {
  id: string;
  /** The script, relative to the repository. */
  path: string;
  arguments: string[];
  /** Relative to the repository: where the document says to stand, or its root. */
  workingFolder: string;
  line: string;
}

/** Arguments that stand for something the reader has to supply. */
const placeholder = /^<.*>$|^\[.*\]$|^\{.*\}$|\.\.\.|^(your|my|path)[-_/]|\/path\/to\//i;

/** Reads `python x.py a b` and `./x.py a b`; pipes, redirections and variables are not understood and end a command. */
export function parseCommands(code: string, documentPath: string, survey: Survey): ScriptCommand[] {
  const files = new Set(survey.files.map(({ path }) => path));
  const commands: ScriptCommand[] = [];
  let folder = "";
  for (const raw of code.replace(/\\\n/g, " ").split("\n")) {
    const line = raw.trim().replace(/^(\$|>|%|#)\s+/, "");
    const words = splitWords(line);
    if (!words) continue;
    if (words[0] === "cd" && words[1]) {
      const next = words[1].replace(/\/$/, "");
      folder = survey.files.some(({ path }) => path.startsWith(`${next}/`)) ? next : folder;
      continue;
    }
    const interpreter = /^python[\d.]*$/.test(words[0] ?? "");
    const rest = interpreter ? words.slice(1).filter((word) => word !== "-u") : words;
    const script = rest[0]?.replace(/^\.\//, "");
    if (!script?.endsWith(".py") || (!interpreter && !words[0]?.startsWith("./"))) continue;
    const documentFolder = documentPath.split("/").slice(0, -1).join("/");
    const workingFolder = [folder, documentFolder, ""].find((base) => files.has(base ? `${base}/${script}` : script));
    if (workingFolder === undefined || /(^|\/)setup\.py$/.test(script)) continue;
    const parameters = rest.slice(1);
    if (parameters.some((parameter) => placeholder.test(parameter))) continue;
    const path = workingFolder ? `${workingFolder}/${script}` : script;
    commands.push({ id: `${path} ${parameters.join(" ")}`.trim(), path, arguments: parameters, workingFolder, line });
  }
  return commands;
}

function splitWords(line: string): string[] | null {
  if (/[|<>&;`$]/.test(line.replace(/<[\w -]+>/g, ""))) return null;
  const words = line.replace(/\s#.*$/, "").match(/"[^"]*"|'[^']*'|[^\s"']+/g);
  return words?.map((word) => word.replace(/^(["'])(.*)\1$/, "$2")) ?? null;
}
