import { RunState } from "../../../src/pipeline/run-state.ts";
import { partialRun } from "../../support/sample-run.ts";
import { parseSurvey } from "./sample-survey.ts";
import type { SampleRun } from "./verified-run.ts";

/** One text that tries everything at once: elements, attributes, templates, Markdown, fences, and what cannot be seen. */
export const attack = [
  "</script><script>alert(1)</script></style></title></textarea><iframe src='https://evil.example'></iframe>",
  `"><img src=x onerror=alert(1)> ' onmouseover='alert(1)' x=' <svg/onload=alert(1)>`,
  `{{constructor}} {{{run.name}}} \${alert(1)} &lt;b&gt; &#60;b&#62; <!-- --> ]]>`,
  "# heading @octocat octo/repo#2 #1 GH-3 https://evil.example www.evil.example someone@evil.example",
  "[click](javascript:alert(1)) ![i](https://evil.example/i.png) <https://evil.example> [^1] <b>bold</b>",
  "a|b | \\| \\\\| `@octocat` ``#4`` | @octocat #5 |",
  "```\n~~~\n````````\n@octocat #6 <i>x</i>\n- [ ] task\n1. one\n--- \n===",
  "\u202egnp.exe\u2066 \u200b\u00ad \u0000\u0007\u001b[31m\r\u2028 \ud800 \u{e0041}\ufeff",
].join("\n");

/** A path that can be linked to. */
const _oddPath = `a"onmouseover=alert(1) x="/](javascript:alert(1)) @octocat #7 <b>|\`.md`;

/** Fields whose values are the program's own words. */
const kept = new Set([
  "status",
  "result",
  "stage",
  "outcome",
  "reasonCode",
  "kind",
  "classification",
  "example_type",
  "user_type",
  "type",
]);

/**
 * A run in which every text is the attack. With `linked`, the repository's address and commit stay, so that links are
 * made of hostile paths.
 */
export function hostileRun({ linked }: { linked: boolean }): SampleRun {
  const { state, survey } = partialRun();
  const hostile = replaceTexts(state) as RunState;
  const { repository, iterations, config } = hostile.distiller;
  config.sandbox = "local";
  for (const iteration of iterations) {
    iteration.folder = "../../../../etc";
    iteration.draft.files = {
      "main.py": `"""\n${attack}\n"""\nx = '${attack}'\n${attack}\n`,
      [`${attack}.sh`]: `${attack}${iteration.index}\n`,
      "runscript.sh": `echo "${attack}${iteration.index}"\n`,
    };
    iteration.draft.provenance[0] = {
      example: "example1",
      title: attack,
      path: attack,
      place: "lines 1-2",
      changes: [],
    };
  }
  hostile.repo_url = "javascript:alert(1)//https://github.com/a/b";
  if (repository) repository.url = hostile.repo_url;
  if (repository && linked && state.distiller.repository) {
    repository.url = state.distiller.repository.url;
    repository.commit = state.distiller.repository.commit;
  }
  return {
    state: RunState.parse(hostile),
    survey: parseSurvey(replaceTexts(survey)),
    files: {
      "example/outputs/<img src=x onerror=alert(1)>.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>`,
      "example/outputs/@octocat ](javascript:alert(1)) \u202e.png": "no picture",
      "example/outputs/```.csv": attack,
    },
  };
}

function replaceTexts(value: unknown, key = ""): unknown {
  if (typeof value === "string") return kept.has(key) ? value : attack;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => replaceTexts(each, key));
  const entries = Object.entries(value).map(([name, each]) => [name, replaceTexts(each, name)]);
  if (["costs", "runtimes", "values"].includes(key)) entries.push([attack, key === "values" ? attack : 1]);
  return Object.fromEntries(entries);
}
