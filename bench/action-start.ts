/**
 * How long the Action's bundle takes from the start of its process until it has read its inputs and refused one of them,
 * beside a Node that does nothing: `npm run bench:action`.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const times = 21;
const bundle = fileURLToPath(new URL("../dist/index.js", import.meta.url));

const bare: number[] = [];
const action: number[] = [];
for (let time = 0; time < times; time++) {
  bare.push(measure(["-e", "0"], 0));
  action.push(measure([bundle], 1));
}
console.log(`node -e 0: ${describe(bare)}`);
console.log(`dist/index.js: ${describe(action)}; ${(median(action) / median(bare)).toFixed(1)} times as long`);

function measure(argv: readonly string[], expected: number): number {
  const started = performance.now();
  const { status, stdout } = spawnSync(process.execPath, argv, {
    encoding: "utf8",
    env: { ...process.env, INPUT_COMMAND: "distil" },
  });
  const milliseconds = performance.now() - started;
  if (status !== expected) throw new Error(`${argv.join(" ")} ended with ${status}: ${stdout}`);
  return milliseconds;
}

function describe(milliseconds: readonly number[]): string {
  return `${Math.round(median(milliseconds))} ms, at most ${Math.round(Math.max(...milliseconds))} ms`;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}
