/** Longest wait for a rate limit within a request, in seconds; what takes longer is tried again by whoever asked. */
const longestWaitSeconds = 60;

/** Whether a request that met a rate limit is made again, as Octokit's throttling asks. */
export function mayWait(retryAfter: number, _options: unknown, _octokit: unknown, retryCount: number): boolean {
  return retryAfter <= longestWaitSeconds && retryCount < 2;
}

/** What asking again at once does not help: refusals, and the limits, which are throttling's affair. */
export const hopelessStatuses = [400, 401, 403, 404, 410, 422, 429, 451];
