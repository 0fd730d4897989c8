/** Why something of a repository is not among its files on disk. */
export type LeftOutReason = keyof typeof sentences;

/** One sentence for a report. */
export function sentenceOf(reason: LeftOutReason, count: number): string {
  const { one, many } = sentences[reason];
  return count === 1 ? `1 ${one}` : `${count} ${many}`;
}

const sentences = {
  "name-not-utf8": {
    one: "file was left out: its name is not valid UTF-8.",
    many: "files were left out: their names are not valid UTF-8.",
  },
  "name-too-long": {
    one: "file was left out: its name is too long.",
    many: "files were left out: their names are too long.",
  },
  "name-unsafe": {
    one: "file was left out: its name is not safe to write.",
    many: "files were left out: their names are not safe to write.",
  },
  "name-taken": {
    one: "file was left out: an earlier file or folder has its name.",
    many: "files were left out: earlier files or folders have their names.",
  },
  "special-file": {
    one: "special file (a pipe, a socket or a device) was left out.",
    many: "special files (pipes, sockets or devices) were left out.",
  },
  unreadable: {
    one: "file or folder was left out: it could not be read.",
    many: "files or folders were left out: they could not be read.",
  },
  missing: {
    one: "file of the commit is missing here and was left out.",
    many: "files of the commit are missing here and were left out.",
  },
  untracked: {
    one: "file that git does not track was left out.",
    many: "files that git does not track were left out.",
  },
  "compression-unsupported": {
    one: "file was left out: it is compressed in a way that cannot be read.",
    many: "files were left out: they are compressed in ways that cannot be read.",
  },
  link: {
    one: "link was left out: it does not lead to a file in the repository.",
    many: "links were left out: they do not lead to files in the repository.",
  },
  "archive-link": {
    one: "link in the archive was left out.",
    many: "links in the archive were left out.",
  },
  "link-copied": {
    one: "link was replaced by a copy of the file it leads to.",
    many: "links were replaced by copies of the files they lead to.",
  },
  "lfs-pointer": {
    one: "file is only a Git LFS pointer: its content was not downloaded.",
    many: "files are only Git LFS pointers: their contents were not downloaded.",
  },
} as const;
