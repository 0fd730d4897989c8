import { z } from "zod";

/** What may be said of a run by somebody who is not the operator, in a comment or in a repository's file. Messages go behind a name. */

/** The rules of git for a name, as far as they keep options, ranges and refspecs out. */
export const Ref = z
  .string()
  .min(1, "is empty")
  .max(255, "is longer than 255 characters")
  .refine(
    (text) => !/^-|[\s~^:?*[\\]|\.\.|@\{|\/$|\.lock$/.test(text) && isPlain(text),
    "cannot be the name of a branch, a tag or a commit",
  );

export const Subdirectory = z
  .string()
  .min(1, "is empty")
  .max(500, "is longer than 500 characters")
  .refine(
    (text) => !/^[-/~]|^[a-z]:|\\/i.test(text) && !text.split("/").includes("..") && isPlain(text),
    "has to be a folder's path from the root of the repository",
  );

/** The run's own bound, in characters. */
const maxFocus = 500;

export const Focus = z
  .string()
  .transform((text) => withoutControls(text).replace(/\s+/g, " ").trim())
  .pipe(z.string().min(1, "is empty").max(maxFocus, `is longer than ${maxFocus} characters`));

export const ModelName = z
  .string()
  .min(1, "is empty")
  .max(200, "is longer than 200 characters")
  .refine(isPlain, "holds characters that cannot be seen");

/** US dollars. */
export const MaxCost = z
  .number("has to be a number of US dollars")
  .min(0, "has to be 0 or more")
  .max(100_000, "is too much");

/** Without what cannot be seen: controls, marks of direction, and what has no width. */
function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(text);
}

/** Control characters but tabs and line ends, and those that turn the direction of what follows; scripts need the other invisible ones. */
export function withoutControls(text: string): string {
  return text.toWellFormed().replace(/[^\P{Cc}\n\t]|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, " ");
}
