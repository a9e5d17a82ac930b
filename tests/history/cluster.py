"""What is tried: a throw-away PostgreSQL (with a standby, perhaps), and the nodes, each behind a proxy of its own."""

import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import wire
from proxy import Proxies

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Trouble(Exception):
    """What ends a run; its text is for whoever started it."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(command, timeout=60, **options):
    # A session of its own: Ctrl-C ends this script, which then cleans up.
    options = {"stdin": subprocess.DEVNULL, **options} if "input" not in options else options
    return subprocess.run(command, text=True, capture_output=True, start_new_session=True, timeout=timeout, **options)


def must(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout)[-2000:].split())
        raise Trouble(f"{' '.join(map(str, command[:6]))} failed with status {done.returncode}: {said}")
    return done.stdout


def postgres_program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: float(path.split("/")[4]))
    path = found[-1] if found else shutil.which(name)
    if path is None:
        raise Trouble(f"{name} is missing: install PostgreSQL")
    return path


def as_postgres(program, *arguments):
    """PostgreSQL refuses to run as root."""
    command = [postgres_program(program), *map(str, arguments)]
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


class Postgres:
    """One server with a port and a folder of its own."""

    SETTINGS = {"listen_addresses": "127.0.0.1", "max_connections": 200, "max_wal_size": "4GB"}

    def __init__(self, folder, name):
        self.folder, self.data, self.log = folder, folder / name, folder / f"{name}.log"
        self.port, self.frozen = free_port(), []

    def make(self):
        must(as_postgres("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync"), cwd=self.folder)
        self.configure(**self.SETTINGS, port=self.port, unix_socket_directories=self.folder)

    def configure(self, **settings):
        with open(self.data / "postgresql.auto.conf", "a") as out:
            for name, value in settings.items():
                print(f"{name} = '{value}'", file=out)

    def control(self, *arguments, timeout=60):
        command = as_postgres("pg_ctl", "-D", self.data, "-l", self.log, "-w", *arguments)
        return must(command, cwd=self.folder, timeout=timeout)

    def start(self):
        self.control("start")

    def stop(self, mode="immediate"):
        self.thaw()
        self.control("-m", mode, "stop")

    def url(self, port=None, name="offboard"):
        return f"postgres://postgres@127.0.0.1:{port or self.port}/{name}"

    def sql(self, statement, name="offboard", **options):
        command = ["psql", "-qtAX", "--set=ON_ERROR_STOP=1", f"--command={statement}", self.url(name=name)]
        return must(command, env={**os.environ, "PGCONNECT_TIMEOUT": "5"}, **options).strip()

    def processes(self):
        """The server's own process, then all that it has started."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def freeze(self):
        """Stops the first process before it is asked for the others, so that no new one escapes."""
        first = self.processes()[0]
        os.kill(first, signal.SIGSTOP)
        self.frozen = [first]
        for pid in self.processes()[1:]:
            self.frozen.append(pid)
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in reversed(self.frozen):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.frozen = []

    def destroy(self):
        self.thaw()
        if (self.data / "postmaster.pid").exists():
            run(as_postgres("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop"), cwd=self.folder)


class Standby(Postgres):
    """A copy that the primary waits for at each commit. It follows through a proxy, so that it can be cut off."""

    def follow(self, primary, port):
        source = f"host=127.0.0.1 port={port} user=postgres application_name=standby"
        how = ("-R", "-X", "stream", "-c", "fast", "--no-sync")
        must(as_postgres("pg_basebackup", "-D", self.data, "-d", source, *how), cwd=self.folder)
        self.configure(port=self.port)
        self.start()
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres")
        primary.sql("SELECT pg_reload_conf()", "postgres")
        wait_for(lambda: "sync" in primary.sql("SELECT sync_state FROM pg_stat_replication", "postgres"), "the standby")

    def promote(self):
        """Makes it the primary; from then on it waits for nobody."""
        self.control("promote")
        self.configure(synchronous_standby_names="")
        self.sql("SELECT pg_reload_conf()", "postgres")


