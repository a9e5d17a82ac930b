"""The checker tried on histories that were made up: it must find what is wrong in them, and nothing else."""

import checker
from record import SECOND, Act, Check, Credential, Fault, History, Notice, Standing, Stream


class Story:
    """A history told in seconds: user `lee` with token `pat`, API key `key` and session `ses`, good from the start."""

    def __init__(self):
        self.history = History(start=0)
        self.credential("pat", "pat", 0).credential("key", "api_key", 0).credential("ses", "session", 0)

    def add(self, event):
        self.history.add(event)
        return self

    def credential(self, name, kind, at):
        return self.add(Credential(name, "lee", kind, ns(at), ns(at)))

    def act(self, begin, end, what, outcome="done", credential=None, door="api"):
        return self.add(Act(ns(begin), ns(end), what, "lee", credential, door, 0, "", outcome))

    def scim(self, begin, end, what, outcome="done"):
        return self.act(begin, end, what, outcome, door="scim")

    def check(self, begin, answer, credential="pat", node=0, took=0.01):
        return self.add(Check(ns(begin), ns(begin + took), node, "me", credential, "lee", answer))

    def fault(self, begin, end, what="stall", nodes=(0,)):
        return self.add(Fault(ns(begin), ns(end), what, list(nodes), ""))

    def stream(self, begin, end, cause="ended", node=0):
        return self.add(Stream(ns(begin), ns(end), node, "ses", "lee", cause))

    def told(self, at, name, sub=""):
        return self.add(Notice(ns(at), 0, 0, name, sub))

    def standing(self, at, status):
        return self.add(Standing(ns(at), "lee", status))

    def rules(self):
        return sorted({int(violation.rule[0]) for violation in checker.judge(self.history).violations})


def ns(seconds):
    return round(seconds * SECOND)


def gone():
    return Story().act(1, 2, "deactivate")


def asleep():
    return Story().act(1, 2, "suspend")


def woken():
    return asleep().act(4, 5, "resume")


def back():
    """Deactivated, let in again, and given a new token."""
    return gone().act(5, 6, "reactivate").credential("new", "pat", 7)


def hanging(what="deactivate"):
    return Story().act(1, 2, what, "unclear")


def deleted(credential="pat"):
    return Story().act(1, 2, "delete_token", credential=credential)


def watched():
    return gone().told(0, "ready")


def stories():
    """Each with the rules that it breaks."""
    yield from about_letting_in()
    yield from about_turning_away()
    yield from about_coming_back()
    yield from about_streams()
    yield from about_the_database()


def about_letting_in():
    yield "a good token is let in", Story().check(1, "200"), []
    yield "a leaver is refused", gone().check(2.1, "401"), []
    yield "a leaver is let in", gone().check(2.1, "200"), [1]
    yield "a leaver's session is let in", gone().check(2.1, "200", "ses"), [1]
    yield "a leaver's API key is let in", gone().check(2.1, "200", "key"), [1]
    yield "whom SCIM deactivated is let in", Story().scim(1, 2, "deactivate").check(2.1, "200"), [1]
    yield "also when another call had no answer", hanging().scim(3, 4, "deactivate").check(4.1, "200", "key"), [1]
    yield "whom SCIM refused to deactivate may be", Story().scim(1, 2, "deactivate", "refused").check(2.1, "200"), []
    yield "a leaver's token is called active", gone().check(2.1, "200 active"), [1]
    yield "at another node, long after", gone().check(90, "200", node=2), [1]
    yield "a fault is no excuse for letting in", gone().fault(1, 9).check(3, "200"), [1]
    yield "one that began before T0 may succeed", gone().check(1.99, "200", took=3), []
    yield "while the call runs, both answers are right", gone().check(1.5, "200").check(1.6, "401"), []
    yield "without an answer there is no T0", hanging().check(3, "200"), []
    yield "and no certainty either", hanging().check(3, "401"), []
    yield "the repeated call has a T0", hanging().act(3, 4, "deactivate").check(4.1, "200"), [1]
    yield "the first of two calls counts", gone().act(1.5, 4, "deactivate").check(3, "200"), [1]
    yield "a deleted token is let in", deleted().check(3, "200"), [1]
    yield "the other credential is not touched", deleted().check(3, "200", "ses"), []
    yield "and must not be", deleted().check(3, "401", "ses"), [2]
    yield "a deleted API key is let in", deleted("key").check(3, "200", "key"), [1]
    signed_out = Story().act(1, 2, "sign_out", credential="ses")
    yield "a session that was signed out is let in", signed_out.check(3, "200", "ses"), [1]


def about_turning_away():
    yield "a good token is refused", Story().check(1, "401"), [2]
    yield "a good API key is refused", Story().check(1, "401", "key"), [2]
    yield "a good API key is nobody's", Story().check(1, "404", "key"), [2]
    yield "a good token is called inactive", Story().check(1, "200 inactive"), [2]
    yield "a good token gets 503", Story().check(1, "503"), [2]
    yield "verify does not know", Story().check(1, "403 unavailable"), [2]
    yield "a refused call changes nothing", Story().act(1, 2, "deactivate", "refused").check(3, "401"), [2]
    yield "under a fault that is right", Story().fault(0.5, 2).check(1, "503"), []
    yield "and a little later", Story().fault(0.5, 2).check(4, "503"), []
    yield "but not for ever", Story().fault(0.5, 2).check(9, "503"), [2]
    yield "nor at another node", Story().fault(0.5, 2).check(1, "503", node=1), [2]


