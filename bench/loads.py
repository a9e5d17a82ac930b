"""The loads: wrk with its scripts, and the raw loop."""

import contextlib
import dataclasses
import json
import pathlib
import re
import secrets
import subprocess

from programs import BenchError, grow, progress, run, wait_until

BENCH = pathlib.Path(__file__).resolve().parent

PATCH = "/v1/platform-users/{uuid}"
# How many users a run of PATCH gets, as a multiple of what the fastest one like it has used.
HEADROOM = 1.5
UNKNOWN_RATE = 3_000
WARM_UP_CONNECTIONS = 16
# How much longer a load beside another one runs: it begins earlier and must end later.
MARGIN_SECONDS = 3


@dataclasses.dataclass(frozen=True)
class Door:
    """Where one can ask about a credential, and how it is shown there."""

    method: str
    path: str
    scheme: str

    def request(self, database):
        """The headers and the body with which one asks about one token."""
        if self.scheme != "Basic":
            return {"Authorization": f"{self.scheme} {database.some_token}"}, None
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return {"Authorization": f"Basic {database.service}", **form}, f"token={database.some_token}"


DOORS = {
    "GET me": Door("GET", "/api/v1/me", "MxToken"),
    "verify": Door("GET", "/verify", "Bearer"),
    "introspect": Door("POST", "/oauth2/introspect", "Basic"),
}


def wrk_command(script, url, connections, seconds, arguments, threads=2):
    threads = min(threads, connections)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", BENCH / script]
    return [*command, url, "--", *map(str, arguments)]


def wrk_result(script, url, said):
    found = re.search(r"^RESULT (.*)$", said, re.MULTILINE)
    if not found:
        raise BenchError(f"wrk gave no result: {said}")
    result = json.loads(found[1])
    if result["unexpected"] or result["above399"] or result["failedConnections"]:
        surprises = re.findall(r"^UNEXPECTED (.*)$", said, re.MULTILINE)
        raise BenchError(f"{script}: not all answers from {url} were as expected: {result} {' '.join(surprises)}")
    return result


def wrk(script, url, connections, seconds, arguments, threads=2):
    return wrk_result(script, url, run(wrk_command(script, url, connections, seconds, arguments, threads)))


def figures(result, count):
    return {"perSecond": count / result["seconds"], "p50us": result["p50"], "p99us": result["p99"]}


# --- Checks ---------------------------------------------------------------------------------------------------------


def check_arguments(door, database, tokens, start, pause=0, look="pass"):
    arguments = [door.method, door.path, door.scheme, tokens.file, start, pause, look]
    return arguments + [database.service] if door.scheme == "Basic" else arguments


def check_load(process, door, database, tokens, connections, seconds, pause=0):
    """A door, rotating over the tokens from anywhere; the tokens and the service are the database's."""
    arguments = check_arguments(door, database, tokens, secrets.randbelow(tokens.count), pause)
    with process.answering_only(door.path, "200"):
        result = wrk("check.lua", process.url, connections, seconds, arguments)
    expect_size(process, door, database, result, connections)
    return figures(result, result["answers"])


def expect_size(process, door, database, result, connections):
    """Every answer is as long as that to the first token: an answer with 200 may still say no."""
    size = size_of(*answer_of(process, door, database))
    # When wrk ends, each connection may have read a part of an answer.
    if abs(result["bytes"] - result["answers"] * size) > connections * size:
        length = result["bytes"] / max(1, result["answers"])
        raise BenchError(f"{process.url}{door.path}: answers of {length:.0f} bytes on average, {size} were expected")


def warm_up(process, database, tokens, door=DOORS["verify"]):
    """Asks about each token once, unless that was done since the process was started; gives the seconds it took."""
    if tokens in process.warm:
        return process.warm[tokens]
    # One thread goes through the list. What was under way at the end of a run is asked again in the next one; so is the
    # first request of each run, which wrk makes and does not send.
    again = WARM_UP_CONNECTIONS + 2
    reached = asked = spent = 0
    while reached < tokens.count + again:
        arguments = check_arguments(door, database, tokens, reached, look="check")
        with process.answering_only(door.path, "200"):
            seconds = 1 if tokens.count <= 100_000 else 10
            result = wrk("check.lua", process.url, WARM_UP_CONNECTIONS, seconds, arguments, threads=1)
        if result["checked"] <= again:
            raise BenchError(f"{process.url}: hardly an answer in {seconds} s")
        reached += result["checked"] - again
        asked += result["checked"]
        spent += result["seconds"]
    process.warm[tokens] = spent * tokens.count / asked
    return process.warm[tokens]


def look_at_doors(process, database, tokens):
    """Looks at every answer of each door for a second."""
    for door in DOORS.values():
        arguments = check_arguments(door, database, tokens, 0, look="check")
        with process.answering_only(door.path, "200"):
            if wrk("check.lua", process.url, WARM_UP_CONNECTIONS, 1, arguments)["checked"] == 0:
                raise BenchError("no answer was checked")