def wait_for(happened, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise Trouble(f"{what}: nothing within {seconds} s")
        time.sleep(0.05)


class Node:
    """One `offboard serve` on a fixed port."""

    def __init__(self, index, binary, url, folder):
        self.index, self.binary, self.url, self.folder = index, binary, url, folder
        self.port, self.process = free_port(), None
        self.log = folder / f"node{index}.log"

    def start(self, seconds=60):
        """Starts it, again if it gives up for want of a database, until it is ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                self.spawn()
            if self.is_ready():
                return
            time.sleep(0.05)
        raise Trouble(f"node {self.index} does not serve: {self.log.read_text()[-1500:]}")

    def spawn(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--listen", f"127.0.0.1:{self.port}"],
                env=environment(self.url), cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def is_ready(self):
        connection = wire.Connection(self.port, 2)
        try:
            return connection.ask(wire.request("GET", "/health/ready")).status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def environment(url):
    """Nothing of the caller's own configuration reaches the program."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OFFBOARD_")}
    return {**clean, "OFFBOARD_DATABASE": url, "OFFBOARD_RATE_LIMIT": "off", "OFFBOARD_LOG_LEVEL": "info"}


class Cluster:
    """The servers, the proxies and the nodes. The command line has a proxy too, called `operator`."""

    def __init__(self, binary, folder, nodes, standby):
        self.binary, self.folder = binary, folder
        self.primary = Postgres(folder, "primary")
        self.standby = Standby(folder, "standby") if standby else None
        self.servers = [server for server in (self.primary, self.standby) if server]
        self.proxies = Proxies()
        self.nodes = [Node(index, binary, None, folder) for index in range(nodes)]
        self.commands = set()

    def start(self):
        self.primary.make()
        self.primary.start()
        self.primary.sql("CREATE DATABASE offboard", "postgres")
        if self.standby:
            replication = self.proxy("replication", self.primary)
            self.standby.follow(self.primary, replication)
        self.operator_url = self.url_for("operator")
        for node in self.nodes:
            node.url = self.url_for(f"node{node.index}")

    def start_nodes(self):
        for node in self.nodes:
            node.start()

    def proxy(self, name, server):
        port = free_port()
        self.proxies.tell(name, port=port, target=server.port)
        return port

    def url_for(self, whose):
        """Through a proxy of its own to each server."""
        ports = [self.proxy(f"{whose}-{place}", server) for place, server in enumerate(self.servers)]
        if len(ports) == 1:
            return self.primary.url(ports[0])
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgres://postgres@{hosts}/offboard?target_session_attrs=read-write"

    def set_proxy(self, whose, mode, **options):
        for place in range(len(self.servers)):
            self.proxies.tell(f"{whose}-{place}", mode=mode, **options)

    def offboard(self, *arguments, input=None, timeout=60):
        """Runs a command to its end, or until there is no more patience."""
        command = subprocess.Popen(
            [self.binary, "--format", "json", *arguments], env=environment(self.operator_url), cwd=self.folder,
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )
        self.commands.add(command)
        try:
            out, err = command.communicate(input or "", timeout)
        except subprocess.TimeoutExpired:
            command.kill()
            out, err = command.communicate()
        self.commands.discard(command)
        return subprocess.CompletedProcess(arguments, command.returncode, out, err)

    def document(self, *arguments, **options):
        done = self.offboard(*arguments, **options)
        if done.returncode != 0:
            raise Trouble(f"offboard {' '.join(arguments)}: {done.stdout[-500:]} {done.stderr[-500:]}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def destroy(self):
        for command in list(self.commands):
            command.kill()
        for node in self.nodes:
            node.kill()
        for server in self.servers:
            server.destroy()
        self.proxies.stop()
