"""What the agent promises, each promise held by a real agent in a world of its own.

Needs root and bubblewrap. Run with any Python from 3.7 on: python3 -m unittest test_agent
"""

import json
import os
import select
import signal
import tarfile
import time
import unittest

from world import (
    AGENT,
    AGENT_COMMAND,
    ENVIRONMENT,
    EVERYTHING,
    UID,
    Answer,
    WorldTestCase,
    close,
    finish,
    frame,
    make_tar,
    parse_frames,
    read_frames,
    run_request,
)

MIB = 1 << 20


class ProgramsTest(WorldTestCase):
    def test_tells_exit_codes_signals_and_streams_apart(self):
        answer = self.world.run_shell("echo out; echo err >&2; sleep 0.1; exit 7")
        self.assertEqual(answer.status, {"kind": "exited", "code": 7})
        self.assertEqual((answer.stdout, answer.stderr), ("out\n", "err\n"))
        self.assertGreaterEqual(answer.result["durationMs"], 100)
        self.assertGreater(answer.result["peakMemoryMb"], 0)
        self.assertEqual(self.world.run_shell("kill -SEGV $$").status, {"kind": "signalled", "signal": "SIGSEGV"})
        self.assertEqual(self.world.run_shell("kill -35 $$").status, {"kind": "signalled", "signal": "SIG35"})

    def test_finds_programs_as_a_shell_does(self):
        answer = self.world.run("no-such-program")
        self.assert_exited(answer, 127)
        self.assertEqual(answer.stderr, "no-such-program: command not found\n")
        answer = self.world.run("/etc/passwd")
        self.assert_exited(answer, 126)
        self.assertEqual(answer.stderr.count("\n"), 1)
        self.world.shell("printf 'echo $1 $0' > /work/script; chmod 755 /work/script")
        answer = self.world.run("script", "a", env=dict(ENVIRONMENT, PATH="/none:/work"))
        self.assertEqual(answer.stdout, "a /work/script\n")

    def test_gives_a_program_no_more_than_it_needs(self):
        answer = self.world.run_shell(
            "id; umask; ls /proc/self/fd; cat; grep -E 'Cap(Prm|Eff)|NoNewPrivs|Sig(Blk|Ign)|Groups' /proc/self/status; ulimit -c"
        )
        lines = answer.stdout.replace("\t", " ").splitlines()
        self.assertIn("uid=%d gid=%d" % (UID, UID), lines[0])
        self.assertEqual(lines[1:6], ["0022", "0", "1", "2", "3"])
        for line in ("CapPrm: 0000000000000000", "CapEff: 0000000000000000", "NoNewPrivs: 1", "Groups:  "):
            self.assertIn(line, lines)
        for line in ("SigBlk: 0000000000000000", "SigIgn: 0000000000000000"):
            self.assertIn(line, lines)
        self.assertEqual(lines[-1], "0")
        answer = self.world.run("env", env={"PATH": "/usr/bin:/bin", "ODD": "ü\n="})
        self.assertEqual(answer.stdout, "PATH=/usr/bin:/bin\nODD=ü\n=\n")

    def test_lets_a_program_open_its_streams_again(self):
        answer = self.world.run_shell("echo out > /dev/stdout; echo err > /dev/stderr")
        self.assertEqual((answer.stdout, answer.stderr), ("out\n", "err\n"))

    def test_never_runs_a_program_as_root(self):
        for uid in (0, -1, True, "0", 2**32):
            self.assert_refused(self.world.run("id", uid=uid), "bad-request")
        self.assert_refused(self.world.run("a\0b"), "bad-request")

    def test_makes_the_working_folder_below_work_alone(self):
        self.assertEqual(self.world.run_shell("pwd; touch x && ls", cwd="/work/a/b").stdout, "/work/a/b\nx\n")
        self.assert_exited(self.world.run("true", cwd="/var/none"), 127)
        self.world.run("ln", "-s", "/opt", "link")
        self.assert_exited(self.world.run("true", cwd="/work/link/none"), 127)
        self.assertEqual(self.world.shell("ls -d /opt/none /var/none 2>/dev/null"), "")

    def test_ends_a_program_when_its_time_is_over(self):
        answer = self.world.run_shell("sleep 60 & setsid sleep 60 & echo started; sleep 60", timeoutMs=500)
        self.assertEqual(answer.status, {"kind": "timed-out"})
        self.assertEqual(answer.stdout, "started\n")
        self.assertLess(answer.result["durationMs"], 1500)
        self.assert_nothing_runs()

    def test_leaves_nothing_of_a_finished_program_running(self):
        answer = self.world.run_shell(
            "setsid sh -c '(trap \"\" TERM HUP; while :; do sleep 0.1; done &)' & sleep 0.3; echo done"
        )
        self.assert_exited(answer)
        self.assertEqual(answer.stdout, "done\n")
        self.assert_nothing_runs()

    def test_finds_a_process_whose_first_thread_is_gone(self):
        hidden = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); ctypes.CDLL(None).pthread_exit(None)"
        answer = self.world.run("sh", "-c", '"$0" -c "$1" & sleep 0.6', self.world.python, hidden)
        self.assert_exited(answer)
        self.assert_nothing_runs()

    def test_ends_a_fork_bomb(self):
        answer = self.world.run("bash", "-c", ":(){ :|:& };:; sleep 30")
        self.assertEqual(answer.status, {"kind": "limit", "limit": "processes"})
        self.assert_nothing_runs()
        self.assertEqual(self.world.run_shell("echo alive").stdout, "alive\n")

    def test_ends_a_program_that_takes_too_much_memory(self):
        answer = self.world.run_python("import time; x = b'x' * 900000000; time.sleep(5)")
        self.assertEqual(answer.status, {"kind": "out-of-memory"})
        modest = self.world.run_python("import time; x = b'x' * 200000000; time.sleep(0.4)")
        self.assert_exited(modest)
        self.assertTrue(180 < modest.result["peakMemoryMb"] < 300, modest.result)

    def test_counts_shared_memory_once(self):
        answer = self.world.run_python(
            "import os, time\nx = b'x' * 200000000\nfor _ in range(4): os.fork() or (time.sleep(1), os._exit(0))\ntime.sleep(1)"
        )
        self.assert_exited(answer)

    def test_ends_a_program_that_fills_the_disk_by_one_file(self):
        answer = self.world.run("dd", "if=/dev/zero", "of=big", "bs=1M", "count=100")
        self.assertEqual(answer.status, {"kind": "limit", "limit": "disk"})
        self.assertLessEqual(int(self.world.shell("stat -c %s /work/big")), 60 * MIB)

    def test_ends_a_program_that_fills_the_disk_by_many(self):
        for folder in ("/work", "/tmp", "/dev/shm"):
            answer = self.world.run_shell("while :; do i=$((i+1)); head -c 3000000 /dev/zero > %s/f$i; done" % folder)
            self.assertEqual(answer.status, {"kind": "limit", "limit": "disk"}, folder)
            self.prepare()

    def test_counts_deleted_files_that_are_held_open(self):
        for hide in ("", "import ctypes; ctypes.CDLL(None).prctl(4, 0)"):
            answer = self.world.run_python(
                hide + "\nimport tempfile, time\nheld = []\nfor _ in range(40):\n"
                " held.append(tempfile.TemporaryFile()); held[-1].write(b'x' * 3000000); held[-1].flush(); time.sleep(0.02)\n"
                "time.sleep(8)"
            )
            self.assertEqual(answer.status, {"kind": "limit", "limit": "disk"}, hide)

    def test_does_not_count_what_was_kept_or_shown(self):
        self.world.run("sh", "-c", "mkdir 'k[*]'; head -c 50000000 /dev/zero > 'k[*]/a'")
        self.assertEqual(self.world.call("keep", paths=["/work/k[*]"]).result, {"ok": True})
        self.world.put("/tmp/shown", make_tar(("b", bytes(30 * MIB))), readOnly=True)
        self.assert_exited(self.world.run_shell("head -c 30000000 /dev/zero > c; sleep 1.5"))

    def test_cannot_be_disturbed_by_what_it_runs(self):
        answer = self.world.run_shell(
            "for pid in 1 $PPID; do kill -9 $pid; kill -STOP $pid; renice -n 19 $pid; ls /proc/$pid/fd; cat /proc/$pid/environ; done; echo on"
        )
        self.assert_exited(answer)
        self.assertEqual(answer.stdout, "on\n")
        self.assertEqual(answer.stderr.count("ermi"), 10, answer.stderr)

    def test_ends_the_program_when_the_agent_is_killed(self):
        process = self.world.start_run("sleep", "60")
        self.wait_for_program()
        self.world.shell("kill -9 $(pgrep -f '^sleep 60' | xargs -n1 ps -o ppid= -p)")
        process.stdin.close()
        self.assertEqual(process.stdout.read(), b"")
        process.stdout.close()
        process.stderr.close()
        process.wait()
        time.sleep(0.1)
        self.assert_nothing_runs()

    def wait_for_program(self, name="sleep"):
        deadline = time.monotonic() + 5
        while self.world.shell("pgrep -u %d %s" % (UID, name)) == "" and time.monotonic() < deadline:
            time.sleep(0.05)

    def test_is_cancelled_by_a_frame_by_the_end_of_its_input_and_by_nobody_listening(self):
        for how in ("frame", "end", "gone"):
            process = self.world.start_run("sh", "-c", "setsid sleep 60 & yes")
            self.wait_for_program()
            if how == "frame":
                process.stdin.write(frame(b"k"))
                process.stdin.flush()
            elif how == "end":
                process.stdin.close()
            if how == "gone":
                process.stdout.close()
                process.wait()
                process.stderr.close()
                process.stdin.close()
            else:
                self.assertEqual(finish(process).status, {"kind": "cancelled"})
            self.assert_nothing_runs()


