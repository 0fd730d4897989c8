/** What a layer's commands ask for; anything else is refused, as a failed build. */
export type Instruction =
  | { kind: "from"; base: string }
  | { kind: "run"; argv: string[] }
  | { kind: "environment"; variables: Record<string, string> }
  | { kind: "working-folder"; path: string };

/** A subset of https://docs.docker.com/reference/dockerfile/; throws an Error that names what it does not know. */
export function parseDockerfile(commands: readonly string[]): Instruction[] {
  const lines = commands
    .join("\n")
    .replaceAll(/\\[ \t]*\n/g, "")
    .split("\n");
  return lines.filter((line) => line.trim() !== "" && !line.trim().startsWith("#")).flatMap(parseLine);
}

function parseLine(line: string): Instruction[] {
  const [, name = "", rest = ""] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
  switch (name.toUpperCase()) {
    case "FROM":
      return [{ kind: "from", base: rest }];
    case "RUN":
      return [{ kind: "run", argv: rest.startsWith("[") ? JSON.parse(rest) : ["/bin/sh", "-c", rest] }];
    case "ENV":
      return [{ kind: "environment", variables: parseVariables(rest) }];
    case "WORKDIR":
      return [{ kind: "working-folder", path: rest }];
    // What a sandbox runs is told when it is created.
    case "ENTRYPOINT":
    case "CMD":
    case "LABEL":
      return [];
    default:
      throw new Error(`Unknown instruction: ${name}`);
  }
}

function parseVariables(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)/g)];
  if (pairs.length === 0) throw new Error(`ENV needs name=value: ${text}`);
  return Object.fromEntries(
    pairs.map(([, name = "", value = ""]) => [name, value.replace(/^(["'])(.*)\1$/s, "$2").replaceAll(/\\(.)/g, "$1")]),
  );
}
