import { z } from "zod";

/** A repository as it lies on disk: regular files only, pinned to what it was taken from. */
export const Repository = z.object({
  /** How it was named on the command line, without credentials. */
  source: z.string(),
  kind: z.enum(["git", "folder", "archive"]),
  /** For example `owner/name`; for folders and archives the name of the folder or archive. */
  name: z.string(),
  /** Where somebody else can fetch it: an https URL without credentials, or null. */
  url: z.string().nullable(),
  /** The full commit id that everything after refers to; null where there is no git history. */
  commit: z.string().nullable(),
  /** The branch, tag or commit asked for; null for the default branch. */
  ref: z.string().nullable(),
  /** SHA-256 of the archive file, hexadecimal; null unless `kind` is `archive`. */
  archiveSha256: z.string().nullable(),
  /** The part to distil, relative to the root, `/`-separated; null for all of it. */
  subdirectory: z.string().nullable(),
  /** Absolute host folder that holds the files; nothing in it is a link. */
  folder: z.string(),
  fileCount: z.number().int(),
  totalBytes: z.number().int(),
  /** What differs from the commit or was left out, as sentences for a report. */
  notes: z.array(z.string()),
  /** A local folder whose tracked files differ from its commit. */
  modified: z.boolean(),
});
export type Repository = z.infer<typeof Repository>;
