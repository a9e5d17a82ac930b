"""The load: who checks credentials, and how all workers are started and ended. Each is a thread of its own."""

import json
import queue
import random
import threading
import time
import urllib.parse

import acts
import streams
import wire
from people import basic
from record import Check, now
from wire import FORM

CHECK_DOORS = ("me", "verify", "introspect", "management")
STREAM_DOORS = ("events", "revocations")
# Where credentials of each kind are shown.
DOORS_OF = {
    "pat": ("me", "verify", "introspect"),
    "session": ("me", "verify", "introspect"),
    "api_key": ("management", "introspect"),
}
ACTORS = 4
# How many pages are open at a time.
PAGES = 12


class Load:
    """What all workers share."""

    def __init__(self, cluster, people, history, options, service):
        self.cluster, self.people, self.history, self.options = cluster, people, history, options
        self.doors = {kind: [door for door in doors if door in options.doors] for kind, doors in DOORS_OF.items()}
        self.service = service and ("Authorization", basic(service))
        self.stop, self.calm = threading.Event(), threading.Event()
        self.actors = ACTORS
        self.urgent = [queue.Queue() for _ in cluster.nodes]
        self.failures, self.threads = [], []

    def start(self):
        per_node = self.options.workers
        pause = len(self.cluster.nodes) * per_node / self.options.rate
        for node in self.cluster.nodes:
            for number in range(per_node):
                self.spawn(Checker(self, node, number, pause).run)
        for number in range(ACTORS):
            self.spawn(acts.Actor(self, number).run)
        if "events" in self.options.doors:
            for number in range(PAGES):
                self.spawn(streams.PageWatcher(self, number).run)
        if "revocations" in self.options.doors:
            for node in self.cluster.nodes:
                self.spawn(streams.RevocationReader(self, node).run)

    def spawn(self, work, *arguments):
        thread = threading.Thread(target=self.guard, args=(work, *arguments), daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def end(self, seconds):
        """Afterwards nobody adds to the history."""
        self.stop.set()
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0, deadline - time.monotonic()))

    def has_looked(self):
        return not any(waiting.unfinished_tasks for waiting in self.urgent)

    def guard(self, work, *arguments):
        """A worker that breaks must not go unnoticed."""
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001
            self.failures.append(repr(error))
            raise

    def probe(self, helds):
        """Has these checked at every door of every node at once: nothing waits for it."""
        for waiting in self.urgent:
            pairs = [(held, door) for held in helds for door in self.doors[held.kind]]
            waiting.put(pairs)
            waiting.put(pairs[::-1])


class Checker:
    """Asks one node about credentials, one after another."""

    def __init__(self, load, node, number, pause):
        self.load, self.node, self.pause = load, node, pause
        self.random = random.Random(f"{load.options.seed} check {node.index} {number}")
        self.connection = wire.Connection(node.port)
        self.remembered = {}

    def run(self):
        waiting = self.load.urgent[self.node.index]
        while not self.load.stop.is_set():
            try:
                pairs = waiting.get(timeout=self.pause)
            except queue.Empty:
                held = self.load.people.some_held(self.random)
                if doors := self.load.doors[held.kind]:
                    self.check(held, self.random.choice(doors))
                continue
            for held, door in pairs:
                if not self.load.stop.is_set():
                    self.check(held, door)
            waiting.task_done()

    def check(self, held, door):
        message = self.message(held, door)
        # Some wait until a node that sleeps has woken up, others come anew and find it still asleep.
        self.connection.patience = self.random.choice((1.0, 3.0, 8.0))
        begin = now()
        answer = self.answer(message, door)
        end = now()
        if self.load.options.sabotage == "cache":
            answer = self.sabotaged(held, door, answer, end)
        self.load.history.add(Check(begin, end, self.node.index, door, held.name, held.owner, answer))
        if answer == "none":
            time.sleep(0.02)

    def message(self, held, door):
        is_pat = held.kind == "pat"
        if door == "introspect":
            body = urllib.parse.urlencode({"token": held.secret}).encode()
            return wire.request("POST", "/oauth2/introspect", [self.load.service, FORM], body)
        if door == "management":
            shown = [("Mendix-Username", held.email), ("Mendix-ApiKey", held.secret)]
            return wire.request("GET", f"/legacy-api/1/users/by-email/{held.email}", shown)
        scheme = "MxToken" if door == "me" else "Bearer"
        shown = ("Authorization", f"{scheme} {held.secret}") if is_pat else ("Cookie", f"offboard={held.secret}")
        return wire.request("GET", "/api/v1/me" if door == "me" else "/verify", [shown])

    def answer(self, message, door):
        try:
            answer = self.connection.ask(message)
        except OSError:
            return "none"
        if door == "introspect" and answer.status == 200:
            return "200 active" if json.loads(answer.body)["active"] is True else "200 inactive"
        if answer.header("offboard-reason") == "unavailable":
            return f"{answer.status} unavailable"
        return str(answer.status)

    def sabotaged(self, held, door, answer, at):
        """Plays a cache in front of the node: what was good 300 ms ago still is. The checker must notice."""
        known = self.remembered.get((held.name, door))
        if answer in ("200", "200 active"):
            self.remembered[held.name, door] = (at, answer)
        elif known and at - known[0] < 300_000_000:
            return known[1]
        return answer
