"""What the observer promises, each promise held by real processes.

Run with any Python from 3.6 on: python3 -m unittest test_observer
"""

import glob
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
OBSERVER = os.path.normpath(os.path.join(HERE, "..", "..", "..", "src", "sandboxes", "observer"))

BATMAN = '''
"""A target package."""
from __future__ import generator_stop

def double(x):
    """Doubles."""
    return 2 * x

def unused():
    return None
'''


class ObserverTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.output = os.path.join(self.folder, "evidence")
        os.mkdir(self.output)
        self.config = self.write(
            "config.json",
            json.dumps(
                {
                    "targetRoots": [self.path("source")],
                    "targetModules": ["batman"],
                    "exampleRoots": [self.path("example")],
                    "output": self.output,
                }
            ),
        )
        self.write("source/batman/__init__.py", BATMAN)
        os.mkdir(self.path("example"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        path = self.path(name)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def environment(self, observed=True, **changes):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        environment["PYTHONPATH"] = os.pathsep.join([OBSERVER, self.path("source")])
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment.pop("CODEDISTILLER_OBSERVER", None)
        if observed:
            environment["CODEDISTILLER_OBSERVER"] = self.config
        environment.update(changes)
        return environment

    def run_python(self, *arguments, **options):
        return subprocess.run(
            [sys.executable] + list(arguments),
            cwd=options.get("cwd", self.path("example")),
            env=options.get("env") or self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=60,
        )

    def run_main(self, text, *arguments):
        """Runs an example, which must succeed, and gives what it printed."""
        self.write("example/main.py", text)
        result = self.run_python("main.py", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return result.stdout

    def documents(self):
        documents = []
        for path in glob.glob(os.path.join(self.output, "*.json")):
            with open(path, "rb") as file:
                documents.append(json.loads(file.read().decode("ascii")))
        return documents

    def entries(self, section):
        return [entry for document in self.documents() for entry in document[section]]

    def counts(self):
        """Calls of each function, over all processes."""
        counts = {}
        for entry in self.entries("functions"):
            counts[entry["qualname"]] = counts.get(entry["qualname"], 0) + entry["count"]
        return counts

    def assert_no_errors(self):
        self.assertEqual(self.entries("errors"), [])


class Counting(ObserverTestCase):
    def test_counts_calls_of_target_functions_with_their_place(self):
        self.run_main("import batman\nfor i in range(3): batman.double(i)", "first")
        (document,) = self.documents()
        source = self.path("source/batman/__init__.py")
        with open(source, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        self.assertEqual(
            document["functions"],
            [
                {
                    "file": source,
                    "sha256": digest,
                    "qualname": "double",
                    "line": 5,
                    "compiled": False,
                    "count": 3,
                }
            ],
        )
        self.assertEqual(document["version"], 1)
        self.assertEqual(document["python"], "%d.%d.%d" % sys.version_info[:3])
        self.assertEqual(document["argv"], ["main.py", "first"])
        self.assertIn({"name": "batman", "file": source, "sha256": digest}, document["modules"])
        self.assert_no_errors()

    def test_stops_counting_at_a_thousand(self):
        self.run_main("import batman\nfor i in range(5000): batman.double(i)")
        self.assertEqual(self.counts(), {"double": 1000})

    def test_does_not_count_functions_of_the_example(self):
        self.write("example/helper.py", "def help_out(): pass")
        self.run_main("import helper\ndef local(): pass\nlocal(); helper.help_out()")
        self.assertEqual(self.counts(), {})

    def test_uses_qualified_names(self):
        self.write(
            "source/batman/shapes.py",
            """
            def outer():
                def inner():
                    return 1
                class Local:
                    def method(self):
                        return 2
                return inner() + Local().method()

            class Shape:
                class Part:
                    def area(self):
                        return 4
                if True:
                    def conditional(self):
                        return 5
            """,
        )
        self.run_main(
            """
            from batman import shapes
            shapes.outer(); shapes.Shape.Part().area(); shapes.Shape().conditional()
            """
        )
        self.assertEqual(
            set(self.counts()),
            {
                "outer",
                "outer.<locals>.inner",
                "outer.<locals>.Local.method",
                "Shape.Part.area",
                "Shape.conditional",
            },
        )

    def test_keeps_every_kind_of_function_working(self):
        self.write(
            "source/batman/kinds.py",
            '''
            import asyncio, functools, inspect

            class Base:
                __slots__ = ("value",)
                def __init__(self, value):
                    self.value = value

            class Derived(Base):
                __slots__ = ()
                def __init__(self, value):
                    super().__init__(value)
                @property
                def twice(self):
                    """A property."""
                    return 2 * self.value
                @twice.setter
                def twice(self, value):
                    self.value = value // 2
                @classmethod
                def make(cls):
                    return cls(1)
                @staticmethod
                def static(): return 7
                def __private(self): return 8
                def call_private(self): return self.__private()

            def counter():
                total = 0
                def increase():
                    nonlocal total
                    total += 1
                    return total
                return increase

            def use_global():
                global SET_GLOBALLY
                SET_GLOBALLY = 1

            def generate(n):
                for i in range(n):
                    yield i

            async def coroutine():
                return [i async for i in stream()]

            async def stream():
                yield 1

            @functools.lru_cache(maxsize=None)
            def cached(n):
                return n

            def only_docstring():
                "Only this."

            def check():
                d = Derived.make()
                d.twice = 10
                increase = counter()
                increase()
                use_global()
                loop = asyncio.new_event_loop()
                assert loop.run_until_complete(coroutine()) == [1]
                loop.close()
                assert (d.twice, d.static(), d.call_private(), increase()) == (10, 7, 8, 2)
                assert list(generate(3)) == [0, 1, 2] and inspect.isgeneratorfunction(generate)
                assert cached(1) == cached(1) == 1
                assert only_docstring() is None and only_docstring.__doc__ == "Only this."
                assert Derived.twice.__doc__ == "A property." and SET_GLOBALLY == 1
            ''',
        )
        self.run_main("from batman import kinds; kinds.check()")
        counts = self.counts()
        self.assertEqual(counts["Derived.twice"], 2)
        self.assertEqual(counts["cached"], 1)
        self.assertEqual(counts["only_docstring"], 1)
        self.assertLessEqual({"Derived.make", "Derived.__private", "generate", "coroutine", "stream"}, set(counts))
        self.assert_no_errors()

    @unittest.skipIf(sys.version_info < (3, 7), "dataclasses came with 3.7")
    def test_keeps_dataclasses_and_module_namespaces_as_they_are(self):
        self.write(
            "source/batman/data.py",
            """
            from __future__ import annotations
            import dataclasses
            @dataclasses.dataclass
            class Point:
                x: int = 0
                def norm(self) -> int: return abs(self.x)
            """,
        )
        output = self.run_main(
            """
            from batman import data
            print(data.Point(-2).norm(), data.Point.norm.__annotations__, [n for n in dir(data) if "codedistiller" in n])
            """
        )
        self.assertEqual(output, "2 {'return': 'int'} []\n")

    def test_gives_the_true_source_and_line_numbers(self):
        output = self.run_main(
            """
            import batman, inspect
            print(inspect.getsource(batman.double), batman.double.__code__.co_firstlineno, batman.__doc__)
            try:
                batman.double(None)
            except TypeError as error:
                print(error.__traceback__.tb_next.tb_lineno)
            """
        )
        source = 'def double(x):\n    """Doubles."""\n    return 2 * x\n'
        self.assertEqual(output, source + " 5 A target package.\n7\n")

    def test_leaves_functions_that_a_compiler_reads_as_they_are(self):
        self.write(
            "example/compiler.py",
            """
            def jit(function=None, **options):
                return function if function else jit
            class cuda: jit = staticmethod(jit)
            """,
        )
        self.write(
            "source/batman/fast.py",
            """
            from compiler import cuda, jit
            @jit
            def plain(): return 1
            @jit(nopython=True)
            def called(): return 1
            @cuda.jit
            def attribute(): return 1
            def by_call(): return 1
            fast = jit(by_call)
            @jit
            def outer():
                def inner(): return 1
                return inner()
            def ordinary(): return 1
            NAMES = [f.__code__.co_names for f in (plain, called, attribute, by_call, outer)]
            """,
        )
        output = self.run_main("from batman.fast import *\nprint(NAMES); plain(); ordinary()")
        self.assertEqual(output, "[(), (), (), (), ()]\n")
        self.assertEqual(self.counts(), {"ordinary": 1})

    def test_gives_numba_the_bodies_as_written(self):
        self.write("example/numba/__init__.py", "")
        self.write("example/numba/core/__init__.py", "")
        self.write(
            "example/.venv/lib/python3/site-packages/numba/core/bytecode.py",
            """
            class FunctionIdentity:
                @classmethod
                def from_function(cls, function): return cls, function
            """,
        )
        self.write(
            "source/batman/late.py",
            """
            def make(offset):
                def late(x, scale=2): return x * scale + offset
                return late
            """,
        )
        output = self.run_main(
            """
            import numba.core
            numba.core.__path__.append(".venv/lib/python3/site-packages/numba/core")
            from numba.core.bytecode import FunctionIdentity
            from batman import late
            cls, function = FunctionIdentity.from_function(late.make(5))
            print(cls is FunctionIdentity, function(1), function.__qualname__, function.__code__.co_names)
            """
        )
        self.assertEqual(output, "True 7 make.<locals>.late ()\n")

    def test_counts_functions_that_jax_traces(self):
        self.write("example/jax.py", "def jit(function): return function")
        self.write("source/batman/traced.py", "import jax\n@jax.jit\ndef traced(): pass")
        self.run_main("from batman import traced; traced.traced()")
        self.assertEqual(self.counts(), {"traced": 1})
        self.assertEqual(self.entries("functions")[0]["line"], 2)

    def test_counts_what_threads_do(self):
        self.run_main(
            """
            import batman, threading
            def work():
                for _ in range(100): batman.double(1)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for t in threads: t.start()
            for t in threads: t.join()
            """
        )
        self.assertEqual(self.counts(), {"double": 400})

    def test_survives_calls_from_signal_handlers_and_finalisers(self):
        self.write(
            "source/batman/nested.py",
            "class Node:\n    def __del__(self): double(1)\n"
            + "from batman import double\n"
            + "\n".join("def f%d(): pass" % i for i in range(300)),
        )
        self.run_main(
            """
            import batman, gc, signal
            from batman import nested
            gc.set_threshold(1)
            signal.signal(signal.SIGALRM, lambda *_: batman.double(1))
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for i in range(300):
                node = nested.Node(); node.self = node; del node
                getattr(nested, "f%d" % i)()
            signal.setitimer(signal.ITIMER_REAL, 0)
            """
        )
        self.assertGreaterEqual(set(self.counts()), {"f%d" % i for i in range(300)})
        self.assert_no_errors()


class Places(ObserverTestCase):
    def test_shows_a_fake_of_the_target_with_its_own_path(self):
        fake = self.write("example/batman.py", "def double(x): return x")
        self.run_main("import batman; batman.double(1)")
        self.assertEqual(self.counts(), {})
        (module,) = [entry for entry in self.entries("modules") if entry["name"] == "batman"]
        self.assertEqual(module["file"], fake)
        self.assertEqual(len(module["sha256"]), 64)

    def test_shows_a_target_module_that_has_no_file(self):
        self.run_main("import sys, types; sys.modules['batman'] = types.ModuleType('batman')")
        self.assertIn({"name": "batman", "file": None}, self.entries("modules"))

    def test_counts_the_target_by_name_in_a_virtual_environment_below_the_example(self):
        packages = "example/.venv/lib/python3/site-packages/"
        installed = self.write(packages + "batman/__init__.py", "def transit(): return 1")
        other = self.write(packages + "other.py", "def other(): return 1")
        self.run_main(
            "import sys; sys.path.insert(0, %r)\nimport batman, other\nbatman.transit(); other.other()"
            % os.path.dirname(other)
        )
        self.assertEqual(self.counts(), {"transit": 1})
        self.assertEqual(self.entries("functions")[0]["file"], installed)
        self.assertIn({"name": "other", "file": other}, self.entries("modules"))

    def test_prefers_the_most_specific_root(self):
        source = self.write("example/source/batman/__init__.py", "def inside(): pass")
        with open(self.config) as file:
            config = json.load(file)
        config["targetRoots"] = [self.path("example/source")]
        self.write("config.json", json.dumps(config))
        self.run_main("import sys; sys.path.insert(0, 'source'); import batman; batman.inside()")
        self.assertEqual([entry["file"] for entry in self.entries("functions")], [source])

    def test_neither_reads_nor_writes_instrumented_code_in_caches(self):
        environment = self.environment()
        del environment["PYTHONDONTWRITEBYTECODE"]
        code = "import batman; print(batman.double.__code__.co_names)"
        plain = self.run_python("-c", code, env=dict(environment, CODEDISTILLER_OBSERVER=""))
        self.assertEqual(plain.stdout, "()\n")
        observed = self.run_python("-c", code, env=environment)
        self.assertIn("codedistiller", observed.stdout)
        again = self.run_python("-c", code, env=dict(environment, CODEDISTILLER_OBSERVER=""))
        self.assertEqual(again.stdout, "()\n")
        shutil.rmtree(self.path("source/batman/__pycache__"))
        self.run_python("-c", code, env=environment)
        self.assertFalse(os.path.exists(self.path("source/batman/__pycache__")))


class HandledExceptions(ObserverTestCase):
    def test_records_swallowed_exceptions_of_target_and_example(self):
        target = self.write(
            "source/batman/risky.py",
            """
            def swallow(text):
                try:
                    return int(text)
                except (ValueError, TypeError):
                    return None
            """,
        )
        self.run_main(
            """
            from batman.risky import swallow
            swallow("a" * 500); swallow("b"); swallow(None)
            try:
                swallow()
            except TypeError:
                pass
            """
        )
        records = {(entry["file"], entry["line"], entry["type"]): entry for entry in self.entries("handledExceptions")}
        self.assertEqual(
            {key: (record["count"], record["reraises"]) for key, record in records.items()},
            {
                (target, 5, "ValueError"): (2, False),
                (target, 5, "TypeError"): (1, False),
                (self.path("example/main.py"), 6, "TypeError"): (1, False),
            },
        )
        self.assertEqual(len(records[target, 5, "ValueError"]["message"]), 200)

    def test_marks_handlers_that_raise_again(self):
        self.run_main(
            """
            def attempt(raising):
                try: raising()
                except Exception: pass
            def bare():
                try: 1 / 0
                except ZeroDivisionError:
                    raise
            def chained():
                try: 1 / 0
                except ZeroDivisionError as error: raise ValueError() from error
            attempt(bare); attempt(chained)
            """
        )
        found = {(entry["line"], entry["reraises"]) for entry in self.entries("handledExceptions")}
        self.assertEqual(found, {(4, False), (7, True), (11, True)})

    def test_is_not_disturbed_by_exceptions_that_cannot_be_printed(self):
        output = self.run_main(
            """
            import sys
            class Odd(Exception):
                def __str__(self): raise RuntimeError("no text")
            try: raise Odd()
            except Odd as error: print(sys.exc_info()[1] is error, error.__context__)
            """
        )
        self.assertEqual(output, "True None\n")
        (entry,) = self.entries("handledExceptions")
        self.assertEqual((entry["type"], entry["message"]), ("Odd", ""))

    @unittest.skipIf(sys.version_info < (3, 11), "exception groups came with 3.11")
    def test_records_handlers_of_exception_groups(self):
        self.run_main("try: raise ExceptionGroup('several', [ValueError()])\nexcept* ValueError: pass")
        self.assertEqual(self.entries("handledExceptions")[0]["type"], "ExceptionGroup")


class MainScript(ObserverTestCase):
    def compare(self, script, *arguments, **options):
        """Runs a script with and without the observer and expects no difference."""
        command = list(options.get("flags", [])) + [script] + list(arguments)
        plain = self.run_python(*command, env=self.environment(observed=False))
        observed = self.run_python(*command)
        for stream in ("returncode", "stdout", "stderr"):
            self.assertEqual(getattr(observed, stream), getattr(plain, stream))
        return observed

    def test_looks_like_an_ordinary_main_script(self):
        self.write(
            "example/main.py",
            """
            "Documented."
            import sys, os
            print(sys.argv, getattr(sys, "orig_argv", None), sys.path[0], __file__, __name__, __doc__)
            print(sorted(globals()), __spec__, __package__, type(__loader__).__name__, __loader__.path)
            print(sys.modules["__main__"].__dict__ is globals(), sys.flags, sys.warnoptions)
            print(sorted(name for name in os.environ if name.startswith(("CODED", "PYTHON"))) == [
                "CODEDISTILLER_OBSERVER", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"
            ] or "CODEDISTILLER_OBSERVER" not in os.environ)
            """,
        )
        self.compare("main.py", "-x", "1")
        self.compare("./main.py", flags=["-u", "-W", "ignore", "-Xdev" if sys.version_info >= (3, 7) else "-B"])
        self.compare(self.path("example/main.py"), flags=["-OO", "-Werror"])
        os.symlink(self.path("example/main.py"), self.path("example/link.py"))
        self.compare("../example/link.py")

    def test_prints_uncaught_exceptions_as_python_does(self):
        self.write(
            "example/main.py",
            """
            import sys
            def fail(): raise KeyError("k")
            if "hook" in sys.argv:
                sys.excepthook = lambda kind, error, traceback: print(kind, traceback.tb_frame.f_code.co_filename)
            try:
                fail()
            except KeyError as error:
                raise ValueError("v") from error
            """,
        )
        self.assertEqual(self.compare("main.py").returncode, 1)
        self.compare("main.py", "hook")

    def test_keeps_exit_statuses(self):
        for index, ending in enumerate(
            ["sys.exit(3)", "sys.exit('words')", "sys.exit()", "raise KeyboardInterrupt", "os._exit(4)", "1 +"]
        ):
            script = "example/end%d.py" % index
            self.write(script, "import os, sys\n" + ending)
            self.compare(os.path.basename(script))

    def test_counts_functions_of_a_target_script(self):
        self.write("source/train.py", "def train(): pass\nif __name__ == '__main__': train()")
        self.run_python("../source/train.py")
        self.assertEqual(self.counts(), {"train": 1})

    def test_counts_a_target_module_run_by_name(self):
        self.write("source/batman/__main__.py", "def command(): pass\ncommand()")
        self.run_python("-m", "batman")
        self.assertEqual(self.counts(), {"command": 1})

    def test_counts_scripts_run_by_runpy(self):
        self.write("source/train.py", "def train(): pass\nif __name__ == '__main__': train()")
        self.run_main("import runpy; runpy.run_path('../source/train.py', run_name='__main__')")
        self.assertEqual(self.counts(), {"train": 1})

    def test_observes_scripts_started_by_the_example(self):
        self.write("source/train.py", "def train(): pass\nif __name__ == '__main__': train()")
        self.run_main(
            "import subprocess, sys; subprocess.run([sys.executable, '../source/train.py'], check=True)"
        )
        self.assertEqual(self.counts(), {"train": 1})
        self.assertEqual(len(self.documents()), 2)

    def test_reads_a_script_from_standard_input_and_command_line_as_usual(self):
        result = self.run_python("-c", "import batman, sys; batman.double(1); print(sys.argv)")
        self.assertEqual(result.stdout, "['-c']\n")
        self.assertEqual(self.counts(), {"double": 1})


class Processes(ObserverTestCase):
    def test_counts_in_pools_whose_workers_are_terminated(self):
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method=method):
                output = self.run_main(
                    """
                    import batman, multiprocessing, sys
                    class Wrapped:
                        def __init__(self, value): self.value = value
                    def work(x): return Wrapped(batman.double(x))
                    if __name__ == "__main__":
                        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                            print(sum(wrapped.value for wrapped in pool.map(work, range(50))))
                    """,
                    method,
                )
                self.assertEqual(output, "2450\n")
                self.assertEqual(self.counts(), {"double": 50})
                self.assert_no_errors()
                for path in glob.glob(os.path.join(self.output, "*")):
                    os.remove(path)

    def test_counts_apart_in_forked_children(self):
        self.run_main(
            """
            import batman, os
            batman.double(1)
            if os.fork() == 0:
                batman.double(1); batman.double(1)
                os._exit(0)
            os.wait()
            """
        )
        counts = sorted(document["functions"][0]["count"] for document in self.documents())
        self.assertEqual(counts, [1, 2])

    def test_leaves_what_was_seen_when_killed(self):
        self.write(
            "example/main.py",
            """
            import batman, time
            for i in range(7): batman.double(i)
            try: 1 / 0
            except ZeroDivisionError: pass
            print("ready", flush=True)
            time.sleep(60)
            """,
        )
        for number in (signal.SIGKILL, signal.SIGTERM):
            process = subprocess.Popen(
                [sys.executable, "main.py"],
                cwd=self.path("example"),
                env=self.environment(),
                stdout=subprocess.PIPE,
            )
            process.stdout.readline()
            process.send_signal(number)
            self.assertEqual(process.wait(), -number)
            process.stdout.close()
        self.assertEqual(self.counts(), {"double": 14})
        self.assertEqual([entry["count"] for entry in self.entries("handledExceptions")], [1, 1])

    def test_leaves_valid_json_whenever_it_is_killed(self):
        self.write("source/batman/many.py", "\n".join("def f%d(): pass" % i for i in range(20000)))
        self.run_main(
            """
            from batman import many
            import os, random, time
            functions = [value for name, value in sorted(vars(many).items()) if callable(value)]
            for _ in range(60):
                child = os.fork()
                if child == 0:
                    for function in functions: function()
                    os._exit(0)
                time.sleep(0.04 * random.random())
                os.kill(child, 9)
                os.waitpid(child, 0)
            """
        )
        self.assertGreater(len(self.documents()), 10)

    def test_writes_all_functions_of_a_large_package(self):
        self.write("source/batman/many.py", "\n".join("def f%d(): pass" % i for i in range(2000)))
        self.run_main("from batman import many\nfor i in range(2000): getattr(many, 'f%d' % i)()")
        self.assertEqual(set(self.counts().values()), {1})
        self.assertEqual(len(self.entries("functions")), 2000)
        self.assertEqual([name for name in os.listdir(self.output) if not name.endswith(".json")], [])

    def test_leaves_signals_and_threads_alone(self):
        output = self.run_main(
            """
            import signal, threading, os
            print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getsignal(signal.SIGALRM) == signal.SIG_DFL)
            print(threading.active_count(), len(os.listdir("/proc/self/task")))
            """
        )
        self.assertEqual(output, "True True\n1 1\n")


class ExtensionModules(ObserverTestCase):
    def setUp(self):
        super(ExtensionModules, self).setUp()
        pattern = os.path.join(sysconfig.get_path("platstdlib"), "lib-dynload", "_json.*.so")
        libraries = glob.glob(pattern)
        if not libraries:
            self.skipTest("this Python has no extension module to borrow")
        self.library = self.path("source/batman/" + os.path.basename(libraries[0]))
        shutil.copy(libraries[0], self.library)

    def test_counts_built_in_functions(self):
        output = self.run_main(
            """
            import copy, pickle, inspect
            from batman import _json
            function = _json.encode_basestring
            print(function("x"), function.__name__, isinstance(_json.make_scanner, type))
            print(pickle.loads(pickle.dumps(function)) is function, copy.deepcopy(function) is function)
            class Holder: method = function
            print(Holder().method("y"))
            try: function(1, 2, 3)
            except TypeError: print("type error")
            """
        )
        self.assertEqual(output, '"x" encode_basestring True\nTrue True\n"y"\ntype error\n')
        (entry,) = self.entries("functions")
        self.assertEqual((entry["file"], entry["compiled"], entry["count"]), (self.library, True, 3))
        self.assertEqual(entry["qualname"], "encode_basestring")
        with open(self.library, "rb") as file:
            self.assertEqual(entry["sha256"], hashlib.sha256(file.read()).hexdigest())
        self.assert_no_errors()


class Harmlessness(ObserverTestCase):
    def test_does_nothing_without_its_variable(self):
        code = "import sys, batman; batman.double(1); print([n for n in sys.modules if 'observer' in n])"
        result = self.run_python("-c", code, env=self.environment(observed=False))
        self.assertEqual((result.stdout, result.stderr), ("[]\n", ""))
        self.assertEqual(os.listdir(self.output), [])

    def test_never_breaks_a_program_when_it_is_misconfigured(self):
        self.write("example/main.py", "import batman; print(batman.double(1))")
        broken = [self.path("missing.json"), self.write("bad.json", "{"), self.write("empty.json", "{}")]
        with open(self.config) as file:
            config = dict(json.load(file), output=self.path("nowhere"))
        broken.append(self.write("nowhere.json", json.dumps(config)))
        for path in broken:
            environment = self.environment(CODEDISTILLER_OBSERVER=path)
            result = self.run_python("main.py", env=environment)
            self.assertEqual((result.stdout, result.stderr, result.returncode), ("2\n", "", 0))

    def test_imports_the_sitecustomize_that_it_hides(self):
        self.write("other/sitecustomize.py", "import builtins; builtins.other_ran = True")
        environment = self.environment()
        environment["PYTHONPATH"] += os.pathsep + self.path("other")
        code = "import batman, sitecustomize; batman.double(1); print(other_ran, sitecustomize.__file__)"
        for observed in (environment, dict(environment, CODEDISTILLER_OBSERVER="")):
            result = self.run_python("-c", code, env=observed)
            self.assertEqual(result.stdout, "True %s\n" % self.path("other/sitecustomize.py"), result.stderr)
        self.assertEqual(self.counts(), {"double": 1})

    def test_hides_no_module_of_the_program(self):
        self.write("source/run_main.py", "NAME = 'the program'")
        self.assertEqual(self.run_main("import run_main; print(run_main.NAME)"), "the program\n")

    def test_leaves_syntax_errors_to_python(self):
        self.write("source/batman/broken.py", "def broken(:\n")
        output = self.run_main("try: import batman.broken\nexcept SyntaxError as error: print(error.lineno)")
        self.assertEqual(output, "1\n")
        self.assert_no_errors()

    def test_survives_recursion_to_the_limit(self):
        self.write("source/batman/deep.py", "def deep(n): return deep(n + 1)")
        self.run_main("from batman.deep import deep\ntry: deep(0)\nexcept RecursionError: pass")
        self.assertGreater(self.counts()["deep"], 100)

    def test_bounds_what_it_writes(self):
        lines = "".join("try: raise ValueError()\nexcept ValueError: pass\n" for _ in range(2500))
        self.write("source/batman/handlers.py", lines)
        self.run_main("import batman.handlers")
        self.assertEqual(len(self.entries("handledExceptions")), 2000)

    def test_is_silent_under_python_2(self):
        python = shutil.which("python2.7")
        # A version manager's stand-in may be there without the interpreter behind it.
        if python is None or subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) != 0:
            self.skipTest("no Python 2 here")
        command = [python, "-c", "import sys; print(sys.version_info[0])"]
        result = subprocess.run(command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((result.stdout, result.stderr), (b"2\n", b""))
        self.assertEqual(os.listdir(self.output), [])


if __name__ == "__main__":
    unittest.main()