class OutputTest(WorldTestCase):
    def test_passes_output_on_while_it_arrives(self):
        self.world.shell("mkfifo -m 666 /work/go")
        process = self.world.start_run("sh", "-c", "echo first; read line < go; echo second >&2")
        self.assertEqual(parse_frames(os.read(process.stdout.fileno(), 1000)), [(b"o", b"first\n")])
        self.world.shell("echo > /work/go")
        answer = finish(process)
        self.assertEqual((answer.stdout, answer.stderr), ("", "second\n"))

    def test_bounds_much_output_and_accounts_for_all_of_it(self):
        begin = time.monotonic()
        answer = self.world.run_shell(
            "yes 'some line of output' | head -c 150000000; echo 'ValueError: in the middle'; echo 'a terror';"
            "yes 'Error: the same' | head -c 150000000; printf end; echo short >&2"
        )
        self.assert_exited(answer)
        self.assertLess(time.monotonic() - begin, 15)
        content = answer.joined(b"o")
        self.assertLessEqual(len(content), 9 * MIB)
        self.assertEqual(len(content) + sum(one["bytes"] for one in answer.left_out), 300000000 + 26 + 9 + 3)
        self.assertTrue(content.startswith(b"some line") and content.endswith(b"the same\nend"), content[-30:])
        self.assertEqual({one["stream"] for one in answer.left_out}, {"o"})
        lines = [line for one in answer.left_out for line in one["lines"]]
        self.assertEqual(sorted(lines), ["Error: the same", "ValueError: in the middle"])
        self.assertEqual(answer.stderr, "short\n")

    def test_leaves_nothing_out_of_what_is_not_too_much(self):
        answer = self.world.run_python("print('x' * %d + 'Error: y')" % (8 * MIB + 500000))
        self.assertEqual(answer.left_out, [])
        self.assertEqual(len(answer.stdout), 8 * MIB + 500000 + 9)

    def test_bounds_lines_that_look_like_errors(self):
        answer = self.world.run_python(
            "print('x' * %d)\nfor i in range(100000): print('Error', i, '\\xff' * 500)\nprint('x' * 2000000)"
            % (8 * MIB)
        )
        lines = [line for one in answer.left_out for line in one["lines"]]
        self.assertEqual(len(lines), len(set(lines)))
        self.assertGreater(len(lines), 50)
        self.assertLessEqual(max(len(line.encode()) for line in lines), 402)
        self.assertLessEqual(sum(len(line.encode()) for line in lines), 70000)

    def test_finds_lines_that_look_like_errors_though_output_comes_in_small_pieces(self):
        answer = self.world.run_python(
            "import os, time\nos.write(1, b'x' * %d + b'\\n')\nfor i in range(500):\n"
            " os.write(1, b'ValueError: %%d\\n' %% i); time.sleep(0.002)\nos.write(1, (b'y' * 999 + b'\\n') * 2000)"
            % (9 * MIB)
        )
        self.assert_exited(answer)
        lines = [line for one in answer.left_out for line in one["lines"]]
        self.assertEqual(lines, ["ValueError: %d" % i for i in range(500)])

    def test_gives_signs_of_life_in_much_output(self):
        process = self.world.start_run("yes", timeoutMs=3500)
        answer = finish(process)
        self.assertEqual(answer.status, {"kind": "timed-out"})
        self.assertEqual(len(answer.left_out), 2)

    def test_holds_its_limits_though_nobody_takes_the_output(self):
        process = self.world.start_run("yes", timeoutMs=700)
        time.sleep(1.5)
        self.assert_nothing_runs()
        answer = finish(process)
        self.assertEqual(answer.status, {"kind": "timed-out"})
        self.assertLess(answer.result["durationMs"], 1200)

    def test_does_not_wait_for_one_who_holds_a_stream_open(self):
        self.world.shell("mkfifo -m 666 /work/stop")
        process = self.world.start_run("sh", "-c", "echo ready; sleep 2; echo done")
        os.read(process.stdout.fileno(), 100)
        # Somebody else's process that got hold of the pipe.
        pid = self.world.shell("timeout 5 sh -c 'until pgrep -u %d sleep; do sleep 0.02; done'" % UID).split()[0]
        self.world.shell("exec 9>>/proc/%s/fd/1; exec sleep 20 < /dev/null > /dev/null 2>&1 &" % pid)
        begin = time.monotonic()
        self.assert_exited(finish(process))
        self.assertLess(time.monotonic() - begin, 5)


