import { describe, expect, it } from "vitest";
import { readDocstringExamples } from "../../src/repository/docstring-examples.ts";
import { outlineFile } from "../../src/repository/outline.ts";

const text = `"""Small statistics.

>>> median([1, 2, 9])
2
"""


def median(values):
    """The middle value.

    >>> values = [3, 1, 2]
    >>> median(values)
    2

    Longer statements go on:

    >>> median(
    ...     [5, 6])
    5.5
    """
    return sorted(values)[len(values) // 2]


def mean(values):
    """>>> mean([1, 3])
    2.0"""
    return sum(values) / len(values)
`;

describe("console sessions in doc strings", () => {
  it("come with the function they document, one session for each, margins taken off", async () => {
    const outline = await outlineFile("stats.py", "Python", text);
    const examples = readDocstringExamples("stats.py", text, outline);
    expect(examples.map(({ heading, startLine, kind }) => [heading, startLine, kind])).toEqual([
      ["", 3, "doctest"],
      ["median", 11, "doctest"],
    ]);
    expect(examples[1]?.code).toBe(">>> values = [3, 1, 2]\n>>> median(values)\n2\n>>> median(\n...     [5, 6])\n5.5");
  });

  it("are nothing where there is no prompt", () => {
    expect(readDocstringExamples("a.py", "x = 1  # >>>not one\n", null)).toEqual([]);
  });

  it("are bounded, however many there are", () => {
    const many = Array.from({ length: 5000 }, (_, index) => `>>> f(${index})\n\n`).join("");
    expect(readDocstringExamples("a.py", many, null).length).toBeLessThanOrEqual(40);
  });
});
