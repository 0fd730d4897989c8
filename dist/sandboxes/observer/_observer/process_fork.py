"""Running a function in every forked child."""

import functools
import os


def run_in_child(callback):
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=callback)
        return
    # Python 3.6 has no such registration, so its two fork functions are wrapped instead.
    os.fork = _calling_in_child(os.fork, callback, lambda result: result)
    os.forkpty = _calling_in_child(os.forkpty, callback, lambda result: result[0])


def _calling_in_child(fork, callback, pid_of):
    @functools.wraps(fork)
    def wrapper():
        result = fork()
        if pid_of(result) == 0:
            callback()
        return result

    return wrapper
