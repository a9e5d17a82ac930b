"""The parts of a measurement. Each is a function that gives its runs, a dict each."""

import contextlib
import functools
import os
import secrets

import loads
from databases import Postgres, Sqlite
from loads import DOORS, Leaving
from programs import BenchError, Ceiling, Server, progress
from scim import scim

TOKENS = 10_000
SMALL = 1_000
CHECK_CONNECTIONS = (16, 64)
PATCH_CONNECTIONS = (1, 16, 64)
VERIFY_CONNECTIONS = 16
STORM_CONNECTIONS = 4
# How long a connection of the moderate load waits between two requests, on average.
PAUSE_MILLISECONDS = 4
NODES = 3
MEMORY_CONNECTIONS = 16
# How many users in `memory` are deactivated to warm up, and then for the figures; SMALL must hold them.
MEMORY_LEAVERS = (100, 800)
# The least that may be configured.
REMEMBER_LITTLE = 1_000


class Scene:
    """What the parts share: options, binaries, and databases, which are made when the first part needs them."""

    def __init__(self, options, binaries, folder, postgres, cleanup):
        self.options, self.binaries, self.folder, self.postgres = options, binaries, folder, postgres
        self.cleanup, self.databases, self.loads = cleanup, {}, []

    def make(self, name):
        """A database on each engine. `main` is for throughput, `few` and `many` differ in how many users they have;
        `scim` has none: that part makes those that it needs."""
        if name not in self.databases:
            many = self.options.many_users
            counts = {
                "main": (self.options.users, min(TOKENS, self.options.users // 10), TOKENS, TOKENS),
                "few": (SMALL, SMALL // 10, TOKENS, TOKENS),
                "many": (many, many - SMALL, many, TOKENS),
                "scim": (1, 1, 1, 1),
            }[name]
            databases = [Sqlite(name, self.folder)]
            if self.postgres:
                databases.append(Postgres(name, self.folder, self.options.postgres))
            for database in databases:
                self.cleanup.callback(database.drop)
                database.fill(self.binaries["offboard"], *counts)
            self.databases[name] = databases
        return self.databases[name]

    def server(self, database, number=1, **settings):
        return Server(self.binaries["offboard"], database, number, **settings)

    @contextlib.contextmanager
    def running(self, processes):
        with contextlib.ExitStack() as cleanup:
            for process in processes:
                cleanup.callback(process.stop)
                process.start()
            yield

    def in_rounds(self, part, count, measure):
        """Runs the rounds; gives the records of all."""
        records = []
        for number in range(1, count + 1):
            load = os.getloadavg()
            progress(f"{part}: round {number} of {count} (load average {load[0]:.2f})")
            self.loads.append({"part": part, "round": number, "loadAverage": load})
            records += [{"part": part, "round": number, **record} for record in measure()]
        return records


# --- Checks ---------------------------------------------------------------------------------------------------------


def checks(scene):
    """Every door on every engine against the ceiling, in turns; first with few hot tokens, then with many."""
    options = scene.options
    some = check_rounds(scene, [(database, database.tokens) for database in scene.make("main")], options.rounds)
    all_hot = [(database, database.tokens) for database in scene.make("many")]
    return some + check_rounds(scene, all_hot, (options.rounds + 1) // 2)


def check_rounds(scene, lists, rounds):
    servers = [scene.server(database) for database, _ in lists]
    ceiling = Ceiling(scene.binaries["ceiling"], scene.folder)
    with scene.running([ceiling, *servers]):
        hot = lists[0][1].count
        loads.compare_answers(ceiling, servers)
        warmed = [heat(server, tokens) for server, (_, tokens) in zip(servers, lists)]
        for process, (database, tokens) in zip([ceiling, *servers], [lists[0], *lists]):
            loads.look_at_doors(process, database, tokens)

        def one_round():
            for door in DOORS:
                for connections in CHECK_CONNECTIONS:
                    for process, (database, tokens) in zip([ceiling, *servers], [lists[0], *lists]):
                        result = loads.check_load(
                            process, DOORS[door], database, tokens, connections, scene.options.seconds)
                        engine = None if process is ceiling else database.engine
                        kind = {"what": door, "engine": engine, "connections": connections, "hot": hot}
                        yield {**kind, **result}

        return warmed + scene.in_rounds("checks", rounds, one_round)


def heat(server, tokens):
    """Has the server remember all these tokens, and waits until it has written down that they were used."""
    database = server.database
    seconds = loads.warm_up(server, database, tokens)
    progress(f"{database.engine}: {tokens.count:,} tokens were asked about in {seconds:.1f} s")
    database.wait_for_notes()
    if server.gauge("remembered_credentials") < tokens.count:
        raise BenchError(f"{database.engine}: the server does not remember all of {tokens.count:,} tokens")
    return {"part": "checks", "what": "warm-up", "engine": database.engine, "hot": tokens.count, "seconds": seconds}


# --- Deactivations --------------------------------------------------------------------------------------------------


def deactivations(scene):
    """PATCH, and the raw loop, in turns."""
    servers = [scene.server(database) for database in scene.make("main")]
    leaving, options = Leaving(), scene.options

    def kinds(server):
        for connections in PATCH_CONNECTIONS:
            # SQLite has one writer.
            if server.database.engine != "SQLite" or connections == 1:
                yield ("raw loop", server.database.engine, connections)
            yield ("PATCH", server.database.engine, connections)

    def measure(kind, server, seconds):
        what, engine, connections = kind

        def load(users):
            if what == "raw loop":
                return loads.raw_load(scene.binaries["raw_loop"], server.database, connections, seconds, users)
            return loads.patch_load(server, connections, seconds, users)

        result = leaving.run(kind, seconds, [server], load)
        return {"what": what, "engine": engine, "connections": connections, **result}

    def one_round(seconds=options.seconds):
        return [measure(kind, server, seconds) for server in servers for kind in kinds(server)]

    with scene.running(servers):
        progress("deactivations: warm-up")
        one_round(min(2, options.seconds))
        for server in servers:
            each = sum(leaving.users_for(kind, options.seconds) for kind in kinds(server))
            leaving.provide([server], options.rounds * each)
        return scene.in_rounds("deactivations", options.rounds, one_round)


# --- Storm ----------------------------------------------------------------------------------------------------------


def storm(scene):
    """The latency of a moderate load of /verify: alone, beside deactivations, and beside as many connections of GET."""
    servers = [scene.server(database) for database in scene.make("main")]
    leaving, options = Leaving(), scene.options

    def verify(server, seconds):
        database = server.database
        return loads.check_load(
            server, DOORS["verify"], database, database.tokens, VERIFY_CONNECTIONS, seconds, PAUSE_MILLISECONDS)

    def beside_patch(server, seconds, users):
        loads.warm_up(server, server.database, server.database.tokens)
        arguments = loads.patch_arguments(server, STORM_CONNECTIONS, users)
        with loads.patching(server, STORM_CONNECTIONS) as check:
            with loads.beside(server, loads.PATCH, "deactivate.lua", STORM_CONNECTIONS, seconds, arguments) as load:
                result = verify(server, seconds)
                other = load.finish()
                check.append(other)
        return {**result, "besidePerSecond": other["checked"] / other["seconds"], "exhausted": other["exhausted"]}

    def beside_get(server, seconds):
        database, door = server.database, DOORS["GET me"]
        arguments = loads.check_arguments(door, database, database.tokens, secrets.randbelow(database.tokens.count))
        with server.answering_only(door.path, "200"):
            with loads.beside(server, door.path, "check.lua", STORM_CONNECTIONS, seconds, arguments) as load:
                result = verify(server, seconds)
                other = load.finish()
        return {**result, "besidePerSecond": other["answers"] / other["seconds"]}

    def measure(what, server, seconds):
        loads.warm_up(server, server.database, server.database.tokens)
        if what == "alone":
            result = verify(server, seconds)
        elif what == "beside GET me":
            result = beside_get(server, seconds)
        else:
            load = functools.partial(beside_patch, server, seconds)
            kind, length = ("storm", server.database.engine), seconds + loads.MARGIN_SECONDS
            result = leaving.run(kind, length, [server], load, rate="besidePerSecond")
        return {"what": what, "engine": server.database.engine, "connections": VERIFY_CONNECTIONS, **result}

    def one_round(seconds=options.seconds):
        whats = ("alone", "beside PATCH", "beside GET me")
        return [measure(what, server, seconds) for server in servers for what in whats]

    with scene.running(servers):
        progress("storm: warm-up")
        one_round(1)
        for server in servers:
            each = leaving.users_for(("storm", server.database.engine), options.seconds + loads.MARGIN_SECONDS)
            leaving.provide([server], options.rounds * each)
            loads.warm_up(server, server.database, server.database.tokens)
            server.database.wait_for_notes()
        return scene.in_rounds("storm", options.rounds, one_round)


# --- T0 -------------------------------------------------------------------------------------------------------------


def t0(scene):
    """On PostgreSQL, how long one PATCH takes by itself, with one node and with several, and its bare commit."""
    if not scene.postgres:
        return []
    database = next(database for database in scene.make("main") if database.engine == "PostgreSQL")
    nodes = [scene.server(database, number) for number in range(1, NODES + 1)]
    leaving, options = Leaving(), scene.options

    def measure(what, count, seconds):
        for node in nodes[:count]:
            if not node.process:
                node.start()

        def load(users):
            if count == 0:
                return loads.raw_load(scene.binaries["raw_loop"], database, 1, seconds, users)
            return loads.patch_load(nodes[0], 1, seconds, users)

        result = leaving.run((what,), seconds, nodes, load)
        return {"what": what, "engine": "PostgreSQL", "meanUs": 1e6 / result["perSecond"], **result}

    def stop_others():
        for node in reversed(nodes):
            node.stop()

    def one_round(seconds=options.seconds):
        stop_others()
        return [measure(*kind, seconds) for kind in (("raw loop", 0), ("1 node", 1), (f"{NODES} nodes", NODES))]

    with contextlib.ExitStack() as cleanup:
        cleanup.callback(stop_others)
        progress("t0: warm-up")
        one_round(1)
        stop_others()
        leaving.provide(nodes, options.rounds * sum(leaving.users_for(kind, options.seconds) for kind in leaving.rates))
        return scene.in_rounds("t0", options.rounds, one_round)


# --- Start ----------------------------------------------------------------------------------------------------------


def start(scene):
    """How long a server takes from the start of its process until it is ready."""
    servers = [scene.server(database) for name in ("few", "many") for database in scene.make(name)]

    def one_round():
        for server in servers:
            database = server.database
            try:
                seconds = server.start()
            finally:
                server.stop()
            yield {"what": "start", "engine": database.engine, "users": database.members, "seconds": seconds}

    for server in servers:
        server.database.check_names()
    list(one_round())
    return scene.in_rounds("start", scene.options.rounds, one_round)


# --- Memory ---------------------------------------------------------------------------------------------------------


def memory(scene):
    """Resident memory and latencies with few and with many users; then with many hot credentials."""
    servers = [scene.server(database) for pair in zip(scene.make("few"), scene.make("many")) for database in pair]
    with contextlib.ExitStack() as cleanup:
        for server in servers:
            cleanup.callback(server.stop)
        records = scene.in_rounds("memory", scene.options.rounds, lambda: users_round(servers, scene.options.seconds))
    return records + scene.in_rounds("memory", 1, lambda: hot_round(scene))


def users_round(servers, seconds):
    """For each database a fresh server: warm-up, resident memory, latencies."""
    door = DOORS["GET me"]
    for server in servers:
        database = server.database
        database.reactivate()
        server.start()
        warm_up, measured = MEMORY_LEAVERS
        loads.warm_up(server, database, database.some_tokens)
        loads.patch_load(server, MEMORY_CONNECTIONS, seconds, database.take(warm_up))
        resident = server.resident_bytes()
        me = loads.check_load(server, door, database, database.some_tokens, MEMORY_CONNECTIONS, seconds)
        patch = loads.patch_load(server, MEMORY_CONNECTIONS, seconds, database.take(measured))
        server.stop()
        record = {"what": "users", "engine": database.engine, "users": database.members, "residentBytes": resident}
        latencies = {"meP50us": me["p50us"], "meP99us": me["p99us"]}
        yield {**record, **latencies, "patchP50us": patch["p50us"], "patchP99us": patch["p99us"]}


def hot_round(scene):
    """The same questions about every token of a server that remembers them all, and of one that remembers next to none:
    what the database needs meanwhile is not the credentials'."""
    for database in scene.make("many"):
        for remembers, settings in ((True, {}), (False, {"remembered_credentials": REMEMBER_LITTLE})):
            database.forget_uses()
            server = scene.server(database, **settings)
            with scene.running([server]):
                seconds = loads.warm_up(server, database, database.tokens)
                database.wait_for_notes()
                kept = database.tokens.count if remembers else REMEMBER_LITTLE
                record = {"what": "hot", "engine": database.engine, "users": database.members, "hot": kept}
                asked = {"asked": database.tokens.count, "seconds": seconds}
                yield {**record, **asked, "residentBytes": server.resident_bytes()}


PARTS = {
    "checks": checks, "deactivations": deactivations, "storm": storm, "t0": t0, "start": start, "memory": memory,
    "scim": scim,
}