def answer_of(process, door, database):
    """The headers and the body of the answer about one token."""
    headers, body = door.request(database)
    status, headers, body = process.ask(door.method, door.path, headers, body)
    if status != 200:
        raise BenchError(f"{door.method} {door.path} at {process.command[0]} answers {status}: {body[:300]!r}")
    return headers, body


def size_of(headers, body):
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in headers), ""]
    return sum(len(line) + len("\r\n") for line in lines) + len(body)


def compare_answers(ceiling, servers):
    """The ceiling answers with the same headers, and as many bytes."""
    for door in DOORS.values():
        for server in servers:
            mine = answer_of(ceiling, door, servers[0].database)
            wanted = answer_of(server, door, server.database)
            names, wanted_names = (sorted(name.lower() for name, _ in headers) for headers, _ in (mine, wanted))
            if names != wanted_names:
                differing = sorted(set(names) ^ set(wanted_names))
                raise BenchError(f"{door.path}: ceiling and server differ in {differing}; adapt bench/ceiling.rs")
            lengths, wanted_lengths = (lengths_of(*answer) for answer in (mine, wanted))
            differing = {
                name: f"{lengths[name]} instead of {length}"
                for name, length in wanted_lengths.items() if lengths[name] != length
            }
            if differing:
                raise BenchError(f"{door.path}: the ceiling has other lengths; adapt bench/ceiling.rs: {differing}")


def lengths_of(headers, body):
    return {name.lower(): len(value) for name, value in headers} | {"body": len(body)}


# --- Deactivations --------------------------------------------------------------------------------------------------


def patch_arguments(server, connections, users):
    return [users, min(2, connections), server.database.admin_secret]


def patch_load(server, connections, seconds, users):
    """PATCH {"active": false} on distinct users."""
    with patching(server, connections) as check:
        arguments = patch_arguments(server, connections, users)
        result = wrk("deactivate.lua", server.url, connections, seconds, arguments)
        check.append(result)
    return {**figures(result, result["checked"]), "exhausted": result["exhausted"]}


@contextlib.contextmanager
def patching(server, connections):
    """Fails unless what the server counted is what the client was told; takes that in a list."""
    results = []
    with server.answering_only(PATCH, "204") as grown:
        yield results
    done, counted = results[0]["checked"], grown["deactivations"]
    # When wrk ends, each connection may still have one request under way.
    if not done <= counted <= done + connections:
        raise BenchError(f"{server.database.engine}: {done} answers with 204, but {counted} deactivations")


def raw_load(binary, database, connections, seconds, users):
    """The same statements in a loop, without the server."""
    flags = {
        "database": database.url, "users": users, "actor": database.admin, "actor-token": database.admin_token,
        "company": database.company, "connections": connections, "seconds": seconds,
    }
    result = json.loads(run([binary, *(f"--{name}={value}" for name, value in flags.items())]))
    return {"perSecond": result["perSecond"], "exhausted": result["seconds"] < 0.95 * seconds}


class Leaving:
    """Runs that use up users: each gets enough, and is done again with more if they were too few."""

    def __init__(self):
        self.rates = {}

    def users_for(self, kind, seconds):
        return int(self.rates.get(kind, UNKNOWN_RATE) * seconds * HEADROOM) + 200

    def provide(self, servers, needed):
        """Makes so many leavers at once, rather than bit by bit between the runs."""
        missing = int(needed) - servers[0].database.left()
        if missing > 0:
            grow(servers, missing)

    def run(self, kind, seconds, servers, load, rate="perSecond"):
        """Runs `load` with a file of users; all servers on the database are given, to be stopped when it must grow."""
        database = servers[0].database
        while True:
            users = self.users_for(kind, seconds)
            if database.left() < users:
                grow(servers, users)
            result = load(database.take(users))
            self.rates[kind] = max(self.rates.get(kind, 0), result[rate])
            if not result.pop("exhausted"):
                return result
            progress(f"{' '.join(map(str, kind))}: {users:,} users were too few, once more")
            self.rates[kind] = 2 * users / seconds


# --- One load beside another ----------------------------------------------------------------------------------------


class Beside:
    """A run of wrk that another load is measured beside."""

    def __init__(self, server, route, script, connections, seconds, arguments):
        self.server, self.route, self.script = server, route, script
        command = wrk_command(script, server.url, connections, seconds + MARGIN_SECONDS, arguments)
        before = self.answered()
        self.process = subprocess.Popen(
            command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until(lambda: self.answered() > before + 10, 10, 0.02, lambda: f"{route}: the load does not begin")
        except BaseException:
            self.end()
            raise

    def answered(self):
        return sum(count for key, count in self.server.counts().items() if key[0] == self.route)

    def finish(self):
        """Its result; it must still have been running."""
        if self.process.poll() is not None:
            raise BenchError(f"{self.script}: the load beside ended too early: {self.process.stdout.read()}")
        said, _ = self.process.communicate(timeout=60)
        return wrk_result(self.script, self.server.url, said)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def beside(*arguments):
    load = Beside(*arguments)
    try:
        yield load
    finally:
        load.end()
