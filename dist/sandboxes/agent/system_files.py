"""What the system tells about itself: files of /proc, control groups, where its programs lie."""

import os

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_program(name):
    paths = (os.path.join(folder, name) for folder in SEARCH_PATH.split(":"))
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def read_text(path):
    """Processes end while they are looked at: that reads as empty."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(file, 1 << 16).decode("latin-1")
    except OSError:
        return ""
    finally:
        os.close(file)


def list_folder(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def number_after(text, label):
    at = text.find(label)
    words = text[at + len(label) : at + len(label) + 40].split(None, 1) if at >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else 0


def control_group_file(unified, controller, per_controller):
    """Text of a file of our control group, version 2 or 1; empty where there is none.

    What /proc calls our group may be named as the host sees it, while our own is what is mounted.
    """
    groups = dict(line.split(":", 2)[1:] for line in read_text("/proc/self/cgroup").splitlines() if line.count(":") > 1)
    owns = [path for names, path in groups.items() if controller in names.split(",")]
    root = "/sys/fs/cgroup"
    candidates = [root + groups.get("", "") + "/" + unified, root + "/" + unified]
    candidates += ["%s/%s%s/%s" % (root, controller, own_path, per_controller) for own_path in owns + [""]]
    return next((text for text in map(read_text, candidates) if text), "")


def count_memory_kills():
    text = control_group_file("memory.events", "memory", "memory.oom_control")
    return number_after("\n" + text, "\noom_kill ")
