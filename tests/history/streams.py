"""Who watches what a node sends by itself: open pages, and revocations."""

import json
import random
import time

import wire
from record import Check, Notice, Stream, now


class PageWatcher:
    """Has a page of some session open, until it is cut; then another one."""

    def __init__(self, load, number):
        self.load, self.random = load, random.Random(f"{load.options.seed} page {number}")

    def run(self):
        while not self.load.stop.is_set():
            sessions = [held for held in self.load.people.live if held.kind == "session"]
            if sessions:
                self.watch(self.random.choice(sessions), self.random.choice(self.load.cluster.nodes))
            self.load.stop.wait(0.1 if sessions else 0.5)

    def watch(self, held, node):
        begin = now()
        try:
            stream = wire.EventStream(node.port, "/events", [("Cookie", f"offboard={held.secret}")])
        except OSError:
            return
        self.load.history.add(Check(begin, now(), node.index, "events", held.name, held.owner, str(stream.opened)))
        if stream.opened == 200:
            cause = self.watch_to_end(stream)
            self.load.history.add(Stream(begin, now(), node.index, held.name, held.owner, cause))
        stream.close()

    def watch_to_end(self, stream):
        while not self.load.stop.is_set():
            try:
                if any(event.get("event") == "ended" for event in stream.read(0.25)):
                    return "ended"
            except EOFError:
                return "closed"
        return "open"


class RevocationReader:
    """Reads a node's revocations as a cache would: it goes on by its cursor, at this node or at another."""

    SILENCE = 3.0

    def __init__(self, load, node):
        self.load, self.home, self.cursor = load, node, None
        self.random = random.Random(f"{load.options.seed} reader {node.index}")

    def run(self):
        node = self.home
        while not self.load.stop.is_set():
            try:
                self.read(node)
            except OSError:
                pass
            self.load.stop.wait(0.1)
            node = self.home if self.random.random() < 0.6 else self.random.choice(self.load.cluster.nodes)

    def read(self, node):
        headers = [self.load.service] + ([("Last-Event-ID", self.cursor)] if self.cursor else [])
        stream = wire.EventStream(node.port, "/api/v1/revocations", headers, patience=3.0)
        try:
            if stream.opened == 200:
                self.follow(stream, node)
        finally:
            stream.close()

    def follow(self, stream, node):
        heard = time.monotonic()
        while not self.load.stop.is_set() and time.monotonic() - heard < self.SILENCE:
            try:
                events = stream.read(0.25)
            except EOFError:
                return
            for event in events:
                heard = time.monotonic()
                self.note(event, node)

    def note(self, event, node):
        at, name, data = now(), event.get("event", "message"), event.get("data", "")
        self.cursor = event.get("id") or self.cursor
        sub = json.loads(data).get("sub", "") if name == "changed" else ""
        self.load.history.add(Notice(at, self.home.index, node.index, name, sub))
