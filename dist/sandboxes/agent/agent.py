"""What a container or a remote sandbox runs for us, as root.

It reads requests from its input, one after another, and answers on its output, in frames: one byte of type, four bytes
of length (big-endian), and a payload of at most 1 MiB.

    in   q  the request, JSON         d  tar bytes of `put`, ended by an empty one      k  (or the end) ends the program
    out  o  e  bytes of the program   d  tar bytes of `get`   s  bytes left out   r  the one result, JSON, at the end

The programs it starts run as an account of their own and are hostile: nothing they leave is followed, trusted or kept
waiting for. Python 3.7 and later, standard library alone; modules are imported where they are needed, because every
sandbox pays for the time to start.
"""

import errno
import json
import sys

from wire import Refusal, Wire, WireClosed


def main():
    wire = Wire()
    first = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {"op": "serve"}
    try:
        if first.get("op") != "serve":
            answer(first, wire)
            return
        while wire.waits_for_request(UNASKED_SECONDS):
            answer(wire.receive_request(), wire)
    except (WireClosed, Refusal):
        # What comes next on the wire is no request: whoever is there begins anew.
        pass


# An agent that nobody asks anything leaves: whoever started it may be no more.
UNASKED_SECONDS = 300


def answer(request, wire):
    """Does what a request asks for and sends the result; raises WireClosed where nobody listens."""
    try:
        result = dict(operation_for(request)(request, wire), ok=True)
    except Refusal as refusal:
        result = {"ok": False, "code": refusal.code, "detail": refusal.detail[:2000]}
    except WireClosed:
        raise
    except Exception as error:
        code = "disk-full" if isinstance(error, OSError) and error.errno in FULL else "agent-failed"
        result = {"ok": False, "code": code, "detail": "%s: %s" % (type(error).__name__, str(error)[:2000])}
    wire.send(b"r", json.dumps(result).encode())


FULL = (errno.ENOSPC, errno.EDQUOT)


def operation_for(request):
    """The function that a request names, out of the module that has it."""
    name = request.get("op")
    module = OPERATIONS.get(name)
    if module is None:
        raise Refusal("bad-request", "There is no operation %r." % name)
    return getattr(__import__(module), name)


OPERATIONS = {
    "prepare": "prepare",
    "reset": "prepare",
    "run": "run",
    "install": "install",
    "put": "put",
    "get": "get",
    "keep": "keep",
    "describe": "describe",
    "idle": "idle",
}
