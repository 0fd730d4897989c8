/** Passes a stream of text on in whole lines, each redacted: a secret that comes in pieces would be put together again. */
export interface RedactedStream {
  write(text: string): void;
  /** Passes on what follows the last line break. */
  end(): void;
}

export function redactStream(onText: (text: string) => void, redact: (text: string) => string): RedactedStream {
  let unfinished = "";
  return {
    write(text) {
      unfinished += text;
      const end = unfinished.lastIndexOf("\n") + 1;
      if (end === 0) return;
      onText(redact(unfinished.slice(0, end)));
      unfinished = unfinished.slice(end);
    },
    end() {
      if (unfinished) onText(redact(unfinished));
      unfinished = "";
    },
  };
}
