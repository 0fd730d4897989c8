import { createHash } from "node:crypto";

export interface ExampleRequest {
  /** Name of the repository where the example goes, which is also what is distilled where no source is named. */
  target: string;
  /** Another repository as `owner/name` where GitHub has it, else with its host in front. */
  source: string | null;
  subdirectory: string | null;
  focus: string | null;
}

/**
 * Names branch and folder of an example: of the same request it is always the same, so that its pull request is updated.
 * It ends in a hash where other requests have the same letters.
 */
export function slugOfRun({ target, source, subdirectory, focus }: ExampleRequest): string {
  const own = kebab(target) || "example";
  const folders = (subdirectory ?? "").split("/").filter((each) => each !== "" && each !== ".");
  const aim = (focus ?? "").trim().replace(/\s+/g, " ");
  const words = aim.match(/[\p{L}\p{N}]+/gu) ?? [];
  const slug = kebab([source ?? own, folders.at(-1) ?? "", ...words.slice(0, mostWords)].join(" "));
  if (folders.length === 0 && saysAll({ slug, own, source, aim })) return cut(slug, mostCharacters);
  const request = JSON.stringify([source, folders.join("/"), aim]);
  const hash = createHash("sha256").update(request).digest("hex").slice(0, hashCharacters);
  return `${cut(slug, mostCharacters - hashCharacters - 1) || "example"}-${hash}`;
}

const mostWords = 4;
const mostCharacters = 60;
const hashCharacters = 6;

/** Whether no other request for this repository has these letters. */
function saysAll({ slug, own, source, aim }: { slug: string; own: string; source: string | null; aim: string }) {
  if (source === null && aim === "") return true;
  if (slug.length > mostCharacters) return false;
  if (source === null) return slug === `${own}-${aim.replaceAll(" ", "-")}` && !aim.includes("-");
  // An owner without a hyphen ends at the first one.
  const isExact = /^[a-z\d]+\/[a-z\d]+(-[a-z\d]+)*$/i.test(source);
  return isExact && aim === "" && !`${slug}-`.startsWith(`${own}-`);
}

/** Letters, digits and single hyphens: safe in a branch, a path and an address. */
function kebab(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}

function cut(slug: string, longest: number): string {
  return slug.slice(0, longest).replace(/-+$/, "");
}
