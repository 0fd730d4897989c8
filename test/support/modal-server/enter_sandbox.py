"""Runs one program inside a sandbox: joins its namespaces, gives up what root of a container has not, executes.

    enter_sandbox.py < nothing of its own: stdin, stdout and stderr are the program's

File descriptor 3 gives what to run, as JSON and to its end: {"pid": of the sandbox's first process,
"keep": [numbers of capabilities], "argv": [...], "cwd": "/", "environment": {...}}. On 4 is told "pid N" and in
the end "exit N" or "signal N", or "lost" where the sandbox is no more. A program that is not found exits with 127.
"""

import ctypes
import errno
import json
import os
import signal
import stat
import sys

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
LAST_CAPABILITY = 40
# The mount namespace comes last: it changes what every path means.
NAMESPACES = ("ipc", "uts", "net", "pid", "mnt")

libc = ctypes.CDLL(None, use_errno=True)


def main():
    with os.fdopen(3, encoding="utf-8") as file:
        task = json.load(file)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        enter(task["pid"])
        child = os.fork()
    except OSError:
        tell("lost")
        return
    if child == 0:
        become(task)
    tell(f"pid {child}")
    # Else the program's streams would stay open as long as this process.
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        tell(f"signal {os.WTERMSIG(status)}")
    else:
        tell(f"exit {os.WEXITSTATUS(status)}")


def tell(line):
    os.write(4, f"{line}\n".encode())


def enter(pid):
    descriptors = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in NAMESPACES]
    for descriptor in descriptors:
        if libc.setns(descriptor, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        os.close(descriptor)


def become(task):
    """The child: never returns."""
    try:
        os.setsid()
        # What Python ignores, the program would ignore as well.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.umask(0o022)
        keep = set(task["keep"])
        for capability in range(LAST_CAPABILITY + 1):
            if capability not in keep:
                libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        os.closerange(3, 256)
        os.chdir(task["cwd"])
        execute(task["argv"], task["environment"])
    except OSError as error:
        os.write(2, f"{task['argv'][0]}: {error.strerror}\n".encode())
        os._exit(127 if error.errno in (errno.ENOENT, errno.ENOTDIR) else 126)
    finally:
        os._exit(126)


def execute(argv, environment):
    if "/" in argv[0]:
        os.execve(argv[0], argv, environment)
    for folder in environment.get("PATH", "/usr/bin:/bin").split(":"):
        path = os.path.join(folder, argv[0])
        try:
            executable = stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK)
        except OSError:
            continue
        if executable:
            os.execve(path, argv, environment)
    raise OSError(errno.ENOENT, "command not found")


if __name__ == "__main__":
    main()
    sys.exit(0)
