"""A throw-away machine for the agent: namespaces of its own, where nothing of the host but its programs can be reached."""

import base64
import io
import json
import os
import subprocess
import sys
import tarfile
import time
import unittest
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
AGENT = os.path.normpath(os.path.join(HERE, "..", "..", "..", "src", "sandboxes", "agent"))


def pack_agent():
    """The command of the agent, as src/sandboxes/remote/agent-command.ts makes it."""
    texts = {}
    for file in os.listdir(AGENT):
        if file.endswith(".py"):
            with open(os.path.join(AGENT, file), encoding="utf-8") as source:
                texts[file[: -len(".py")]] = source.read()
    loader = texts.pop("loader")
    modules = base64.b64encode(zlib.compress(json.dumps(texts).encode(), 9))
    return loader.replace("@MODULES@", modules.decode())


AGENT_COMMAND = pack_agent()

UID = 41234
# What a container of ours has, and no more.
CAPABILITIES = "-all,+setuid,+setgid,+kill,+chown,+dac_override,+fowner"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work/home", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}
LIMITS = {"memoryMb": 512, "processes": 64, "diskMb": 60}
EVERYTHING = {"maxFileBytes": 10**9, "maxTotalBytes": 10**9, "maxFiles": 10**6}


class World:
    def __init__(self):
        self.python = os.environ.get("AGENT_PYTHON") or os.path.realpath(sys.executable)
        prefix = os.path.dirname(os.path.dirname(self.python))
        command = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--as-pid-1", "--die-with-parent"]
        command += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
        for name in ("bin", "sbin", "lib", "lib64"):
            if os.path.islink("/" + name):
                command += ["--symlink", os.readlink("/" + name), "/" + name]
            elif os.path.isdir("/" + name):
                command += ["--ro-bind", "/" + name, "/" + name]
        for path in ("/work", "/opt", "/root", "/var/lib", "/usr/local/sbin"):
            command += ["--tmpfs", path]
        for path in ("/tmp", "/run/lock", "/var/tmp", "/dev/shm"):
            command += ["--perms", "1777", "--tmpfs", path]
        if not (prefix + "/").startswith("/usr/"):
            command += ["--ro-bind", prefix, prefix]
        told, tell = os.pipe()
        command += ["--info-fd", str(tell), "--", self.python, "-I", "-S", "-c", AGENT_COMMAND]
        request = json.dumps({"op": "idle", "seconds": 600})
        self.process = subprocess.Popen(
            command + [request], pass_fds=[tell], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        os.close(tell)
        with os.fdopen(told) as file:
            text = file.read()
        if not text:
            raise OSError("bwrap made no sandbox")
        self.pid = json.loads(text)["child-pid"]
        self.enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--ipc", "--net", "--"]
        self.wait_until_ready()
        while prefix != "/":
            prefix = os.path.dirname(prefix)
            self.shell("chmod a+rx %s" % prefix)

    def wait_until_ready(self):
        deadline = time.monotonic() + 10
        while self.shell("test -d /work && grep -q seconds /proc/1/cmdline && echo ready").strip() != "ready":
            if time.monotonic() > deadline:
                self.close()
                raise OSError("the sandbox did not get ready")
            time.sleep(0.02)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def shell(self, script, uid=None):
        """Runs a script beside the agent, by default as an almighty root, and returns what it printed."""
        account = [] if uid is None else ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups"]
        command = self.enter + account + ["sh", "-c", script]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode(errors="replace")

    def start(self, request, content=b""):
        return self.start_raw(frame(b"q", json.dumps(request).encode()) + content)

    def start_run(self, *argv, **changes):
        return self.start(dict(run_request(*argv, **changes), op="run"))

    def start_raw(self, content):
        account = ["setpriv", "--bounding-set=" + CAPABILITIES, "--inh-caps=-all", "--no-new-privs", "--"]
        command = self.enter + account + [self.python, "-I", "-S", "-c", AGENT_COMMAND]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin"},
        )
        try:
            process.stdin.write(content)
            process.stdin.flush()
        except BrokenPipeError:
            pass
        return process

    def call(self, op, content=b"", **request):
        """Runs one operation with the input left open, and returns its Answer."""
        return finish(self.start(dict(request, op=op), content))

    def run(self, *argv, **changes):
        return self.call("run", **run_request(*argv, **changes))

    def run_shell(self, script, **changes):
        return self.run("sh", "-c", script, **changes)

    def run_python(self, script, **changes):
        return self.run(self.python, "-c", script, **changes)

    def put(self, folder, tar, **options):
        content = b"".join(frame(b"d", tar[at : at + 1000000]) for at in range(0, len(tar), 1000000))
        return self.call("put", content + frame(b"d"), folder=folder, uid=UID, **options)


