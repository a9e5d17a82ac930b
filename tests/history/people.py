"""The company whose people are let in and turned away."""

import base64
import collections
import csv
import hashlib
import os
import random
import secrets
import string
import threading
import urllib.parse
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor

import wire
from cluster import Trouble
from record import Credential, now

PASSWORD = "correct horse battery staple 9"
DEACTIVATE = "mx:user-deactivation:write"
READ_LOG = "mx:audit-logging:read"
API_KEY = ("--kind", "api_key")
TOKEN_COLUMNS = "id, user_id, name, digest, hint, scopes, created_at"
ADMINS = 4


def make_token():
    """A personal access token as src/model/secret.rs makes it."""
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    body = "obp_" + "".join(secrets.choice(alphabet) for _ in range(32))
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = alphabet[digit] + digits
    return body + digits


class Held:
    """A credential and its secret."""

    def __init__(self, name, user, kind, secret, uuid=None):
        self.name, self.owner, self.email = name, user.uuid, user.email
        self.kind, self.secret, self.uuid = kind, secret, uuid


class User:
    """`state` is what the last act meant to bring about; only one worker at a time has a user in hand."""

    def __init__(self, uuid, email):
        self.uuid, self.email = uuid, email
        self.state, self.held = "active", []


class People:
    """Some are at work: they are checked all the time. Who leaves is followed by one who waits."""

    def __init__(self, cluster, history, seed, at_work=60):
        self.cluster, self.history, self.size = cluster, history, at_work
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.waiting, self.at_work, self.gone = collections.deque(), [], collections.deque(maxlen=4000)
        self.in_hand, self.live, self.all, self.admins = set(), [], [], []
        self.provider, self.count = None, 0

    # --- Before the clock runs

    def make(self, users, with_sessions, with_keys):
        self.cluster.document("company", "create", "Acme", "--domain", "acme.example")
        # Everybody leaves; and whoever stopped somebody, SCIM may let them back in.
        self.cluster.document("company", "set", "Acme", "--guard-doors", "off", "--provider-is-authority", "true")
        made = self.cluster.document("scim-token", "create", "--company", "Acme", "--name", "provider")
        self.provider = made["token"]
        for number in range(ADMINS):
            email = f"admin{number}@acme.example"
            self.cluster.document("user", "create", email, "--company", "Acme", "--name", f"Admin {number}", "--admin")
            made = self.cluster.document("token", "create", "--user", email, "--name", "leavers", "--scope", DEACTIVATE)
            self.admins.append(made["token"])
        made = self.import_users(users)
        self.insert_tokens(made)
        self.random.shuffle(made)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(self.give_sessions, made[:with_sessions]))
            list(pool.map(self.give_key, self.random.sample(made, with_keys)))
        # Those with sessions, and those with keys, come in evenly over the run.
        made.sort(key=lambda user: self.random.random())
        self.all = made
        self.waiting.extend(made)
        self.fill_up()

    def import_users(self, count):
        file = self.cluster.folder / "people.csv"
        with open(file, "w", newline="") as out:
            rows = ((f"user{number}@acme.example", f"User {number}", "false") for number in range(count))
            csv.writer(out).writerows([("email", "name", "admin"), *rows])
        self.cluster.document("user", "import", str(file), "--company", "Acme", timeout=300)
        users = self.cluster.document("user", "list")["users"]
        return [User(user["uuid"], user["emailAddress"]) for user in users if not user["admin"]]

    def insert_tokens(self, users):
        """One or two for each, all at once: by command it would take minutes."""
        file = self.cluster.folder / "tokens.csv"
        with open(file, "w", newline="") as out:
            for user in users:
                for _ in range(self.random.choice((1, 2))):
                    held = self.hold(user, "pat", make_token(), str(uuid.UUID(bytes=os.urandom(16), version=4)), 0)
                    digest = f"\\x{hashlib.sha256(held.secret.encode()).hexdigest()}"
                    csv.writer(out).writerow((held.uuid, user.uuid, "t", digest, held.secret[-4:], READ_LOG, 1))
        with open(file) as source:
            self.cluster.primary.sql(f"COPY tokens ({TOKEN_COLUMNS}) FROM STDIN (FORMAT csv)", stdin=source)

    def give_sessions(self, user):
        self.cluster.document("user", "set-password", user.email, "--stdin", input=PASSWORD + "\n")
        for _ in range(2):
            if not self.sign_in(user, self.random.choice(self.cluster.nodes)):
                raise Trouble(f"{user.email} can't sign in")

    def give_key(self, user):
        """The key opens what its owner's role may do."""
        self.cluster.document("user", "set-role", user.email, "--role", "member_manager")
        made = self.cluster.document("token", "create", "--user", user.email, "--name", "old script", *API_KEY)
        self.hold(user, "api_key", made["token"], made["uuid"], 0)

    # --- All the time

    def sign_in(self, user, node):
        """Gives the session, or nothing when there is none."""
        begin = now()
        form = urllib.parse.urlencode({"email": user.email, "password": PASSWORD}).encode()
        connection = wire.Connection(node.port)
        try:
            answer = connection.ask(wire.request("POST", "/sign-in", [wire.FORM], form))
        except OSError:
            return None
        finally:
            connection.close()
        cookie = answer.header("set-cookie")
        if answer.status != 303 or not cookie:
            return None
        return self.hold(user, "session", cookie.split(";")[0].partition("=")[2], None, begin)

    def hold(self, user, kind, secret, uuid, begin):
        with self.lock:
            self.count += 1
            held = Held(f"{kind}{self.count}", user, kind, secret, uuid)
        self.history.add(Credential(held.name, user.uuid, kind, begin, now() if begin else 0))
        user.held.append(held)
        return held

    def fill_up(self):
        """Call it with the lock, or alone."""
        while len(self.at_work) < self.size and self.waiting:
            user = self.waiting.popleft()
            self.at_work.append(user)
        self.live = [held for user in self.at_work for held in user.held]

    def take(self, wanted):
        """Somebody at work for whom this is true, until they are put back."""
        with self.lock:
            fitting = [user for user in self.at_work if user.uuid not in self.in_hand and wanted(user)]
            if not fitting:
                return None
            user = self.random.choice(fitting)
            self.in_hand.add(user.uuid)
            return user

    def put_back(self, user):
        with self.lock:
            self.in_hand.discard(user.uuid)
            if user.state == "gone" and user in self.at_work:
                self.at_work.remove(user)
                self.gone.extend(user.held)
            self.fill_up()

    def lose(self, user, held):
        with self.lock:
            user.held.remove(held)
            self.gone.append(held)
            self.fill_up()

    def some_held(self, random):
        """Whose credential is checked next: mostly those at work, often those just gone, sometimes those long gone."""
        dice, gone = random.random(), self.gone
        if dice < 0.75 or not gone:
            return random.choice(self.live)
        try:
            return gone[-random.randint(1, min(len(gone), 60))] if dice < 0.95 else random.choice(gone)
        except IndexError:
            return random.choice(self.live)


def basic(service):
    pair = f"{service['clientId']}:{service['clientSecret']}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
