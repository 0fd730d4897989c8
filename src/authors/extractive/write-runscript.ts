import { aptFile } from "../../example/apt.ts";
import { render } from "../../templates/render.ts";
import type { AuthorContext } from "../author.ts";
import type { Decisions } from "./decisions.ts";

const pip = ".venv/bin/python -m pip install --no-input --progress-bar off";

/** What stands above this line gets the repository; what stands below builds the environment. */
export const environmentMark = "# From here on: the environment.";

/** `runscript.sh`: the repository at its commit, then the environment; nothing in it comes from the repository unquoted. */
export function writeRunscript(
  { repository, survey, sandbox }: AuthorContext,
  decisions: Decisions,
  noRequirements: boolean,
): string {
  const minorVersion = decisions.pythonVersion.split(".").slice(0, 2).join(".");
  const installLines: string[] = [];
  if (decisions.buildRequirements.length > 0)
    installLines.push(`${pip} ${decisions.buildRequirements.map(quote).join(" ")}`);
  if (!noRequirements) installLines.push(`${pip} -r requirements.txt`);
  const installTarget = survey.packaging.installable && decisions.install !== "path";
  if (installTarget) {
    const flags = [
      decisions.install === "pip-no-isolation" ? " --no-build-isolation" : "",
      decisions.leftOut.length > 0 ? " --no-deps" : "",
    ].join("");
    const place = repository.subdirectory ? `./source/${repository.subdirectory}` : "./source";
    installLines.push(`${pip}${flags} ${quote(place)}`);
  }
  if (decisions.port) {
    installLines.push(
      "# The repository is Python 2: its files are ported in place, as 2to3 does; source/ is no longer the commit as it was.",
    );
    installLines.push(`${pip} fissix`);
    const files = survey.files.filter(({ language, type }) => language === "Python" && type !== "test");
    const paths = files.map(({ path }) => quote(`source/${path}`)).join(" ");
    // Python 2 took a tab in the margin for eight columns; Python 3 refuses it beside blanks.
    installLines.push(
      `for file in ${paths}; do expand -i -t 8 "$file" >"$file.expanded" && mv "$file.expanded" "$file"; done`,
    );
    installLines.push(
      `.venv/bin/python -m fissix -w -n --no-diffs ${paths} >/dev/null || echo "Some files could not be ported." >&2`,
    );
  }
  const plainPython = sandbox.pythons[0]?.path === decisions.python;
  return render("example/runscript.sh", {
    plainPython,
    pythonOrDefault: `\${PYTHON:-${plainPython ? "python3" : `python${minorVersion}`}}`,
    pythonVersion: minorVersion,
    compiled: survey.packaging.compiled && installTarget,
    systemPackages: decisions.systemPackages.length > 0,
    aptFile,
    fetchLines: fetchLines(repository),
    environmentMark,
    usesPip: installLines.length > 0,
    installLines,
  });
}

function fetchLines({ url, commit, kind, archiveSha256, source }: AuthorContext["repository"]): string[] {
  if (url && commit) {
    return [
      "git init -q source",
      `git -C source fetch -q --depth 1 ${quote(url)} ${quote(commit)}`,
      "git -C source checkout -q FETCH_HEAD",
    ];
  }
  if (kind === "archive" && archiveSha256) {
    return [
      `echo "Unpack ${source.replace(/[^\w./:-]/g, "?")} (SHA-256 ${archiveSha256}) into source/ first." >&2`,
      "exit 1",
    ];
  }
  return [
    'echo "Put the repository into source/ first: it was distilled from a folder that has no public address." >&2',
    "exit 1",
  ];
}

function quote(text: string): string {
  return /^[\w./:@=+~<>!,-]+$/.test(text) && !/[<>!]/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
