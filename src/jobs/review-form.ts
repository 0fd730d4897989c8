/** What a maintainer ticked in the form of a pull request. */
export interface ReviewForm {
  runId: string;
  executed: boolean;
  showsCore: boolean;
  correct: boolean;
}

const labels = {
  executed: "Executed without error",
  showsCore: "Shows the core functionality",
  correct: "Correct",
} as const;

const end = "<!-- /codedistiller:review -->";

/** The form as Markdown: three task-list lines between hidden markers that name the run. */
export function writeReviewForm({ runId, executed, showsCore, correct }: ReviewForm): string {
  const line = (ticked: boolean, label: string) => `- [${ticked ? "x" : " "}] ${label}`;
  return [
    `<!-- codedistiller:review ${runId} -->`,
    line(executed, labels.executed),
    line(showsCore, labels.showsCore),
    line(correct, labels.correct),
    end,
  ].join("\n");
}

/**
 * The form in an edited body; null where it was taken out. The last one counts: ours stands below every text from
 * outside, so that no imitation in one comes after it. A measure whose line is gone is not ticked. Whoever asks still
 * compares the run's id with the pull request's.
 */
export function readReviewForm(body: string): ReviewForm | null {
  const lines = body.split(/\r\n|\n|\r/).map((line) => line.trim());
  const from = lines.findLastIndex((line) => startOf(line) !== null);
  const to = lines.indexOf(end, from + 1);
  const runId = startOf(lines[from] ?? "");
  if (runId === null || to < 0) return null;
  const form = lines.slice(from + 1, to);
  return {
    runId,
    executed: isTicked(form, labels.executed),
    showsCore: isTicked(form, labels.showsCore),
    correct: isTicked(form, labels.correct),
  };
}

function startOf(line: string): string | null {
  return /^<!-- codedistiller:review ([0-9a-f]{32}) -->$/.exec(line)?.[1] ?? null;
}

/** The words after the label are the maintainer's. */
function isTicked(lines: readonly string[], label: string): boolean {
  const line = lines.find((each) => /^[-*+] \[[ xX]\] /.test(each) && each.startsWith(label, 6));
  return line !== undefined && line[3] !== " ";
}
