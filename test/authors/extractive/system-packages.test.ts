import { describe, expect, it } from "vitest";
import { searchOf } from "../../../src/authors/extractive/candidate.ts";
import type { Decisions } from "../../../src/authors/extractive/decisions.ts";
import { findCandidates } from "../../../src/authors/extractive/find-candidates.ts";
import { repairEnvironment } from "../../../src/authors/extractive/repair-environment.ts";
import { proposeRepair } from "../../../src/authors/extractive/repair-program.ts";
import { adviseSystemPackages, dropUseless, repairSystem } from "../../../src/authors/extractive/system-packages.ts";
import { createContext, fixtureFolder, makeDecisions, makeStep } from "../../support/author-context.ts";

const context = await createContext(fixtureFolder("orbital-elements"));
const closed = context.sandbox;
const open = { ...closed, systemPackages: true };
const openContext = { ...context, sandbox: open };

function packagesFor(output: string, given: Partial<Decisions> = {}): string[] | null {
  return repairSystem(output, makeDecisions(given), open)?.changed.systemPackages ?? null;
}

describe("what the system lacks", () => {
  it.each([
    ["ImportError: libGL.so.1: cannot open shared object file: No such file or directory", "libgl1"],
    ["OSError: libgomp.so.1: cannot open shared object file: No such file or directory", "libgomp1"],
    ["ImportError: libgthread-2.0.so.0: cannot open shared object file", "libglib2.0-0"],
    ["ImportError: libglib-2.0.so.0: cannot open shared object file", "libglib2.0-0"],
    ["ImportError: libSM.so.6: cannot open shared object file", "libsm6"],
    ["ImportError: libXext.so.6: cannot open shared object file", "libxext6"],
    ["ImportError: libXrender.so.1: cannot open shared object file", "libxrender1"],
    ["  src/io.c:3:10: fatal error: hdf5.h: No such file or directory", "libhdf5-dev"],
    ["ImportError: libhdf5_serial.so.103: cannot open shared object file", "libhdf5-dev"],
    ["fast.c:4:10: fatal error: Python.h: No such file or directory", "python3-dev"],
    ["ERROR: Unknown compiler(s): [['gfortran'], ['flang'], ['nvfortran']]", "gfortran"],
    ["error: no Fortran compiler found", "gfortran"],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'gfortran'", "gfortran"],
    ["/bin/sh: 1: cmake: not found", "cmake"],
    ["RuntimeError: CMake must be installed to build the following extensions: _core", "cmake"],
    ["fatal error: fftw3.h: No such file or directory", "libfftw3-dev"],
    ["fatal error: gsl/gsl_rng.h: No such file or directory", "libgsl-dev"],
    ["No such file or directory: 'gsl-config'", "libgsl-dev"],
    ['../meson.build:12:0: ERROR: Dependency "OpenBLAS" not found, tried pkgconfig', "libopenblas-dev pkg-config"],
    ["fatal error: cblas.h: No such file or directory", "liblapacke-dev libopenblas-dev"],
    ["src/geos.c:9: fatal error: geos_c.h: No such file or directory", "libgeos-dev"],
    ["No such file or directory: 'geos-config'", "libgeos-dev"],
    ["fatal error: proj.h: No such file or directory", "libproj-dev"],
    ["sh: gdal-config: command not found", "libgdal-dev"],
    ["fatal error: mpi.h: No such file or directory", "libopenmpi-dev openmpi-bin"],
    ["/bin/sh: 1: mpicc: not found", "libopenmpi-dev openmpi-bin"],
    ["zlib.c:1: fatal error: zlib.h: No such file or directory", "zlib1g-dev"],
    ["fatal error: bzlib.h: No such file or directory", "libbz2-dev"],
    ["fatal error: lzma.h: No such file or directory", "liblzma-dev"],
    ["fatal error: curl/curl.h: No such file or directory", "libcurl4-openssl-dev"],
    ["/bin/sh: 1: xml2-config: not found", "libxml2-dev libxslt1-dev"],
    ["c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory", "libffi-dev"],
    ["fatal error: openssl/ssl.h: No such file or directory", "libssl-dev"],
    [
      "graphviz.backend.execute.ExecutableNotFound: failed to execute PosixPath('dot'), make sure the Graphviz executables are on your systems' PATH",
      "graphviz",
    ],
    ['FileNotFoundError: [Errno 2] "dot" not found in path.', "graphviz"],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'", "ffmpeg"],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'Rscript'", "r-base-core"],
    ["ValueError: R_HOME must be set in the environment or Registry", "r-base-core"],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'java'", "default-jre-headless"],
    ["error: command 'swig' failed: No such file or directory: 'swig'", "swig"],
    ["Did not find pkg-config by name 'pkg-config'", "pkg-config"],
    ["error: No such file or directory: b'git'", "git"],
  ])("%s: %s", (output, packages) => {
    expect(packagesFor(`Collecting numpy\n${output}\n`)).toEqual(packages.split(" "));
  });

  it.each([
    "ModuleNotFoundError: No module named 'git'",
    "FileNotFoundError: [Errno 2] No such file or directory: 'data/dot.csv'",
    "ImportError: libRaw.so.20: cannot open shared object file",
    "fatal error: mylib.h: No such file or directory",
    "KeyError: 'java'",
    "  Downloading cmake-3.27-py3-none-any.whl (26 MB)",
    "No such file or directory: '/work/example/source/git/list.txt'",
  ])("is nothing by %s", (output) => {
    expect(packagesFor(output)).toBeNull();
  });

  it("is added once, and taken out again where it did not help or apt does not have it", () => {
    const lacks = "fatal error: hdf5.h: No such file or directory";
    expect(packagesFor(lacks, { systemPackages: ["libhdf5-dev"] })).toBeNull();
    const dropped = dropUseless(lacks, makeDecisions({ systemPackages: ["gfortran", "libhdf5-dev"] }));
    expect(dropped).toMatchObject({ systemPackages: ["gfortran"], leftOut: [{ id: "apt:libhdf5-dev" }] });
    expect(packagesFor(lacks, dropped)).toBeNull();

    const unknown = "Reading package lists...\nE: Unable to locate package libgl1\n";
    const repair = repairSystem(unknown, makeDecisions({ systemPackages: ["gfortran", "libgl1"] }), open);
    expect(repair?.changed).toMatchObject({ systemPackages: ["gfortran"], leftOut: [{ id: "apt:libgl1" }] });
    expect(repair?.change).toContain("libgl1");
  });

  it("is told where the sandbox cannot install it", () => {
    const lacks = "ImportError: libGL.so.1: cannot open shared object file";
    expect(repairSystem(lacks, makeDecisions(), closed)).toBeNull();
    expect(adviseSystemPackages(lacks, closed)).toBe(
      "needs the system package libgl1, which this sandbox cannot install; a container or Modal sandbox can",
    );
    expect(adviseSystemPackages(lacks, open)).toBe("");
    expect(adviseSystemPackages("ValueError: negative", closed)).toBe("");
  });
});

