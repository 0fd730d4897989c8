import { describe, expect, it } from "vitest";
import { findNeeds, looksLikePython2 } from "../../src/repository/needs.ts";

describe("findNeeds", () => {
  it("names kind, file, line and text of the first place", () => {
    expect(findNeeds("a.py", "import torch\n\nnet = Net().cuda()\nx.cuda()\n", "code")).toEqual([
      { kind: "gpu", path: "a.py", line: 3, text: "net = Net().cuda()" },
    ]);
  });

  it("needs no GPU where the code asks first or names the CPU", () => {
    expect(findNeeds("a.py", "if torch.cuda.is_available():\n    net.cuda()\n", "code")).toEqual([]);
    expect(findNeeds("a.py", 'net.cuda() if gpu else net.to("cpu")\n', "code")).toEqual([]);
  });

  it.each([
    ["api-key", "code", 'key = os.environ["OPENAI_API_KEY"]'],
    ["api-key", "prose", "You need an API key."],
    ["network-data", "code", "requests.get(url)"],
    ["network-data", "prose", "Download the data set from our server."],
    ["gui", "code", "  from PyQt5 import QtWidgets"],
    ["gpu", "prose", "This requires an NVIDIA card."],
    ["conda", "prose", "conda install -c conda-forge x"],
  ] as const)("finds %s in %s", (kind, where, text) => {
    expect(findNeeds("f", `\n${text}\n`, where)).toEqual([{ kind, path: "f", line: 2, text: text.trim() }]);
  });

  it("finds nothing in ordinary code and prose", () => {
    expect(findNeeds("a.py", "import numpy as np\nx = np.ones(3)\n", "code")).toEqual([]);
    expect(findNeeds("a.md", "Computes things on a laptop. A GPU is not of use.\n", "prose")).toEqual([]);
  });

  it("is not slowed by blanks", () => {
    const started = performance.now();
    for (const text of ["\n".repeat(400_000), " ".repeat(400_000), "A_".repeat(200_000), "requires ".repeat(40_000)]) {
      findNeeds("a", `${text}x`, "code");
      findNeeds("a", `${text}x`, "prose");
      looksLikePython2(`${text}x`);
    }
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

describe("looksLikePython2", () => {
  it.each(["print 'a'", "except IOError, e:", "for i in xrange(3):", "print >>f, x", "raw_input('x')"])(
    "takes %j for Python 2",
    (text) => expect(looksLikePython2(text)).toBe(true),
  );

  it("does not take Python 3 for Python 2", () => {
    expect(looksLikePython2("print('a')\nexcept (A, B) as e:\nfor i in range(3):\n")).toBe(false);
  });
});
