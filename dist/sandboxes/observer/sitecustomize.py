# Starts the observer in every Python process that has this folder on PYTHONPATH.
# This file alone is also read by Python 2, so its syntax is the common subset.
import sys


def start_observer(folder):
    import _observer

    _observer.start(folder)


def import_hidden_sitecustomize():
    # This module shadows a virtual environment's or a system's own sitecustomize, which must still run.
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def main():
    import os

    folder = os.path.dirname(os.path.realpath(__file__))
    if os.environ.get("CODEDISTILLER_OBSERVER"):
        try:
            start_observer(folder)
        except Exception:
            # The program matters more than what is known about it. Faults that can be
            # recorded are recorded further in; here there is nowhere to write to.
            pass
    # Nothing below this folder should be importable by, or hide a module of, the program.
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != folder]
    import_hidden_sitecustomize()


if sys.version_info >= (3, 6):
    main()
