import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import protobuf from "protobufjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlMessages } from "./control-messages.ts";
import { findUnknownFields } from "./find-unknown-fields.ts";
import { listMethods, listTypes, loadMessages } from "./load-messages.ts";

type Value = Record<string, unknown>;
/** As generated code has them; the package does not export them. */
interface Codec {
  encode(message: Value): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Value;
  create(message: Value): Value;
}
interface Method {
  name: string;
  requestType: Codec;
  responseType: Codec;
  responseStream: boolean;
}
type Inside = Record<string, unknown> & {
  ModalClientDefinition: { methods: Record<string, Method> };
  TaskCommandRouterDefinition: { methods: Record<string, Method> };
};

const root = loadMessages();
const { messages, enums } = listTypes(root);
const ownFolder = fileURLToPath(new URL(`../../../node_modules/.cache/modal-codecs-${process.pid}`, import.meta.url));
let inside: Inside;

beforeAll(async () => {
  inside = await loadCodecs();
});
afterAll(() => rmSync(ownFolder, { recursive: true, force: true }));

describe("the messages of the emulator", () => {
  it.each(messages.map((type) => [type.fullName.slice(1), type] as const))("%s is as in the SDK", (_, type) => {
    expect(differencesTo(codecOf(type), type)).toEqual([]);
  });

  it.each(enums.map((type) => [type.fullName.slice(1), type] as const))("%s has the SDK's values", (_, type) => {
    const toJson = inside[`${jsonNameOf(type)}ToJSON`] as (value: number) => string;
    expect(toJson).toBeTypeOf("function");
    const names = Object.fromEntries(Object.entries(type.values).map(([name, number]) => [name, toJson(number)]));
    expect(names).toEqual(Object.fromEntries(Object.keys(type.values).map((name) => [name, name])));
  });

  it("are asked for and answered by the SDK's methods", () => {
    for (const [path, { requestType, responseType, responseStream }] of listMethods(root)) {
      const { methods } = path.startsWith("/modal.task_command_router.")
        ? inside.TaskCommandRouterDefinition
        : inside.ModalClientDefinition;
      const method = Object.values(methods).find(({ name }) => path.endsWith(`/${name}`));
      expect(method?.requestType, path).toBe(codecOf(requestType));
      expect(method?.responseType, path).toBe(codecOf(responseType));
      expect(method?.responseStream, path).toBe(responseStream);
    }
  });

  it("would be told apart from ones with another number, type or presence", () => {
    const changed = (from: string, to: string): string[] => {
      expect(controlMessages).toContain(from);
      const other = protobuf.parse(controlMessages.replace(from, to), new protobuf.Root()).root;
      other.resolveAll();
      const type = other.lookupType("modal.client.Sandbox");
      return differencesTo(codecOf(type), type);
    };
    expect(changed("uint32 timeout_secs = 7;", "uint32 timeout_secs = 7;")).toEqual([]);
    expect(changed("uint32 timeout_secs = 7;", "uint32 timeout_secs = 9;")).not.toEqual([]);
    expect(changed("uint32 timeout_secs = 7;", "string timeout_secs = 7;")).not.toEqual([]);
    expect(changed("uint32 timeout_secs = 7;", "sint32 timeout_secs = 7;")).not.toEqual([]);
    expect(changed("uint32 timeout_secs = 7;", "optional uint32 timeout_secs = 7;")).not.toEqual([]);
    expect(changed("uint32 timeout_secs = 7;", "uint32 timeout_seconds = 7;")).not.toEqual([]);
    expect(changed("uint32 memory_mb = 2;", "uint32 memory_mb = 9;")).not.toEqual([]);
  });
});

describe("unknown fields", () => {
  it("are found at any depth", () => {
    const type = root.lookupType("modal.client.SandboxCreateV2Request");
    const request = { appId: "ap-1", definition: { imageId: "im-1", proxyId: "pr-1", resources: { rdma: true } } };
    const codec = codecOf(type);
    const bytes = codec.encode(codec.create(request)).finish();
    expect(findUnknownFields(type, bytes)).toEqual(["Resources.8", "Sandbox.23"]);
  });

  it("are those of another wire type as well", () => {
    const type = root.lookupType("modal.client.SandboxWaitRequest");
    // Field 2 as a number, where a float belongs.
    expect(findUnknownFields(type, Uint8Array.of(0x10, 0x01))).toEqual(["SandboxWaitRequest.2 with wire type 0"]);
  });
});

