#!/usr/bin/env node
// Says what is missing before anything newer than this Node can parse is loaded.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(
    `codedistiller: Node ${process.versions.node} is too old: 22.12 or newer is needed. In a checkout, \`npm ci\` brings one and \`npx codedistiller\` uses it.\n`,
  );
  process.exitCode = 1;
} else {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache();
  const { main } = await import("../lib/cli.js");
  await main();
}
