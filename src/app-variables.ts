import { createPrivateKey } from "node:crypto";
import { z } from "zod";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment of the app; `data` is null where anything is wrong. Each problem is a sentence that names its variable and
 * repeats nothing of its value.
 */
export async function readVariables(
  environment: Environment,
  readFile: (path: string) => Promise<string>,
): Promise<{ data: Variables | null; problems: string[] }> {
  const given = withoutEmpty(environment);
  const problems: string[] = [];
  const key = await readKeyFile(given, readFile, problems);
  const parsed = Variables.safeParse({ ...given, ...key });
  if (!parsed.success) problems.push(...parsed.error.issues.map(({ message }) => message));
  return { data: parsed.success && problems.length === 0 ? parsed.data : null, problems };
}

/** Shorter ones can be guessed. Characters. */
const leastSecret = 16;
const newSecret = "Make one with: openssl rand -hex 32";

const Variables = z.object({
  APP_ID: z
    .string("APP_ID is not set. It is the App ID on the settings page of your GitHub App, under About.")
    .regex(/^[1-9]\d{0,14}$/, "APP_ID is not a number. It is the App ID on the settings page of your GitHub App.")
    .transform(Number),
  PRIVATE_KEY: z
    .string(
      "PRIVATE_KEY is not set, nor is PRIVATE_KEY_PATH. Generate a private key on the settings page of your GitHub App and give the .pem file's text, or its path.",
    )
    .transform(readPem)
    .refine(
      isPrivateKey,
      "PRIVATE_KEY is no private key that can be read. Give the whole text of the .pem file (line ends may be \\n), or that text in base64, without a passphrase.",
    ),
  WEBHOOK_SECRET: z
    .string(
      `WEBHOOK_SECRET is not set. It is what you enter as webhook secret on the settings page of your GitHub App. ${newSecret}`,
    )
    .refine((text) => text !== "development", `WEBHOOK_SECRET is "development", which everybody knows. ${newSecret}`)
    .refine(
      (text) => text === "development" || text.length >= leastSecret,
      `WEBHOOK_SECRET has fewer than ${leastSecret} characters. ${newSecret}`,
    ),
  GHE_HOST: z
    .string()
    .regex(
      /^[a-z\d]([a-z\d.-]*[a-z\d])?(:\d{1,5})?$/i,
      "GHE_HOST is no host name. Give the name alone, such as github.example.org, without https://.",
    )
    .nullable()
    .default(null),
  GHE_PROTOCOL: z.enum(["https", "http"], "GHE_PROTOCOL is neither https nor http.").default("https"),
  DATABASE_URL: z
    .string()
    .refine(
      isUrlOf("postgres:", "postgresql:"),
      "DATABASE_URL is no address of a PostgreSQL database, such as postgres://user:password@host:5432/name.",
    )
    .nullable()
    .default(null),
  HOST: z
    .string()
    .regex(/^[\w.:-]+$/, "HOST is no address to listen on, such as 127.0.0.1 or 0.0.0.0.")
    .default("127.0.0.1"),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, "PORT is not a number from 0 to 65535.")
    .transform(Number)
    .refine((port) => port <= 65_535, "PORT is not a number from 0 to 65535.")
    .default(3000),
  PUBLIC_URL: z
    .string()
    .refine(
      isPlainWebUrl,
      "PUBLIC_URL is no address by which people reach the app, such as https://distill.example.org.",
    )
    .transform((text) => text.replace(/\/+$/, ""))
    .nullable()
    .default(null),
  CODEDISTILLER_DATA: z.string().nullable().default(null),
  CODEDISTILLER_OPERATOR_TOKEN: z
    .string()
    .min(leastSecret, `CODEDISTILLER_OPERATOR_TOKEN has fewer than ${leastSecret} characters. ${newSecret}`)
    .nullable()
    .default(null),
  WEBHOOK_PROXY_URL: z
    .string()
    .refine(
      isUrlOf("https:", "http:"),
      "WEBHOOK_PROXY_URL is no web address. Get a channel at https://smee.io/new, or leave it out.",
    )
    .nullable()
    .default(null),
});

type Variables = z.infer<typeof Variables>;

/** An empty variable is one that is not set, as in a compose file. */
function withoutEmpty(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, text]) => {
      const trimmed = text?.trim() ?? "";
      return trimmed === "" ? [] : [[name, trimmed]];
    }),
  );
}

async function readKeyFile(
  given: Record<string, string>,
  readFile: (path: string) => Promise<string>,
  problems: string[],
): Promise<{ PRIVATE_KEY?: string }> {
  if (given.PRIVATE_KEY !== undefined || given.PRIVATE_KEY_PATH === undefined) return {};
  try {
    return { PRIVATE_KEY: await readFile(given.PRIVATE_KEY_PATH) };
  } catch {
    problems.push("PRIVATE_KEY_PATH names a file that cannot be read. Check the path and who may read it.");
    return { PRIVATE_KEY: unreadKey };
  }
}

/** Stands for a key of which it is already said that it cannot be had. */
const unreadKey = "unread";

/** PEM as a variable holds it: as it is, in quotes, in one line with or without `\n` for line ends, or in base64. */
function readPem(text: string): string {
  const plain =
    /^[A-Za-z\d+/=\s]+$/.test(text) && text !== unreadKey ? Buffer.from(text, "base64").toString("utf8") : text;
  const match = /-----BEGIN ([A-Z ]{1,40})-----([^-]+)-----END \1-----/.exec(plain.replaceAll("\\n", "\n"));
  if (!match) return plain;
  const [, kind, body = ""] = match;
  const lines = body.replace(/\s+/g, "").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${kind}-----\n${lines.join("\n")}\n-----END ${kind}-----\n`;
}

/** GitHub's keys are RSA's, and so is the signature that it expects. */
function isPrivateKey(pem: string): boolean {
  if (pem === unreadKey) return true;
  try {
    return createPrivateKey(pem).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}

function isUrlOf(...protocols: string[]): (text: string) => boolean {
  return (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol) && new URL(text).hostname !== "";
}

function isPlainWebUrl(text: string): boolean {
  if (!isUrlOf("https:", "http:")(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return `${username}${password}${search}${hash}` === "";
}
