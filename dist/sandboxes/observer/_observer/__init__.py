"""Gathers evidence of which functions of the observed packages ran in this process.

Everything is imported here, before the program's own folder is on sys.path, so that a
`json.py` or `ast.py` beside the program can never be taken for the standard library's.
"""

import atexit
import os

from . import import_hook, main_script, process_fork
from .recorder import Recorder
from .settings import load_settings

_started = {}


def start(folder):
    settings = load_settings(os.environ["CODEDISTILLER_OBSERVER"])
    main_script.restart_if_observed(folder, settings)
    recorder = Recorder(settings)
    recorder.publish_hooks()
    import_hook.install(recorder)
    process_fork.run_in_child(recorder.restart_after_fork)
    atexit.register(recorder.finish)
    _started.update(folder=folder, recorder=recorder)


def run_main_script():
    main_script.run(_started["folder"], _started["recorder"])
