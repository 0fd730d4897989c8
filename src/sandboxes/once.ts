/** Does something at its first call and hands the result to all others; what failed is tried again by the next. */
export function once<Result>(
  action: (signal: AbortSignal | undefined) => Promise<Result>,
): (signal?: AbortSignal) => Promise<Result> {
  let result: Promise<Result> | undefined;
  return (signal) => {
    result ??= action(signal).catch((error: unknown) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}
