"""What is tried: one `offboard serve` on a database of its own, and its command line."""

import json
import os
import pathlib
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENGINES = ("sqlite", "postgres")
POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"


class Trouble(Exception):
    """What ends a run; its text is for whoever started it."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(command, timeout=120, **options):
    # A session of its own: Ctrl-C ends this script, which then cleans up.
    options = {"stdin": subprocess.DEVNULL, **options}
    return subprocess.run(
        list(map(str, command)), text=True, capture_output=True, start_new_session=True, timeout=timeout, **options
    )


def must(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-3000:].strip()
        raise Trouble(f"{' '.join(map(str, command[:6]))} failed with status {done.returncode}: {said}")
    return done.stdout


def wait_for(happened, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise Trouble(f"{what}: nothing within {seconds} s")
        time.sleep(0.05)


def environment(prefixes, **settings):
    """The caller's, without what would configure the programs that are tried."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {**clean, **settings}


class Answer:
    def __init__(self, status, text):
        self.status, self.text = status, text

    def document(self):
        try:
            return json.loads(self.text)
        except ValueError:
            return None


def ask(url, authorization=None):
    """Reads a URL with this `Authorization` header; every status is an answer."""
    request = urllib.request.Request(url, headers={"Authorization": authorization} if authorization else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, refusal.read().decode())


class SqliteDatabase:
    """A file in the folder of the run."""

    def __init__(self, folder):
        self.url = f"sqlite:{folder / 'offboard.db'}"

    def destroy(self):
        """Goes with the folder."""


class PostgresDatabase:
    """A database on the server that the tests use, dropped in the end."""

    def __init__(self, _folder):
        self.server = os.environ.get("OFFBOARD_TEST_POSTGRES", POSTGRES)
        self.name = f"offboard_scim_{secrets.token_hex(6)}"
        self.url = urllib.parse.urlsplit(self.server)._replace(path=f"/{self.name}").geturl()
        self.sql(f"CREATE DATABASE {self.name}")

    def sql(self, statement):
        must(["psql", self.server, "-qX", "--set=ON_ERROR_STOP=1", f"--command={statement}"])

    def destroy(self):
        self.sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def make_database(engine, folder):
    return {"sqlite": SqliteDatabase, "postgres": PostgresDatabase}[engine](folder)


class Offboard:
    """The server, and commands that run beside it on the same database."""

    def __init__(self, binary, database, folder):
        self.binary, self.folder, self.port = binary, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "offboard.log"
        self.process = None
        self.environment = environment(
            ("OFFBOARD_",), OFFBOARD_DATABASE=database.url, OFFBOARD_RATE_LIMIT="off", OFFBOARD_PUBLIC_URL=self.url
        )

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--listen", f"127.0.0.1:{self.port}"],
                env=self.environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        wait_for(self.is_ready, "the server")

    def is_ready(self):
        if self.process.poll() is not None:
            raise Trouble(f"the server does not start: {self.log.read_text()[-2000:]}")
        try:
            return ask(f"{self.url}/health/ready").status == 200
        except OSError:
            return False

    def command(self, *arguments):
        """Runs a command; gives its status and its document."""
        done = run([self.binary, "--format", "json", *arguments], env=self.environment, cwd=self.folder)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            raise Trouble(f"offboard {' '.join(arguments)}: {done.stdout[-500:]} {done.stderr[-500:]}") from None

    def document(self, *arguments):
        status, document = self.command(*arguments)
        if status != 0:
            raise Trouble(f"offboard {' '.join(arguments)}: {document}")
        return document

    def entries(self, company):
        """The company's audit trail."""
        done = must([self.binary, "audit", "export", "--company", company], env=self.environment, cwd=self.folder)
        return [json.loads(line) for line in done.splitlines()]

    def failures(self):
        """What the server itself says went wrong inside it."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if '"status":500' in line or "panicked" in line]

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Company:
    """A company with a SCIM token."""

    def __init__(self, offboard, name, domain):
        self.offboard, self.name, self.scim = offboard, name, f"{offboard.url}/scim/v2"
        offboard.document("company", "create", name, "--domain", domain)
        made = offboard.document("scim-token", "create", "--company", name, "--name", "identity provider")
        self.token = made["token"]

    def ask(self, path):
        """Reads something by its SCIM interface."""
        return ask(f"{self.scim}/{path}", f"Bearer {self.token}")

    def list(self, kind):
        """All resources of a kind, `Users` or `Groups`."""
        answer = self.ask(f"{kind}?count=1000")
        if answer.status != 200:
            raise Trouble(f"GET {kind}: {answer.status} {answer.text[:500]}")
        return answer.document()["Resources"]
