/** A change of the program: old lines that stand in it once, and what takes their place. */
export interface Change {
  find: string;
  replace: string;
}

const functions = 4;
const stepsOfFunction = 5;
const steps = functions * stepsOfFunction;
/** Steps that one revision changes. */
const changedSteps = 3;

/** The text of a main.py of about 12 KB, as a model would send it, and revisions of it that change some 1.5 KB each. */
export class ScriptedProgram {
  readonly repository: string;
  /** How often each step was changed. */
  readonly #revisions = new Array<number>(steps).fill(0);
  #next = 0;

  constructor(repository: string) {
    this.repository = repository;
  }

  get text(): string {
    const bodies = Array.from({ length: functions }, (_, index) => this.#writeFunction(index));
    return [describe(this.repository), ...bodies].join("\n\n\n");
  }

  revise(): Change[] {
    return Array.from({ length: changedSteps }, () => {
      const step = this.#next++ % steps;
      const revision = this.#revisions[step] ?? 0;
      this.#revisions[step] = revision + 1;
      return { find: callOf(step, revision), replace: callOf(step, revision + 1) };
    });
  }

  #writeFunction(index: number): string {
    const own = Array.from({ length: stepsOfFunction }, (_, place) => index * stepsOfFunction + place);
    const parts = own.map((step) => `${callOf(step, this.#revisions[step] ?? 0)}\n${reportOf(step)}`);
    return [
      `def example${index + 1}():`,
      `    """Computes property ${index + 1} of the reference system and compares it with its published value."""`,
      `    reference = load_reference(SOURCE / "data" / "reference.json", entry=${index})`,
      ...parts,
      `    return {${own.map((step) => `"step_${step}": summary_${step}`).join(", ")}}`,
    ].join("\n");
  }
}

/** The lines that a revision replaces. */
function callOf(step: number, revision: number): string {
  const cutoff = (3 + step / 10 + revision / 100).toFixed(2);
  return [
    `    # Step ${step}, settings ${revision}: the response of the system to a change of its boundary.`,
    `    calculator_${step} = build_calculator(reference, cutoff=${cutoff}, smearing="gaussian", seed=${step})`,
    `    response_${step} = calculator_${step}.evaluate(grid(${6 + (step % 5)}), temperature=${300 + 10 * step}.0)`,
  ].join("\n");
}

function reportOf(step: number): string {
  return [
    `    summary_${step} = {"mean": float(response_${step}.mean()), "largest": float(abs(response_${step}).max())}`,
    `    assert abs(summary_${step}["mean"] - reference.mean[${step}]) < 1e-3`,
    `    print(f"step ${step}: mean {summary_${step}['mean']:.4f} eV")`,
  ].join("\n");
}

function describe(repository: string): string {
  return `"""
A small example of ${repository}.

What it is for: ${repository} computes properties of a system from a description of its parts. This program shows the
main way of using it: a system is described, a calculator is built for it, and its response is evaluated on a
grid. Nobody needs to know the library to read it.

What each example shows:
  example1: how a system is described, and the first property, which is compared with the published value.
  example2: how the settings of the calculator change the result, and from which cutoff on it no longer changes.
  example3: the same for a series of temperatures, as one would do it to draw a curve.
  example4: how results are combined into a table that another program can read.

What goes in: the reference entries that come with the repository, in data/reference.json; no other file and no
network. What comes out: for each step the mean and the largest value of the response, in electron volts. A mean
near zero says that the system is close to its equilibrium; the largest value says how far it is from it anywhere.

How to change it: take another entry of the reference file, another cutoff (in angstrom; larger is slower and more
exact), or other temperatures (in kelvin). Everything is seeded, so two runs print the same.
"""

import sys
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).resolve().parent / "source"
sys.path.insert(0, str(SOURCE))

from library import build_calculator, load_reference  # noqa: E402


def grid(points):
    """Points in the unit cell, as many along each axis."""
    axis = np.linspace(0.0, 1.0, points, endpoint=False)
    return np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)`;
}
