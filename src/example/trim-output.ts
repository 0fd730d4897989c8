/** Lines that say what went wrong, in Python, pip, compilers and shells. */
const errorLine =
  /\b(error|exception|traceback|fatal|failed|failure|cannot|could not|no such|not found|undefined|denied|killed|abort(ed)?|assert\w*|segmentation)\b|\w(Error|Exception|Warning)\b|^\s*(File "|E\s|\^)/i;

/** Lines that say which step a package manager is at, and nothing else. */
const noise =
  /^\s*(Collecting|Downloading|Using cached|Requirement already satisfied|Obtaining|Preparing metadata|Installing build dependencies|Getting requirements|Created wheel|Stored in directory|Building wheel|Attempting uninstall|Found existing|Uninstalling|copying|creating|running|adding|reading|writing|Get:\d|Selecting|Unpacking|Setting up|Preparing to unpack|Hit:\d|━|\[notice\])/;

interface Line {
  text: string;
  /** Higher stays longer. */
  worth: number;
}

/**
 * Cuts what a program printed to a number of characters. Lines that say what went wrong are the last to go, with their
 * surroundings; beside them the end is worth more than the beginning, and both more than the middle. One pass over the text
 * and one sort of its lines. A text that fits comes back as it is.
 */
export function trimOutput(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const lines = rankLines(text.split("\n"));
  const order = lines.map((_, index) => index).sort((a, b) => worthOf(lines, b) - worthOf(lines, a) || b - a);
  const longest = Math.min(Math.max(600, Math.floor(maxCharacters / 10)), Math.floor(maxCharacters / 2));
  // What was left out is noted at each gap; how many gaps there will be shows only afterwards.
  for (let room = maxCharacters; room >= 1; room *= 0.8) {
    const shown = joinKept(lines, chooseLines(lines, order, room, longest), longest);
    if (shown.length <= maxCharacters) return shown;
  }
  return text.slice(text.length - maxCharacters);
}

function chooseLines(lines: readonly Line[], order: readonly number[], room: number, longest: number): Set<number> {
  const kept = new Set<number>();
  let left = room;
  for (const index of order) {
    const length = Math.min(lines[index]?.text.length ?? 0, longest) + 1;
    if (length > left) continue;
    left -= length;
    kept.add(index);
  }
  return kept;
}

function worthOf(lines: readonly Line[], index: number): number {
  return lines[index]?.worth ?? 0;
}

function rankLines(texts: readonly string[]): Line[] {
  const seen = new Map<string, number>();
  const lines = texts.map((text, index): Line => {
    const shape = text.replace(/\d+/g, "0");
    const times = (seen.get(shape) ?? 0) + 1;
    seen.set(shape, times);
    const fromEnd = texts.length - index;
    const place = fromEnd <= 15 ? 4 : index < 8 ? 3 : fromEnd <= 60 ? 2 : 1;
    const repeated = times > 3 ? 4 : 0;
    if (noise.test(text)) return { text, worth: -2 };
    return { text, worth: (errorLine.test(text.length > 4000 ? cutLine(text, 4000) : text) ? 6 : place) - repeated };
  });
  // What stands around an error explains it.
  const near = lines.map(({ worth }, index) => {
    const beside = Math.max(worthOf(lines, index - 1), worthOf(lines, index + 1), worthOf(lines, index + 2));
    // The line of code that a traceback names is as good as the error.
    if (worth >= 0 && /^\s*File "/.test(texts[index - 1] ?? "")) return 6;
    return worth < 5 && beside >= 6 ? 5 : worth;
  });
  return lines.map(({ text }, index) => ({ text, worth: near[index] ?? 0 }));
}

function joinKept(lines: readonly Line[], kept: ReadonlySet<number>, longest: number): string {
  const parts: string[] = [];
  let left = 0;
  lines.forEach(({ text }, index) => {
    // The note that one line was left out is as long.
    const isShortGap = text.length <= 28 && kept.has(index - 1) && kept.has(index + 1);
    if (!kept.has(index) && !isShortGap) {
      left++;
      return;
    }
    if (left > 0) parts.push(`[... ${left} lines left out ...]`);
    left = 0;
    parts.push(text.length > longest ? cutLine(text, longest) : text);
  });
  if (left > 0) parts.push(`[... ${left} lines left out ...]`);
  return parts.join("\n");
}

/** Both ends of a line: what went wrong comes last where a program writes over its own line. */
function cutLine(text: string, length: number): string {
  const half = Math.max(0, Math.floor((length - 5) / 2));
  return `${text.slice(0, half)}[...]${text.slice(text.length - half)}`;
}
