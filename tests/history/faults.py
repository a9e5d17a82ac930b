"""What goes wrong meanwhile, by a plan that the seed decides."""

import contextlib
import os
import random
import signal
import threading

from cluster import Trouble, wait_for
from record import Fault, Standing, now

NAMES = (
    "kill", "pause", "stall", "half_stall", "flap", "drop", "delay", "stall_operator", "freeze_database",
    "restart_fast", "restart_immediate", "end_backend", "end_listener", "freeze_backend", "freeze_listener",
    "lock_users", "long_transaction",
)
# A listener's last statement may be another one: it listens and does some more.
ANY, LISTENER = "TRUE", "(query ILIKE 'LISTEN%' OR query ILIKE '%pg_notify%' OR query ILIKE '%access_changes%')"
OF_DATABASE = ("freeze_database", "restart_fast", "restart_immediate")


def chosen(text):
    """The faults that `--faults` names."""
    if text in ("all", "none"):
        return list(NAMES) if text == "all" else []
    names = text.split(",")
    unknown = set(names) - set(NAMES)
    if unknown:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return names


class Injector:
    """Quiet stretches, and faults between them; sometimes two at once."""

    def __init__(self, cluster, history, seed, names, say):
        self.cluster, self.history, self.names, self.say = cluster, history, names, say
        self.random, self.over = random.Random(f"{seed} faults"), threading.Event()
        self.failures = []

    def run(self):
        while self.names and not self.over.wait(self.gap()):
            count = 2 if self.random.random() < 0.3 else 1
            nodes = self.random.sample(self.cluster.nodes, min(count, len(self.cluster.nodes)))
            # What two draw must not depend on which is faster.
            plans = [(self.random.choice(self.names), node, random.Random(self.random.random())) for node in nodes]
            if all(name in OF_DATABASE for name, *_ in plans):
                plans = plans[:1]
            threads = [threading.Thread(target=self.inject, args=plan) for plan in plans]
            for thread in threads:
                thread.start()
                self.over.wait(self.random.uniform(0, 0.5))
            for thread in threads:
                thread.join()

    def gap(self):
        """Mostly short; sometimes long enough to be quiet."""
        return self.random.uniform(8, 12) if self.random.random() < 0.3 else self.random.uniform(0.5, 4)

    def inject(self, name, node, dice):
        begin = now()
        try:
            nodes, detail = getattr(self, name)(node, dice)
        except Exception as error:  # noqa: BLE001
            self.failures.append(f"{name}: {error!r}")
            nodes, detail = self.everybody(), repr(error)
        fault = self.history.add(Fault(begin, now(), name, nodes, detail))
        self.say(f"{name} at {nodes} for {(fault.end - fault.begin) / 1e9:.2f} s {detail}")

    def everybody(self):
        return [node.index for node in self.cluster.nodes]

    def hold(self, seconds):
        self.over.wait(seconds)

    # --- At one node

    def kill(self, node, dice):
        node.kill()
        self.hold(dice.choice((0, 0.5, 3)))
        node.start()
        return [node.index], ""

    def pause(self, node, dice):
        """Longer than a lease, or about as long."""
        seconds = dice.choice((dice.uniform(1.5, 2.5), dice.uniform(2, 5)))
        node.signal(signal.SIGSTOP)
        try:
            self.hold(seconds)
        finally:
            node.signal(signal.SIGCONT)
        return [node.index], f"{seconds:.2f}"

    # --- Between one node and the database

    def through_proxy(self, whose, seconds, mode, **options):
        self.cluster.set_proxy(whose, mode, **options)
        try:
            self.hold(seconds)
        finally:
            self.cluster.set_proxy(whose, "pass")

    def stall(self, node, dice):
        self.through_proxy(f"node{node.index}", dice.uniform(1, 5), "stall")
        return [node.index], ""

    def half_stall(self, node, dice):
        """Only what goes to the database is held, or only what comes back."""
        direction = dice.choice(("up", "down"))
        self.through_proxy(f"node{node.index}", dice.uniform(1, 5), "stall", direction=direction)
        return [node.index], direction

    def flap(self, node, dice):
        """Held and let go in turns, about as long as a lease lasts."""
        for _ in range(4):
            self.through_proxy(f"node{node.index}", dice.uniform(0.2, 1.9), "stall")
            self.hold(dice.uniform(0.05, 0.6))
        return [node.index], ""

    def drop(self, node, dice):
        self.through_proxy(f"node{node.index}", dice.uniform(0.1, 4), "drop")
        return [node.index], ""

    def delay(self, node, dice):
        seconds = dice.choice((0.02, 0.1, 0.4))
        self.through_proxy(f"node{node.index}", dice.uniform(2, 5), "delay", delay=seconds)
        return [node.index], f"{seconds} s each way"

    def stall_operator(self, _node, dice):
        """Between the command line and the database: no node is any worse for it."""
        self.through_proxy("operator", dice.uniform(1, 4), "stall")
        return [], ""

    # --- At the database

    def freeze_database(self, _node, dice):
        self.cluster.primary.freeze()
        try:
            self.hold(dice.uniform(0.5, 4))
        finally:
            self.cluster.primary.thaw()
        return self.everybody(), ""

    def restart_fast(self, _node, _dice):
        self.cluster.primary.control("restart", "-m", "fast")
        return self.everybody(), ""

    def restart_immediate(self, _node, _dice):
        self.cluster.primary.control("restart", "-m", "immediate")
        return self.everybody(), ""

    def lock_users(self, _node, dice):
        """Who writes waits; checks must not."""
        seconds = dice.uniform(0.5, 3)
        self.in_database(f"BEGIN; LOCK TABLE users IN EXCLUSIVE MODE; SELECT pg_sleep({seconds:.2f}); COMMIT")
        return [], f"{seconds:.2f} s"

    def long_transaction(self, _node, dice):
        """Transactions that begin later are committed earlier; nobody must mind."""
        seconds = dice.uniform(1, 6)
        self.in_database(f"BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep({seconds:.2f}); COMMIT")
        return [], f"{seconds:.2f} s"

    def in_database(self, statements):
        with contextlib.suppress(Trouble):  # Another fault may end it.
            self.cluster.primary.sql(statements)

    # --- At one connection to the database

    def end_backend(self, node, dice):
        return self.at_backend(node, dice, ANY, lambda pid: os.kill(pid, signal.SIGTERM))

    def end_listener(self, node, dice):
        return self.at_backend(node, dice, LISTENER, lambda pid: os.kill(pid, signal.SIGTERM))

    def freeze_backend(self, node, dice):
        return self.at_backend(node, dice, ANY, lambda pid: self.freeze(pid, dice.uniform(0.5, 4)))

    def freeze_listener(self, node, dice):
        return self.at_backend(node, dice, LISTENER, lambda pid: self.freeze(pid, dice.uniform(0.5, 4)))

    def at_backend(self, node, dice, condition, do):
        """A node's processes in the server are found by the ports that the proxy has there."""
        ports = self.cluster.proxies.tell(f"node{node.index}-0")["ports"]
        listed = ", ".join(map(str, [*ports, -2]))
        select = "SELECT pid FROM pg_stat_activity WHERE datname = 'offboard'"
        try:
            found = self.cluster.primary.sql(f"{select} AND client_port IN ({listed}) AND {condition}").split()
        except Trouble:  # Another fault is in the way.
            found = []
        if not found:
            return [], "none found"
        pid = int(dice.choice(sorted(found)))
        with contextlib.suppress(ProcessLookupError):
            do(pid)
        return [node.index], f"process {pid}"

    def freeze(self, pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        try:
            self.hold(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


FAILOVERS = ("kill", "freeze", "split")


class Failover:
    """The primary is lost and the standby takes over.

    kill: it is ended at once.
    freeze: it stands still, comes back after the promotion, and does not know what happened.
    split: it only loses its standby, and goes on through it all.

    In the last two it lives beside the new primary for a while. One node can't make new connections to it; another, if there
    is one, and the command line can't reach it any more; whoever else reaches it may take it for the primary still.
    """

    def __init__(self, injector, people, how, seconds):
        self.injector, self.people, self.how, self.seconds = injector, people, how, seconds
        self.cluster, self.history, self.over = injector.cluster, injector.history, injector.over

    def run(self):
        if self.over.wait(self.seconds / 4):
            return
        begin = now()
        if self.how == "kill":
            self.cluster.primary.stop("immediate")
        elif self.how == "freeze":
            self.cluster.primary.freeze()
        self.cluster.proxies.tell("replication", mode="drop")
        self.over.wait(self.injector.random.choice((0.0, 1.0, 3.0)))
        self.promote(begin)
        if self.how != "kill":
            self.live_on()
        self.history.add(Fault(begin, now(), f"failover ({self.how})", self.injector.everybody(), ""))

    def promote(self, begin):
        self.cluster.standby.promote()
        wait_for(lambda: self.cluster.standby.sql("SELECT pg_is_in_recovery()") == "f", "the promotion")
        self.injector.say(f"failover ({self.how}): promoted after {(now() - begin) / 1e9:.2f} s")
        ask_database(self.cluster.standby, self.people, self.history)

    def live_on(self):
        nodes = [f"node{index}" for index in self.injector.everybody()]
        self.injector.random.shuffle(nodes)
        closed, *others = nodes
        apart = ["operator", *others[:1]]
        for whose in apart:
            self.cluster.proxies.tell(f"{whose}-0", mode="drop")
        self.cluster.proxies.tell(f"{closed}-0", mode="close")
        self.injector.say(f"{' and '.join(apart)} can't reach the lost primary, {closed} can't make new connections to it")
        self.over.wait(self.seconds / 6)
        self.cluster.primary.thaw()
        self.injector.say("the lost primary lives")
        self.over.wait(self.seconds / 6)
        self.cluster.primary.stop("immediate")
        self.injector.say("the lost primary is ended")


def ask_database(server, people, history):
    """Writes down what this server has of everybody's status. What is acknowledged from now on is not asked for."""
    at = now()
    known = {user.uuid for user in people.all}
    for row in server.sql("SELECT id, status FROM users").split("\n"):
        owner, status = row.split("|")
        if owner in known:
            history.add(Standing(at, owner, status))
