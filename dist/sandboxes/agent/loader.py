"""Starts the agent out of the command that holds it: whoever makes the command fills in the modules, which are imported
from there as from files. Compiled here, since nothing of it may lie in the machine; and each only when it is needed."""

import binascii
import json
import sys
import zlib

# An object of name and text, as JSON, deflated and in base 64.
TEXTS = json.loads(zlib.decompress(binascii.a2b_base64("@MODULES@")).decode())


class Modules:
    """A finder and loader of modules, as importlib asks for."""

    @staticmethod
    def find_spec(name, _path=None, _target=None):
        # The class of all such descriptions; importing it from importlib takes as long as all the rest.
        return type(sys.__spec__)(name, Modules) if name in TEXTS else None

    @staticmethod
    def create_module(_spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__name__
        exec(compile(TEXTS[name], "agent/%s.py" % name, "exec"), module.__dict__)


sys.meta_path.insert(0, Modules)
__import__("agent").main()
