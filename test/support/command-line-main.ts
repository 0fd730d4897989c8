/** What `bin/codedistiller.js` does, from the sources: the tests of the command line start this. */
import { main } from "../../src/cli.ts";

await main();
