export interface Command {
  name: string;
  properties: Record<string, string>;
  data: string;
}

/** What the runner takes commands from: a line's beginning, or for the old form any place in it. */
export type KnowsCommand = (name: string) => boolean;

/** The command of a line, after the runner's `ActionCommand`; null where the line is only printed. */
export function parseCommand(line: string, knows: KnowsCommand): Command | null {
  return parseCurrent(line.trimStart(), knows) ?? parseOld(line, knows);
}

/** `::name key=value,key=value::data` */
function parseCurrent(line: string, knows: KnowsCommand): Command | null {
  const end = line.startsWith("::") ? line.indexOf("::", 2) : -1;
  if (end < 0) return null;
  const { name, rest } = splitHead(line.slice(2, end));
  if (!knows(name)) return null;
  const properties = readProperties(rest.trim(), ",", { ...escapes, "%3A": ":", "%2C": "," });
  return { name: name.toLowerCase(), properties, data: restore(line.slice(end + 2), escapes) };
}

/** `##[name key=value;key=value]data` */
function parseOld(line: string, knows: KnowsCommand): Command | null {
  const start = line.indexOf("##[");
  const end = start < 0 ? -1 : line.indexOf("]", start);
  if (end < 0) return null;
  const { name, rest } = splitHead(line.slice(start + 3, end));
  if (!knows(name)) return null;
  const old = { ...escapes, "%3B": ";", "%5D": "]" };
  return {
    name: name.toLowerCase(),
    properties: readProperties(rest, ";", old),
    data: restore(line.slice(end + 1), old),
  };
}

function splitHead(head: string): { name: string; rest: string } {
  const space = head.indexOf(" ");
  return space < 0 ? { name: head, rest: "" } : { name: head.slice(0, space), rest: head.slice(space + 1) };
}

const escapes = { "%0D": "\r", "%0A": "\n" };

function restore(text: string, table: Record<string, string>): string {
  const read = Object.entries(table).reduce((value, [from, to]) => value.replaceAll(from, to), text);
  return read.replaceAll("%25", "%");
}

function readProperties(text: string, separator: string, table: Record<string, string>): Record<string, string> {
  const pairs = text.split(separator).flatMap((part) => {
    const [, name, value] = /^([^=]+)=(.+)$/s.exec(part) ?? [];
    return name === undefined || value === undefined ? [] : [[name.toLowerCase(), restore(value, table)]];
  });
  return Object.fromEntries(pairs);
}
