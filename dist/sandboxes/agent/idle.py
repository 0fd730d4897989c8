"""The operation of a container's first process."""

import os
import time


def idle(request, _wire):
    """The first process of a container: collects what others leave, and ends in time or when it is told to."""
    import signal

    ends = time.monotonic() + request["seconds"]
    awaited = [signal.SIGCHLD, signal.SIGTERM, signal.SIGINT]
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    for number in awaited:
        # The kernel keeps from a first process what it has no handler for.
        signal.signal(number, lambda *_arguments: None)
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass
        left = ends - time.monotonic()
        received = signal.sigtimedwait(awaited, left) if left > 0 else None
        if left <= 0 or (received is not None and received.si_signo != signal.SIGCHLD):
            return {}
