import { describe, expect, it } from "vitest";
import { searchOf } from "../../../src/authors/extractive/candidate.ts";
import { chooseCandidates } from "../../../src/authors/extractive/choose-candidates.ts";
import { findCandidates } from "../../../src/authors/extractive/find-candidates.ts";
import { createContext, makeDecisions, makeFolder } from "../../support/author-context.ts";

const files = {
  "shapes.py": "def area(r):\n    return 3 * r * r\n\n\ndef edge(r):\n    return 6 * r\n",
  "README.md": "# Shapes\n\n```python\nfrom shapes import area\nprint(area(2))\n```\n",
  "examples/edges.py": "from shapes import edge\n\nlength = edge(2)\nprint(length)\n",
};

async function choose(given: Parameters<typeof makeDecisions>[0]): Promise<string[]> {
  await using folder = await makeFolder(files);
  const context = await createContext(folder.path);
  const search = searchOf(context);
  const candidates = await findCandidates(search);
  return (await chooseCandidates(context, search, candidates, makeDecisions(given))).chosen;
}

describe("choosing candidates", () => {
  it("takes the README first, and then what calls other core functions", async () => {
    expect(await choose({})).toEqual(["README.md#1", "examples/edges.py"]);
  });

  it("risks an example that runs for another one in the first revisions only", async () => {
    const proven = { chosen: ["README.md#1"], proven: ["README.md#1"] };
    expect(await choose({ ...proven, revisions: 2 })).toEqual(["README.md#1", "examples/edges.py"]);
    expect(await choose({ ...proven, revisions: 3 })).toEqual(["README.md#1"]);
  });

  it("lets go in the end of what has not run", async () => {
    const chosen = ["README.md#1", "examples/edges.py"];
    expect(await choose({ chosen, proven: ["README.md#1"], revisions: 6 })).toEqual(["README.md#1"]);
    expect(await choose({ chosen, proven: [], revisions: 6 })).toEqual(chosen);
  });
});
