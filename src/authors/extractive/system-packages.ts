import type { SandboxDescription } from "../../sandboxes/sandbox.ts";
import type { Decisions } from "./decisions.ts";

interface SystemNeed {
  pattern: RegExp;
  packages: readonly string[];
}

/** A shared library that the loader did not find. */
const library = (name: string, ...packages: string[]): SystemNeed => ({
  pattern: new RegExp(`lib(?:${name})(?:[-.][\\w.-]*)?\\.so[\\w.]*: cannot open shared object file`),
  packages,
});

/** A header that the compiler did not find. */
const header = (name: string, ...packages: string[]): SystemNeed => ({
  pattern: new RegExp(`(?:fatal error: (?:${name}): No such file|'(?:${name})' file not found)`),
  packages,
});

/** A program that a shell, Python, CMake, Meson or setup.py did not find. */
const program = (name: string, ...packages: string[]): SystemNeed => ({
  pattern: new RegExp(
    [
      `\\b(?:${name}): (?:command )?not found`,
      `No such file or directory: b?['"](?:[\\w./-]*/)?(?:${name})['"]`,
      `(?:unable to find|could not find|cannot find|did not find|couldn't find)[^\\n]{0,40}\\b(?:${name})\\b(?!\\.)`,
      `\\b(?:${name})\\b(?: executable| program)?(?: was| is)? not (?:found|installed)\\b`,
    ].join("|"),
    "i",
  ),
  packages,
});

/**
 * Errors that say what the system lacks, and the Debian packages that have it. Source of the names: Debian 12's and
 * Ubuntu 24.04's contents (where Ubuntu renamed one for 64-bit times, the old name is still provided).
 */