def about_coming_back():
    yield "reactivation gives no token back", back().check(8, "200"), [1]
    yield "nor an API key", back().check(8, "200", "key"), [1]
    yield "nor by SCIM", gone().scim(5, 6, "reactivate").check(8, "200"), [1]
    yield "a new token is good", back().check(8, "200", "new"), []
    yield "and must be", back().check(8, "401", "new"), [2]
    yield "until the next end", back().act(8, 9, "deactivate").check(10, "200", "new"), [1]
    late = hanging().act(3, 4, "deactivate").act(5, 6, "reactivate").credential("new", "pat", 7)
    yield "an earlier call that hangs may still come", late.check(8, "401", "new"), []
    yield "a suspended token is let in", asleep().check(3, "200"), [1]
    yield "a resumed one may be", woken().check(6, "200"), []
    yield "and must be", woken().check(6, "401"), [2]
    yield "but not before", woken().check(3, "200"), [1]
    yield "while it is resumed, both are right", woken().check(4.5, "200").check(4.6, "401"), []
    yield "also for what began before", woken().check(3.9, "200", took=0.5), []
    yield "a suspended API key is let in", asleep().check(3, "200", "key"), [1]
    yield "a resumed API key may be", woken().check(6, "200", "key"), []
    yield "and must be as well", woken().check(6, "401", "key"), [2]
    yield "a resumed user's sessions stay ended", woken().check(6, "200", "ses"), [1]
    yield "SCIM resumes as well", asleep().scim(4, 5, "resume").check(6, "401"), [2]
    yield "suspended again", woken().act(6, 7, "suspend").check(8, "200"), [1]
    yield "a resume that hangs may come late", hanging("resume").act(6, 7, "suspend").check(8, "200"), []
    scim_hangs = Story().scim(1, 2, "reactivate", "unclear").act(6, 7, "suspend")
    yield "what lets back in by SCIM wakes up too", scim_hangs.check(8, "200"), []
    hangs = hanging("reactivate").act(6, 7, "suspend")
    yield "by another door it does not", hangs.check(8, "200"), [1]
    ended = asleep().act(3, 4, "deactivate").act(5, 6, "resume", "unclear")
    yield "a deactivated user does not wake up", ended.check(7, "200"), [1]


def about_streams():
    yield "a page is cut", gone().stream(0, 2.4), []
    yield "a page is cut late", gone().stream(0, 3.5), [3]
    yield "a page stays open", gone().stream(0, 9, "open"), [3]
    yield "a page at the end of the watch", gone().stream(0, 2.9, "open"), []
    yield "a page that ended before", gone().stream(0, 1, "closed"), []
    yield "a stopped process cuts nothing", gone().fault(0.5, 6, "pause").stream(0, 6.5), []
    yield "but soon after", gone().fault(0.5, 6, "pause").stream(0, 7.5), [3]
    yield "another fault is no excuse", gone().fault(0.5, 6).stream(0, 6.5), [3]
    yield "a change is told", watched().told(1.9, "changed", "lee").told(2.6, "alive"), []
    yield "a change is not told", watched().told(2.6, "alive"), [4]
    yield "a change of somebody else is", watched().told(1.9, "changed", "ann").told(2.6, "alive"), [4]
    yield "a sign of life overtakes it", watched().told(2.6, "alive").told(2.7, "changed", "lee"), [4]
    yield "one that was on the way does not", watched().told(2.1, "alive").told(2.2, "changed", "lee"), []
    yield "silence tells nothing", watched(), []
    yield "afresh is enough", watched().told(2.4, "reset").told(3, "alive"), []
    twice = hanging().told(0, "ready").told(1.5, "changed", "lee").act(3, 4, "deactivate")
    yield "told by the first try", twice.told(5, "alive"), []
    yield "told before it was tried is not enough", gone().told(0.5, "changed", "lee").told(3, "alive"), [4]


def about_the_database():
    yield "the database knows", gone().standing(5, "deactivated"), []
    yield "the database has lost it", gone().standing(5, "active"), [5]
    yield "asked before", gone().standing(1.5, "active"), []
    yield "without an answer it may know either", hanging().standing(5, "active"), []
    yield "what SCIM was answered stands too", Story().scim(1, 2, "deactivate").standing(5, "active"), [5]
    late = Story().scim(0.1, 0.2, "resume", "unclear").act(1, 2, "deactivate")
    yield "what hangs by SCIM may let back in later", late.standing(5, "active"), []
    yield "but gives no token back", late.check(5, "200"), [1]
    yield "by another door it lets nobody in", hanging("resume").act(3, 4, "deactivate").standing(5, "active"), [5]
    yield "reactivated", gone().act(5, 6, "reactivate").standing(7, "active"), []


def run():
    """Gives how many there were, and those that were judged wrongly."""
    judged = [(name, expected, story.rules()) for name, story, expected in stories()]
    wrong = [f"{name}: broke {found}, not {expected}" for name, expected, found in judged if found != expected]
    return len(judged), wrong
