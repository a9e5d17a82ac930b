"""The part `scim`: what an identity provider asks for, how long it takes, and what a large group costs."""

import contextlib
import http.client
import json
import random
import secrets
import statistics
import time
import urllib.parse

import loads
from databases import write_lines
from programs import BenchError, progress

USERS, USER = "/scim/v2/Users", "/scim/v2/Users/{id}"
GROUPS = "/scim/v2/Groups"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"

LOAD_CONNECTIONS, LOAD_THREADS = 16, 2
# What the load's requests are called, in the order of the shares of `scim.lua`; and how many of a hundred they are.
KINDS = {"filter": "userName eq", "get": "GET", "patch": "PATCH title", "create": "POST", "switch": "PATCH active"}
SHARES = (40, 20, 20, 10, 10)
# How many users the requests are about.
PEOPLE = 100_000
# Of users who were to be stopped or let back, so many must have been: each run leaves some stopped, and when all had
# their turn, a later one meets them.
SWITCHED = 0.9

PAGE = 100
# The most pages whose times make one figure.
TIMED_PAGES = 50

SMALL_GROUP, LARGE_GROUP = 2_000, 100_000
# How many members come or go at once.
MANY = 1_000
# How often one member comes and goes, and how often many do.
ONE_BY_ONE, MANY_AT_ONCE = 20, 3