const needs: readonly SystemNeed[] = [
  library("GL", "libgl1"),
  library("EGL", "libegl1"),
  library("GLU", "libglu1-mesa"),
  library("gomp", "libgomp1"),
  library("gthread-2|glib-2|gobject-2|gio-2", "libglib2.0-0"),
  library("SM|ICE", "libsm6"),
  library("Xext", "libxext6"),
  library("Xrender", "libxrender1"),
  library("X11", "libx11-6"),
  library("gfortran", "libgfortran5"),
  library("openblas|blas|lapack", "libopenblas0"),
  library("fftw3\\w*", "libfftw3-double3", "libfftw3-single3"),
  library("gsl\\w*", "libgsl-dev"),
  library("geos\\w*", "libgeos-dev"),
  library("hdf5\\w*", "libhdf5-dev"),
  library("netcdf\\w*", "libnetcdf-dev"),
  library("mpi\\w*|open-rte", "libopenmpi-dev", "openmpi-bin"),
  library("R", "r-base-core"),
  header("Python\\.h", "python3-dev"),
  header("hdf5\\.h", "libhdf5-dev"),
  header("netcdf\\.h", "libnetcdf-dev"),
  header("fftw3\\.h", "libfftw3-dev"),
  header("gsl/gsl_\\w+\\.h", "libgsl-dev"),
  header("(?:openblas/)?(?:cblas|lapacke?|openblas_config)\\.h", "libopenblas-dev", "liblapacke-dev"),
  header("geos_c\\.h", "libgeos-dev"),
  header("proj(?:_api)?\\.h", "libproj-dev"),
  header("gdal\\.h", "libgdal-dev"),
  header("mpi\\.h", "libopenmpi-dev", "openmpi-bin"),
  header("zlib\\.h", "zlib1g-dev"),
  header("bzlib\\.h", "libbz2-dev"),
  header("lzma\\.h", "liblzma-dev"),
  header("curl/curl\\.h", "libcurl4-openssl-dev"),
  header("libxml/\\w+\\.h", "libxml2-dev", "libxslt1-dev"),
  header("ffi\\.h", "libffi-dev"),
  header("openssl/\\w+\\.h", "libssl-dev"),
  header("graphviz/\\w+\\.h", "libgraphviz-dev"),
  header("boost/[\\w./]+", "libboost-dev"),
  header("Eigen/\\w+", "libeigen3-dev"),
  { pattern: /libhdf5\.so[^\n]*(?:not found|unable)|Unable to (?:locate|load)[^\n]*HDF5/i, packages: ["libhdf5-dev"] },
  {
    pattern:
      /Unknown compiler\(s\): \[\['?(?:gfortran|flang|ifort)|no Fortran compiler found|No CMAKE_Fortran_COMPILER could be found|Fortran compiler (?:not found|is required)/i,
    packages: ["gfortran"],
  },
  {
    pattern:
      /Dependency "?OpenBLAS"? not found|Dependency lookup for OpenBLAS[^\n]*failed|No (?:BLAS\/)?LAPACK libraries found/i,
    packages: ["libopenblas-dev", "pkg-config"],
  },
  { pattern: /Could NOT find HDF5/, packages: ["libhdf5-dev"] },
  { pattern: /Could NOT find MPI/, packages: ["libopenmpi-dev", "openmpi-bin"] },
  { pattern: /Could NOT find (?:BLAS|LAPACK)/, packages: ["libopenblas-dev"] },
  { pattern: /Could NOT find ZLIB/, packages: ["zlib1g-dev"] },
  { pattern: /make sure the Graphviz executables are on your systems' PATH/, packages: ["graphviz"] },
  { pattern: /R_HOME (?:must be set|not set|is not)|Unable to determine R home/i, packages: ["r-base-core"] },
  {
    pattern: /JAVA_HOME is not set|JAVA_GATEWAY_EXITED|No JVM shared library file/,
    packages: ["default-jre-headless"],
  },
  { pattern: /CMake must be installed|Problem with the CMake installation/i, packages: ["cmake"] },
  {
    pattern: /No working compiler found|No MPI compiler|mpicc[^\n]*No such file/i,
    packages: ["libopenmpi-dev", "openmpi-bin"],
  },
  {
    pattern: /Please make sure the libxml2 and libxslt development packages/,
    packages: ["libxml2-dev", "libxslt1-dev"],
  },
  program("gfortran", "gfortran"),
  program("cmake", "cmake"),
  program("swig", "swig"),
  program("pkg-config|pkgconf", "pkg-config"),
  program("gsl-config", "libgsl-dev"),
  program("geos-config", "libgeos-dev"),
  program("gdal-config", "libgdal-dev"),
  program("curl-config", "libcurl4-openssl-dev"),
  program("xml2-config", "libxml2-dev", "libxslt1-dev"),
  program("mpicc|mpirun|mpiexec", "libopenmpi-dev", "openmpi-bin"),
  program("ffmpeg", "ffmpeg"),
  program("Rscript", "r-base-core"),
  program("javac?", "default-jre-headless"),
  program("git", "git"),
  {
    pattern:
      /\bdot: (?:command )?not found|No such file or directory: b?['"](?:[\w./-]*\/)?dot['"]|["']dot["'] not found in path/i,
    packages: ["graphviz"],
  },
];

/** What the system lacks by what a program printed, where the table knows it and it was neither tried nor refused. */
function findMissing(
  output: string,
  { systemPackages, leftOut }: Pick<Decisions, "systemPackages" | "leftOut">,
): string[] {
  for (const { pattern, packages } of needs) {
    if (!pattern.test(output)) continue;
    const missing = packages.filter(
      (name) => !systemPackages.includes(name) && !leftOut.some(({ id }) => id === leftOutId(name)),
    );
    if (missing.length > 0) return missing;
  }
  return [];
}

/** Without the packages that were installed and whose error came up all the same. */
export function dropUseless(output: string, decisions: Decisions): Decisions {
  const { systemPackages, leftOut } = decisions;
  const useless = needs
    .filter(({ pattern, packages }) => packages.every((name) => systemPackages.includes(name)) && pattern.test(output))
    .flatMap(({ packages }) => packages);
  if (useless.length === 0) return decisions;
  return {
    ...decisions,
    systemPackages: systemPackages.filter((name) => !useless.includes(name)),
    leftOut: [
      ...leftOut,
      ...[...new Set(useless)].map((name) => ({ id: leftOutId(name), why: "with it the same error came up" })),
    ],
  };
}

export interface SystemRepair {
  changed: Pick<Decisions, "systemPackages" | "leftOut">;
  change: string;
}

/** Packages of the system that cure an error; null where none is known, or where the sandbox can install none. */
export function repairSystem(
  output: string,
  decisions: Pick<Decisions, "systemPackages" | "leftOut">,
  sandbox: SandboxDescription,
): SystemRepair | null {
  if (!sandbox.systemPackages) return null;
  const { systemPackages, leftOut } = decisions;
  const refused = refusedByApt(output).filter((name) => systemPackages.includes(name));
  if (refused.length > 0) {
    const why = "apt does not have it";
    return {
      changed: {
        systemPackages: systemPackages.filter((name) => !refused.includes(name)),
        leftOut: [...leftOut, ...refused.map((name) => ({ id: leftOutId(name), why }))],
      },
      change: `the system packages ${refused.join(", ")} left out, because apt does not have them`,
    };
  }
  const missing = findMissing(output, decisions);
  if (missing.length === 0) return null;
  return {
    changed: { systemPackages: [...systemPackages, ...missing].sort(), leftOut },
    change: `system packages added: ${missing.join(", ")}`,
  };
}

/** What would help where a sandbox cannot install packages of the system; an empty text where it can, or nobody knows. */
export function adviseSystemPackages(output: string, sandbox: SandboxDescription): string {
  const missing = sandbox.systemPackages ? [] : findMissing(output, { systemPackages: [], leftOut: [] });
  if (missing.length === 0) return "";
  const named = missing.length === 1 ? "the system package" : "the system packages";
  return `needs ${named} ${missing.join(", ")}, which this sandbox cannot install; a container or Modal sandbox can`;
}

/** Beside the names of distributions, which hold no colon. */
function leftOutId(name: string): string {
  return `apt:${name}`;
}

function refusedByApt(output: string): string[] {
  return [
    ...output.matchAll(
      /^E: (?:Unable to locate package|Package) '?([a-z0-9][a-z0-9.+-]+?)'?(?:$| has no installation)/gm,
    ),
  ].map(([, name = ""]) => name);
}
