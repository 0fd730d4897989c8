"""How much slower observed functions are: python3 bench/observer.py [interpreter ...]

Plain and observed code run in turns within one process; each figure is the best of several
repeats, and printed as observed time over plain time.
"""

import json
import os
import subprocess
import sys
import tempfile

OBSERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "sandboxes", "observer")

WORK = '''
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def recursion():
    fib(24)

class Point:
    def get(self):
        return 1

def methods():
    get = Point().get
    for _ in range(300000):
        get()

def attribute_calls():
    point = Point()
    for _ in range(300000):
        point.get()

def generate():
    for i in range(300000):
        yield i

def generators():
    for _ in generate():
        pass

def handlers():
    for _ in range(100000):
        try:
            raise ValueError
        except ValueError:
            pass
'''

MEASURE = '''
import json, sys, time
import plain, observed
assert "__codedistiller_pending__" in observed.fib.__code__.co_names

best = {}
for _ in range(7):
    for module in (plain, observed):
        for name in ("recursion", "methods", "attribute_calls", "generators", "handlers"):
            start = time.perf_counter()
            getattr(module, name)()
            elapsed = time.perf_counter() - start
            key = module.__name__, name
            best[key] = min(elapsed, best.get(key, elapsed))
ratios = ["%s %.2f" % (name, best["observed", name] / best["plain", name]) for module, name in best if module == "plain"]
print("%d.%d.%d" % sys.version_info[:3], "  ".join(ratios))
'''


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


def measure(interpreter):
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "plain/plain.py", WORK)
        write(folder, "target/observed.py", WORK)
        settings = {
            "targetRoots": [os.path.join(folder, "target")],
            "targetModules": ["observed"],
            "exampleRoots": [],
            "output": folder,
        }
        config = write(folder, "config.json", json.dumps(settings))
        paths = [OBSERVER, os.path.join(folder, "plain"), os.path.join(folder, "target")]
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), CODEDISTILLER_OBSERVER=config)
        subprocess.run([interpreter, "-c", MEASURE], env=environment, check=True)


if __name__ == "__main__":
    for interpreter in sys.argv[1:] or [sys.executable]:
        measure(interpreter)
