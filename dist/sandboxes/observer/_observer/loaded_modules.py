"""Which modules are worth a record: the target's, and the third-party packages around it."""

import os
import sys
import sysconfig

_INSTALLATION_FOLDERS = ("site-packages", "dist-packages")
_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep
_STANDARD_LIBRARY = tuple(
    os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib")
)


def add_all(recorder):
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        # A target module without a file is worth knowing too: it may be a mock.
        if isinstance(path, str):
            path = os.path.realpath(path)
            if is_worth_recording(recorder.settings, name, path):
                recorder.add_module(name, path)
        elif recorder.settings.names_target(name):
            recorder.add_module(name, None)


def is_worth_recording(settings, name, path):
    if settings.names_target(name) or settings.kind_of(path, name):
        return True
    return "." not in name and not path.startswith(_OWN_FOLDER) and not _is_standard(path)


def _is_standard(path):
    if not path.startswith(_STANDARD_LIBRARY):
        return False
    return not any(folder in path.split(os.sep) for folder in _INSTALLATION_FOLDERS)
