"""A program as it is started: in a process that gives up all that the agent may."""

import errno
import os

from processes import KILL, load_library
from wire import MIB, Refusal


class Program:
    """A started program, known by its first process."""

    def __init__(self, command, streams):
        # The program's account may not be able to read these.
        import ctypes  # noqa: F401
        import resource  # noqa: F401
        import signal  # noqa: F401

        self.pid = None
        self.status = None
        self.streams = streams
        self.problem_end, problem = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            become_program(command, streams, problem)
        os.close(problem)
        for stream in streams:
            os.close(stream.write_end)

    def has_ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = status
        return self.status is not None

    def kill(self, group=False):
        if self.status is None or group:
            try:
                (os.killpg if group else os.kill)(self.pid, KILL)
            except OSError:
                pass

    def check_started(self):
        os.set_blocking(self.problem_end, False)
        try:
            problem = os.read(self.problem_end, 1 << 16)
        except BlockingIOError:
            problem = b""
        os.close(self.problem_end)
        if problem:
            raise Refusal("agent-failed", problem.decode("utf-8", "replace"))


def become_program(command, streams, problem):
    """In the child: gives up all that the agent may, and becomes the program. Never returns."""
    try:
        try:
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(streams[0].write_end, 1)
            os.dup2(streams[1].write_end, 2)
            prepare_process(command)
        except BaseException as error:
            os.write(problem, ("%s: %s" % (type(error).__name__, error)).encode()[:4000])
            os._exit(125)
        try:
            os.chdir(command["cwd"])
        except OSError as error:
            os.write(2, ("%s: %s\n" % (command["cwd"], error.strerror)).encode("utf-8", "surrogateescape"))
            os._exit(127)
        execute(command["argv"], command["env"])
    finally:
        os._exit(125)


PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def prepare_process(command):
    import resource
    import signal

    os.setsid()
    os.umask(0o022)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                pass
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    uid = command.get("uid")
    if uid is None:
        return
    try:
        # Where memory is short the program has to go, not we.
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    limits = command["limits"]
    wanted = {
        resource.RLIMIT_NPROC: limits["processes"] + 1,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits["diskMb"] * MIB,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    control = load_library().prctl
    if control(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no_new_privs cannot be set")
    # It ends with us, whatever ends us.
    control(PR_SET_PDEATHSIG, KILL, 0, 0, 0)


def execute(argv, env):
    """As execvpe(3) of the C library, which also runs scripts without a first line."""
    name = argv[0]
    folders = [""] if "/" in name else env.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    code, reason = 127, "command not found"
    for folder in folders:
        path = os.path.join(folder, name)
        try:
            try:
                os.execve(path, argv, env)
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
                os.execve("/bin/sh", ["/bin/sh", path] + argv[1:], env)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                code, reason = 126, error.strerror
    os.write(2, ("%s: %s\n" % (name, reason)).encode("utf-8", "surrogateescape"))
    os._exit(code)
