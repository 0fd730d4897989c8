/**
 * A console session as statements: a lone expression is printed, as the console does, expected outputs become comments, and
 * a statement that is shown to fail is left as a comment too.
 */
export function doctestSession(code: string): string {
  const lines: string[] = [];
  const statements = code.split(/^(?=[ \t]*>>>(?: |$))/m).filter((part) => /^\s*>>>/.test(part));
  for (const part of statements) {
    const all = part.replace(/\n+$/, "").split("\n");
    const source = all.filter((line) => prompt.test(line)).map((line) => line.replace(prompt, ""));
    const expected = all.filter((line) => !prompt.test(line) && line.trim() !== "").map((line) => `# ${line.trim()}`);
    const fails = expected.some((line) => line.startsWith("# Traceback"));
    const text = source.join("\n");
    if (fails) lines.push(...source.map((line) => `# ${line}`));
    else lines.push(isExpression(text) ? `print(repr(${text}))` : text);
    lines.push(...expected);
  }
  return lines.join("\n");
}

const prompt = /^\s*(>>>|\.\.\.)( |$)/;

/** Whether a statement is a lone expression that the console would show. */
function isExpression(text: string): boolean {
  if (
    text.trim() === "" ||
    text.length > 5000 ||
    /^(import|from|def|class|for|while|if|with|try|return|raise|assert|del|pass|print|global|async|@|#)\b|^[@#]/.test(
      text,
    )
  )
    return false;
  return (
    !/^[^=!<>()[\]{}"']*[^=!<>]=[^=]/.test(text) &&
    !/^[\w., *[\]'":()-]+\s*[-+*/%&|^]?=[^=]/.test(text.split("(")[0] ?? "") &&
    !text.includes("  #")
  );
}
