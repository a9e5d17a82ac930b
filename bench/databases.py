"""What is in the databases that bench/run measures on."""

import base64
import contextlib
import csv
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import random
import re
import secrets
import sqlite3
import string
import time
import uuid
import zlib

from programs import BenchError, environment, progress, psql, run, wait_until

SCOPE = "mx:user-deactivation:write"
USER_COLUMNS = (
    "id, company_id, email, email_key, name, role, status, status_since, created_at, name_key, own_role, updated_at"
)
WORD_COLUMNS = "user_id, company_id, word"
VALUE_COLUMNS = "user_id, company_id, attribute, path, element, value, number"
TOKEN_COLUMNS = "id, user_id, name, digest, hint, scopes, created_at"
# How many rows go in at once.
CHUNK = 100_000


@dataclasses.dataclass(frozen=True)
class Tokens:
    """A list of personal access tokens, one a line."""

    file: pathlib.Path
    count: int


def make_token(chance):
    """A personal access token as src/model/secret.rs makes it."""
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    body = "obp_" + "".join(chance.choices(alphabet, k=32))
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = alphabet[digit] + digits
    return body + digits


def words(name, email):
    """What a search goes by, as src/model/text.rs derives it; enough for the names here."""
    return list(dict.fromkeys(re.findall(r"[^\W_]+", f"{name} {email}".lower())))


def values(name, email):
    """What a filter goes by, as src/model/scim/index.rs derives it of a user whom no identity provider describes:
    attribute, path, element, text, number."""
    return [
        ("displayName", "displayName", 0, name.lower(), None),
        ("emails", "emails.value", 0, email, None),
        ("emails", "emails.type", 0, "work", None),
        ("emails", "emails.primary", 0, None, 1),
    ]


def now():
    return time.time_ns() // 1000


def write_lines(path, lines):
    with open(path, "w") as out:
        out.writelines(f"{line}\n" for line in lines)
    return path


