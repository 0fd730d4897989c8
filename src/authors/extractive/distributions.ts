import { standardLibraryModules } from "../../repository/python-names.ts";
import { normalizeName } from "../../repository/requirement.ts";
import type { Survey } from "../../repository/survey.ts";

/** Modules whose distribution has another name. Source: the distributions' own top-level modules. */
const distributionOfModule: Record<string, string> = {
  attr: "attrs",
  Bio: "biopython",
  bs4: "beautifulsoup4",
  community: "python-louvain",
  Crypto: "pycryptodome",
  cv2: "opencv-python-headless",
  dateutil: "python-dateutil",
  docx: "python-docx",
  dotenv: "python-dotenv",
  fitz: "pymupdf",
  git: "GitPython",
  google: "protobuf",
  gym: "gym",
  igraph: "python-igraph",
  Levenshtein: "python-Levenshtein",
  mpl_toolkits: "matplotlib",
  OpenSSL: "pyOpenSSL",
  openbabel: "openbabel-wheel",
  osgeo: "gdal",
  PIL: "Pillow",
  pkg_resources: "setuptools<81",
  pylab: "matplotlib",
  pysam: "pysam",
  rdkit: "rdkit",
  serial: "pyserial",
  skimage: "scikit-image",
  sklearn: "scikit-learn",
  tables: "tables",
  umap: "umap-learn",
  yaml: "PyYAML",
  zmq: "pyzmq",
};

/** Distributions well known under their module's own name: nobody else's project can be meant. */
const sameName = new Set(
  "absl altair anndata arviz ase astropy astroquery autograd awkward bitstring bokeh bottleneck cartopy cftime chex click cloudpickle control cupy cvxpy cython dask deap dill distrax einops emcee equinox fastparquet fiona flax geopandas gpytorch gymnasium h5py healpy holoviews hydra imageio importlib_metadata ipywidgets iris jax jaxlib jinja2 joblib jsonschema keras kornia lightgbm llvmlite lmfit lxml matminer matplotlib mdtraj mendeleev MDAnalysis mpmath msgpack munch nbformat netCDF4 networkx nibabel nltk nose numba numexpr numpy numpyro nose2 openmm optax optuna packaging pandas parmed patsy periodictable pint plotly polars pooch psutil pyarrow pyfftw pymatgen pymc pyproj pyro pyscf pysindy pytest pywt rasterio requests rich ruamel scanpy scipy seaborn setuptools shapely simpy six slepc spacy spglib sqlalchemy statsmodels sympy tabulate tensorboard tensorflow tensorflow_probability toml toolz torch torch_geometric torchvision tqdm trimesh typing_extensions uncertainties xarray xgboost xlrd xlsxwriter xraylib yt zarr".split(
    " ",
  ),
);

export interface NamedDistribution {
  /** A requirement line, or null where no distribution can be named without guessing. */
  requirement: string | null;
  why: string;
}

/**
 * The distribution that provides a module. A module's name alone is no proof (other people's projects share names), so
 * it has to be declared, well known, or named by the repository's own documents.
 */
export function distributionFor(module: string, survey: Survey, prose: string): NamedDistribution {
  const top = module.split(".")[0] ?? module;
  if (standardLibraryModules.has(top)) return { requirement: null, why: `${top} is part of Python` };
  const mapped = distributionOfModule[top];
  const declared = survey.packaging.dependencies.find(({ requirement }) => {
    const name = normalizeName(requirement.name);
    return (
      name.replaceAll("-", "") === normalizeName(top).replaceAll("-", "") ||
      (mapped !== undefined && name === normalizeName(mapped.replace(/<.*/, "")))
    );
  });
  if (declared) {
    const { name, extras, specifier } = declared.requirement;
    return { requirement: `${name}${extras}${specifier}`, why: `declared in ${declared.path}` };
  }
  if (mapped) return { requirement: mapped, why: `provides the module ${top}` };
  if (sameName.has(top)) return { requirement: top, why: "imported by the example" };
  if (survey.packaging.condaOnly.some((name) => normalizeName(name) === normalizeName(top)))
    return { requirement: top, why: "declared for conda" };
  const word = new RegExp(`(^|[^\\w.])${top.replace(/\W/g, "")}([^\\w]|$)`, "i");
  if (top.length > 3 && word.test(prose)) return { requirement: top, why: "named in the documentation" };
  return { requirement: null, why: `nothing in the repository says where the module ${top} comes from` };
}

const wellKnown = new Set(
  [...sameName, ...Object.values(distributionOfModule)].map((name) => normalizeName(name.replace(/<.*/, ""))),
);

/** Whether a distribution is one of those that nobody else's project can be taken for. */
export function isWellKnown(name: string): boolean {
  return wellKnown.has(normalizeName(name));
}

/** Aliases that scientific Python uses without saying so in short examples. */
export const conventionalImports: Record<string, string> = {
  np: "import numpy as np",
  numpy: "import numpy",
  plt: "import matplotlib.pyplot as plt",
  matplotlib: "import matplotlib",
  mpl: "import matplotlib as mpl",
  pd: "import pandas as pd",
  pandas: "import pandas",
  sns: "import seaborn as sns",
  xr: "import xarray as xr",
  nx: "import networkx as nx",
  scipy: "import scipy",
  torch: "import torch",
  tf: "import tensorflow as tf",
  jnp: "import jax.numpy as jnp",
  sympy: "import sympy",
  os: "import os",
  sys: "import sys",
  re: "import re",
  math: "import math",
  time: "import time",
  json: "import json",
  random: "import random",
  glob: "import glob",
  copy: "import copy",
  pickle: "import pickle",
  itertools: "import itertools",
  Path: "from pathlib import Path",
  pprint: "from pprint import pprint",
  defaultdict: "from collections import defaultdict",
  Chem: "from rdkit import Chem",
  LinearRegression: "from sklearn.linear_model import LinearRegression",
  LogisticRegression: "from sklearn.linear_model import LogisticRegression",
  train_test_split: "from sklearn.model_selection import train_test_split",
};
