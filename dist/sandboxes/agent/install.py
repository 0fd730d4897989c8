"""The operation that installs packages of the system, as root."""

import os

from processes import adopt_orphans, end_descendants
from supervise import describe_status, supervise
from system_files import SEARCH_PATH, find_program
from wire import Refusal


def install(request, wire):
    import re
    import subprocess

    names = request["packages"]
    if not names or not all(isinstance(name, str) and re.match(r"[a-z0-9][a-z0-9.+-]*[a-z0-9.+]\Z", name) for name in names):
        raise Refusal("bad-request", "These are no names of packages.")
    if find_program("apt-get") is None:
        raise Refusal("no-apt", "There is no apt-get in the image.")
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\n", "--"] + names,
        env={"PATH": SEARCH_PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if asked.returncode == 0 and all(line.startswith(b"ii") for line in asked.stdout.splitlines()):
        wire.send(b"o", ("Already installed: %s\n" % " ".join(names)).encode())
        return {"status": {"kind": "exited", "code": 0}, "durationMs": 0, "peakMemoryMb": None}
    forbid_services()
    env = dict(request.get("env") or {}, PATH=SEARCH_PATH, HOME="/root", LC_ALL="C.UTF-8")
    env["DEBIAN_FRONTEND"] = "noninteractive"
    command = {"argv": ["/bin/sh", "-c", INSTALL_SCRIPT, "install"] + names, "env": env, "cwd": "/"}
    adopt_orphans(True)
    try:
        status, stopped, seconds = supervise(wire, command, request["timeoutMs"], [], end_descendants)
    finally:
        adopt_orphans(False)
    return {"status": describe_status(status, stopped), "durationMs": round(seconds * 1000), "peakMemoryMb": None}


# A container has few capabilities: apt cannot change to an account of its own to download. What a kill left half done
# is finished first. The lists may be good enough where they cannot be renewed. A name that apt does not know is none,
# and no regular expression that others match.
INSTALL_SCRIPT = """
set -- -q -o APT::Sandbox::User=root -o Acquire::Retries=3 -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0 \\
  -o APT::Cmd::Pattern-Only=true -- "$@"
dpkg --configure -a
apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 update
exec apt-get install -y --no-install-recommends "$@"
"""


def forbid_services():
    """Nothing that a package brings may start with it. https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt"""
    path = "/usr/sbin/policy-rc.d"
    if os.path.lexists(path):
        return
    try:
        with open(path, "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(path, 0o755)
    except OSError:
        # Nothing can be installed in such a place, which dpkg tells better.
        pass
