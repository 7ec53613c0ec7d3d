"""A Redis that a test may stop: a process of its own, on a port of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
import redis


class OwnRedis:
    """`redis-server` without persistence. Started when it is made."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            required = os.environ.get("SENTRI_TEST_SERVICES") == "required"
            (pytest.fail if required else pytest.skip)("redis-server is not installed")
        self._program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Empty, and ready when this returns."""
        self._run()
        for _ in range(200):
            if self._pings():
                return
            time.sleep(0.02)
        pytest.fail("redis-server does not answer")

    def start_slowly(self, keys: int = 30) -> None:
        """With so many keys, of which it loads ten a second: until then it answers with LOADING."""
        with tempfile.TemporaryDirectory() as folder:
            self._run("--dir", folder, "--dbfilename", "dump", "--rdbcompression", "no")
            while not self._pings():
                time.sleep(0.02)
            with redis.Redis.from_url(self.url) as client:
                client.mset({f"loaded-{number}": "x" * 2048 for number in range(keys)})  # it listens once in a kilobyte
                client.save()
            self.stop()
            slowly = ("--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024")
            self._run("--dir", folder, "--dbfilename", "dump", *slowly)
            while not self._is_loading():
                time.sleep(0.02)

    def await_loaded(self) -> None:
        while not self._pings():
            time.sleep(0.02)

    def _run(self, *more: str) -> None:
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *more],
            stdout=subprocess.DEVNULL,
        )

    def _pings(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as client:
            return client.ping()
        return False

    def _is_loading(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                client.ping()
        except redis.exceptions.BusyLoadingError:
            return True
        except redis.ConnectionError:
            return False
        pytest.fail("redis-server was faster than its key-load-delay")

    def stop(self) -> None:
        """At once, with whatever it was doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It keeps its connections and says nothing more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def configure(self, *command: str, password: str | None = None) -> None:
        """Anything that an administrator says."""
        with redis.Redis.from_url(self.url, password=password) as client:
            client.execute_command(*command)

    def reads(self) -> int:
        """How often it has read from connections so far."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.info("stats")["total_reads_processed"])

    def keys(self) -> int:
        """How many it holds."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.dbsize())

    def connections(self) -> int:
        """How many others are connected."""
        with redis.Redis.from_url(self.url) as client:
            return len(client.client_list()) - 1

    def accepted(self) -> int:
        """How many connections it has ever had, with the one that asks."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.info("stats")["total_connections_received"])

    def hang_up(self) -> None:
        """Close every connection of others."""
        with redis.Redis.from_url(self.url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
