/** `option-with-value` is `--name=`, and a word follows it, be it empty. */
export interface Token {
  kind: "word" | "option" | "option-with-value";
  /** Without quotes, dashes and `=`. */
  text: string;
}

/** Telephones turn quotes into others, and each language has its own: what opens one, and all that may close it. */
const closing: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "“": '”“"',
  "”": '”"',
  "„": '“”"',
  "‘": "’‘'",
  "’": "’'",
  "‚": "‘’'",
};

/** Splits a line into words and options, each character looked at once or twice. */
export function splitCommandLine(line: string): { tokens: Token[] } | { problem: string } {
  const tokens: Token[] = [];
  let at = skipSpace(line, 0);
  while (at < line.length) {
    const option = readOption(line, at);
    if (option) {
      tokens.push(option.token);
      at = option.end;
      if (option.token.kind === "option") {
        at = skipSpace(line, at);
        continue;
      }
    }
    const word = readWord(line, at);
    if (word === null)
      return { problem: `A quote is opened and not closed: ${line.slice(at, at + 40).toWellFormed()}` };
    tokens.push({ kind: "word", text: word.text });
    at = skipSpace(line, word.end);
  }
  return { tokens };
}

/** Two hyphens also as the dash that telephones make of them. */
function readOption(line: string, at: number): { token: Token; end: number } | null {
  const pattern = /(?:--?|[—–])([a-z][a-z\d_-]{0,60})(=|(?=\s|$))/iy;
  pattern.lastIndex = at;
  const [whole, text, equals] = pattern.exec(line) ?? [];
  if (whole === undefined || text === undefined) return null;
  return { token: { kind: equals === "=" ? "option-with-value" : "option", text }, end: at + whole.length };
}

/** Null where a quote is not closed. An apostrophe closes nothing: behind a closing quote the word ends. */
function readWord(line: string, at: number): { text: string; end: number } | null {
  const closers = closing[line[at] ?? ""];
  if (closers === undefined) {
    const end = endOfWord(line, at);
    return { text: line.slice(at, end), end };
  }
  let text = "";
  for (let place = at + 1; place < line.length; place += 1) {
    const character = line[place] ?? "";
    const next = line[place + 1] ?? " ";
    if (character === "\\" && (next === "\\" || closers.includes(next))) {
      text += next;
      place += 1;
    } else if (closers.includes(character) && isSpace(next)) return { text, end: place + 1 };
    else text += character;
  }
  return null;
}

function endOfWord(line: string, at: number): number {
  let end = at;
  while (end < line.length && !isSpace(line[end] ?? "")) end += 1;
  return end;
}

function skipSpace(line: string, at: number): number {
  let place = at;
  while (place < line.length && isSpace(line[place] ?? "")) place += 1;
  return place;
}

function isSpace(character: string): boolean {
  return /\s/.test(character);
}
