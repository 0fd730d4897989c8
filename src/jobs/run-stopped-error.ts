const messages = {
  cancelled: "The run was cancelled.",
  draining: "This process ends; the run goes on elsewhere.",
  lost: "The run was given to another process, because this one was not heard of.",
} as const;

/** Why the signal of a run fired: it is the signal's `reason`. */
export class RunStoppedError extends Error {
  readonly why: keyof typeof messages;

  constructor(why: keyof typeof messages) {
    super(messages[why]);
    this.name = "RunStoppedError";
    this.why = why;
  }
}
