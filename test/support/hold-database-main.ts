import { openEmbeddedDatabase } from "../../src/store/embedded-database.ts";

const [folder = ""] = process.argv.slice(2);
const database = await openEmbeddedDatabase({ folder });
await database.query("INSERT INTO codedistiller.installations (id, account, suspended) VALUES (1, 'held', false)");
process.stdout.write("held\n");
setInterval(() => {}, 1000);
