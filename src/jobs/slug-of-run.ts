/** Names branch and folder of an example: of the same request it is always the same, so that its pull request is updated. */
export function slugOfRun({
  name,
  subdirectory,
  focus,
}: {
  name: string;
  subdirectory: string | null;
  focus: string | null;
}): string {
  const words = (focus ?? "").match(/[\p{L}\p{N}]+/gu) ?? [];
  const part = subdirectory?.split("/").findLast((each) => each !== "") ?? "";
  return kebab([name, part, ...words.slice(0, mostWords)].join(" ")) || "example";
}

const mostWords = 4;
const mostCharacters = 60;

/** Letters, digits and single hyphens: safe in a branch, a path and an address. */
function kebab(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, mostCharacters)
    .replace(/-+$/, "");
}
