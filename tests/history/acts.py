"""Who takes access away and gives it back."""

import json
import random
import time

import wire
from people import API_KEY, READ_LOG
from record import Act, now
from wire import FORM

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
# What the statuses mean; any other leaves open whether it took effect.
OF_API = {"204": "done", "400": "refused", "401": "refused", "403": "refused"}
OF_FORM = {"303": "done"}
OF_SCIM = {"200": "done", **dict.fromkeys(("400", "401", "403", "404", "409"), "refused")}


class Actor:
    """Takes access away and gives it back, one user at a time."""

    def __init__(self, load, number):
        self.load, self.people, self.cluster = load, load.people, load.cluster
        self.random = random.Random(f"{load.options.seed} act {number}")
        self.admin = load.people.admins[number % len(load.people.admins)]
        self.games = {
            self.deactivate: 50, self.deactivate_by_command: 10, self.delete_token: 12, self.sign_out: 10,
            self.suspend: 10, self.resume: 10, self.come_back: 8,
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

    def ask(self, what, user, door, message, outcomes, held=None, patience=15.0):
        """One act by a request to some node."""
        node = self.random.choice(self.cluster.nodes)
        connection = wire.Connection(node.port, patience)
        begin = now()
        try:
            answer = str(connection.ask(message).status)
        except OSError as error:
            answer = f"none ({type(error).__name__})"
        act = self.record(begin, what, user, door, answer, outcomes.get(answer, "unclear"), held, node.index)
        connection.close()
        return act

    def patience(self):
        return self.random.choice((1.0, 5.0, 15.0, 15.0))

    def by_scim(self, what, user, active):
        """What the identity provider says of somebody."""
        change = {"op": "replace", "path": "active", "value": active}
        body = json.dumps({"schemas": [PATCH_OP], "Operations": [change]}).encode()
        headers = [("Authorization", f"Bearer {self.people.provider}"), ("Content-Type", "application/scim+json")]
        message = wire.request("PATCH", f"/scim/v2/Users/{user.uuid}", headers, body)
        return self.ask(what, user, "scim", message, OF_SCIM, patience=self.patience())

    # --- Deactivation

    def deactivate(self):
        user = self.people.take(lambda user: True)
        if not user:
            return
        second = None
        if self.random.random() < 0.3:
            second = self.load.spawn(self.second_call, user, self.random.choice((0, 0.001, 0.01, 0.1, 0.4)))
        for _ in range(8):
            act = self.end_access(user)
            if act.outcome != "unclear" or self.load.stop.wait(0.1):
                break
        if second:
            second.join()
        self.left(user, act)

    def second_call(self, user, later):
        """The same once more while the first may still run: whoever is told 'done' first may rely on it."""
        time.sleep(later)
        if self.end_access(user).outcome == "done":
            self.load.probe(user.held)

    def end_access(self, user):
        """One call, by the User Deactivation API or by SCIM."""
        if self.random.random() < 0.5:
            return self.by_scim("deactivate", user, False)
        headers = [("Authorization", f"MxToken {self.admin}"), ("Content-Type", "application/json")]
        message = wire.request("PATCH", f"/v1/platform-users/{user.uuid}", headers, b'{"active": false}')
        return self.ask("deactivate", user, "api", message, OF_API, patience=self.patience())

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
        self.end_one(("pat", "api_key"), self.delete_by_command)

    def sign_out(self):
        self.end_one(("session",), self.post_sign_out)

    def delete_by_command(self, user, held):
        return self.command("delete_token", user, "token", "delete", held.uuid, held=held)

    def end_one(self, kinds, end):
        user = self.people.take(lambda user: user.state == "active" and any(held.kind in kinds for held in user.held))
        if not user:
            return
        held = self.random.choice([held for held in user.held if held.kind in kinds])
        if end(user, held).outcome == "done":
            self.load.probe([held])
        self.people.lose(user, held)
        if not user.held:
            user.state = "gone"
        self.people.put_back(user)

    def post_sign_out(self, user, held):
        message = wire.request("POST", "/sign-out", [("Cookie", f"offboard={held.secret}"), FORM])
        return self.ask("sign_out", user, "form", message, OF_FORM, held)

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
        act = self.let_back("resume", user)
        for held in [held for held in user.held if held.kind == "session"]:
            self.people.lose(user, held)
        if act.outcome == "done":
            user.state = "active"
            self.load.probe(user.held)
        self.people.put_back(user)

    def come_back(self):
        """Deactivates somebody, lets them in again, and gives them new credentials: the old ones stay dead."""
        user = self.people.take(lambda user: user.state == "active")
        if not user:
            return
        kinds = ["pat", "api_key"] if any(held.kind == "api_key" for held in user.held) else ["pat"]
        act = self.end_access(user)
        if act.outcome == "done":
            self.load.probe(user.held)
            act = self.let_back("reactivate", user)
        if act.outcome != "done":
            return self.left(user, act)
        self.load.probe(user.held)
        for held in list(user.held):
            self.people.lose(user, held)
        given = [self.give(user, kind) for kind in kinds]
        user.state = "active" if all(given) else "gone"
        self.people.put_back(user)

    def let_back(self, what, user):
        """By command, or by SCIM: there it is the same request, whether somebody was suspended or deactivated."""
        if self.random.random() < 0.5:
            return self.by_scim(what, user, True)
        return self.command(what, user, "user", what, user.email)

    def give(self, user, kind):
        begin = now()
        how = API_KEY if kind == "api_key" else ("--scope", READ_LOG)
        done = self.cluster.offboard("token", "create", "--user", user.email, "--name", "again", *how)
        if done.returncode != 0:
            return None
        made = json.loads(done.stdout)
        held = self.people.hold(user, kind, made["token"], made["uuid"], begin)
        self.load.probe([held])
        return held
