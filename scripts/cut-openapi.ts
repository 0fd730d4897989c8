/**
 * Cuts GitHub's OpenAPI description to what an app of this kind may call: `node scripts/cut-openapi.ts <file>`, where the file
 * is `generated/api.github.com.json` of the package `@octokit/openapi`. Tests hold every request and answer to the cut.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const operations = [
  "GET /app",
  "GET /app/installations",
  "GET /app/installations/{installation_id}",
  "POST /app/installations/{installation_id}/access_tokens",
  "GET /installation/repositories",
  "GET /rate_limit",
  "GET /user",
  "GET /users/{username}",
  "GET /repos/{owner}/{repo}",
  "GET /repos/{owner}/{repo}/installation",
  "GET /repos/{owner}/{repo}/actions/runs",
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}",
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel",
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun",
  "GET /repos/{owner}/{repo}/branches/{branch}",
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission",
  "GET /repos/{owner}/{repo}/commits",
  "GET /repos/{owner}/{repo}/commits/{ref}",
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
  "GET /repos/{owner}/{repo}/compare/{basehead}",
  "GET /repos/{owner}/{repo}/contents/{path}",
  "POST /repos/{owner}/{repo}/check-runs",
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
  "GET /repos/{owner}/{repo}/check-runs/{check_run_id}",
  "POST /repos/{owner}/{repo}/git/blobs",
  "GET /repos/{owner}/{repo}/git/blobs/{file_sha}",
  "POST /repos/{owner}/{repo}/git/trees",
  "GET /repos/{owner}/{repo}/git/trees/{tree_sha}",
  "POST /repos/{owner}/{repo}/git/commits",
  "GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
  "GET /repos/{owner}/{repo}/git/matching-refs/{ref}",
  "GET /repos/{owner}/{repo}/git/ref/{ref}",
  "POST /repos/{owner}/{repo}/git/refs",
  "PATCH /repos/{owner}/{repo}/git/refs/{ref}",
  "DELETE /repos/{owner}/{repo}/git/refs/{ref}",
  "GET /repos/{owner}/{repo}/issues",
  "POST /repos/{owner}/{repo}/issues",
  "GET /repos/{owner}/{repo}/issues/{issue_number}",
  "PATCH /repos/{owner}/{repo}/issues/{issue_number}",
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
  "GET /repos/{owner}/{repo}/issues/comments/{comment_id}",
  "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
  "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
  "GET /repos/{owner}/{repo}/issues/{issue_number}/labels",
  "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
  "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}",
  "GET /repos/{owner}/{repo}/labels",
  "POST /repos/{owner}/{repo}/labels",
  "GET /repos/{owner}/{repo}/issues/{issue_number}/reactions",
  "POST /repos/{owner}/{repo}/issues/{issue_number}/reactions",
  "DELETE /repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}",
  "GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
  "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
  "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}",
  "GET /repos/{owner}/{repo}/pulls",
  "POST /repos/{owner}/{repo}/pulls",
  "GET /repos/{owner}/{repo}/pulls/{pull_number}",
  "PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits",
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/files",
];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

/** Keys of a schema that say something to people only. */
const prose = new Set([
  "description",
  "example",
  "examples",
  "title",
  "externalDocs",
  "deprecated",
  "default",
  "readOnly",
]);

const [source] = process.argv.slice(2);
if (source === undefined) throw new Error("Name the file generated/api.github.com.json of @octokit/openapi.");
const description = JSON.parse(readFileSync(source, "utf8")) as JsonObject;
const schemas: JsonObject = {};
const cut = operations.map((operation) => cutOperation(operation));
const target = fileURLToPath(new URL("../test/support/github-server/openapi.json", import.meta.url));
const version = (description.info as JsonObject).version ?? null;
const text = JSON.stringify({ version, operations: cut, components: { schemas } });
writeFileSync(target, `${text}\n`);
console.log(`${cut.length} operations, ${Object.keys(schemas).length} schemas, ${Math.round(text.length / 1000)} KB`);

function cutOperation(operation: string): JsonObject {
  const [method = "", path = ""] = operation.split(" ");
  const item = (description.paths as JsonObject)[path] as JsonObject | undefined;
  const found = item?.[method.toLowerCase()] as JsonObject | undefined;
  if (!item || !found) throw new Error(`The description has no ${operation}.`);
  const parameters = [...((item.parameters ?? []) as Json[]), ...((found.parameters ?? []) as Json[])]
    .map((one) => follow(one))
    .map(({ name = "", in: place = "", required = false, schema = {} }) => ({
      name,
      in: place,
      required,
      schema: keep(schema),
    }));
  const body = jsonSchema(follow(found.requestBody ?? {}));
  const responses = Object.entries(found.responses as JsonObject)
    .filter(([status]) => status.startsWith("2"))
    .map(([status, response]): [string, Json] => [status, jsonSchema(follow(response))]);
  return { method, path, parameters, body, responses: Object.fromEntries(responses) };
}

function jsonSchema(holder: JsonObject): Json {
  const content = holder.content as JsonObject | undefined;
  const json = content?.["application/json"] as JsonObject | undefined;
  return json?.schema === undefined ? null : keep(json.schema);
}

/** The thing that a reference names. */
function follow(value: Json): JsonObject {
  const object = value as JsonObject;
  if (typeof object.$ref !== "string") return object;
  const parts = object.$ref.replace("#/", "").split("/");
  return follow(parts.reduce<Json>((inner, part) => (inner as JsonObject)[part] ?? {}, description));
}

/** A schema without prose; what it refers to is kept once, under its name. */
function keep(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(keep);
  if (typeof schema !== "object" || schema === null) return schema;
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.replace("#/components/schemas/", "");
    if (!(name in schemas)) {
      schemas[name] = {};
      schemas[name] = keep(follow(schema));
    }
    return { $ref: `#/components/schemas/${name}` };
  }
  if (schema.nullable === true) {
    const { nullable: _, ...rest } = schema;
    return { anyOf: [{ type: "null" }, keep(rest)] };
  }
  const entries = Object.entries(schema).filter(([key]) => !prose.has(key) && !key.startsWith("x-"));
  return Object.fromEntries(
    entries.map(([key, value]) => [key, key === "properties" ? keepProperties(value) : keep(value)]),
  );
}

/** Names of properties are no keys of a schema: one may well be called `description`. */
function keepProperties(properties: Json): Json {
  return Object.fromEntries(Object.entries(properties as JsonObject).map(([name, schema]) => [name, keep(schema)]));
}
