import { z } from "zod";

/** What an example needs of a machine; null where nobody knows. Keys as the reference system writes them. */
const ComputeRequirements = z.object({
  gpu_required: z.boolean().nullable(),
  gpu_normally_recommended: z.boolean().nullable(),
  min_gpu_memory_gb: z.number().nullable(),
  cpu_cores: z.number().nullable(),
  ram_gb: z.number().nullable(),
  disk_space_gb: z.number().nullable(),
  api_keys_required: z.array(z.string()).nullable(),
  api_keys_optional: z.array(z.string()).nullable(),
  time_constraint_limited: z.boolean().nullable(),
});

/** Where nothing was said about them. */
export const unknownRequirements: z.infer<typeof ComputeRequirements> = {
  gpu_required: null,
  gpu_normally_recommended: null,
  min_gpu_memory_gb: null,
  cpu_cores: null,
  ram_gb: null,
  disk_space_gb: null,
  api_keys_required: null,
  api_keys_optional: null,
  time_constraint_limited: null,
};

/** `metadata.json`: when to take this example and when not. Keys as the reference system writes them. */
export const ExampleMetadata = z.object({
  repository_url: z.string().nullable(),
  description: z.string(),
  example_description: z.string(),
  example_inclusion_criteria: z.string(),
  example_exclusion_criteria: z.string(),
  example_type: z.enum(["library_demo", "application_demo", "code_snippet_demo", "other"]),
  user_type: z.enum(["needs_user", "no_user"]),
  compute_requirements: ComputeRequirements,
});
export type ExampleMetadata = z.infer<typeof ExampleMetadata>;

/** Where one of the examples in `main.py` was taken from. */
export const Provenance = z.object({
  /** The function in `main.py`: `example1`. */
  example: z.string(),
  title: z.string(),
  path: z.string(),
  /** For example `lines 12-30` or `cells 2-7`. */
  place: z.string(),
  changes: z.array(z.string()),
});
export type Provenance = z.infer<typeof Provenance>;

/** An example before it has run: the files an author wrote, and what has to be known to run them. */
export const Draft = z.object({
  /** Relative paths; always `main.py`, `requirements.txt` and `runscript.sh`. */
  files: z.record(z.string(), z.string()),
  metadata: ExampleMetadata,
  /** The interpreter `runscript.sh` builds the environment with: a path in the sandbox. */
  python: z.string(),
  /** Whether `runscript.sh` changes files of the repository, openly (a port from Python 2). */
  changesSource: z.boolean(),
  /** Run to learn how the repository behaves: its author goes on whatever comes of it. */
  preliminary: z.boolean(),
  provenance: z.array(Provenance),
  /** What the author has to remember between iterations; opaque to everybody else. */
  memory: z.unknown(),
});
export type Draft = z.infer<typeof Draft>;

/** The folder of the repository inside an example's folder, and of its environment. */
export const sourceFolder = "source";
export const environmentFolder = ".venv";
