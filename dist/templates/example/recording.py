# ----------------------------------------------------------------------------------------------------------------
# Recording: everything below runs the examples and writes results.json, log.json and to_save/. None of it is needed
# to use the repository's functions.
# ----------------------------------------------------------------------------------------------------------------


def record(value, depth=0):
    """What results.json keeps of a value: numbers and short texts as they are, large things as a summary."""
    kind = type(value).__module__ + "." + type(value).__qualname__
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, complex):
        return {"type": "complex", "real": record(value.real), "imag": record(value.imag)}
    if isinstance(value, (str, Path)):
        return clean(str(value))[:500]
    if isinstance(value, bytes):
        return {"type": "bytes", "length": len(value)}
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return record_array(value)
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return {"type": kind, "shape": list(value.shape), "columns": [str(each) for each in value.columns][:50], "head": clean(value.head().to_string())[:2000]}
    if depth < 4 and isinstance(value, dict):
        return {clean(str(key))[:100]: record(each, depth + 1) for key, each in list(value.items())[:50]}
    if depth < 4 and isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
        kept = [record(each, depth + 1) for each in items[:20]]
        return kept if len(items) <= 20 else {"type": kind, "length": len(items), "first": kept}
    return record_object(value, kind, depth)


def record_array(value):
    summary = {"type": "array", "shape": [int(size) for size in value.shape], "dtype": str(value.dtype)}
    try:
        if value.size == 1:
            return record(value.reshape(-1)[0].item())
        if value.size and value.dtype.kind in "biuf":
            summary.update(min=record(value.min().item()), max=record(value.max().item()), mean=record(float(value.mean())))
        summary["first"] = [record(each, 4) for each in value.reshape(-1)[:8].tolist()]
    except Exception as error:
        summary["unreadable"] = type(error).__name__
    return summary


def record_object(value, kind, depth):
    """An object of the repository or of a library: its attributes that hold values, private ones where it has no others."""
    if depth >= 2:
        return {"type": kind}
    attributes = {name: each for name, each in list(getattr(value, "__dict__", {}).items())[:60] if not callable(each)}
    public = {name: each for name, each in attributes.items() if not name.startswith("_")}
    kept = {name: record(each, depth + 2) for name, each in (public or attributes).items()}
    return {"type": kind, "attributes": kept} if kept else {"type": kind}


def clean(text):
    """Texts without memory addresses and without the folder this example happens to lie in."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text).replace(str(HERE) + os.sep, "")


def collect(names):
    """The values among an example's variables."""
    values = {}
    for name, value in names.items():
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and not names_code(value):
            values[name] = record(value)
    return values


def names_code(value):
    """Functions, classes and type aliases: names of code, not values."""
    if isinstance(value, (type, types.FunctionType)) or type(value).__module__ == "typing":
        return True
    return callable(value) and not getattr(value, "__dict__", None)


def call(function, *arguments):
    """Calls a function and returns its local variables and its result as values."""
    frames = []

    def keep_first(frame, event, argument):
        if event == "call" and frame.f_code is function.__code__:
            frames.append(frame)
            sys.settrace(None)

    sys.settrace(keep_first)
    try:
        result = function(*arguments)
    finally:
        sys.settrace(None)
    values = collect(frames[0].f_locals) if frames else {}
    if result is not None:
        values["returned"] = record(result)
    return values


def run_script(path, *arguments):
    """Runs a script of the repository as `python path arguments` does, and returns the values of its variables."""
    script = SOURCE / path
    frames = []

    def keep_first(frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_filename == str(script) and code.co_name != "<module>":
            frames.append(frame)
            sys.settrace(None)

    saved = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(len(sys.path) if INSTALLED else 0, str(script.parent))
    names = {}
    sys.settrace(keep_first)
    try:
        names = runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise
    finally:
        sys.settrace(None)
        sys.argv, sys.path[:] = saved
    values = collect(names)
    if frames:
        values[frames[0].f_code.co_name + "()"] = collect(frames[0].f_locals)
    return values


class Printed(io.TextIOBase):
    """Passes on what an example prints and keeps its first lines as results."""

    def __init__(self, stream):
        self.stream, self.lines, self.rest = stream, [], ""

    def write(self, text):
        self.stream.write(text)
        if len(self.lines) < 60:
            *whole, self.rest = (self.rest + text[:20000]).split("\n")
            self.lines += [clean(line)[:200] for line in whole if line.strip()]
        return len(text)

    def flush(self):
        self.stream.flush()

    def __getattr__(self, name):
        return getattr(self.stream, name)


def list_files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def keep_new_files(folder, before, name):
    """Names what an example wrote, with the length of texts; what it wrote beside the repository's files goes to to_save/."""
    written = {}
    for path, changed in list_files(folder).items():
        if before.get(path) != changed and "__pycache__" not in path.parts:
            target = path
            if folder != OUTPUT:
                target = OUTPUT / name / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(path), str(target))
            written[str(target.relative_to(HERE))] = describe_file(target)
    return written


def describe_file(path):
    try:
        return {"lines": len(path.read_text(encoding="utf-8").splitlines())}
    except (UnicodeDecodeError, OSError):
        return {"binary": True}


def keep_figures(name):
    pyplot = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums() if pyplot else []:
        pyplot.figure(number).savefig(str(OUTPUT / "{}_figure{}.png".format(name, number)), dpi=100, bbox_inches="tight")
    if pyplot:
        pyplot.close("all")


def seed_generators():
    """The same random numbers in every run; change RANDOM_SEED for others."""
    random.seed(RANDOM_SEED)
    if importlib.util.find_spec("numpy"):
        import numpy

        numpy.random.seed(RANDOM_SEED)
        if hasattr(numpy.random, "default_rng"):
            create, seeds = numpy.random.default_rng, itertools.count(RANDOM_SEED)
            numpy.random.default_rng = lambda seed=None: create(next(seeds) if seed is None else seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(RANDOM_SEED)


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def by_name(returned):
    """What an example returns, as values."""
    if isinstance(returned, dict):
        return {clean(str(name))[:100]: record(value) for name, value in returned.items()}
    return {} if returned is None else {"returned": record(returned)}


def main(convert=lambda returned: returned or {}):
    OUTPUT.mkdir(exist_ok=True)
    results, log, failed = {}, [], 0
    for example, folder in EXAMPLES:
        name = example.__name__
        log.append({"level": "info", "message": "started", "example": name})
        write_json("log.json", log)
        print("=== {}: {}".format(name, (example.__doc__ or "").strip().split("\n")[0]), flush=True)
        before, started = list_files(folder), time.time()
        printed, streams = Printed(sys.stdout), (sys.stdin, sys.stdout)
        os.chdir(str(folder))
        try:
            seed_generators()
            sys.stdin, sys.stdout = io.StringIO(), printed
            results[name] = {"values": convert(example()), "printed": printed.lines}
            keep_figures(name)
            log.append({"level": "info", "message": "finished", "example": name, "seconds": round(time.time() - started, 3)})
        except Exception as error:
            failed += 1
            details = {"type": type(error).__name__, "message": str(error)[:2000], "traceback": traceback.format_exc()[-6000:]}
            log.append({"level": "error", "message": "failed", "example": name, "error": details})
            traceback.print_exc()
        finally:
            sys.stdin, sys.stdout = streams
            os.chdir(str(HERE))
            written = keep_new_files(folder, before, name)
            if name in results and written:
                results[name]["files"] = written
            write_json("results.json", results)
            write_json("log.json", log)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
