/**
 * Time and memory of our own part of a run, apart from sandbox and network: the survey of a folder.
 * With no argument a repository of 500 files is made; otherwise each argument is a folder to survey.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { surveyRepository } from "../src/repository/survey.ts";

const folders = process.argv.slice(2);
const made = folders.length === 0 ? await makeRepository(500) : null;
if (made) folders.push(made);
for (const folder of folders) {
  const started = performance.now();
  const survey = await surveyRepository({ folder });
  const seconds = (performance.now() - started) / 1000;
  const peakMb = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${folder}: ${survey.files.length} files, ${survey.outlines.length} outlines, ${seconds.toFixed(2)} s, ${Math.round(peakMb)} MB`,
  );
}
if (made) await rm(made, { recursive: true });

/** A package of the usual mixture: modules of 120 lines, tests, documents with code. */
async function makeRepository(count: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "codedistiller-bench-"));
  const body = (index: number): string =>
    Array.from(
      { length: 12 },
      (_, each) =>
        `def compute_${index}_${each}(values, scale=1.0):\n    """Scales values."""\n    total = 0.0\n    for value in values:\n        total += value * scale\n    return total\n\n`,
    ).join("\n");
  for (let index = 0; index < count; index++) {
    const [path, text] =
      index % 10 === 0
        ? [
            `docs/page${index}.md`,
            `# Page ${index}\n\nText.\n\n\`\`\`python\nfrom pack.m${index + 1} import compute_${index + 1}_0\ncompute_${index + 1}_0([1, 2])\n\`\`\`\n`,
          ]
        : index % 5 === 0
          ? [
              `tests/test_m${index}.py`,
              `from pack.m${index + 1} import compute_${index + 1}_1\n\ndef test_it():\n    assert compute_${index + 1}_1([1]) == 1\n`,
            ]
          : [`pack/m${index}.py`, body(index)];
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  await writeFile(join(folder, "pack/__init__.py"), "");
  await writeFile(join(folder, "setup.py"), 'from setuptools import setup\nsetup(name="pack", packages=["pack"])\n');
  return folder;
}
