"""Observes the script that a process was started with.

The interpreter compiles its main script without asking any importer. So a process whose main
script is to be observed starts once more, with `run_main.py` in front of the script: that one
is not observed, which is what ends the matter, without a mark in the environment.
"""

import importlib.machinery
import os
import sys
import warnings

from .instrument import compile_instrumented

_RUNNER = "run_main.py"


def restart_if_observed(folder, settings):
    arguments = _original_arguments()
    index = _script_index(arguments)
    if index is None or not sys.executable or not _is_observed(arguments[index], settings):
        return
    runner = os.path.join(folder, _RUNNER)
    os.execv(sys.executable, arguments[:index] + [runner] + arguments[index:])


def run(folder, recorder):
    """Runs sys.argv[1] in the namespace of __main__, as the interpreter would have."""
    runner = sys.argv.pop(0)
    script = sys.argv[0]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv.remove(runner)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(script))
    path = _path_as_python_names_it(script)
    namespace = vars(sys.modules["__main__"])
    namespace["__file__"] = path
    namespace["__loader__"] = importlib.machinery.SourceFileLoader("__main__", path)
    recorder.open_file()
    code = _compile(recorder, path)
    try:
        exec(code, namespace)
    except SystemExit:
        raise
    except BaseException:
        _hide_own_frames_from_report(folder)
        raise


def _compile(recorder, path):
    with open(path, "rb") as file:
        source = file.read()
    kind = recorder.settings.kind_of(os.path.realpath(path), "__main__")
    try:
        return compile_instrumented(recorder, source, path, kind)
    except Exception as error:
        recorder.fault("instrumenting %s" % path, error)
        return compile(source, path, "exec", dont_inherit=True)


def _original_arguments():
    if hasattr(sys, "orig_argv"):
        return list(sys.orig_argv)
    with open("/proc/self/cmdline", "rb") as file:
        return [os.fsdecode(argument) for argument in file.read().split(b"\0")[:-1]]


def _script_index(arguments):
    """Where the script is on the interpreter's command line; None for -c, -m and stdin."""
    index = 1
    while index < len(arguments):
        argument = arguments[index]
        if argument == "--":
            index += 1
            break
        if not argument.startswith("-") or argument == "-":
            break
        if argument == "--check-hash-based-pycs":
            index += 1
        elif not argument.startswith("--"):
            for position, option in enumerate(argument[1:], start=2):
                if option in "cm":
                    return None
                if option in "WX":
                    # Their value is the rest of this argument, or else the next one.
                    index += position == len(argument)
                    break
        index += 1
    return index if index < len(arguments) and arguments[index] != "-" else None


def _is_observed(script, settings):
    path = os.path.realpath(script)
    if not os.path.isfile(path) or settings.kind_of(path, "__main__") is None:
        return False
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            # They will be given when the script is compiled to be run.
            warnings.simplefilter("ignore")
            compile(file.read(), path, "exec", dont_inherit=True)
    except Exception:
        # Archives, compiled files and scripts with syntax errors are for Python itself.
        return False
    return True


def _path_as_python_names_it(script):
    if sys.version_info < (3, 9) or os.path.isabs(script):
        return script
    return os.path.join(os.getcwd(), script)


def _hide_own_frames_from_report(folder):
    # The program has ended: from here on its exception hook is called once, by Python.
    report = getattr(sys, "excepthook", None)
    if report is None:
        return

    def report_without_own_frames(kind, error, traceback):
        sys.excepthook = report
        error.__traceback__ = _without_own_frames(traceback, folder)
        report(kind, error, error.__traceback__)

    sys.excepthook = report_without_own_frames


def _without_own_frames(traceback, folder):
    while traceback is not None and _is_own(traceback, folder):
        traceback = traceback.tb_next
    # Later frames of the observer (a wrapped extension function) can be taken out from
    # Python 3.7 on, where tb_next may be set.
    if sys.version_info >= (3, 7):
        current = traceback
        while current is not None:
            while current.tb_next is not None and _is_own(current.tb_next, folder):
                current.tb_next = current.tb_next.tb_next
            current = current.tb_next
    return traceback


def _is_own(traceback, folder):
    return traceback.tb_frame.f_code.co_filename.startswith(folder + os.sep)
