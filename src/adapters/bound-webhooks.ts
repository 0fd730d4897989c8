import type { IncomingMessage } from "node:http";
import type { Probot } from "probot";

/**
 * Refuses long bodies before Probot reads them: it keeps a body whole in memory, also one that nobody signed. Requests that
 * do not say how long they are have no bound and are refused as well; what comes beyond what was said, Node's parser does
 * not hand on. All paths are meant: Probot's middleware comes first and knows several spellings of its own.
 */
export function boundWebhooks(probot: Probot, maxBytes: number): void {
  const getMiddleware = probot.getNodeMiddleware.bind(probot);
  probot.getNodeMiddleware = async (options) => {
    const middleware = await getMiddleware(options);
    return async (request, response, next) => {
      const status = findRefusal(request, maxBytes);
      if (status === null) return middleware(request, response, next);
      // With the connection goes the rest of the body, unread.
      response.writeHead(status, { connection: "close", "content-length": 0 }).end();
      return true;
    };
  };
}

function findRefusal({ method, headers }: IncomingMessage, maxBytes: number): 411 | 413 | null {
  const length = headers["content-length"];
  if (length !== undefined) return Number(length) > maxBytes ? 413 : null;
  return method === "POST" || headers["transfer-encoding"] !== undefined ? 411 : null;
}
