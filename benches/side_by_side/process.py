"""A process pinned to one core, with its CPU time and memory; and the machine that it runs on."""

import contextlib
import os
import pathlib
import platform
import signal
import socket
import subprocess
import time


class Pinned:
    """Runs a command on one core until the block ends. Its children count as it does."""

    def __init__(self, command: list[str], core: int, ready: int, folder: pathlib.Path):
        self.command, self.core, self.ready, self.folder = command, core, ready, folder

    def __enter__(self) -> "Pinned":
        self.log = open(self.folder / "process.log", "ab")
        self.process = subprocess.Popen(
            ["taskset", "-c", str(self.core), *self.command],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )
        end = time.monotonic() + 15
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ready), 0.2):
                return self
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                log = (self.folder / "process.log").read_text(errors="replace")[-2000:]
                raise SystemExit(f"{self.command[0]} did not listen on {self.ready}:\n{log}")
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()

    def pids(self) -> list[int]:
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                todo += map(int, children.read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """User and system time of every thread, to the nanosecond."""
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def resident_bytes(self) -> int:
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total


def machine(repository: pathlib.Path) -> str:
    """One line: processor, kernel, commit, versions."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown processor")

    def first(command: list[str]) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return "absent"
        return (done.stdout + done.stderr).strip().splitlines()[0]

    commit = first(["git", "-C", str(repository), "rev-parse", "--short", "HEAD"])
    nginx = first(["nginx", "-v"]).removeprefix("nginx version: ")
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}; commit {commit}; {nginx}; `make bench`"
