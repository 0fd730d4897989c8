import { z } from "zod";

/** What a file is to a reader of the repository, by its name alone. */
export const FileType = z.enum([
  "readme",
  "licence",
  "packaging",
  "continuous-integration",
  "documentation",
  "notebook",
  "example",
  "test",
  "source",
  "runscript",
  "data",
  "other",
]);
export type FileType = z.infer<typeof FileType>;

const languageOfSuffix: Record<string, string> = {
  py: "Python",
  pyx: "Cython",
  pxd: "Cython",
  pxi: "Cython",
  c: "C",
  h: "C",
  cc: "C++",
  cpp: "C++",
  cxx: "C++",
  hpp: "C++",
  cu: "CUDA",
  f: "Fortran",
  f77: "Fortran",
  f90: "Fortran",
  f95: "Fortran",
  for: "Fortran",
  r: "R",
  jl: "Julia",
  m: "MATLAB",
  java: "Java",
  rs: "Rust",
  go: "Go",
  js: "JavaScript",
  ts: "TypeScript",
  ipynb: "Jupyter Notebook",
  sh: "Shell",
  bash: "Shell",
  slurm: "Shell",
};

const packagingNames =
  /^(pyproject\.toml|setup\.py|setup\.cfg|[\w.-]*requirements[\w.-]*(\.txt|\.in)?|environment[\w.-]*\.ya?ml|conda[\w.-]*\.ya?ml|meta\.yaml|pipfile|pixi\.toml|poetry\.lock|uv\.lock|manifest\.in|tox\.ini|makefile|cmakelists\.txt|description|project\.toml|dockerfile.*)$/i;

const documentationSuffix = /\.(md|markdown|rst|txt|tex|adoc|html?)$/i;

export function languageOf(path: string): string | null {
  return languageOfSuffix[suffixOf(path)] ?? null;
}

export function typeOf(path: string): FileType {
  const parts = path.split("/");
  const name = parts.at(-1) ?? path;
  const folders = parts.slice(0, -1).map((part) => part.toLowerCase());
  const language = languageOf(path);
  if (/^readme(\.|$)/i.test(name)) return "readme";
  if (/^(licen[cs]e|copying|unlicense)([.-]|$)/i.test(name)) return "licence";
  if (packagingNames.test(name)) return "packaging";
  if (path.startsWith(".github/") || /^\.(travis|gitlab-ci|appveyor)|^(appveyor|azure-pipelines|\.circleci)/.test(path))
    return "continuous-integration";
  if (suffixOf(path) === "ipynb") return "notebook";
  if (language === "Shell") return "runscript";
  if (language !== null) {
    if (folders.some((part) => /^(tests?|testing)$/.test(part)) || /^(test_.*|.*_test|tests?|conftest)\.py$/.test(name))
      return "test";
    if (isExampleFolder(folders) || /(^|[_-])(example|demo|tutorial|quickstart|sample)s?([_-].*)?\.\w+$/i.test(name))
      return "example";
    return "source";
  }
  if (
    documentationSuffix.test(name) &&
    (folders.some((part) => /^docs?$|^documentation$|^tutorials?$|^examples?$/.test(part)) ||
      !/\.(txt|html?|tex)$/i.test(name) ||
      folders.length === 0)
  ) {
    return "documentation";
  }
  return /\.(csv|tsv|dat|json|xlsx?|npz?|npy|h5|hdf5|pkl|pickle|mat|fits|fa|fasta|bam|vcf|pdb|cif|xyz|sdf|smi|nc|tiff?|png|jpe?g|gif|gz|zip|txt|ya?ml|xml|bin|vasp)$/i.test(
    name,
  )
    ? "data"
    : "other";
}

/** Folders whose scripts show how the code is used. */
function isExampleFolder(folders: readonly string[]): boolean {
  return folders.some((part) =>
    /^(examples?|demos?|tutorials?|docs?|samples?|notebooks?|scripts\/examples|quickstart)$/.test(part),
  );
}

function suffixOf(path: string): string {
  return /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
}
