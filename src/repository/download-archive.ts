import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DistillerError } from "../errors.ts";
import { asStorageError, hostRefused, repositoryError, systemErrorCode, tooLarge } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import type { ArchiveUrlSource } from "./repository-source.ts";

export interface DownloadedArchive {
  file: string;
  /** Hexadecimal. */
  sha256: string;
}

const maxRedirects = 10;

/** Fetches an archive over https into the job's work folder; its size is counted as it arrives. */
export async function downloadArchive(source: ArchiveUrlSource, job: CloneJob): Promise<DownloadedArchive> {
  job.onProgress({ phase: "connect", bytes: 0, files: 0 });
  try {
    const response = await follow(source, job);
    return await receive(response, source, job);
  } catch (error) {
    job.signal.throwIfAborted();
    throw error instanceof DistillerError ? error : (asStorageError(error) ?? unreachable(source, error));
  }
}

/** Redirects are followed here, not by fetch, which would also go from https to http. */
async function follow(source: ArchiveUrlSource, job: CloneJob): Promise<Response> {
  let url = new URL(source.url);
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    if (job.allowsHost?.(url.host) === false) throw hostRefused(source.text);
    const response = await fetch(url.href, {
      redirect: "manual",
      signal: job.signal,
      headers: { "user-agent": "codedistiller" },
    });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) {
      if (!response.ok) await response.body?.cancel();
      if (response.ok) return response;
      throw refused(source, response.status);
    }
    await response.body?.cancel();
    if (!URL.canParse(location, url.href)) break;
    url = new URL(location, url);
    if (url.protocol !== "https:") {
      throw repositoryError({
        code: "protocol-refused",
        userMessage: `${source.text} leads to an address that is not https: download the archive yourself and give the file.`,
      });
    }
  }
  throw repositoryError({
    code: "archive-not-found",
    userMessage: `${source.text} leads to no archive, only to redirects: open it in a browser and give the final address.`,
  });
}

async function receive(response: Response, source: ArchiveUrlSource, job: CloneJob): Promise<DownloadedArchive> {
  const { maxBytes } = job.limits;
  if (Number(response.headers.get("content-length") ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw tooLarge(source.text, "the download", maxBytes);
  }
  const file = join(job.workFolder, "archive");
  await using handle = await open(file, "wx");
  const hash = createHash("sha256");
  let bytes = 0;
  let reported = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(source.text, "the download", maxBytes);
    hash.update(chunk);
    await handle.writeFile(chunk);
    if (bytes - reported < 1024 ** 2) continue;
    reported = bytes;
    job.onProgress({ phase: "download", bytes, files: 0 });
  }
  return { file, sha256: hash.digest("hex") };
}

function refused(source: ArchiveUrlSource, status: number) {
  if (status === 401 || status === 403) {
    return repositoryError({
      code: "authentication-required",
      userMessage: `${source.text} asks for a login: download the archive yourself and give the file.`,
    });
  }
  if (status === 429 || status >= 500) {
    return repositoryError({
      code: "server-unavailable",
      retryable: true,
      userMessage: `The server of ${source.text} does not answer properly (status ${status}): try again in a few minutes.`,
    });
  }
  return repositoryError({
    code: "archive-not-found",
    userMessage: `There is no archive at ${source.text} (status ${status}): check the address.`,
  });
}

function unreachable(source: ArchiveUrlSource, error: unknown) {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (/CERT|SIGNATURE|ERR_TLS|ERR_SSL|SELF_SIGNED|ISSUER/.test(systemErrorCode(cause) ?? "")) {
    return repositoryError({
      code: "tls-failed",
      userMessage: `The certificate of ${source.text} cannot be verified: set NODE_EXTRA_CA_CERTS if your network has its own authority.`,
      cause: error,
    });
  }
  return repositoryError({
    code: "repository-unreachable",
    retryable: true,
    userMessage: `${source.text} cannot be reached or broke off: check the address, the network and the proxy settings.`,
    cause: error,
  });
}
