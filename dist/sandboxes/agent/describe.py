"""The operation that tells what programs will find."""

import json
import os

from system_files import control_group_file, find_program, list_folder, number_after, read_text
from wire import MIB


def describe(_request, _wire):
    release = read_text("/etc/os-release")
    at = ("\n" + release).find("\nPRETTY_NAME=")
    name = release[at + len("PRETTY_NAME=") :].split("\n", 1)[0].strip("\"'") if at >= 0 else "Linux"
    return {
        "system": name,
        "architecture": os.uname().machine,
        "cpuCores": count_cores(),
        "memoryMb": measure_memory_mb(),
        "pythons": find_pythons(),
        "tools": [tool for tool in TOOLS if any(os.path.exists(folder + tool) for folder in TOOL_FOLDERS)],
        "gpu": describe_gpu(),
        "apt": find_program("apt-get") is not None,
    }


TOOLS = "gcc g++ gfortran make cmake ninja git curl wget java R julia mpirun conda nvcc".split()
TOOL_FOLDERS = ("/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/cuda/bin/", "/opt/conda/bin/")


def count_cores():
    cores = len(os.sched_getaffinity(0))
    quota, period = (control_group_file("cpu.max", "", "") + " max max").split()[:2]
    if not quota.isdigit():
        quota = control_group_file("-", "cpu", "cpu.cfs_quota_us").strip()
        period = control_group_file("-", "cpu", "cpu.cfs_period_us").strip()
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        cores = min(cores, -(-int(quota) // int(period)))
    return max(1, cores)


def measure_memory_mb():
    total = number_after("\n" + read_text("/proc/meminfo"), "\nMemTotal:") * 1024
    limit = control_group_file("memory.max", "memory", "memory.limit_in_bytes").strip()
    return (min(total, int(limit)) if limit.isdigit() else total) // MIB


# Written for Python 2.7 and later.
PYTHON_QUESTION = """
import json, os, platform, sys
try:
    import sysconfig
    include = sysconfig.get_path("include") or ""
except Exception:
    include = ""
print(json.dumps({
    "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "version": platform.python_version(),
    "hasHeaders": os.path.exists(os.path.join(include, "Python.h")),
}))
"""


def find_pythons():
    """The system's first; each once, by its real path."""
    import glob
    import re
    import subprocess

    folders = ["/usr/bin", "/usr/local/bin"] + sorted(glob.glob("/opt/*/bin")) + sorted(glob.glob("/opt/python/*/bin"))
    found = {}
    for folder in folders:
        for name in sorted(list_folder(folder)):
            if re.match(r"python(\d(\.\d+)?)?\Z", name):
                found.setdefault(os.path.realpath(os.path.join(folder, name)))
    options = {"env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, "cwd": "/", "stdin": subprocess.DEVNULL}
    options.update(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    asked = []
    for path in found:
        try:
            asked.append(subprocess.Popen([path, "-E", "-s", "-c", PYTHON_QUESTION], **options))
        except OSError:
            pass
    pythons = {}
    for process in asked:
        try:
            answer = json.loads(process.communicate(timeout=10)[0].decode())
            pythons.setdefault(answer["path"], answer)
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            process.wait()
    return list(pythons.values())


def describe_gpu():
    import subprocess

    program = find_program("nvidia-smi")
    if program is None:
        return None
    try:
        asked = subprocess.run(
            [program, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = asked.stdout.decode("utf-8", "replace").splitlines()
    return lines[0].strip() if asked.returncode == 0 and lines and lines[0].strip() else None
