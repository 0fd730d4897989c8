import type { ReceivedRequest } from "../../test/support/model-server/received-request.ts";
import type { Reply } from "../../test/support/model-server/reply.ts";
import { type Change, ScriptedProgram } from "./scripted-program.ts";

/** How every revision is answered. */
export type Style = "edits" | "whole files";

interface ScriptOptions {
  repository: string;
  /** Paths that a summary may name. */
  paths: readonly string[];
  style: Style;
}

/** Answers of realistic length to whatever the author asks in one run. */
export function createScript({ repository, paths, style }: ScriptOptions): (request: ReceivedRequest) => Reply {
  const program = new ScriptedProgram(repository);
  let revisions = 0;
  const answers: Record<string, (request: ReceivedRequest) => Reply> = {
    summary: () => ({ value: { description: summary(repository), highlyRelevantFiles: paths.slice(0, 8) } }),
    classification: (request) => ({ value: { files: numbersOf(request).map(classify) } }),
    judgement: () => ({ value: judgement }),
  };
  return (request) => {
    if (request.wants) return answers[request.wants.name]?.(request) ?? { error: "overloaded" };
    const mark = /<data-([0-9a-f]{6})>/.exec(request.system)?.[1] ?? "";
    const isFirst = !request.messages.some(({ role }) => role === "assistant");
    if (isFirst) return writeFirst(mark, program);
    const changes = program.revise();
    revisions += 1;
    return writeRevision({ mark, revisions, changes, whole: style === "whole files" ? program.text : null });
  };
}

function writeFirst(mark: string, program: ScriptedProgram): string {
  return [
    `${program.repository} is used through its calculators. The example describes one system, builds a calculator, and compares each property with the value in the reference file; sizes are small enough for a few seconds. Nothing but numpy is needed beside what is installed already.`,
    block(`file-${mark}`, program.text, ' path="main.py"'),
    block(`file-${mark}`, "numpy>=1.26\nscipy>=1.11\nmatplotlib", ' path="requirements.txt"'),
    block(`metadata-${mark}`, JSON.stringify(metadata(program.repository), null, 2)),
  ].join("\n\n");
}

function writeRevision({
  mark,
  revisions,
  changes,
  whole,
}: {
  mark: string;
  revisions: number;
  changes: readonly Change[];
  whole: string | null;
}): string {
  const edits = changes.map(({ find, replace }) =>
    block(`edit-${mark}`, `${block(`find-${mark}`, find)}\n${block(`replace-${mark}`, replace)}`, ' path="main.py"'),
  );
  return [
    "The run failed in one call only; everything before it came out as expected, so only the settings change.",
    block(
      `issues-${mark}`,
      `- The calculator does not take the argument option_${revisions}: its name changed in the version that is installed.\n- The same call is made in two other places, which would have failed next.`,
    ),
    block(
      `changes-${mark}`,
      "- The cutoff is given by the name that the signature in the outline has.\n- The two other calls were changed in the same way, and the settings are numbered so that they can be told apart.",
    ),
    ...(whole === null ? edits : [block(`file-${mark}`, whole, ' path="main.py"')]),
  ].join("\n\n");
}

function block(name: string, text: string, attributes = ""): string {
  return `<${name}${attributes}>\n${text}\n</${name}>`;
}

function numbersOf({ messages }: ReceivedRequest): number[] {
  return [...(messages.at(-1)?.text ?? "").matchAll(/^File (\d+): /gm)].map(([, number]) => Number(number));
}

function classify(number: number): Record<string, unknown> {
  return {
    number,
    classification: number % 4 === 0 ? "code_example" : "code_general",
    description: "Defines the calculator classes and the functions that build them from a description of a system.",
    important_information:
      "Calculators are built by a factory that takes a reference entry; evaluate() wants an array of points and a temperature, and returns an array of energies.",
    computational_requirements: "A few seconds on one processor core.",
    how_relevant_rating: 1 + (number % 5),
    stand_alone_example: number % 4 === 0,
  };
}

function summary(repository: string): string {
  return `${repository} computes properties of a system from a description of its parts. It takes structures or configurations in the usual formats of its field and returns energies, forces and derived quantities as arrays and tables. Its core is a set of calculators that share one interface, so that models can be exchanged without changing the program around them. It is meant for scientists who screen many candidates before they run a costly simulation, and for those who teach the method. Trained parameters and reference data come with it.`;
}

function metadata(repository: string): Record<string, unknown> {
  return {
    description: `${repository} computes properties of a system from a description of its parts, with calculators that share one interface.`,
    example_description:
      "Describes a system, builds a calculator for it, evaluates its response on a grid at several temperatures, and compares the means with published values.",
    example_inclusion_criteria:
      "Take it as a model where properties of a known system are wanted quickly, where settings are to be compared, or where a table of results goes to another program.",
    example_exclusion_criteria:
      "Not for training new parameters, not for systems without reference data, and not for runs on several machines.",
    example_type: "library_demo",
    user_type: "no_user",
    compute_requirements: {
      gpu_required: false,
      gpu_normally_recommended: false,
      min_gpu_memory_gb: null,
      cpu_cores: 1,
      ram_gb: 2,
      disk_space_gb: 1,
      api_keys_required: [],
      api_keys_optional: [],
      time_constraint_limited: false,
    },
  };
}

const judgement = {
  correct_behavior: true,
  critical_issues: [],
  issues: [
    "The printed lines name electron volts, while the last table has no unit in its header.",
    "example2 shows that the result no longer changes with the cutoff, but does not say from which value on.",
    "The third temperature series would be easier to read as a figure.",
  ],
  is_faithful: true,
  is_accurate: true,
  is_complete: true,
  faithfulness_accurate_completeness_statement:
    "The program builds the repository's own calculators and evaluates them as its documentation does; thirty of its functions were seen to run. The means agree with the published values within the tolerance that is stated. Description, calculator, evaluation and tables are all shown, so the core functionality is covered.",
  is_finished: true,
};
