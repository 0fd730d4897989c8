import { type Command, parseCommand } from "./parse-command.ts";

export interface Annotation {
  level: "error" | "warning" | "notice";
  message: string;
  title: string | null;
  file: string | null;
}

/** What a step's output made of itself, line by line. */
export interface OutputReader {
  line(line: string): void;
  annotations: Annotation[];
  /** Lines below `::group::`, up to its end or the next; masked. */
  groups: Array<{ name: string; lines: string[] }>;
  /** As GitHub shows it, in its own raw form: `##[error]`, `##[group]`. Masked from the moment that the mask was asked for. */
  log: string[];
  /** Commands that do none of this. */
  commands: Command[];
  outputs: Record<string, string>;
  state: Record<string, string>;
}

const known = new Set([
  ...["add-mask", "add-matcher", "remove-matcher", "add-path", "set-env", "set-output", "save-state", "echo"],
  ...["debug", "notice", "warning", "error", "group", "endgroup", "stop-commands"],
]);
const disabled = ["set-env", "add-path"];

/**
 * Reads lines as the runner does. `masks` is added to; `secrets` are masked as well, from the start. An error where the runner
 * would fail the step, and where a command is misspelt, which the runner prints.
 */
export function createOutputReader({ masks, secrets }: { masks: string[]; secrets: string[] }): OutputReader {
  let stopToken: string | null = null;
  let open: { name: string; lines: string[] } | null = null;
  const mask = (text: string) => maskSecrets(text, [...secrets, ...masks]);
  const reader: OutputReader = {
    annotations: [],
    groups: [],
    log: [],
    commands: [],
    outputs: {},
    state: {},
    line(line) {
      const command = parseCommand(line, (name) => known.has(name.toLowerCase()) || name.toLowerCase() === stopToken);
      if (stopToken !== null) {
        if (command?.name === stopToken) stopToken = null;
        print(line);
      } else if (command?.name === "stop-commands") {
        if (!command.data || known.has(command.data)) throw new Error(`A token that stops nothing: ${line}`);
        stopToken = command.data.toLowerCase();
        print(line);
      } else if (command) obey(command);
      else {
        if (/^\s*::[a-z]+(-[a-z]+)*( .*)?::/i.test(line)) throw new Error(`There is no such command: ${line}`);
        print(line);
      }
    },
  };
  return reader;

  function print(line: string): void {
    const shown = mask(line);
    reader.log.push(shown);
    open?.lines.push(shown);
  }

  function obey(command: Command): void {
    const { name, data } = command;
    if (disabled.includes(name)) throw new Error(`The runner has turned off ${name}.`);
    if (name === "add-mask") addMask(data);
    else if (name === "group" || name === "endgroup") turnGroup(name, mask(data));
    else if (name === "error" || name === "warning" || name === "notice") annotate(name, command);
    else if (name === "set-output") reader.outputs[requireName(command)] = data;
    else if (name === "save-state") reader.state[requireName(command)] = data;
    // Debug lines are shown to nobody who did not ask for them.
    else reader.commands.push(command);
  }

  /** Each line of a secret is one as well. */
  function addMask(secret: string): void {
    if (secret.trim() === "") throw new Error("An empty secret masks nothing.");
    masks.push(secret);
  }

  /** Groups do not nest. */
  function turnGroup(name: "group" | "endgroup", title: string): void {
    open = name === "group" ? { name: title, lines: [] } : null;
    if (open) reader.groups.push(open);
    reader.log.push(`##[${name}]${title}`);
  }

  function annotate(level: Annotation["level"], { data, properties }: Command): void {
    const { title = null, file = null } = properties;
    const message = mask(data);
    reader.annotations.push({ level, message, title: title === null ? null : mask(title), file });
    print(`##[${level}]${data}`);
  }
}

function requireName({ name, properties }: Command): string {
  if (!properties.name) throw new Error(`${name} has no name.`);
  return properties.name;
}

/** Longest first, so that a secret within another leaves nothing of the longer one. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const lines = secrets.flatMap((secret) => [secret, ...secret.split(/[\r\n]+/)]).filter((one) => one.trim() !== "");
  return lines
    .sort((left, right) => right.length - left.length)
    .reduce((shown, secret) => shown.replaceAll(secret, "***"), text);
}
