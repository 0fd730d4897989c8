import { mkdir, readFile, writeFile } from "node:fs/promises";
import { expect } from "vitest";

const folder = new URL("./golden/", import.meta.url);

/** Compares with a file beside the tests (named as text, so that no formatter touches it); `UPDATE_GOLDEN=1` writes it anew, to be read before it is committed. */
export async function expectGolden(name: string, text: string): Promise<void> {
  const file = new URL(name, folder);
  if (process.env.UPDATE_GOLDEN === "1") {
    await mkdir(folder, { recursive: true });
    await writeFile(file, text);
  }
  expect(text).toBe(await readFile(file, "utf8"));
}