/** Runs a copy of the SDK's module that exports what it keeps to itself; it finds its imports where it lies. */
async function loadCodecs(): Promise<Inside> {
  const names = [
    "ModalClientDefinition",
    "TaskCommandRouterDefinition",
    ...messages.map(({ name }) => name),
    ...enums.map((type) => `${jsonNameOf(type)}ToJSON`),
  ];
  const exported = [...new Set(names)].map((name) => `${name} as inside_${name}`).join(", ");
  mkdirSync(ownFolder, { recursive: true });
  const file = join(ownFolder, "codecs.mjs");
  const text = readFileSync(fileURLToPath(import.meta.resolve("modal")), "utf8");
  writeFileSync(file, `${text}\nexport { ${exported} };\n`);
  const loaded = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Record<string, unknown>;
  return Object.fromEntries(names.map((name) => [name, loaded[`inside_${name}`]])) as Inside;
}

function codecOf(type: protobuf.Type): Codec {
  const codec = inside[type.name] as Codec | undefined;
  if (codec === undefined) throw new Error(`The SDK has no ${type.name}.`);
  return codec;
}

/** Generated code has the names of the messages around it, and a small first letter. */
function jsonNameOf(type: protobuf.Enum): string {
  const parts = type.fullName.split(".").filter((part) => /^[A-Z]/.test(part));
  const name = parts.join("_");
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** What a message of ours becomes in the SDK, and one of the SDK's with us: the same, or the names of the fields that differ. */
function differencesTo(codec: Codec, type: protobuf.Type): string[] {
  const choices = Math.max(1, ...type.oneofsArray.map(({ fieldsArray }) => fieldsArray.length));
  const differences = new Set<string>();
  for (let choice = 0; choice < choices; choice += 1) {
    const sample = sampleOf(type, choice);
    try {
      const there = codec.decode(type.encode(type.fromObject(sample)).finish());
      const back = type.decode(codec.encode(there).finish());
      for (const name of Object.keys(sample)) {
        const expected = plain(sample[name]);
        if (!covers(plain(there[name]), expected)) differences.add(`${name} there`);
        if (!covers(plain(type.toObject(back)[name]), expected)) differences.add(`${name} back`);
      }
    } catch (error) {
      differences.add(`${error}`);
    }
  }
  const empty = codec.decode(new Uint8Array());
  for (const field of type.fieldsArray) {
    const { resolvedType } = field.resolve();
    const present = !field.repeated && !field.map && (field.partOf !== null || resolvedType instanceof protobuf.Type);
    if ((empty[field.name] === undefined) !== present) differences.add(`${field.name} has another presence`);
  }
  return [...differences];
}

/** Every field with a value that only its own type carries over; of fields that exclude each other, one. */
function sampleOf(type: protobuf.Type, choice: number): Value {
  const chosen = type.fieldsArray.filter((field) => {
    const others = field.partOf?.fieldsArray ?? [];
    return others.length < 2 || others[choice % others.length] === field;
  });
  return Object.fromEntries(
    chosen.map((field) => {
      const one = sampleValue(field, choice);
      if (field.resolve() instanceof protobuf.MapField) return [field.name, { key: one }];
      return [field.name, field.repeated ? [one, one] : one];
    }),
  );
}

function sampleValue(field: protobuf.Field, choice: number): unknown {
  const { resolvedType } = field.resolve();
  if (resolvedType instanceof protobuf.Type) return sampleOf(resolvedType, choice);
  if (resolvedType instanceof protobuf.Enum) return Math.max(...Object.values(resolvedType.values));
  const values: Record<string, unknown> = {
    string: `text of ${field.name}`,
    bytes: Buffer.from([0, 255, field.id]),
    bool: true,
    uint32: 2 ** 32 - field.id,
    int32: -field.id,
    uint64: 2 ** 40 + field.id,
    int64: -(2 ** 40) - field.id,
    float: field.id + 0.5,
    double: field.id + 0.1,
  };
  if (!(field.type in values)) return 1;
  return values[field.type];
}

/** Numbers of 64 bits and bytes in a form that can be compared. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, function replace(this: Value, key, shown: unknown) {
      const raw = this[key];
      if (raw instanceof Uint8Array) return Buffer.from(raw).toString("hex");
      if (raw instanceof protobuf.util.Long) return Number(String(raw));
      return shown;
    }),
  );
}

/** Whether everything expected is there; the SDK knows of more fields. */
function covers(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null) return Object.is(actual, expected);
  if (typeof actual !== "object" || actual === null) return false;
  if (Array.isArray(expected) && (actual as unknown[]).length !== expected.length) return false;
  return Object.entries(expected).every(([key, value]) => covers((actual as Value)[key], value));
}
