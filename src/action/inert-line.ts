import { stripVTControlCharacters } from "node:util";
import { cutLine } from "../jobs/cut-line.ts";
import { redactSecrets } from "../log.ts";

/** Characters of a line; longer ones are cut. */
const longest = 1000;

/**
 * A text from outside as one line of a workflow's log. The mark before it keeps the runner from taking it for a command, and
 * is put back where a caller wants none: commands begin a line with `::`, and an older form, `##[`, is read anywhere in one.
 * https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
 */
export function inertLine(text: string, mark = "| "): string {
  const plain = stripVTControlCharacters(text.slice(0, 8 * longest)).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
  const line = mark + redactSecrets(cutLine(plain, longest)).replace(/##(?=\[)/g, "# #");
  return line.trimStart().startsWith("::") ? `| ${line}` : line;
}
