"""What a run showed, in few lines; and each violation in full."""

import collections

from checker import Faults, fates, is_wrong_refusal
from record import SECOND, Act, Check, Fault, Notice

SHOWN = 8


def spread(name, times):
    """p50, p90, p99 and the greatest, in milliseconds."""
    if not times:
        return f"  {name:<34} none"
    times = sorted(times)
    shares = [times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.9, 0.99)]
    figures = "  ".join(f"{time / 1e6:9.1f}" for time in (*shares, times[-1]))
    return f"  {name:<34} {len(times):6}  {figures}"


def summary(history, judged):
    faults = Faults(history.of(Fault))
    yield from counted_checks(history)
    yield from counted_acts(history, faults)
    counts = collections.Counter(fault.what for fault in history.of(Fault))
    yield "faults    " + (", ".join(f"{what} {count}" for what, count in sorted(counts.items())) or "none")
    yield f"\n  {'milliseconds':<34} {'count':>6}  {'p50':>9}  {'p90':>9}  {'p99':>9}  {'max':>9}"
    yield from latencies(history, faults)
    yield from answer_times(history, faults)
    for disturbed in (False, True):
        cuts = [time for time, was in judged.cuts if was == disturbed]
        yield spread(f"page cut after T0, {in_words(disturbed)}", cuts)
    for disturbed in (False, True):
        delays = [time for time, act in judged.notices if bool(faults.around(act.begin, act.end + SECOND)) == disturbed]
        yield spread(f"'changed' after T0, {in_words(disturbed)}", delays)


def in_words(disturbed):
    return "faults" if disturbed else "quiet"


def counted_checks(history):
    checks = history.of(Check)
    took = max((check.end for check in checks), default=history.start + 1) - history.start
    yield f"checks    {len(checks)} ({len(checks) / took * SECOND:.0f} a second)"
    answers = collections.Counter((check.door, check.answer) for check in checks)
    for door in sorted({door for door, _ in answers}):
        counts = (f"{answer} {count}" for (of, answer), count in sorted(answers.items()) if of == door)
        yield f"  {door:<12}{', '.join(counts)}"
    fate, faults = fates(history), Faults(history.of(Fault))
    late = sum(fate[check.credential].loss_at(check.begin, check.end) is not None for check in checks)
    soon = sum(is_soon(fate[check.credential], check) for check in checks)
    silent = sum(check.answer == "none" and not faults.around(check.begin, check.end, check.node) for check in checks)
    yield f"  began after a T0: {late}, of them within 100 ms: {soon}; without an answer outside faults: {silent}"


def is_soon(fate, check):
    loss = fate.loss_at(check.begin, check.end)
    return loss is not None and check.begin - loss.since < SECOND // 10


def counted_acts(history, faults):
    counts = collections.Counter((act.what, act.door, act.outcome) for act in history.of(Act))
    parts = [f"{what} by {door} {outcome} {count}" for (what, door, outcome), count in sorted(counts.items())]
    yield f"acts      {len(history.of(Act))}: " + ", ".join(parts)
    yield from answers_to_acts(history, faults)
    names = collections.Counter(notice.name for notice in history.of(Notice))
    if names:
        yield "told      " + ", ".join(f"{name} {count}" for name, count in sorted(names.items()))


def answers_to_acts(history, faults):
    """What those were told who acted by a request."""
    asked = [act for act in history.of(Act) if act.door != "command"]
    counts = collections.Counter((act.door, bool(faults.around(act.begin, act.end)), act.answer) for act in asked)
    for door, disturbed in sorted({(door, disturbed) for door, disturbed, _ in counts}):
        told = [f"{answer} {count}" for (*of, answer), count in sorted(counts.items()) if of == [door, disturbed]]
        yield f"  {f'{door}, {in_words(disturbed)}':<14}{', '.join(told)}"


def latencies(history, faults):
    kinds = [("T0 by API", ("api", "form")), ("T0 by SCIM", ("scim",)), ("T0 by command", ("command",))]
    for name, doors in kinds:
        for disturbed in (False, True):
            times = [
                act.end - act.begin for act in history.of(Act)
                if act.outcome == "done" and act.door in doors
                and bool(faults.around(act.begin, act.end)) == disturbed
            ]
            yield spread(f"{name}, {in_words(disturbed)}", times)


def answer_times(history, faults):
    times = {False: [], True: []}
    for check in history.of(Check):
        times[bool(faults.around(check.begin, check.end))].append(check.end - check.begin)
    for disturbed, found in times.items():
        yield spread(f"check, {in_words(disturbed)}", found)


def violations(history, judged):
    faults = Faults(history.of(Fault))
    counts = collections.Counter(violation.rule for violation in judged.violations)
    for rule, count in sorted(counts.items()):
        yield f"VIOLATED {count} times: rule {rule}"
    shown = collections.Counter()
    for violation in judged.violations:
        shown[violation.rule] += 1
        if shown[violation.rule] <= SHOWN:
            yield f"\nrule {violation.rule}: {violation.text}"
            for event in violation.events:
                yield f"  {in_full(event, history.start)}"
            begin = min(getattr(event, "begin", violation.at) for event in violation.events)
            end = max(getattr(event, "end", violation.at) for event in violation.events)
            begin = max(begin, violation.at - 10 * SECOND)
            for fault in faults.around(begin, end):
                yield f"  {in_full(fault, history.start)}"


def in_full(event, start):
    """All fields, times as seconds since the start."""
    fields = event._asdict()
    for name in ("begin", "end", "at"):
        if name in fields:
            fields[name] = f"{(fields[name] - start) / SECOND:.6f}"
    shown = (f"{name}={value}" for name, value in fields.items() if value not in (None, ""))
    return f"{type(event).__name__:<7} " + " ".join(shown)
