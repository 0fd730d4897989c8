"""Runs a program to its end, whatever it does and whoever listens."""

import os
import select
import time

from output_stream import OutputStream
from program import Program
from wire import WireClosed


class ChildSignal:
    """A file that becomes readable when a child ends."""

    def __enter__(self):
        import signal

        self.read_end, self.write_end = os.pipe()
        for end in (self.read_end, self.write_end):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_arguments: None)
        signal.set_wakeup_fd(self.write_end, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_details):
        import signal

        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self.read_end)
        os.close(self.write_end)

    def clear(self):
        try:
            os.read(self.read_end, 4096)
        except BlockingIOError:
            pass


def supervise(wire, command, timeout_ms, watches, end):
    """Runs a command to its end, passing on its output. Returns (status of wait, why it was stopped or None, seconds).

    `end(program)` leaves nothing of it running. Whoever listens may go away at any time, which ends the program too.
    """
    streams = [OutputStream(b"o", wire), OutputStream(b"e", wire)]
    try:
        for stream in streams:
            stream.open_to(command.get("uid") or 0)
        with ChildSignal() as child_signal:
            begin = time.monotonic()
            program = Program(command, streams)
            try:
                stopped = attend(wire, program, child_signal, watches, begin + timeout_ms / 1000.0)
                seconds = time.monotonic() - begin
            finally:
                end(program)
        program.check_started()
        drain(streams)
    finally:
        for stream in streams:
            os.close(stream.read_end)
    now = time.monotonic()
    for stream in streams:
        stream.tell(now, last=True)
    wire.flush(wait=True)
    return program.status, stopped, seconds


def attend(wire, program, child_signal, watches, deadline):
    """Goes on until the first process has ended, or there is a reason to end it, which is returned."""
    pause = 0.015
    next_look = time.monotonic() + pause
    while not program.has_ended():
        now = time.monotonic()
        if now >= deadline:
            return "timed-out"
        if now >= next_look:
            for watch in watches:
                reason = watch()
                if reason is not None:
                    return reason
            pause = min(0.2, pause * 1.5)
            next_look = time.monotonic() + pause
        for stream in program.streams:
            stream.tell(now)
        waiting = select.poll()
        waiting.register(0, select.POLLIN)
        waiting.register(1, select.POLLOUT if wire.queue else 0)
        waiting.register(child_signal.read_end, select.POLLIN)
        readable = {stream.read_end: stream for stream in program.streams if stream.wants_more()}
        for file in readable:
            waiting.register(file, select.POLLIN)
        for file, events in waiting.poll(max(0, min(next_look, deadline) - now) * 1000 + 1):
            if file == 0 or (file == 1 and events & (select.POLLERR | select.POLLHUP)):
                return "cancelled"
            if file in readable:
                readable[file].read()
        child_signal.clear()
        try:
            wire.flush()
        except WireClosed:
            return "cancelled"
    return None


def drain(streams):
    """What a program wrote last is still in its pipes; only a process that got away could hold them open."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and not all(stream.ended for stream in streams):
        if not any([stream.read() for stream in streams if not stream.ended]):
            time.sleep(0.005)


def describe_status(status, stopped):
    if stopped in ("disk", "processes"):
        return {"kind": "limit", "limit": stopped}
    if stopped is not None:
        return {"kind": stopped}
    if not os.WIFSIGNALED(status):
        return {"kind": "exited", "code": os.WEXITSTATUS(status)}
    import signal

    number = os.WTERMSIG(status)
    if number == signal.SIGXFSZ:
        return {"kind": "limit", "limit": "disk"}
    known = number in [one.value for one in signal.Signals]
    return {"kind": "signalled", "signal": signal.Signals(number).name if known else "SIG%d" % number}
