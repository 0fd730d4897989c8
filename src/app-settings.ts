import { z } from "zod";

const names = z.array(z.string().trim().min(1));

/** What the operator of the app decides for all installations: the key `app` of the configuration file. */
export const AppSettings = z.strictObject({
  label: z
    .string()
    .trim()
    .min(1)
    .max(50)
    .default("distill")
    .describe("Label that asks for a run when it is put on an issue."),
  distill_new_repositories: z
    .boolean()
    .default(true)
    .describe("Whether repositories are distilled when the app is installed on them."),
  max_new_repositories: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(10)
    .describe("Of one installation, how many of those at most."),
  allow_accounts: names.nullable().default(null).describe("Accounts whose installations are served; null for all."),
  deny_accounts: names.default([]).describe("Accounts whose installations are not served, whatever else is said."),
  allow_users: names
    .nullable()
    .default(null)
    .describe("People who may ask, beside having write permission; null for all."),
  deny_users: names.default([]).describe("People who may not, whatever else is said."),
  allow_bots: names
    .default([])
    .describe(
      "Bots that may ask, by their exact login such as dependabot[bot]; GitHub tells no permissions of bots, so none is asked for.",
    ),
  max_runs_per_installation: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe("Runs of one installation at one time."),
  max_waiting_per_installation: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(20)
    .describe("Runs of one installation that may wait."),
  max_runs_per_installation_day: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(50)
    .describe("Runs that the account of an installation may ask for in a day (UTC)."),
  max_runs_per_process: z.number().int().min(1).max(100).default(2).describe("Runs of one process at one time."),
  max_cost_per_repository_day_usd: z
    .number()
    .min(0)
    .default(10)
    .describe("Money for models that a repository's runs may spend in a day, in US dollars."),
  max_cost_per_installation_month_usd: z
    .number()
    .min(0)
    .default(100)
    .describe("The same for an installation and a month."),
  allowed_models: z
    .array(z.string().min(1))
    .default([])
    .describe("Models that may be asked for, beside the operator's own and builtin/extract."),
  command_variables: names
    .default([])
    .describe(
      "Variables that the program of a command/ model is given, beside PATH, HOME, its language, proxies and certificates.",
    ),
  allow_hosts: names
    .default([
      "github.com",
      "codeload.github.com",
      "objects.githubusercontent.com",
      "release-assets.githubusercontent.com",
      "gitlab.com",
      "codeberg.org",
      "bitbucket.org",
      "zenodo.org",
      "files.pythonhosted.org",
    ])
    .describe(
      "Hosts that repositories and archives are fetched from, with every redirect; the app's own GitHub as well.",
    ),
  pull_request_for: z
    .enum(["verified", "partial"])
    .default("verified")
    .describe("The least outcome that is worth a pull request."),
  keep_runs_days: z.number().int().min(1).default(90).describe("Days for which a finished run is kept."),
});
export type AppSettings = z.infer<typeof AppSettings>;
