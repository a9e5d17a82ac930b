"""The programs that bench/run starts: offboard, the ceiling, and short-lived tools."""

import contextlib
import http.client
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse

STARTED = time.monotonic()
# As in bench/ceiling.rs: it is in some answers, which are to have the same size.
PUBLIC_URL = "http://127.0.0.1:18080"


class BenchError(Exception):
    """What ends a run; its text is for whoever started it."""


def progress(text):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


def run(command, **options):
    # A session of its own: Ctrl-C ends this script, which then ends the command or, cleaning up, lets it finish.
    done = subprocess.run(command, text=True, capture_output=True, start_new_session=True, **options)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout)[-2000:].split())
        raise BenchError(f"{pathlib.Path(command[0]).name} failed with status {done.returncode}: {said}")
    return done.stdout


def psql(url, *statements, **options):
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "5", "PGOPTIONS": "-cclient_min_messages=warning"}
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    commands = [f"--command={statement}" for statement in statements]
    return run([*command, *commands, url], env=environment, **options).strip()


def environment(url):
    """Nothing of the caller's own configuration reaches the program."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OFFBOARD_")}
    own = {"DATABASE": url, "RATE_LIMIT": "off", "LOG_LEVEL": "info", "PUBLIC_URL": PUBLIC_URL}
    return clean | {f"OFFBOARD_{name}": value for name, value in own.items()}


def wait_until(is_so, seconds, pause, complaint):
    """Looks again and again; what it waits for must come in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise BenchError(complaint())
        time.sleep(pause)


class Process:
    """A program that serves HTTP, its output in a file."""

    def __init__(self, command, env, log):
        self.command, self.env, self.log = command, env, log
        self.process = None

    def start(self):
        # Which lists of tokens it was asked about, each token once.
        self.warm = {}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd=self.log.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        self.url = None
        wait_until(self.has_told_url, 60, 0.002, lambda: f"{self.command[0]} does not serve: {self.said()}")

    def has_told_url(self):
        if self.process.poll() is not None:
            raise BenchError(f"{self.command[0]} ended: {self.said()}")
        found = re.search(r'(http://127\.0\.0\.1:\d+)["\n]', self.log.read_text())
        self.url = found and found[1]
        return found

    def said(self):
        return self.log.read_text()[-2000:]

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def ask(self, method, path, headers=None, body=None):
        """The status, the headers as pairs, and the body."""
        address = urllib.parse.urlsplit(self.url)
        with contextlib.closing(http.client.HTTPConnection(address.hostname, address.port, timeout=10)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()


class Server(Process):
    """`offboard serve` on a database; on PostgreSQL perhaps one of several."""

    def __init__(self, binary, database, number=1, **settings):
        self.database, self.number = database, number
        env = environment(database.url) | {f"OFFBOARD_{name.upper()}": str(value) for name, value in settings.items()}
        log = database.folder / f"{database.name}-{number}.log"
        super().__init__([binary, "serve", "--listen", "127.0.0.1:0"], env, log)

    def start(self):
        """Gives the seconds from the start of the process until it was ready; returns when it may remember, too."""
        begun = time.monotonic()
        super().start()
        wait_until(self.is_ready, 60, 0.002, lambda: f"{self.command[0]} is not ready: {self.said()}")
        took = time.monotonic() - begun
        self.database.wait_for_nodes(self.number)
        wait_until(self.has_lease, 15, 0.05, lambda: f"{self.command[0]} has no lease: {self.said()}")
        return took

    def is_ready(self):
        return self.ask("GET", "/health/ready")[0] == 200

    def has_lease(self):
        return self.gauge("lease_alive") == 1

    def gauge(self, name):
        found = re.search(rf"^offboard_{name} (\d+)$", self.metrics(), re.MULTILINE)
        if not found:
            raise BenchError(f"{self.command[0]} does not tell offboard_{name} at /metrics")
        return int(found[1])

    def metrics(self):
        return self.ask("GET", "/metrics")[2].decode()

    def resident_bytes(self):
        return self.memory("VmRSS")

    def peak_bytes(self):
        """The most that was resident since the start, or since that was forgotten."""
        return self.memory("VmHWM")

    def forget_peak(self):
        """From now on the peak counts anew (proc(5): clear_refs)."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def memory(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024

    def counts(self):
        """What the server itself has counted: answers by route and status, and deactivations."""
        text = self.metrics()
        answers = re.findall(r'^offboard_requests_total\{.*route="(.*?)",status="(\d+)"\} (\d+)', text, re.MULTILINE)
        counts = {}
        for route, status, count in answers:  # More than one method may have the same route.
            counts[route, status] = counts.get((route, status), 0) + int(count)
        counts["deactivations"] = int(re.search(r"^offboard_deactivations_total (\d+)", text, re.MULTILINE)[1])
        return counts

    @contextlib.contextmanager
    def answering_only(self, route, *statuses):
        """Fails when, meanwhile, the route gave an answer with another status. Gives a dict of what was counted."""
        before, grown = self.counts(), {}
        yield grown
        after = self.counts()
        grown.update({key: count - before.get(key, 0) for key, count in after.items()})
        wrong = {key[1]: count for key, count in grown.items() if key[0] == route and key[1] not in statuses and count}
        if wrong:
            raise BenchError(f"{self.database.engine}: {route} did not only answer {' or '.join(statuses)}: {wrong}")


class Ceiling(Process):
    """The bare handlers; they get tokens too, so that the client has the same work."""

    def __init__(self, binary, folder):
        super().__init__([binary, "--listen", "127.0.0.1:0"], dict(os.environ), folder / "ceiling.log")

    def answering_only(self, route, *statuses):
        """It counts nothing; each of its handlers has one status, which the warm-up looks at."""
        return contextlib.nullcontext()


def grow(servers, leavers):
    """Restarts the servers of a database with more leavers: the rows go in while nobody has it open."""
    database = servers[0].database
    running = [server for server in servers if server.process]
    for server in running:
        server.stop()
    progress(f"{database.engine}: making {leavers:,} more users")
    database.add_leavers(leavers)
    for server in running:
        server.start()