def chunks(count):
    return (range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


class Database:
    """One company: an admin, holders of the personal access tokens, and leavers, who hold none."""

    def __init__(self, engine, name, url, folder):
        self.engine, self.name, self.url, self.folder = engine, name, url, folder
        self.members, self.leavers, self.taken = 0, [], 0

    def fill(self, binary, users, holders, tokens, some):
        """Makes users, of whom so many hold so many tokens; `some` of these are a list of their own as well."""
        progress(f"{self.engine}: making {users:,} users and {tokens:,} tokens")
        self.company = self.offboard(binary, "company", "create", "Bench", "--domain", "bench.example")["uuid"]
        self.company_id = self.id(uuid.UUID(self.company))
        name, email = "Admin", "admin@bench.example"
        admin = self.offboard(binary, "user", "create", email, "--company", "Bench", "--name", name, "--admin")
        token = self.offboard(binary, "token", "create", "--user", email, "--name", "bench", "--scope", SCOPE)
        self.admin, self.admin_token, self.admin_secret = admin["uuid"], token["uuid"], token["token"]
        service = self.offboard(binary, "service", "create", "gateway")
        self.service = base64.b64encode(f"{service['clientId']}:{service['clientSecret']}".encode()).decode()
        self.check_derived(name, email)
        held = self.add_members(holders)
        self.add_tokens(held, tokens, some)
        self.add_leavers(users - holders)

    def check_derived(self, name, email):
        """What the program derived of its first user is what this script would."""
        if sorted(self.column("SELECT word FROM user_words")) != sorted(words(name, email)):
            raise BenchError("offboard derives other words from a name than this script; adapt bench/databases.py")
        shown = " || '|' || ".join(f"COALESCE(CAST({name} AS TEXT), '')" for name in VALUE_COLUMNS.split(", ")[2:])
        mine = ["|".join("" if part is None else str(part) for part in value) for value in values(name, email)]
        if sorted(self.column(f"SELECT {shown} FROM user_values")) != sorted(mine):
            raise BenchError("offboard derives other values of a user than this script; adapt bench/databases.py")

    def offboard(self, binary, *arguments):
        command = [binary, "--format", "json", *arguments]
        return json.loads(run(command, env=environment(self.url), cwd=self.folder))

    def add_tokens(self, holders, count, some):
        chance = random.Random(secrets.randbits(256))
        file = self.folder / f"{self.name}.tokens"
        with open(file, "w") as out:
            for numbers in chunks(count):
                texts = [make_token(chance) for _ in numbers]
                out.writelines(f"{text}\n" for text in texts)
                rows = (self.token_row(text, holders, number) for text, number in zip(texts, numbers))
                self.insert("tokens", TOKEN_COLUMNS, rows)
        self.tokens = Tokens(file, count)
        with open(file) as all_tokens:
            first = [line.rstrip() for line in itertools.islice(all_tokens, some)]
        self.some_token = first[0]
        self.some_tokens = Tokens(write_lines(self.folder / f"{self.name}.some-tokens", first), len(first))

    def add_leavers(self, count):
        added = self.add_members(count)
        secrets.SystemRandom().shuffle(added)
        self.leavers += added
        self.settle()

    def add_members(self, count):
        """Makes members, with all that is derived of them; in the order of identifiers, which is fast to index."""
        ids = sorted(uuid.UUID(bytes=os.urandom(16), version=4) for _ in range(count))
        for numbers in chunks(count):
            members = [(ids[i], *self.member(self.members + i)) for i in numbers]
            self.insert("users", USER_COLUMNS, (self.user_row(*member) for member in members))
            self.insert("user_words", WORD_COLUMNS, (row for member in members for row in self.word_rows(*member)))
            self.insert("user_values", VALUE_COLUMNS, (row for member in members for row in self.value_rows(*member)))
        self.members += count
        return ids

    def member(self, number):
        return f"User {number:08}", f"user-{number:08}@bench.example"

    def user_row(self, id, name, email):
        made = now()
        state = ("member", "active", made, made)
        return (self.id(id), self.company_id, email, email, name, *state, name.lower(), "member", made)

    def word_rows(self, id, name, email):
        holder = self.id(id)
        return [(holder, self.company_id, word) for word in sorted(words(name, email))]

    def value_rows(self, id, name, email):
        holder = self.id(id)
        return [(holder, self.company_id, *value) for value in values(name, email)]

    def token_row(self, text, holders, number):
        digest = self.bytes(hashlib.sha256(text.encode()).digest())
        holder = self.id(holders[number % len(holders)])
        return (self.id(uuid.uuid4()), holder, "bench", digest, text[-4:], SCOPE, now())

    def left(self):
        return len(self.leavers) - self.taken

    def take(self, count):
        """A file with the next leavers."""
        users = self.leavers[self.taken : self.taken + count]
        self.taken += len(users)
        return write_lines(self.folder / f"{self.name}.users", users)

    def reactivate(self):
        """Makes everybody active again, so that the same leavers can be taken once more. Nobody else may be writing."""
        self.execute("UPDATE users SET status = 'active' WHERE status <> 'active'")
        self.settle()
        self.taken = 0

    def forget_uses(self):
        """Makes all tokens unused again, so that a server has the same to note as the one before."""
        self.execute("UPDATE tokens SET last_used_at = NULL WHERE last_used_at IS NOT NULL")
        self.settle()

    def settle(self):
        """Leaves nothing to write that would get in the way of what is measured."""
        self.tidy()
        os.sync()

    def wait_for_notes(self):
        """Returns when the server has written down that the tokens were used, which it does some seconds later."""
        seen = []

        def are_written():
            seen.append(self.column("SELECT COUNT(*) FROM tokens WHERE last_used_at IS NOT NULL"))
            return len(seen) > 7 and seen[-8] == seen[-1]

        wait_until(are_written, 180, 1, lambda: "the server writes down uses without end")

    def check_names(self):
        """When the server has something to derive from names, it does so before it serves."""
        if self.column("SELECT COUNT(*) FROM users WHERE name_key IS NULL") not in ([0], ["0"]):
            raise BenchError(f"{self.engine}: some users have no name_key; adapt bench/databases.py")


class Sqlite(Database):
    def __init__(self, name, folder):
        self.path = folder / f"{name}.db"
        super().__init__("SQLite", f"{name}-sqlite", f"sqlite:{self.path}", folder)

    def id(self, id):
        return id.bytes

    def bytes(self, value):
        return value

    def literal(self, id):
        return f"x'{uuid.UUID(id).hex}'"

    def insert(self, table, columns, rows):
        places = ", ".join("?" for _ in columns.split(","))
        with self.connection() as connection:
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)
            connection.execute("COMMIT")

    def execute(self, sql):
        with self.connection() as connection:
            connection.execute(sql)

    def column(self, sql):
        with self.connection() as connection:
            return [row[0] for row in connection.execute(sql)]

    def tidy(self):
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def wait_for_nodes(self, count):
        """The file itself tells whether anything was changed."""

    @contextlib.contextmanager
    def connection(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -262144")
            yield connection

    def drop(self):
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


class Postgres(Database):
    def __init__(self, name, folder, server):
        self.server, self.schema = server, f"bench_{secrets.token_hex(8)}"
        separator = "&" if "?" in server else "?"
        url = f"{server}{separator}options=-csearch_path%3D{self.schema}"
        super().__init__("PostgreSQL", f"{name}-postgres", url, folder)

    def fill(self, binary, *counts):
        psql(self.server, f"CREATE SCHEMA {self.schema}")
        # A superuser may spare the rows that go in here their foreign keys' look-ups, which take most of the time.
        is_superuser = psql(self.server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t"
        self.before_copy = ["SET session_replication_role = replica"] if is_superuser else []
        super().fill(binary, *counts)

    def id(self, id):
        return str(id)

    def bytes(self, value):
        return f"\\x{value.hex()}"

    def literal(self, id):
        return f"'{id}'"

    def insert(self, table, columns, rows):
        file = self.folder / f"{self.name}.csv"
        with open(file, "w", newline="") as out:
            csv.writer(out).writerows(rows)
        with open(file) as source:
            psql(self.url, *self.before_copy, f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)", stdin=source)
        file.unlink()

    def execute(self, sql):
        psql(self.url, sql)

    def column(self, sql):
        return psql(self.url, sql).splitlines()

    def tidy(self):
        tables = "users, user_words, user_values, tokens, audit_entries, access_changes, user_groups, group_members"
        self.execute(f"VACUUM ANALYZE {tables}")
        with contextlib.suppress(BenchError):  # Only a superuser may.
            self.execute("CHECKPOINT")

    def wait_for_nodes(self, count):
        """Returns when so many servers have joined: only then may they remember, and must a writer wait for them."""
        found = []

        def have_joined():
            found[:] = self.column("SELECT COUNT(*) FROM nodes")
            return found == [str(count)]

        wait_until(have_joined, 15, 0.05, lambda: f"{count} nodes should have joined, {' '.join(found)} have")

    def drop(self):
        psql(self.server, f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
