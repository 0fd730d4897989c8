import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** What differs, by paths below the folders. */
export function compareFolders(left: string, right: string): string[] {
  const paths = new Set([...listFiles(left), ...listFiles(right)]);
  return [...paths].filter((path) => !isSame(join(left, path), join(right, path))).sort();
}

function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function isSame(left: string, right: string): boolean {
  return existsSync(left) && existsSync(right) && readFileSync(left).equals(readFileSync(right));
}
