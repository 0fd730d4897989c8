/** The rows of a page's first table whose first heading is this, without the heads. */
export function tableOf(page: string, heading: string): string[][] {
  const lines = page.split("\n");
  const rows = lines.slice(lines.findIndex((line) => line.startsWith(`| ${heading} |`)) + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map((line) => line.slice(2, -2).split(" | "));
}

/** What stands between back-ticks. */
export function codesIn(text: string | undefined): string[] {
  return [...(text ?? "").matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code ?? []);
}
