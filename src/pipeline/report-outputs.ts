import { constants, type Dirent } from "node:fs";
import { lstat, open, opendir } from "node:fs/promises";
import { extname, join } from "node:path";
import { shownIteration } from "./report-run.ts";
import type { RunState } from "./run-state.ts";

/** Figures that the report carries itself, and the beginnings of texts. */
const maxFigures = 12;
const maxFigureBytes = 2_000_000;
const maxPreviews = 6;
const previewBytes = 2000;
const maxFiles = 300;
const maxDepth = 12;

/** A file that the program left. */
export interface OutputFile {
  /** Relative to the run folder. */
  path: string;
  /** Relative to the folder of outputs. */
  name: string;
  bytes: number;
  /** The whole file as a `data:` address, for a figure that the report carries; null otherwise. */
  figure: string | null;
  /** The beginning of a text; null for other files. */
  preview: string | null;
}

/** What was published, or, where nothing was, what the best iteration left. Links are not followed. */
export async function readOutputs(runFolder: string, state: RunState): Promise<OutputFile[]> {
  for (const folder of await findOutputFolders(runFolder, state)) {
    const outputs: OutputFile[] = [];
    await listFiles(runFolder, folder, "", outputs, 0);
    outputs.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (outputs.length > 0) return readContents(runFolder, outputs);
  }
  return [];
}

async function findOutputFolders(runFolder: string, state: RunState): Promise<string[]> {
  const folders: string[] = [];
  if (await isFolder(runFolder, ["example", "outputs"])) folders.push("example/outputs");
  const own = shownIteration(state)?.folder;
  if (!own || !/^[\w.-]+$/.test(own) || /^\.\.?$/.test(own) || !(await isFolder(runFolder, [own]))) return folders;
  for await (const entry of await opendir(join(runFolder, own)))
    if (entry.isDirectory() && (await isFolder(runFolder, [own, entry.name, "to_save"])))
      folders.push(`${own}/${entry.name}/to_save`);
  return folders;
}

async function isFolder(base: string, names: readonly string[]): Promise<boolean> {
  let path = base;
  for (const name of names) {
    path = join(path, name);
    const found = await lstat(path).catch(() => null);
    if (!found?.isDirectory()) return false;
  }
  return true;
}

async function listFiles(
  runFolder: string,
  folder: string,
  below: string,
  outputs: OutputFile[],
  depth: number,
): Promise<void> {
  const entries: Dirent[] = [];
  for await (const entry of await opendir(join(runFolder, folder, below))) {
    if (entries.length >= maxFiles) break;
    entries.push(entry);
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = below ? `${below}/${entry.name}` : entry.name;
    if (entry.isDirectory() && depth < maxDepth) await listFiles(runFolder, folder, name, outputs, depth + 1);
    if (!entry.isFile() || outputs.length >= maxFiles) continue;
    const { size } = await lstat(join(runFolder, folder, name));
    outputs.push({ path: `${folder}/${name}`, name, bytes: size, figure: null, preview: null });
  }
}

async function readContents(runFolder: string, outputs: OutputFile[]): Promise<OutputFile[]> {
  let figures = 0;
  let previews = 0;
  for (const output of outputs) {
    const type = figureTypes[extname(output.name).toLowerCase()];
    if (type && figures < maxFigures && output.bytes > 0 && output.bytes <= maxFigureBytes) {
      const bytes = await readStart(join(runFolder, output.path), maxFigureBytes + 1);
      if (bytes.length > maxFigureBytes || !type.looksRight(bytes)) continue;
      output.figure = `data:${type.name};base64,${bytes.toString("base64")}`;
      figures++;
    } else if (previewed.test(output.name) && !shownElsewhere.has(output.name) && previews < maxPreviews) {
      const text = (await readStart(join(runFolder, output.path), previewBytes)).toString();
      output.preview = output.bytes > previewBytes ? text.slice(0, text.lastIndexOf("\n") + 1) || text : text;
      previews++;
    }
  }
  return outputs;
}

/** An SVG image is only ever the source of an `img`: there no script of it runs and nothing is fetched. */
const figureTypes: Record<string, { name: string; looksRight: (bytes: Buffer) => boolean }> = {
  ".png": { name: "image/png", looksRight: (bytes) => bytes.toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n" },
  ".jpg": { name: "image/jpeg", looksRight: isJpeg },
  ".jpeg": { name: "image/jpeg", looksRight: isJpeg },
  ".gif": { name: "image/gif", looksRight: (bytes) => /^GIF8[79]a/.test(bytes.toString("latin1", 0, 6)) },
  ".webp": { name: "image/webp", looksRight: (bytes) => /^RIFF[\s\S]{4}WEBP/.test(bytes.toString("latin1", 0, 12)) },
  ".svg": { name: "image/svg+xml", looksRight: (bytes) => /<svg[\s>]/i.test(bytes.toString("latin1", 0, 4000)) },
};

const previewed = /\.(csv|tsv|txt|dat|json|md|log|xyz|cif)$/i;
/** These two are published beside the program's own files, and the report shows them under what ran. */
const shownElsewhere = new Set(["log.json", "stdout.python.txt"]);

function isJpeg(bytes: Buffer): boolean {
  return bytes.toString("latin1", 0, 3) === "\xff\xd8\xff";
}

async function readStart(path: string, longest: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(longest);
    const { bytesRead } = await file.read(buffer, 0, longest, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