describe("a repair with packages of the system", () => {
  it("comes before a package is given up, where the sandbox can", () => {
    const step = makeStep({
      exitCode: 1,
      stderr: "fatal error: hdf5.h: No such file or directory\nERROR: Failed building wheel for tables\n",
    });
    const repaired = repairEnvironment(step, makeDecisions(), openContext, []);
    expect(repaired?.decisions).toMatchObject({ systemPackages: ["libhdf5-dev"], leftOut: [] });
    expect(repaired?.changes).toEqual(["system packages added: libhdf5-dev"]);
    const without = repairEnvironment(step, makeDecisions(), context, []);
    expect(without?.decisions.leftOut).toMatchObject([
      { id: "tables", why: expect.stringContaining("it needs the system package libhdf5-dev, which this sandbox") },
    ]);
  });

  it("saves an example that lacks a library, and says what would where the sandbox cannot", async () => {
    const search = searchOf(context);
    const [candidate] = await findCandidates(search);
    if (!candidate) throw new Error("the sample has no candidate");
    const message = "libGL.so.1: cannot open shared object file: No such file or directory";
    const failure = { candidate, main: "", error: { type: "ImportError", message, traceback: "cmake: not found" } };
    const decisions = makeDecisions({ systemPackages: ["gfortran"] });
    const proposal = proposeRepair(failure, decisions, openContext, search, "");
    if (proposal.kind !== "change") throw new Error(proposal.why);
    expect(proposal.apply(makeDecisions({ systemPackages: ["ffmpeg"] })).systemPackages).toEqual([
      "ffmpeg",
      "gfortran",
      "libgl1",
    ]);
    expect(proposeRepair(failure, decisions, context, search, "")).toMatchObject({
      kind: "reject",
      reasonCode: "needs-gui",
      why: expect.stringContaining("needs the system package libgl1"),
    });
  });
});
