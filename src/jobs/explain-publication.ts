import type { Publication, PublishedPullRequest } from "../github/publish-pull-request.ts";
import type { RunEnding } from "../store/run-record.ts";
import { type AdviceDoor, advise } from "./advise.ts";

type OpenPublication = Publication & { kind: "opened" | "updated" | "unchanged"; pullRequest: PublishedPullRequest };

/** Whether there is a pull request that has the example. */
export function isOpen(publication: Publication): publication is OpenPublication {
  return (
    ["opened", "updated", "unchanged"].includes(publication.kind) &&
    "pullRequest" in publication &&
    publication.pullRequest !== null
  );
}

/** The ending of a run with what became of its example. It stands whether or not it could be brought, which is said beside it. */
export function explainPublication(
  ending: RunEnding,
  publication: Publication,
  door: AdviceDoor,
  /** Whether the pull request that has it already was there before this run. */
  wasThere: boolean,
): RunEnding {
  const unpublished = !isOpen(publication) || (publication.kind === "unchanged" && wasThere);
  const explained = unpublished ? explainUnpublished(ending, publication, door) : ending;
  if (!isOpen(publication) || !("keptWords" in publication)) return explained;
  return { ...explained, explanation: `${explained.explanation} ${keptWords}` };
}

const keptWords = "Somebody has changed the pull request's title or description, so both were left as they are.";

function explainUnpublished(ending: RunEnding, publication: Publication, door: AdviceDoor): RunEnding {
  const [reasonCode, sentence] = describePublication(publication);
  const advice = advise({ outcome: "error", reasonCode, door });
  return { ...ending, explanation: `${ending.explanation} ${sentence}`, advice };
}

function describePublication(publication: Publication): [reasonCode: string, sentence: string] {
  switch (publication.kind) {
    case "human-commits":
      return [
        "human-commits",
        `Pull request ${publication.pullRequest.url} has commits of somebody else, so it was left alone.`,
      ];
    case "declined":
      return [
        "declined",
        `Pull request ${publication.pullRequest.url} was closed without merging, so no other was opened.`,
      ];
    case "folder-taken":
      return [
        "folder-taken",
        `No pull request was opened: the repository has a folder \`${publication.path}\` of its own.`,
      ];
    case "refused":
      return [publication.reasonCode, `No pull request was opened: ${publication.explanation}`];
    case "unchanged":
      return publication.pullRequest
        ? ["unchanged", "The pull request has this example already, so nothing was committed."]
        : ["unchanged", "The default branch has this example already, so no pull request was opened."];
    default:
      return ["", ""];
  }
}