class Client:
    """One kept connection of an identity provider."""

    def __init__(self, server, token):
        address = urllib.parse.urlsplit(server.url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        self.engine = server.database.engine

    def ask(self, wanted, method, path, document=None):
        """The answer's body, and how many microseconds it took."""
        body = None if document is None else json.dumps(document).encode()
        begun = time.perf_counter_ns()
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        said = answer.read()
        took = (time.perf_counter_ns() - begun) / 1000
        if answer.status != wanted:
            raise BenchError(f"{self.engine}: {method} {path} answers {answer.status}: {said[:300]!r}")
        return said, took

    def patch_group(self, identifier, operation):
        """Gives the microseconds; a group with so many members is not shown."""
        document = {"schemas": [PATCH_SCHEMA], "Operations": [operation]}
        return self.ask(204, "PATCH", f"{GROUPS}/{identifier}", document)[1]


class Provider:
    """The identity provider of a database's company: its token, whom it keeps, and a small and a large group."""

    def __init__(self, scene, database):
        self.database = database
        count = scene.options.scim_users
        progress(f"{database.engine}: making {count:,} users for an identity provider")
        first = database.members
        identifiers = database.add_members(count)
        self.count = count
        chosen = random.sample(range(count), min(PEOPLE, count))
        lines = (f"{identifiers[i]} {database.member(first + i)[1]}" for i in chosen)
        self.people = write_lines(database.folder / f"{database.name}.people", lines)
        # From which of them on nobody was stopped and let back yet.
        self.switched = 0
        self.members = [str(identifiers[i]) for i in random.sample(range(count), min(LARGE_GROUP + MANY, count))]
        binary = scene.binaries["offboard"]
        # Else the guard against a runaway sync would stop the load, which deactivates as fast as it can.
        database.offboard(binary, "company", "set", "Bench", "--guard-doors", "off")
        self.token = database.offboard(binary, "scim-token", "create", "--company", "Bench", "--name", "bench")["token"]
        with scene.running([server := scene.server(database)]), self.client(server) as client:
            self.groups = {size: self.make_group(client, size) for size in (SMALL_GROUP, len(self.members) - MANY)}
        database.settle()

    @contextlib.contextmanager
    def client(self, server):
        client = Client(server, self.token)
        with contextlib.closing(client.connection):
            yield client

    def make_group(self, client, size):
        """Makes a group as an identity provider does: it is empty, and then gets its members bit by bit."""
        progress(f"{self.database.engine}: making a group of {size:,}")
        document = {"schemas": [GROUP_SCHEMA], "displayName": f"Group of {size}"}
        group = json.loads(client.ask(201, "POST", GROUPS, document)[0])["id"]
        for begin in range(0, size, MANY):
            operation = adding(self.members[begin : min(begin + MANY, size)])
            body = {"schemas": [PATCH_SCHEMA], "Operations": [operation]}
            client.ask(200 if begin == 0 else 204, "PATCH", f"{GROUPS}/{group}", body)
        return group

    def latest(self):
        return int(self.database.column("SELECT COALESCE(MAX(seq), 0) FROM audit_entries")[0])

    def done_since(self, place):
        """How often what was done, by the trail."""
        done = "SELECT action || ' ' || COUNT(*) FROM audit_entries WHERE outcome = 'done' AND seq >"
        counts = (line.split() for line in self.database.column(f"{done} {place} GROUP BY action"))
        return {action: int(count) for action, count in counts}


def scim(scene):
    """Groups by themselves, each time in a fresh server; then lists, page by page; then the load."""
    options = scene.options
    providers = [Provider(scene, database) for database in scene.make("scim")]
    some_rounds = (options.rounds + 1) // 2
    records = scene.in_rounds("scim, groups", some_rounds, lambda: group_round(scene, providers))
    servers = [scene.server(provider.database) for provider in providers]
    with scene.running(servers):
        pairs = list(zip(servers, providers))
        records += scene.in_rounds("scim, lists", some_rounds, lambda: list_round(pairs))
        progress("scim, load: warm-up")
        list(load_round(pairs, min(2, options.seconds)))
        for provider in providers:
            provider.database.settle()
        records += scene.in_rounds("scim, load", options.rounds, lambda: load_round(pairs, options.seconds))
    return [record | {"part": "scim"} for record in records]


# --- Load -----------------------------------------------------------------------------------------------------------


def load_round(pairs, seconds):
    """The mix, and each kind of request by itself."""
    alone = {kind: [100 * (kind == other) for other in KINDS] for kind in KINDS}
    for what, shares in {"mix": SHARES, **alone}.items():
        for server, provider in pairs:
            result = load(server, provider, shares, seconds)
            record = {"table": "load", "what": KINDS.get(what, what), "engine": provider.database.engine}
            yield {**record, "users": provider.count, "connections": LOAD_CONNECTIONS, **result}


def load(server, provider, shares, seconds):
    number, before = secrets.randbelow(10**9), provider.latest()
    arguments = [provider.people, provider.switched, LOAD_THREADS, provider.token, number, ",".join(map(str, shares))]
    with server.answering_only(USERS, "200", "201") as grown, server.answering_only(USER, "200"):
        result = loads.wrk("scim.lua", server.url, LOAD_CONNECTIONS, seconds, arguments, LOAD_THREADS)
    counted = sum(count for key, count in grown.items() if key[0] in (USERS, USER))
    if not result["checked"] <= counted <= result["checked"] + LOAD_CONNECTIONS:
        raise BenchError(f"{provider.database.engine}: {result['checked']} answers came, the server counted {counted}")
    # Those of this run are at most half of its requests, and the few whom it leaves stopped.
    provider.switched += result["sent"]["switch"] // LOAD_THREADS + LOAD_CONNECTIONS
    expect_done(provider, result["sent"], provider.done_since(before))
    return loads.figures(result, result["checked"])


def expect_done(provider, sent, done):
    """Whatever was to change has changed, if it was answered; and the trail says so."""
    switched = done.get("user.deactivate", 0) + done.get("user.reactivate", 0)
    found = {"create": done.get("user.create", 0), "patch": done.get("user.update", 0), "switch": switched}
    for kind, count in found.items():
        least = sent[kind] * (SWITCHED if kind == "switch" else 1)
        # When wrk ends, each connection may still have one request under way, which this run or the next one sees done;
        # and each thread makes one for nothing.
        if not least - LOAD_CONNECTIONS - LOAD_THREADS <= count <= sent[kind] + LOAD_CONNECTIONS:
            raise BenchError(f"{provider.database.engine}: {sent[kind]} × {KINDS[kind]} were sent, {count} were done")


# --- Lists ----------------------------------------------------------------------------------------------------------


def list_round(pairs):
    """All users, page by page, as somebody reads who needs them all: by number, and by cursor."""
    for way in ("number", "cursor"):
        for server, provider in pairs:
            times = read_all(server, provider, way)
            few = max(3, min(TIMED_PAGES, len(times) // 5))
            middle = len(times) // 2
            # The first page also counts how many there are; the last may be short.
            places = {"beginUs": 1, "middleUs": middle, "endUs": len(times) - 1 - few}
            medians = {name: statistics.median(times[place : place + few]) for name, place in places.items()}
            record = {"table": "list", "what": f"pages by {way}", "engine": provider.database.engine}
            counts = {"users": provider.count, "pages": len(times), "timedPages": few}
            yield {**record, **counts, "firstUs": times[0], **medians, "totalSeconds": sum(times) / 1e6}


def read_all(server, provider, way):
    """Gives the microseconds of each page."""
    times, seen, place = [], set(), {"number": "startIndex=1", "cursor": "cursor="}[way]
    total = int(provider.database.column("SELECT COUNT(*) FROM users WHERE deleted_at IS NULL")[0])
    with provider.client(server) as client:
        while place:
            said, took = client.ask(200, "GET", f"{USERS}?{place}&count={PAGE}")
            times.append(took)
            page = json.loads(said)
            seen.update(user["id"] for user in page["Resources"])
            if len(seen) != min(PAGE * len(times), total) or page.get("totalResults", total) != total:
                raise BenchError(f"{client.engine}: after page {len(times)} by {way}, {len(seen)} of {total} users came")
            if way == "cursor":
                place = "nextCursor" in page and f"cursor={page['nextCursor']}"
            else:
                place = len(seen) < total and f"startIndex={len(seen) + 1}"
    if len(seen) != total:
        raise BenchError(f"{provider.database.engine}: by {way} {len(seen)} of {total} users were read")
    return times


# --- Groups ---------------------------------------------------------------------------------------------------------


def group_round(scene, providers):
    """For each database a fresh server, which is asked to change the small group and then the large one."""
    for provider in providers:
        server = scene.server(provider.database)
        with scene.running([server]), provider.client(server) as client:
            change_group(client, provider, SMALL_GROUP)
            for size in provider.groups:
                server.forget_peak()
                before = server.resident_bytes()
                times = change_group(client, provider, size)
                memory = {"peakBytes": server.peak_bytes(), "residentBytes": server.resident_bytes()}
                record = {"table": "group", "what": "group", "engine": provider.database.engine, "members": size}
                yield {**record, "beforeBytes": before, **memory, **times}


def change_group(client, provider, size):
    """One member comes and goes, some times; then many at once. Gives the medians in microseconds."""
    group, strangers = provider.groups[size], provider.members[-MANY:]
    times = {name: [] for name in ("addOneUs", "removeOneUs", "addManyUs", "removeManyUs")}
    for stranger in strangers[:ONE_BY_ONE]:
        times["addOneUs"].append(client.patch_group(group, adding([stranger])))
        one = {"op": "remove", "path": f'members[value eq "{stranger}"]'}
        times["removeOneUs"].append(client.patch_group(group, one))
    for _ in range(MANY_AT_ONCE):
        times["addManyUs"].append(client.patch_group(group, adding(strangers)))
        expect_members(provider, group, size + MANY)
        times["removeManyUs"].append(client.patch_group(group, {**adding(strangers), "op": "remove"}))
        expect_members(provider, group, size)
    return {name: statistics.median(some) for name, some in times.items()}


def adding(users):
    return {"op": "add", "path": "members", "value": [{"value": user} for user in users]}


def expect_members(provider, group, size):
    database = provider.database
    name = database.literal(group)
    counted = database.column(f"SELECT COUNT(*) FROM group_members WHERE group_id = {name}")
    told = database.column(f"SELECT member_count FROM user_groups WHERE id = {name}")
    if {int(counted[0]), int(told[0])} != {size}:
        said = f"it has {counted[0]}, and says {told[0]}"
        raise BenchError(f"{database.engine}: a group should have {size} members, {said}")
