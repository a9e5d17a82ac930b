"""What is written down while the nodes are under load. Times are nanoseconds of the machine's monotonic clock."""

import json
import time
from typing import NamedTuple, Optional

now = time.monotonic_ns
SECOND = 1_000_000_000


class Credential(NamedTuple):
    """A token (`pat`), an API key or a session that was made between `begin` and `end`."""

    name: str
    owner: str
    kind: str
    begin: int
    end: int


class Check(NamedTuple):
    """One request with a credential: `begin` is before its first byte is sent, `end` after its answer is read.

    The answer is the status, with `active`, `inactive` or `unavailable` after it where that matters, or `none`.
    """

    begin: int
    end: int
    node: int
    door: str
    credential: str
    owner: str
    answer: str


class Act(NamedTuple):
    """One call that takes access away or gives it back. Its outcome is `done`, `refused`, or `unclear` when there was
    no answer, or one that leaves open whether it took effect."""

    begin: int
    end: int
    what: str
    owner: str
    credential: Optional[str]
    door: str
    node: Optional[int]
    answer: str
    outcome: str


class Stream(NamedTuple):
    """A session's open page. The cause of its end is `ended` (told), `closed`, or `open` when the watching ended."""

    begin: int
    end: int
    node: int
    credential: str
    owner: str
    cause: str


class Notice(NamedTuple):
    """What a reader of revocations was told. A reader goes on by its cursor when its connection is lost."""

    at: int
    reader: int
    node: int
    name: str
    sub: str


class Fault(NamedTuple):
    """What was done to these nodes; at `end` it had been undone."""

    begin: int
    end: int
    what: str
    nodes: list
    detail: str


class Standing(NamedTuple):
    """The status that a user has in the database itself; it was asked at `at`."""

    at: int
    owner: str
    status: str


KINDS = (Credential, Check, Act, Stream, Notice, Fault, Standing)


class History:
    """All events of a run. Many threads add to it: appending to a list is atomic."""

    def __init__(self, start=None, nodes=3):
        self.start = now() if start is None else start
        self.nodes = nodes
        self.events = {kind: [] for kind in KINDS}

    def add(self, event):
        self.events[type(event)].append(event)
        return event

    def of(self, kind):
        return self.events[kind]

    def save(self, path):
        with open(path, "w") as out:
            print(json.dumps({"event": "History", "start": self.start, "nodes": self.nodes}), file=out)
            for kind in KINDS:
                for event in self.events[kind]:
                    print(json.dumps({"event": kind.__name__, **event._asdict()}), file=out)


def load(path):
    """Reads what `save` wrote."""
    kinds = {kind.__name__: kind for kind in KINDS}
    with open(path) as lines:
        head = json.loads(next(lines))
        history = History(head["start"], head["nodes"])
        for line in lines:
            fields = json.loads(line)
            history.add(kinds[fields.pop("event")](**fields))
    return history