class Answer:
    def __init__(self, frames, errors=""):
        kinds = [kind for kind, _payload in frames]
        assert kinds.count(b"r") == 1 and kinds[-1] == b"r", (kinds[-5:], errors)
        self.frames = frames
        self.result = json.loads(frames[-1][1].decode())
        self.status = self.result.get("status")
        self.stdout = self.joined(b"o").decode(errors="replace")
        self.stderr = self.joined(b"e").decode(errors="replace")
        self.left_out = [json.loads(payload.decode()) for kind, payload in frames if kind == b"s"]

    def joined(self, wanted):
        return b"".join(payload for kind, payload in self.frames if kind == wanted)

    def files(self):
        with tarfile.open(fileobj=io.BytesIO(self.joined(b"d"))) as archive:
            return {member.name: archive.extractfile(member).read() for member in archive}


def run_request(*argv, **changes):
    limits = dict(LIMITS, **changes.pop("limits", {}))
    request = {"uid": UID, "argv": argv, "cwd": "/work", "env": ENVIRONMENT, "timeoutMs": 20000, "limits": limits}
    return dict(request, **changes)


def finish(process):
    """Reads up to the result, then lets the agent go."""
    frames = read_frames(process)
    process.stdout.close()
    errors = process.stderr.read().decode(errors="replace") if process.stdin.closed else close(process)
    process.stderr.close()
    process.wait()
    return Answer(frames, errors)


def close(process):
    """Ends the input of an agent and returns what it complained about."""
    try:
        process.stdin.close()
    except BrokenPipeError:
        pass
    return process.stderr.read().decode(errors="replace")


def read_frames(process):
    """The frames of one operation, up to its result or the end."""
    frames = []
    while not frames or frames[-1][0] != b"r":
        head = process.stdout.read(5)
        if not head:
            break
        length = int.from_bytes(head[1:], "big")
        assert length <= 1 << 20, length
        frames.append((head[:1], process.stdout.read(length)))
    return frames


def frame(kind, payload=b""):
    return kind + len(payload).to_bytes(4, "big") + payload


def parse_frames(output):
    frames = []
    at = 0
    while at < len(output):
        length = int.from_bytes(output[at + 1 : at + 5], "big")
        assert length <= 1 << 20, length
        frames.append((output[at : at + 1], output[at + 5 : at + 5 + length]))
        at += 5 + length
    assert at == len(output)
    return frames


def make_tar(*entries):
    """Entries are (name, bytes or None for a folder) or TarInfo."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            name, content = entry[:2]
            header = tarfile.TarInfo(name)
            header.mode = entry[2] if len(entry) > 2 else 0o644
            header.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            header.size = len(content or b"")
            archive.addfile(header, io.BytesIO(content or b""))
    return output.getvalue()


class WorldTestCase(unittest.TestCase):
    """Each test has a world of its own, prepared for UID."""

    def setUp(self):
        try:
            if os.geteuid() != 0:
                raise OSError("this takes root")
            self.world = World()
        except OSError as error:
            if os.environ.get("CI") == "true":
                raise
            sys.stderr.write("\nNOT TESTED, no world for the agent: %s\n" % error)
            self.skipTest(str(error))
        self.addCleanup(self.world.close)
        self.prepare()

    def prepare(self, uid=UID):
        self.assertEqual(self.world.call("prepare", uid=uid).result, {"ok": True})

    def assert_refused(self, answer, code):
        self.assertEqual((answer.result["ok"], answer.result.get("code")), (False, code), answer.result)

    def assert_exited(self, answer, code=0):
        self.assertEqual(answer.status, {"kind": "exited", "code": code}, (answer.result, answer.stderr[-500:]))

    def assert_nothing_runs(self, uid=UID):
        count = "cat /proc/[0-9]*/status | grep -c '^Uid:.%d'" % uid
        self.assertEqual(self.world.shell(count).strip(), "0")
