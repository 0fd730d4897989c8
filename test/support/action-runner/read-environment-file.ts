/**
 * The pairs of `GITHUB_OUTPUT`, `GITHUB_STATE` or `GITHUB_ENV`, read as the runner reads them: `name=value`, or
 * `name<<delimiter`, lines, and the delimiter. An error where the runner would fail the step.
 */
export function readEnvironmentFile(text: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  const lines = text.split("\n");
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    if (line === "") continue;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (heredoc >= 0 && (equals < 0 || heredoc < equals)) {
      const [name, delimiter] = [line.slice(0, heredoc), line.slice(heredoc + 2)];
      if (name === "" || delimiter === "") throw new Error(`Invalid format: ${line}`);
      const end = lines.indexOf(delimiter);
      if (end < 0) throw new Error(`There is no ${delimiter} after ${name}.`);
      pairs[name] = lines
        .splice(0, end + 1)
        .slice(0, -1)
        .join("\n");
    } else {
      if (equals <= 0) throw new Error(`Invalid format: ${line}`);
      pairs[line.slice(0, equals)] = line.slice(equals + 1);
    }
  }
  return pairs;
}
