import { closeSync, constants, writeSync } from "node:fs";
import { type FileHandle, mkdir, open, opendir, realpath } from "node:fs/promises";
import { extract, type Header, type Pack, pack } from "tar-stream";
import { SandboxError } from "../../errors.ts";
import { childOf, openBeneath, partsOf } from "../local/beneath.ts";
import { openNew } from "../local/copy-files.ts";
import type { GetFolderOptions, GotFolder } from "../sandbox.ts";

/** A tar archive of the regular files and folders below a host folder. Links are neither followed nor packed. */
export async function* packFolder(folder: string): AsyncGenerator<Buffer> {
  const archive = pack();
  const source = await open(await realpath(folder), constants.O_RDONLY | constants.O_DIRECTORY);
  const filling = addFolder(archive, source, "").then(
    () => archive.finalize(),
    (error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    yield* archive as AsyncIterable<Buffer>;
  } finally {
    archive.destroy();
    await filling;
    await source.close();
  }
}

/** A tar archive of a few files given by their content; keys are relative paths. */
export async function* packFiles(files: Readonly<Record<string, string | Uint8Array>>): AsyncGenerator<Buffer> {
  const archive = pack();
  for (const [path, content] of Object.entries(files)) {
    if (partsOf(path).length === 0) throw refusedName(path);
    archive.entry({ name: partsOf(path).join("/"), mode: 0o644 }, Buffer.from(content));
  }
  archive.finalize();
  yield* archive as AsyncIterable<Buffer>;
}

async function addFolder(archive: Pack, folder: FileHandle, prefix: string): Promise<void> {
  for await (const entry of await opendir(`/proc/self/fd/${folder.fd}`, { bufferSize: 256 })) {
    const name = prefix + entry.name;
    if (entry.name.includes("\uFFFD")) continue;
    if (entry.isDirectory()) {
      await addEntry(archive, { name, type: "directory", mode: 0o755 });
      await using inner = await open(
        childOf(folder, entry.name),
        constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
      );
      await addFolder(archive, inner, `${name}/`);
    } else if (entry.isFile()) {
      await addFile(archive, childOf(folder, entry.name), name);
    }
  }
}

async function addFile(archive: Pack, path: string, name: string): Promise<void> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { size, mode } = await file.stat();
  const header = { name, size, mode: (mode & 0o100) === 0 ? 0o644 : 0o755 };
  if (size <= wholeBytes) return addEntry(archive, header, await file.readFile());
  await new Promise<void>((resolve, reject) => {
    const entry = archive.entry(header, (error) => (error ? reject(error) : resolve()));
    file
      .createReadStream({ autoClose: false, end: size - 1 })
      .on("error", reject)
      .pipe(entry);
  });
}

/** A file up to this size is read as a whole, in bytes. */
const wholeBytes = 1 << 20;

function addEntry(
  archive: Pack,
  header: Partial<Header> & Pick<Header, "name">,
  content: Buffer = Buffer.alloc(0),
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A file may have grown since it was measured.
    archive.entry({ ...header, size: content.length }, content, (error) => (error ? reject(error) : resolve()));
  });
}

/** Disposing of it gives up an archive that has not ended, and all that is open for it. */
export interface Unpacker extends AsyncDisposable {
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves with what was written, once the archive has ended. */
  finish(): Promise<GotFolder["files"]>;
}

/**
 * Writes an archive from a sandbox below a host folder: regular files only, never through a link. Throws SandboxError
 * where the archive is damaged or holds more than was asked for: the limits do not rest on the sandbox alone.
 */
export async function unpackInto(options: GetFolderOptions): Promise<Unpacker> {
  await mkdir(options.to, { recursive: true });
  const archive = extract();
  const files: GotFolder["files"] = [];
  let totalBytes = 0;
  const reading = (async () => {
    for await (const entry of archive) {
      const { name, type, size = 0, mode = 0 } = entry.header;
      totalBytes += size;
      const tooMuch =
        size > options.maxFileBytes || totalBytes > options.maxTotalBytes || files.length >= options.maxFiles;
      if (type !== "file" || tooMuch) throw refusedName(name);
      files.push({
        path: name,
        bytes: await writeFile(options.to, name, { content: entry as AsyncIterable<Buffer>, mode }),
      });
    }
  })();
  // Whoever writes is told of it; the promise itself may be looked at later.
  reading.catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));

  return {
    async write(bytes) {
      if (archive.write(bytes)) return;
      await Promise.race([reading, new Promise<void>((resolve) => archive.once("drain", resolve))]);
    },
    async finish() {
      archive.end(null);
      await reading;
      return files;
    },
    async [Symbol.asyncDispose]() {
      archive.destroy(new Error("the archive has not come to its end"));
      await reading.catch(() => undefined);
    },
  };
}

async function writeFile(
  folder: string,
  name: string,
  { content, mode }: { content: AsyncIterable<Buffer>; mode: number },
): Promise<number> {
  const parts = partsOf(name);
  const last = parts.pop();
  if (last === undefined) throw refusedName(name);
  await using parent = await openBeneath(folder, parts.join("/"), { create: true });
  const file = openNew(childOf(parent, last), (mode & 0o100) === 0 ? 0o644 : 0o755);
  let bytes = 0;
  try {
    for await (const chunk of content) {
      for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done);
      bytes += chunk.length;
    }
  } finally {
    closeSync(file);
  }
  return bytes;
}

function refusedName(name: string): SandboxError {
  return new SandboxError({
    code: "sandbox-path-refused",
    userMessage: `${JSON.stringify(name.slice(0, 300))} is not a file that can be copied in or out of a sandbox.`,
  });
}
