import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { AppSettings } from "../src/app-settings.ts";
import { createMetrics } from "../src/pages/metrics.ts";
import { codesIn, tableOf } from "./support/page-tables.ts";

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), "utf8");
const guide = read("docs/self-hosting.md");

describe("docs/self-hosting.md", () => {
  it("lists the settings of the app as they are", () => {
    const settings = Object.entries(AppSettings.shape).map(([key, schema]) => [
      `\`${key}\``,
      schema.description,
      `\`${JSON.stringify(schema.parse(undefined))}\``,
    ]);
    expect(tableOf(guide, "key of `app`")).toEqual(settings);
  });

  it("lists every variable that the app reads", () => {
    const listed = tableOf(guide, "variable").flatMap(([names = ""]) => codesIn(names));
    const readByApp = [...read("src/app-variables.ts").matchAll(/^ {2}([A-Z_]+): z\b/gm)].map(([, name]) => name);
    expect(readByApp.length).toBeGreaterThan(10);
    expect(listed).toEqual(expect.arrayContaining(readByApp));
  });

  it("names the permissions and events that the manifest asks for", () => {
    const manifest = parse(read("app.yml")) as {
      default_permissions: Record<string, string>;
      default_events: string[];
    };
    const asked = Object.entries(manifest.default_permissions).map(([name, access]) => `${name}: ${access}`);
    expect(tableOf(guide, "permission").map(([permission]) => permission)).toEqual(asked);
    const events = guide.split("\n").find((line) => line.startsWith("Events: ")) ?? "";
    expect(codesIn(events)).toEqual(manifest.default_events);
  });

  it("lists the app's metrics", async () => {
    const metrics = createMetrics({
      store: { runs: { count: async () => [] } },
      queue: { counts: async () => ({ deliveries: 0, runs: 0, "dead-letters": 0 }) },
    });
    const names = [...(await metrics.text()).matchAll(/^# TYPE (codedistiller_\S+)/gm)].map(([, name]) => name);
    const listed = tableOf(guide, "metric").flatMap(([name = ""]) => codesIn(name));
    expect(listed.toSorted()).toEqual(names.toSorted());
  });
});

describe("compose.yaml", () => {
  it("gives the app its database and shows neither to the network", () => {
    const { services } = parse(read("compose.yaml")) as {
      services: Record<string, { ports?: string[]; depends_on?: object; cap_drop?: string[] }>;
    };
    expect(services.app).toMatchObject({
      depends_on: { database: { condition: "service_healthy" } },
      ports: ["127.0.0.1:3000:3000"],
      cap_drop: ["ALL"],
    });
    expect(services.database?.ports).toBeUndefined();
  });
});
