"""Whether a history keeps the promise: pure functions over what was recorded.

`self_test.py` shows that they can fail.
"""

import bisect
import collections
import math
from typing import NamedTuple

from record import SECOND, Act, Check, Credential, Fault, Notice, Standing, Stream

# How long after a fault a node may still be busy with it, in seconds.
GRACE = 4
LONG_GRACE = {"failover (kill)": 15, "failover (freeze)": 15, "failover (split)": 15}
# How soon an open page must be cut.
CUT = 1 * SECOND
# A sign of life that arrives this long after T0 was sent after T0.
ON_THE_WAY = SECOND // 2

YES = {"200", "200 active"}
NO = {"401", "403", "404", "200 inactive", "503", "403 unavailable", "500", "429"}
TAKING = {"deactivate", "suspend", "delete_token", "sign_out"}
BACK = {"resume", "reactivate"}


class Loss(NamedTuple):
    """From `since` (T0) until `until`, this credential opens nothing; `act` is why."""

    since: int
    until: float
    act: Act


class Violation(NamedTuple):
    at: int
    rule: str
    text: str
    events: list


class Fate:
    """What the acts mean for one credential: when it must not open anything, and when it must."""

    def __init__(self, credential, acts):
        self.credential = credential
        self.acts = sorted(act for act in acts if self.concerns(act))
        self.losses = [loss for act in self.acts for loss in self.loss_by(act)]
        self.good = self.good_times()

    def concerns(self, act):
        if act.outcome == "refused":
            return False
        if act.what in ("delete_token", "sign_out"):
            return act.credential == self.credential.name
        # Without an answer, an act may take effect at any time from then on, so also on what is made later.
        return act.outcome == "unclear" or act.end > self.credential.begin

    def sleeps_by(self, act):
        return act.what == "suspend" and self.credential.kind != "session"

    def loss_by(self, act):
        if act.what not in TAKING or act.outcome != "done" or act.end < self.credential.begin:
            return []
        until = self.woken_after(act) if self.sleeps_by(act) else math.inf
        return [Loss(act.end, until, act)] if until > act.end else []

    def woken_after(self, suspension):
        """The begin of the first resume that may have come after the suspension."""
        resumes = [act for act in self.acts if may_do(act, "resume")]
        if any(act.outcome == "unclear" and act.begin < suspension.end for act in resumes):
            return suspension.end
        return min((act.begin for act in resumes if act.end > suspension.begin), default=math.inf)

    def good_times(self):
        """The times at which it is certain that it opens everything."""
        times, since = [], self.credential.end
        for act in self.acts:
            if act.what in TAKING:
                if since is not None and act.begin > since:
                    times.append((since, act.begin))
                since = None
                if not self.sleeps_by(act) or act.outcome == "unclear":
                    return times
            elif act.what == "resume" and since is None and act.outcome == "done":
                since = act.end
        return times + [(since, math.inf)] if since is not None else times

    def loss_at(self, begin, end):
        """Why a request from begin to end must not succeed. One that overlaps a resume may."""
        for loss in self.losses:
            if loss.since < begin and end < loss.until:
                return loss
        return None

    def is_good(self, begin, end):
        return any(since <= begin and end <= until for since, until in self.good)


def may_do(act, what):
    """Whether it may have this effect. By SCIM, one request wakes who sleeps and reactivates who was deactivated."""
    return act.what == what or act.door == "scim" and act.what in BACK


class Faults:
    """Which node was under a fault when."""

    def __init__(self, faults):
        self.faults = sorted(faults)

    def around(self, begin, end, node=None, grace=True, kinds=None):
        """Those that touch this time, at this node or at any."""
        return [
            fault for fault in self.faults
            if fault.begin <= end and begin <= self.end(fault, grace)
            and (node is None or node in fault.nodes) and (kinds is None or fault.what in kinds)
        ]

    @staticmethod
    def end(fault, grace):
        return fault.end + (LONG_GRACE.get(fault.what, GRACE) * SECOND if grace else 0)


class Judged(NamedTuple):
    violations: list
    cuts: list
    notices: list


def fates(history):
    by_owner = collections.defaultdict(list)
    for act in history.of(Act):
        by_owner[act.owner].append(act)
    return {found.name: Fate(found, by_owner[found.owner]) for found in history.of(Credential)}


def judge(history):
    fate, faults = fates(history), Faults(history.of(Fault))
    violations = [*judge_checks(history.of(Check), fate, faults), *judge_standings(history)]
    cuts, late = judge_streams(history.of(Stream), fate, faults)
    notices, missing = judge_notices(history)
    return Judged(sorted(violations + late + missing), cuts, notices)


# --- Rules 1 and 2


