import { cutText } from "../pipeline/report-format.ts";
import { render } from "../templates/render.ts";
import { showHidden } from "../templates/reports/show-hidden.ts";
import { cutLine, linkAddress } from "./cut-line.ts";

/** GitHub takes 65,536; the rest is for what stands around the files, and for the comment's marker. */
const longestFiles = 56_000;

/** In the order in which one reads them. Names are ours, so that they may stand in HTML. */
const shown = [
  { name: "main.py", language: "python" },
  { name: "requirements.txt", language: "text" },
  { name: "runscript.sh", language: "bash" },
  { name: "run.sh", language: "bash" },
  { name: "apt.txt", language: "text" },
  { name: "example_recording.py", language: "python" },
] as const;

/** The example as a comment, for repositories that nothing can be written to. At most 65,536 characters. */
export function renderFilesComment({
  files,
  archiveUrl,
}: {
  /** Texts by their paths in the example's folder. */
  files: Readonly<Record<string, string>>;
  /** All files in one; null where nobody but the operator may have it. */
  archiveUrl: string | null;
}): string {
  const texts = shown.flatMap(({ name, language }) => {
    const text = Object.hasOwn(files, name) ? files[name] : undefined;
    return text ? [{ name, language, text: text.replace(/\r\n/g, "\n").trimEnd() }] : [];
  });
  const others = Object.keys(files).filter((path) => !texts.some(({ name }) => name === path));
  let left = longestFiles;
  const listed = texts.map((file, index) => {
    const isLast = index === texts.length - 1;
    // A long main.py leaves half of the room to the rest, and so on.
    const text = fitText(file.text, isLast ? left : Math.ceil(left / 2));
    left -= measureShown(text);
    return { ...file, text, isCut: text !== file.text, isChanged: showHidden(file.text) !== file.text };
  });
  const comment = render("comments/files.md", {
    files: listed,
    others: others.slice(0, 12).map((path) => cutLine(path, 100)),
    moreOthers: Math.max(0, others.length - 12),
    archiveUrl: linkAddress(archiveUrl),
    hasRunScript: Object.hasOwn(files, "run.sh"),
    isCut: listed.some(({ isCut }) => isCut),
    isChanged: listed.some(({ isChanged }) => isChanged),
  });
  return `${comment.trim()}\n`;
}

/** As much of a text as fits as it is shown. */
function fitText(text: string, longest: number): string {
  let part = text;
  let kept = Math.min(text.length, longest);
  while (measureShown(part) > longest && kept > 20) {
    part = cutText(text, kept).text;
    kept = Math.floor(kept * 0.75);
  }
  return part;
}

/** Characters in the comment: one that nobody sees takes up to nine, and fences outgrow what they hold. */
function measureShown(text: string): number {
  const run = [...text.matchAll(/`{3,}/g)].reduce((length, [each]) => Math.max(length, each.length), 2);
  return showHidden(text).length + 2 * run + 100;
}