class PutTest(WorldTestCase):
    def test_writes_files_and_folders_for_the_program(self):
        tar = make_tar(
            ("a", None),
            ("a/b.bin", bytes(range(256)) * 9000),
            ("run me.sh", b"#!/bin/sh\n", 0o700),
            ("ü/" + "n" * 120, b"x"),
        )
        answer = self.world.put("/work/in/deep", tar)
        self.assertEqual(answer.result, {"ok": True, "files": 3})
        listed = self.world.shell("cd /work/in && find . -printf '%p %m %U %s\\n' | grep -v 'nnn' | sort").splitlines()
        self.assertIn("./deep/a/b.bin 644 %d 2304000" % UID, listed)
        self.assertIn("./deep/run me.sh 755 %d 10" % UID, listed)
        self.assertTrue(all(" %d " % UID in line for line in listed), listed)
        self.assert_exited(self.world.run_shell("echo more >> in/deep/a/b.bin && rm -r in && ! ls in"))

    def test_takes_an_archive_with_nothing_in_it(self):
        self.assertEqual(self.world.put("/work/empty", make_tar()).result, {"ok": True, "files": 0})
        self.assertEqual(self.world.shell("ls -d /work/empty"), "/work/empty\n")

    def test_replaces_links_and_files_and_follows_neither(self):
        self.world.shell(
            "mkdir /work/in; echo good > /opt/target; ln -s /opt/target /work/in/x; ln /opt/target /work/in/y"
        )
        self.world.put("/work/in", make_tar(("x", b"new"), ("y", b"new")))
        self.assertEqual(
            self.world.shell("cat /opt/target /work/in/x /work/in/y; find /work/in -type l"), "good\nnewnew"
        )

    def test_refuses_paths_through_links(self):
        self.world.run_shell("ln -s /opt link; mkdir in; ln -s /opt in/link")
        for folder, name in (("/work/link", "x"), ("/work/link/y", "x"), ("/work/in", "link/x")):
            for read_only in (False, True):
                if read_only and folder == "/work/in":
                    continue
                self.assert_refused(self.world.put(folder, make_tar((name, b"")), readOnly=read_only), "path-refused")
        self.assertEqual(self.world.shell("ls /opt"), "")

    def test_refuses_hostile_names_and_kinds(self):
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        hard = tarfile.TarInfo("hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "/etc/passwd"
        pipe = tarfile.TarInfo("pipe")
        pipe.type = tarfile.FIFOTYPE
        for entry in (
            ("../x", b""),
            ("a/../../x", b""),
            ("/opt/x", b""),
            ("", b""),
            (".", b""),
            ("n" * 300, b""),
            link,
            hard,
            pipe,
        ):
            answer = self.world.put("/work/in", make_tar(("before", b""), entry, ("after", b"")))
            self.assert_refused(answer, "path-refused")
            self.assertEqual(self.world.shell("ls -A /work/in"), "before\n")
        for folder in (
            "/etc/x",
            "/opt/x",
            "/",
            "relative",
            "/work/../etc",
            "/workshop",
            "/var/lib/codedistiller",
            "/work/a\0b",
        ):
            self.assert_refused(self.world.put(folder, make_tar(("x", b""))), "path-refused")
        for folder in ("/work", "/tmp", "/etc/x", "/opt/../etc"):
            self.assert_refused(self.world.put(folder, make_tar(("x", b"")), readOnly=True), "path-refused")

    def test_says_when_the_disk_is_full_and_when_the_archive_was_cut_off(self):
        self.world.shell("mkdir /work/small; mount -t tmpfs -o size=1m none /work/small; chmod 777 /work/small")
        self.assert_refused(self.world.put("/work/small", make_tar(("x", bytes(5 * MIB)))), "disk-full")
        tar = make_tar(("x", bytes(100000)))
        self.assert_refused(self.world.put("/work/in", tar[:50000]), "bad-request")
        answer = self.world.call("put", frame(b"d", tar[:50000]) + frame(b"k"), folder="/work/in", uid=UID)
        self.assert_refused(answer, "bad-request")

    def test_shows_folders_that_the_program_cannot_change(self):
        tar = make_tar(("tool/run.sh", b"echo tool", 0o755))
        self.world.run_shell("mkdir -p mine/sub; echo bad > mine/sub/planted")
        for folder in ("/opt/shown", "/work/a/shown", "/tmp/shown", "/work/mine/sub"):
            self.assertEqual(self.world.put(folder, tar, readOnly=True).result, {"ok": True, "files": 1}, folder)
            answer = self.world.run_shell(
                "sh {0}/tool/run.sh; touch {0}/x {0}/tool/run.sh; rm -rf {0}; mv {0} {0}2; mv $(dirname {0}) $(dirname {0})2;"
                "rm -rf $(dirname {0}); cat {0}/tool/run.sh; ls -A {0}".format(folder)
            )
            self.assertEqual(answer.stdout, "tool\necho tooltool\n", answer.stderr)
            self.assert_refused(self.world.put(folder, tar), "path-refused")
        self.world.put("/opt/shown", make_tar(("other", b"")), readOnly=True)
        self.assertEqual(self.world.shell("ls /opt/shown"), "other\n")

    def test_adds_to_the_folder_of_optional_software_without_emptying_it(self):
        self.world.shell("mkdir -p /opt/python/bin; touch /opt/python/bin/python3")
        self.world.put("/opt", make_tar(("ours/file", b"x")), readOnly=True)
        self.assertEqual(self.world.shell("ls -d /opt/python/bin/python3 /opt/ours/file").count("\n"), 2)
        self.assertEqual(self.world.call("keep", paths=[]).result, {"ok": True})
        self.assertEqual(self.world.shell("ls /opt"), "python\n")


class GetTest(WorldTestCase):
    def get(self, folder="/work/out", **changes):
        return self.world.call("get", **dict(EVERYTHING, **dict(changes, **{"from": folder})))

    def test_sends_regular_files_byte_for_byte(self):
        self.world.run_python(
            "import os; os.makedirs('out/ä'); open('out/ä/b.bin', 'wb').write(bytes(range(256)) * 20000)\n"
            "open('out/' + 'n' * 200, 'w').write('long'); open('out/x', 'w'); os.chmod('out/x', 0o4711)"
        )
        answer = self.get()
        self.assertEqual(answer.result, {"ok": True, "left": []})
        self.assertEqual(answer.files(), {"ä/b.bin": bytes(range(256)) * 20000, "n" * 200: b"long", "x": b""})

    def test_names_what_it_left(self):
        self.world.run_shell(
            """mkdir -p out/deep; cd out; echo ok > fine; ln -s /etc/passwd shadow; ln -s / deep/root; ln -s loop loop; mkfifo pipe
            truncate -s 50M sparse; head -c 2000 /dev/zero > large; printf x > "$(printf 'new\\nline')"; printf x > "$(printf 'a\\377b')" """
        )
        answer = self.get(maxFileBytes=1000)
        self.assertEqual(sorted(answer.files()), ["fine", "new\nline"])
        reasons = {one["path"]: (one["reason"], one["bytes"]) for one in answer.result["left"]}
        self.assertEqual(
            reasons,
            {
                "shadow": ("not-a-regular-file", 0),
                "deep/root": ("not-a-regular-file", 0),
                "loop": ("not-a-regular-file", 0),
                "pipe": ("not-a-regular-file", 0),
                "sparse": ("file-too-large", 50 * MIB),
                "large": ("file-too-large", 2000),
                "a\ufffdb": ("unreadable", 0),
            },
        )

    def test_holds_its_limits(self):
        self.world.run_shell(
            "mkdir -p out/skip; touch out/skip/x; for i in $(seq 20); do head -c 1000 /dev/zero > out/$i; done"
        )
        few = self.get(maxFiles=5, exclude=["skip"])
        self.assertEqual((len(few.files()), len(few.result["left"])), (5, 15))
        self.assertEqual(few.result["left"][0]["reason"], "too-many-files")
        small = self.get(maxTotalBytes=3500, exclude=["skip"])
        self.assertEqual(len(small.files()), 3)
        self.assertEqual(small.result["left"][0]["reason"], "folder-too-large")

    def test_bounds_what_a_hostile_tree_can_cost(self):
        self.world.run_python(
            "import os\nos.mkdir('out'); os.chdir('out')\nfor i in range(5000): os.symlink('x' * 50, '\\x01' * 200 + str(i))"
        )
        answer = self.get()
        self.assertLessEqual(len(answer.frames[-1][1]), MIB)
        self.assertTrue(500 < len(answer.result["left"]) <= 1000)
        self.world.run_python(
            "import os\nos.mkdir('deep'); os.chdir('deep')\nfor i in range(3000): os.mkdir('d'); os.chdir('d')"
        )
        self.assertEqual(
            self.get("/work/deep").result["left"], [{"path": "/".join("d" * 65), "bytes": 0, "reason": "unreadable"}]
        )
        self.prepare()
        self.assertEqual(self.world.shell("ls /work"), "home\n")

    def test_takes_a_missing_folder_for_empty_and_follows_no_link_in_its_place(self):
        self.assertEqual((self.get().result, self.get().files()), ({"ok": True, "left": []}, {}))
        self.world.run_shell("ln -s /etc out; ln -s /etc in; echo > file")
        for folder in ("/work/out", "/work/in/ssl", "/work/file", "/work/file/x"):
            left = [{"path": ".", "bytes": 0, "reason": "not-a-regular-file"}]
            self.assertEqual(self.get(folder).result, {"ok": True, "left": left}, folder)
        for folder in ("/etc", "/", "/work/../etc", "out"):
            self.assert_refused(self.get(folder), "path-refused")

    def test_keeps_to_the_size_it_announced_of_a_file_that_grows(self):
        self.world.shell("mkdir /work/out; head -c 200000000 /dev/zero > /work/out/big; echo > /work/out/small")
        process = self.world.start(dict(EVERYTHING, op="get", **{"from": "/work/out"}))
        select.select([process.stdout], [], [])
        # Nobody reads yet, so it cannot be through with the file.
        self.world.shell("for f in /work/out/*; do truncate -s 100000000 $f; done")
        files = finish(process).files()
        self.assertEqual(len(files["big"]), 200000000)
        self.assertEqual(files["small"][1:].strip(b"\0"), b"")


class KeepTest(WorldTestCase):
    def keep(self, *paths):
        return self.world.call("keep", paths=paths)

    def test_keeps_what_no_program_can_change_any_more(self):
        self.world.run_shell(
            "umask 077; mkdir -p a/env/lib beside home/x; cd a/env; echo 1 > lib/a; echo 'echo run' > run; chmod 4711 run; chmod 1777 lib;"
            "ln -s lib/a link; ln -s /etc/passwd out; mkfifo pipe; cp /bin/true suid; chmod 4755 suid; touch /tmp/x /dev/shm/y /var/tmp/z"
        )
        self.world.put("/opt/shown", make_tar(("x", b"")), readOnly=True)
        self.assertEqual(self.keep("/work/a/env").result, {"ok": True})
        listed = self.world.shell(
            "cd /work; find . /tmp /dev/shm /var/tmp /opt/shown ! -name . -printf '%p %M %U\\n' 2>/dev/null | sort"
        )
        self.assertEqual(
            listed.splitlines(),
            [
                "./a drwxrwxrwt 0",
                "./a/env drwxr-xr-x 0",
                "./a/env/lib drwxr-xr-x 0",
                "./a/env/lib/a -rw-r--r-- 0",
                "./a/env/link lrwxrwxrwx 0",
                "./a/env/out lrwxrwxrwx 0",
                "./a/env/run -rwxr-xr-x 0",
                "./a/env/suid -rwxr-xr-x 0",
                "./home drwxr-xr-x %d" % UID,
                "/dev/shm drwxrwxrwt 0",
                "/tmp drwxrwxrwt 0",
                "/var/tmp drwxrwxrwt 0",
            ],
        )
        self.prepare(UID + 1)
        answer = self.world.run_shell(
            "cat a/env/link; sh a/env/run; rm -rf a; mv a b; mv a/env a/other; touch a/env/x; chmod 777 a/env a; echo 2 > a/env/lib/a; ln -sf x a/env;"
            "cat a/env/link; ls; ls -d home && touch home/mine",
            uid=UID + 1,
        )
        self.assertEqual(answer.stdout, "1\nrun\n1\na\nhome\nhome\n")
        self.assert_exited(answer)

    def test_hands_what_was_kept_over_to_go_on_from(self):
        self.world.run_shell("mkdir -p env/lib; echo 1 > env/lib/a; ln -s /etc/passwd env/link")
        self.assertEqual(self.keep("/work/env").result, {"ok": True})
        self.assertEqual(self.world.call("prepare", uid=UID + 1, handOver=True).result, {"ok": True})
        self.assert_exited(self.world.run_shell("echo 2 >> env/lib/a && rm env/link && mv env other", uid=UID + 1))
        self.assertEqual(self.world.shell("stat -c %u /etc/passwd"), "0\n")
        self.prepare()
        self.assertEqual(self.world.shell("ls /work"), "home\n")

    def test_adds_to_what_was_kept_before(self):
        self.world.run_shell("mkdir -p one home/x two; echo 1 > one/file; echo 2 > home/x/file; echo 3 > two/file")
        self.assertEqual(self.keep("/work/one", "/work/home/x/").result, {"ok": True})
        self.prepare(UID + 1)
        self.world.run_shell("echo 4 > four; mv home/x home/y; mv home other; rm -rf home/x", uid=UID + 1)
        self.assertEqual(self.keep("/work/four").result, {"ok": True})
        self.prepare(UID + 2)
        self.assertEqual(
            self.world.shell("cd /work; cat one/file home/x/file four; ls").split(),
            ["1", "2", "4", "four", "home", "one"],
        )
        self.assert_refused(self.world.put("/work/one/in", make_tar(("x", b""))), "path-refused")
        self.assert_refused(self.world.put("/work/one", make_tar(("x", b"")), readOnly=True), "path-refused")

    def test_refuses_what_cannot_be_kept_and_changes_nothing(self):
        self.world.run_shell("mkdir env real; ln -s /etc link; ln -s real linked; mkdir real/in; mkfifo pipe")
        for path in (
            "/work/link",
            "/work/none",
            "/etc",
            "/work/../etc",
            "/work",
            "/work/",
            "/work/linked/in",
            "/work/pipe",
            "work/env",
            "/tmp/x",
        ):
            self.assert_refused(self.keep("/work/env", path), "path-refused")
        self.assertEqual(
            self.world.shell("stat -c %u /work/env; ls /work").split(),
            [str(UID)] + "env home link linked pipe real".split(),
        )

    def test_refuses_what_is_nested_too_deeply_before_it_clears_the_rest(self):
        self.world.run_python(
            "import os\nopen('beside', 'w')\nfor top, depth in ('deep', 199), ('deeper', 200):\n"
            " os.mkdir(top); os.chdir(top)\n for i in range(depth): os.mkdir('d'); os.chdir('d')\n os.chdir('/work')"
        )
        self.assert_refused(self.keep("/work/deep", "/work/deeper"), "path-refused")
        self.assertEqual(
            self.world.shell("ls /work; find /work -user 0").split(), "beside deep deeper home /work".split()
        )
        self.assertEqual(self.keep("/work/deep").result, {"ok": True})
        self.assertEqual(self.world.shell("ls /work; find /work ! -user 0"), "deep\nhome\n/work/home\n")

    def test_is_quick_with_many_files(self):
        self.world.run_python(
            "import os\nfor i in range(100):\n os.makedirs('env/%d' % i)\n for j in range(500): os.close(os.open('env/%d/%d' % (i, j), os.O_CREAT))"
        )
        begin = time.monotonic()
        self.assertEqual(self.keep("/work/env").result, {"ok": True})
        self.assertLess(time.monotonic() - begin, 4)
        self.assertEqual(self.world.shell("find /work/env ! -user 0"), "")


class PrepareTest(WorldTestCase):
    def test_makes_the_folders_ready(self):
        listed = self.world.shell("stat -c '%n %a %u' /work /work/home /tmp; ls -A /work /tmp").split("\n")
        self.assertEqual(listed[:3], ["/work 1777 0", "/work/home 755 %d" % UID, "/tmp 1777 0"])

    def test_hands_a_sandbox_on_to_a_new_account(self):
        self.world.run_shell("mkdir -p mine; touch home/x /tmp/x /dev/shm/x")
        self.world.put("/opt/shown", make_tar(("x", b"")), readOnly=True)
        self.world.shell("setsid sleep 60 > /dev/null 2>&1 &", uid=UID)
        self.assertEqual(self.world.call("reset", uid=UID, newUid=UID + 1).result, {"ok": True})
        self.assert_nothing_runs()
        self.assertEqual(
            self.world.shell("find /work /tmp /dev/shm /opt/shown 2>/dev/null | sort").split(),
            ["/dev/shm", "/tmp", "/work", "/work/home"],
        )
        self.assert_exited(self.world.run_shell("touch home/x", uid=UID + 1))

    def test_removes_shared_memory_though_the_account_cannot_read_the_interpreter(self):
        folder = self.world.shell("%s -c 'import ctypes; print(ctypes.__path__[0])'" % self.world.python).strip()
        self.world.shell("cp -r {0} /root/ctypes; chmod 700 /root/ctypes; mount --bind /root/ctypes {0}".format(folder))
        self.world.shell("ipcmk -M 4096; ipcmk -S 1; ipcmk -Q", uid=UID)
        count = "cat /proc/sysvipc/* | grep -c '[0-9]'"
        self.assertEqual(self.world.shell(count), "3\n")
        self.assertEqual(self.world.call("reset", uid=UID, newUid=UID + 1).result, {"ok": True})
        self.assertEqual(self.world.shell(count), "0\n")

    def test_removes_names_that_look_like_options_and_are_no_text(self):
        self.world.run_shell("mkdir -- -rf; touch -- '-x' \"$(printf 'a\\377')\" \"$(printf 'a\\nb')\" .hidden")
        self.prepare()
        self.assertEqual(self.world.shell("ls -A /work"), "home\n")

    def test_refuses_a_link_in_the_place_of_a_folder(self):
        self.world.shell("umount /work; rmdir /work && ln -s /etc /work")
        self.assert_refused(self.world.call("prepare", uid=UID), "path-refused")


class InstallTest(WorldTestCase):
    def fake(self, name, script):
        self.world.shell(
            "cat > /usr/local/sbin/%s <<'END'\n#!/bin/sh\n%s\nEND\nchmod 755 /usr/local/sbin/%s" % (name, script, name)
        )

    def setUp(self):
        super().setUp()
        self.fake(
            "apt-get",
            'echo "apt-get $*"; echo "$DEBIAN_FRONTEND $http_proxy $SECRET" >&2; case "$*" in *slow*) sleep 60 & sleep 60;; esac',
        )
        self.fake("dpkg", "exit 0")
        self.fake("dpkg-query", 'case "$*" in *there*) echo "ii ";; *) exit 1;; esac')

    def install(self, *packages, **changes):
        return self.world.call(
            "install", **dict({"packages": packages, "timeoutMs": 20000, "env": {"http_proxy": "http://p"}}, **changes)
        )

    def test_installs_as_root_without_questions(self):
        answer = self.install("tree", "libstdc++6")
        self.assert_exited(answer)
        update, install = answer.stdout.splitlines()
        self.assertTrue(update.endswith(" update"), update)
        self.assertTrue(install.startswith("apt-get install -y --no-install-recommends "), install)
        self.assertTrue(install.endswith(" -- tree libstdc++6"), install)
        self.assertEqual(answer.stderr.splitlines()[0], "noninteractive http://p ")

    def test_does_nothing_for_what_is_there(self):
        answer = self.install("there")
        self.assert_exited(answer)
        self.assertEqual(answer.stdout, "Already installed: there\n")

    def test_refuses_what_is_no_name(self):
        for name in ("-o", "a b", "a;b", "../x.deb", "A", "a", "", "tree\n", "tree:i386", 7):
            self.assert_refused(self.install("tree", name), "bad-request")
        self.assert_refused(self.install(), "bad-request")

    def test_ends_with_its_time_and_with_its_listener(self):
        answer = self.install("slow", timeoutMs=500)
        self.assertEqual(answer.status, {"kind": "timed-out"})
        process = self.world.start({"op": "install", "packages": ["slow"], "timeoutMs": 20000})
        time.sleep(0.5)
        process.stdin.close()
        self.assertEqual(finish(process).status, {"kind": "cancelled"})

    def test_leaves_nothing_running_however_detached(self):
        detached = "setsid sh -c 'sleep 60 & setsid sleep 60 & exec sleep 60' & (setsid sleep 60 &); sleep 0.2"
        self.fake(
            "apt-get", 'case "$*" in *update*) exit 0;; esac; %s; case "$*" in *slow*) sleep 60;; esac' % detached
        )
        self.assert_exited(self.install("tree"))
        self.assertEqual(self.world.shell("pgrep sleep"), "")
        self.assertEqual(self.install("slow", timeoutMs=500).status, {"kind": "timed-out"})
        self.assertEqual(self.world.shell("pgrep sleep"), "")

    def test_says_when_there_is_no_apt(self):
        self.world.shell("rm /usr/local/sbin/apt-get; mount --bind /dev/null /usr/bin/apt-get")
        self.assert_refused(self.install("tree"), "no-apt")


class MachineTest(WorldTestCase):
    def test_describes_what_programs_find(self):
        result = self.world.call("describe").result
        self.assertTrue(result["ok"] and result["system"])
        self.assertEqual(result["architecture"], os.uname().machine)
        self.assertTrue(1 <= result["cpuCores"] <= os.cpu_count())
        self.assertGreater(result["memoryMb"], 100)
        self.assertEqual(len({one["path"] for one in result["pythons"]}), len(result["pythons"]))
        for one in result["pythons"]:
            answer = self.world.run(one["path"], "-c", "import platform; print(platform.python_version())")
            self.assertEqual(answer.stdout.strip(), one["version"])
        self.assertIsInstance(result["apt"], bool)

    def test_tells_the_first_gpu(self):
        self.world.shell(
            "printf '#!/bin/sh\\necho NVIDIA A100, 40960 MiB\\necho other' > /usr/local/sbin/nvidia-smi; chmod 755 /usr/local/sbin/nvidia-smi"
        )
        self.assertEqual(self.world.call("describe").result["gpu"], "NVIDIA A100, 40960 MiB")

    def test_idles_as_a_first_process_that_collects_what_others_leave(self):
        self.world.run_shell("for i in 1 2 3; do (setsid sleep 0.1 &); done; sleep 0.5")
        self.world.shell("(sleep 0.1 &)")
        time.sleep(0.3)
        self.assertEqual(self.world.shell("grep -l 'State:.Z' /proc/[0-9]*/status"), "")

    def test_ends_its_idling_when_told_to_and_in_time(self):
        os.kill(self.world.pid, signal.SIGTERM)
        self.assertEqual(self.world.process.wait(5), 0)
        self.assertEqual(parse_frames(self.world.process.stdout.read()), [(b"r", b'{"ok": true}')])

    def test_does_one_thing_after_another(self):
        process = self.world.start_run("sh", "-c", "echo one; exit 3")
        answer = Answer(read_frames(process))
        self.assertEqual((answer.stdout, answer.status["code"]), ("one\n", 3))
        # Word to end a program may come when it has ended, and the rest of an archive after its refusal.
        ask(process, {"op": "put", "folder": "/etc", "uid": UID}, frame(b"k"))
        for content in (make_tar(("x", b"")), b""):
            ask_raw(process, frame(b"d", content))
        self.assert_refused(Answer(read_frames(process)), "path-refused")
        ask(process, dict(run_request("cat", "/proc/self/limits"), op="run"))
        self.assert_exited(Answer(read_frames(process)))
        ask(process, {"op": "dance"})
        self.assert_refused(finish(process), "bad-request")

    def test_does_not_wear_out(self):
        self.world.run_shell("ln -s /etc link; mkdir out; touch out/file")
        requests = (
            run_request("true", op="run"),
            run_request("none", cwd="/none", op="run"),
            run_request("sleep", "9", timeoutMs=20, op="run"),
            dict(EVERYTHING, op="get", **{"from": "/work/out"}),
            dict(EVERYTHING, op="get", **{"from": "/work/link/x"}),
            {"op": "keep", "paths": ["/work/out", "/work/link/x"]},
            {"op": "install", "packages": ["-"]},
        )
        process = self.world.start({"op": "dance"})
        read_frames(process)
        count = "ls /proc/$(pgrep -nf '^%s')/fd | wc -l" % self.world.python
        before = self.world.shell(count)
        for request in requests * 5:
            ask(process, request)
            self.assertEqual(read_frames(process)[-1][0], b"r")
        self.assertEqual(self.world.shell(count), before)
        ask(process, {"op": "dance"})
        finish(process)

    def test_has_no_answer_to_what_is_no_request(self):
        for raw in (frame(b"q", b"[]"), frame(b"q", b"{"), frame(b"x"), b"q\xff\xff\xff\xff", b"q"):
            process = self.world.start_raw(raw)
            if raw == b"q":
                process.stdin.close()
            self.assertEqual(read_frames(process), [], raw)
            self.assertEqual((close(process), process.wait()), ("", 0), raw)
            process.stdout.close()
            process.stderr.close()
        self.assert_refused(self.world.call("dance"), "bad-request")
        self.assert_refused(self.world.call("run"), "agent-failed")

    def test_keeps_quiet_when_nobody_listens_any_more(self):
        process = self.world.start({"op": "describe"})
        process.stdout.close()
        self.assertEqual((close(process), process.wait()), ("", 0))
        process.stderr.close()

    def test_fits_into_a_command_line(self):
        # Modal takes 64 KiB of arguments.
        self.assertLess(len(AGENT_COMMAND), 60000)

    def test_has_no_module_by_the_name_of_one_of_the_library(self):
        names = {file[: -len(".py")] for file in os.listdir(AGENT) if file.endswith(".py")}
        library = "import pkgutil, sys; print(*[one.name for one in pkgutil.iter_modules()], *sys.builtin_module_names)"
        answer = self.world.run(self.world.python, "-I", "-S", "-c", library)
        self.assertIn("tarfile", answer.stdout.split())
        self.assertEqual(names & set(answer.stdout.split()), set())


def ask(process, request, before=b""):
    ask_raw(process, before + frame(b"q", json.dumps(request).encode()))


def ask_raw(process, content):
    process.stdin.write(content)
    process.stdin.flush()


if __name__ == "__main__":
    unittest.main()