def judge_checks(checks, fate, faults):
    for check in checks:
        if check.answer in YES:
            loss = fate[check.credential].loss_at(check.begin, check.end)
            if loss:
                text = f"let in {seconds(check.begin - loss.since)} after {loss.act.what} had returned"
                yield Violation(check.begin, "1: nobody who left is let in", text, [loss.act, check])
        elif is_wrong_refusal(check, fate, faults):
            yield Violation(check.begin, "2: nobody else is turned away", f"answered {check.answer}", [check])


def is_wrong_refusal(check, fate, faults):
    return (
        check.answer in NO
        and fate[check.credential].is_good(check.begin, check.end)
        and not faults.around(check.begin, check.end, check.node)
    )


# --- Rule 3


def judge_streams(streams, fate, faults):
    """How long after T0 each page was cut, and those for which that was too long."""
    cuts, late = [], []
    for stream in streams:
        loss = min((loss for loss in fate[stream.credential].losses if loss.since > stream.begin), default=None)
        if loss is None or stream.end < loss.since and stream.cause != "open":
            continue
        due = due_by(loss, stream, faults)
        if stream.cause == "open" and stream.end <= due:
            continue
        disturbed = bool(faults.around(loss.act.begin, stream.end))
        cuts.append((stream.end - loss.since, disturbed))
        if stream.end > due:
            state = "still open" if stream.cause == "open" else "cut"
            text = f"{state} {seconds(stream.end - loss.since)} after {loss.act.what} had returned"
            late.append(Violation(loss.since, "3: open pages are cut within a second", text, [loss.act, stream]))
    return cuts, late


def due_by(loss, stream, faults):
    """A process that is stopped can't cut anything; it has its second when it goes on."""
    due = loss.since + CUT
    for pause in faults.around(loss.act.begin, due, stream.node, grace=False, kinds={"pause"}):
        due = max(due, pause.end + CUT)
    return due


# --- Rule 4


class Told:
    """What one reader was told, in order."""

    def __init__(self, notices):
        self.alive = [notice.at for notice in notices if notice.name == "alive"]
        self.afresh = [notice.at for notice in notices if notice.name in ("ready", "reset")]
        self.changed = collections.defaultdict(list)
        for notice in notices:
            if notice.name == "changed":
                self.changed[notice.sub].append(notice.at)

    def first_sign_of_life(self, at):
        return first_from(self.alive, at)


def first_from(times, at):
    place = bisect.bisect_left(times, at)
    return times[place] if place < len(times) else math.inf


def judge_notices(history):
    """How long after T0 each change was told, and those that a sign of life overtook."""
    readers = collections.defaultdict(list)
    for notice in history.of(Notice):
        readers[notice.reader].append(notice)
    told = {reader: Told(sorted(notices)) for reader, notices in readers.items()}
    delays, missing = [], []
    for since, act in first_ends(history.of(Act)):
        for reader, heard in told.items():
            alive = heard.first_sign_of_life(act.end + ON_THE_WAY)
            changed = first_from(heard.changed[act.owner], since)
            afresh = first_from(heard.afresh, since)
            if changed < afresh:
                delays.append((changed - act.end, act))
            if alive < math.inf and min(changed, afresh) > alive:
                text = f"reader {reader} had a sign of life {seconds(alive - act.end)} after {act.what}, no word of it"
                missing.append(Violation(alive, "4: a sign of life tells that all is told", text, [act]))
    return delays, missing


def first_ends(acts):
    """Each act that took something away, once, with the begin of the first try: that may be what changed it."""
    begins, ended = {}, set()
    for act in sorted(acts):
        key = (act.owner, act.what, act.credential)
        if act.what in BACK:
            for name in ("suspend", "deactivate"):
                begins.pop((act.owner, name, None), None)
                ended.discard((act.owner, name, None))
        if act.what in TAKING and act.outcome != "refused":
            begins.setdefault(key, act.begin)
            if act.outcome == "done" and key not in ended:
                ended.add(key)
                yield begins[key], act


# --- Rule 5


def judge_standings(history):
    acts = collections.defaultdict(list)
    for act in sorted(history.of(Act)):
        acts[act.owner].append(act)
    for standing in history.of(Standing):
        last = last_deactivation(acts[standing.owner], standing.at)
        if last and standing.status != "deactivated":
            text = f"the database says {standing.status}"
            yield Violation(standing.at, "5: what was answered stands in the database", text, [last, standing])


def last_deactivation(acts, at):
    """The last one that had returned by then, if nothing may have undone it."""
    done = [act for act in acts if act.what == "deactivate" and act.outcome == "done" and act.end < at]
    if not done or any(may_undo(act, done[-1]) and act.begin < at for act in acts):
        return None
    return done[-1]


def may_undo(act, deactivation):
    """Without an answer, also one that was begun before may come after it."""
    return may_do(act, "reactivate") and (act.outcome == "unclear" or act.end > deactivation.begin)


def seconds(time):
    return f"{time / SECOND:.6f} s"
