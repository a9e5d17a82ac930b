"""Who takes access away and gives it back."""

import json
import random
import time

import wire
from people import READ_LOG
from record import Act, now
from wire import FORM


class Actor:
    """Takes access away and gives it back, one user at a time."""

    def __init__(self, load, number):
        self.load, self.people, self.cluster = load, load.people, load.cluster
        self.random = random.Random(f"{load.options.seed} act {number}")
        self.admin = load.people.admins[number % len(load.people.admins)]
        self.games = {
            self.deactivate: 50, self.deactivate_by_command: 10, self.delete_token: 12, self.sign_out: 10,
            self.suspend: 10, self.resume: 10, self.come_back: 4,
        }

    def run(self):
        pace = self.load.actors / self.load.options.acts
        while not self.load.stop.is_set():
            game = self.random.choices(list(self.games), self.games.values())[0]
            if not self.load.calm.is_set():
                game()
            self.load.stop.wait(self.random.expovariate(1 / pace))

    def record(self, begin, what, user, door, answer, outcome, held=None, node=None):
        act = Act(begin, now(), what, user.uuid, held and held.name, door, node, answer, outcome)
        return self.load.history.add(act)

    def command(self, what, user, *arguments, held=None):
        """One act by command line: status 0 is done, all else leaves it open."""
        begin = now()
        done = self.cluster.offboard(*arguments)
        said = "0" if done.returncode == 0 else f"{done.returncode} {' '.join(done.stdout.split())[:200]}"
        outcome = "done" if done.returncode == 0 else "unclear"
        return self.record(begin, what, user, "command", said, outcome, held)

    # --- Deactivation

    def deactivate(self):
        user = self.people.take(lambda user: True)
        if not user:
            return
        second = None
        if self.random.random() < 0.3:
            second = self.load.spawn(self.second_call, user, self.random.choice((0, 0.001, 0.01, 0.1, 0.4)))
        for _ in range(8):
            act = self.patch(user, self.random.choice(self.cluster.nodes))
            if act.outcome != "unclear" or self.load.stop.wait(0.1):
                break
        if second:
            second.join()
        self.left(user, act)

    def second_call(self, user, later):
        """The same once more while the first may still run: whoever is told 'done' first may rely on it."""
        time.sleep(later)
        act = self.patch(user, self.random.choice(self.cluster.nodes))
        if act.outcome == "done":
            self.load.probe(user.held)

    def patch(self, user, node):
        headers = [("Authorization", f"MxToken {self.admin}"), ("Content-Type", "application/json")]
        message = wire.request("PATCH", f"/v1/platform-users/{user.uuid}", headers, b'{"active": false}')
        connection = wire.Connection(node.port, self.random.choice((1.0, 5.0, 15.0, 15.0)))
        begin = now()
        try:
            answer = str(connection.ask(message).status)
        except OSError as error:
            answer = f"none ({type(error).__name__})"
        outcome = {"204": "done", "400": "refused", "401": "refused", "403": "refused"}.get(answer, "unclear")
        act = self.record(begin, "deactivate", user, "api", answer, outcome, node=node.index)
        connection.close()
        return act

    def deactivate_by_command(self):
        user = self.people.take(lambda user: True)
        if user:
            for _ in range(4):
                act = self.command("deactivate", user, "user", "deactivate", user.email)
                if act.outcome == "done" or self.load.stop.wait(0.1):
                    break
            self.left(user, act)

    def left(self, user, act):
        if act.outcome == "done":
            self.load.probe(user.held)
        user.state = "gone"
        self.people.put_back(user)

    # --- Single credentials

    def delete_token(self):
        self.end_one("pat", self.delete_by_command)

    def sign_out(self):
        self.end_one("session", self.post_sign_out)

    def delete_by_command(self, user, held):
        return self.command("delete_token", user, "token", "delete", held.uuid, held=held)

    def end_one(self, kind, end):
        user = self.people.take(lambda user: user.state == "active" and any(held.kind == kind for held in user.held))
        if not user:
            return
        held = self.random.choice([held for held in user.held if held.kind == kind])
        if end(user, held).outcome == "done":
            self.load.probe([held])
        self.people.lose(user, held)
        if not user.held:
            user.state = "gone"
        self.people.put_back(user)

    def post_sign_out(self, user, held):
        node = self.random.choice(self.cluster.nodes)
        connection = wire.Connection(node.port)
        message = wire.request("POST", "/sign-out", [("Cookie", f"offboard={held.secret}"), FORM])
        begin = now()
        try:
            answer = str(connection.ask(message).status)
        except OSError as error:
            answer = f"none ({type(error).__name__})"
        outcome = "done" if answer == "303" else "unclear"
        act = self.record(begin, "sign_out", user, "form", answer, outcome, held, node.index)
        connection.close()
        return act

    # --- Suspending, and coming back

    def suspend(self):
        user = self.people.take(lambda user: user.state == "active")
        if not user:
            return
        act = self.command("suspend", user, "user", "suspend", user.email)
        if act.outcome == "done":
            self.load.probe(user.held)
        user.state = "suspended"
        self.people.put_back(user)

    def resume(self):
        user = self.people.take(lambda user: user.state == "suspended")
        if not user:
            return
        act = self.command("resume", user, "user", "resume", user.email)
        for held in [held for held in user.held if held.kind == "session"]:
            self.people.lose(user, held)
        if act.outcome == "done":
            user.state = "active"
            self.load.probe(user.held)
        self.people.put_back(user)

    def come_back(self):
        """Deactivates somebody, lets them in again, and gives them a new token: the old ones stay dead."""
        user = self.people.take(lambda user: user.state == "active")
        if not user:
            return
        act = self.patch(user, self.random.choice(self.cluster.nodes))
        if act.outcome == "done":
            self.load.probe(user.held)
            act = self.command("reactivate", user, "user", "reactivate", user.email)
        if act.outcome != "done":
            return self.left(user, act)
        self.load.probe(user.held)
        for held in list(user.held):
            self.people.lose(user, held)
        user.state = "active" if self.give_token(user) else "gone"
        self.people.put_back(user)

    def give_token(self, user):
        begin = now()
        done = self.cluster.offboard("token", "create", "--user", user.email, "--name", "again", "--scope", READ_LOG)
        if done.returncode != 0:
            return None
        made = json.loads(done.stdout)
        held = self.people.hold(user, "pat", made["token"], made["uuid"], begin)
        self.load.probe([held])
        return held
