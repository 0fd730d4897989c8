/** Errors by which a program says that a library has moved on, and the last versions that still had what it asks for. */
export interface Pin {
  pattern: RegExp;
  requirement: string;
  why: string;
  /** Only where some source imports this name, for errors that do not say what they come from. */
  imports?: string;
}

/** Errors that say that Python itself has moved on, with the last minor version that still had what is asked for. */
export const pythonChanges: ReadonlyArray<{ pattern: RegExp; lastMinor: number; why: string }> = [
  {
    pattern: /cannot import name '\w+' from 'collections'|module 'collections' has no attribute/,
    lastMinor: 9,
    why: "Python 3.10 removed the abstract classes from collections",
  },
  {
    pattern: /The only supported seed types are/,
    lastMinor: 10,
    why: "since Python 3.11 random.seed refuses numpy's integers",
  },
  {
    pattern: /module 'inspect' has no attribute 'getargspec'|cannot import name 'getargspec'|invalid mode: 'r?U/,
    lastMinor: 10,
    why: "Python 3.11 removed inspect.getargspec and the file mode U",
  },
  { pattern: /module 'time' has no attribute 'clock'/, lastMinor: 7, why: "Python 3.8 removed time.clock" },
  { pattern: /cannot import name 'gcd' from 'fractions'/, lastMinor: 8, why: "Python 3.9 removed fractions.gcd" },
];

export const pins: readonly Pin[] = [
  {
    pattern: /module 'numpy' has no attribute '(float|int|bool|object|complex|str|long|unicode|typeDict)'/,
    requirement: "numpy<1.24",
    why: "numpy 1.24 removed np.float, np.int and the like (numpy 1.24 release notes)",
  },
  {
    pattern:
      /was removed in the NumPy 2\.0|module 'numpy' has no attribute '\w+'|numpy\.core\.multiarray failed to import|compiled using NumPy 1\.x|No module named 'numpy\.(core|lib|_core)[\w.]*'|numpy\.dtype size changed/,
    requirement: "numpy<2",
    why: "numpy 2.0 removed names and changed the binary interface (numpy 2.0 migration guide)",
  },
  {
    pattern:
      /No module named 'scipy\.misc'|module 'scipy\.misc' has no attribute|cannot import name '\w+' from 'scipy\.misc'|cannot import name '(simps|trapz|cumtrapz|romb)' from 'scipy\.integrate'|module 'scipy' has no attribute/,
    requirement: "scipy<1.12",
    why: "scipy 1.12 removed scipy.misc, and later versions simps, trapz and cumtrapz (scipy release notes)",
  },
  {
    pattern: /must not contain infs or NaNs|LinAlgError/,
    requirement: "scipy<1.11",
    why: "since scipy 1.11 factorial2(-1) is 0, which it had been 1 (scipy 1.11 release notes)",
    imports: "factorial2",
  },
  {
    pattern: /'(DataFrame|Series)' object has no attribute '(append|iteritems|ix|mad)'|cannot import name 'Int64Index'/,
    requirement: "pandas<2",
    why: "pandas 2.0 removed DataFrame.append, iteritems and others (pandas 2.0 release notes)",
  },
  {
    pattern: /module 'seaborn' has no attribute 'distplot'/,
    requirement: "seaborn<0.14",
    why: "distplot is gone from later versions of seaborn",
  },
  {
    pattern: /load_boston|No module named 'sklearn\.externals|cannot import name '\w+' from 'sklearn/,
    requirement: "scikit-learn<1.2",
    why: "scikit-learn 1.2 removed load_boston and others (scikit-learn 1.2 release notes)",
  },
  {
    pattern:
      /module 'matplotlib\.cm' has no attribute '(get_cmap|register_cmap)'|cannot import name '\w+' from 'matplotlib/,
    requirement: "matplotlib<3.9",
    why: "matplotlib 3.9 removed cm.get_cmap (matplotlib 3.9 API changes)",
  },
  {
    pattern: /module 'networkx' has no attribute|'(Di)?Graph' object has no attribute 'node'/,
    requirement: "networkx<2.4",
    why: "networkx 2.4 removed Graph.node (networkx 2.4 release notes)",
  },
  {
    pattern: /No module named '(pkg_resources|distutils[\w.]*|imp)'/,
    requirement: "setuptools<81",
    why: "it brings pkg_resources and distutils, which Python no longer has",
  },
  {
    pattern: /__init__\(\) got an unexpected keyword argument 'n_iter'/,
    requirement: "scikit-learn<0.24",
    why: "scikit-learn renamed n_iter",
  },
];
