"""Canaille: its configuration, its commands, its server, and its pages as an administrator uses them."""

import datetime
import json
import pathlib
import subprocess

from pages import Browser
from system import Trouble, environment, free_port, must, run, wait_for

LAUNCHER = pathlib.Path(__file__).resolve().parent / "launch_canaille.py"
ADMIN, PASSWORD = "admin", "correct horse battery staple 9"
# What it writes down when a server does not take something; a page says nothing of it.
COMPLAINTS = (" failed", "not supported by client", "Unable to find user", "Traceback")

CONFIGURATION = """
SECRET_KEY = "of a test"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"

[CANAILLE]
NAME = "Acme"

[CANAILLE.ACL.ADMIN]
FILTER = {{user_name = "{admin}"}}
PERMISSIONS = ["manage_users", "manage_all_groups", "delete_account"]
READ = ["user_name", "groups", "lock_date"]
WRITE = ["user_name", "groups", "given_name", "family_name", "display_name", "emails", "title", "department",
         "lock_date", "password"]

[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.db"

[CANAILLE_OIDC]
ENABLE_OIDC = true

[CANAILLE_SCIM]
ENABLE_CLIENT = true

[CANAILLE_HYPERCORN]
WORKERS = 0
"""


class Canaille:
    def __init__(self, python, folder):
        self.python, self.folder, self.port = python, folder, free_port()
        self.log = folder / "canaille.log"
        self.process, self.read = None, 0
        configuration = folder / "canaille.toml"
        configuration.write_text(CONFIGURATION.format(port=self.port, folder=folder, admin=ADMIN))
        self.environment = environment(("CANAILLE",), CANAILLE_CONFIG=str(configuration), PYTHONWARNINGS="ignore")
        self.browser = Browser(f"http://127.0.0.1:{self.port}")

    def command(self, *arguments):
        return must([self.python, LAUNCHER, *arguments], env=self.environment, cwd=self.folder)

    def connect(self, company):
        """Makes it know the company as an application with a SCIM interface, and the token for it."""
        self.command("db", "upgrade")
        self.command("create", "client", "--client-id", "offboard", "--client-name", "Offboard",
                     "--client-uri", company.scim)  # fmt: skip
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.command("create", "token", "--token-id", "scim", "--client", "offboard", "--access-token", company.token,
                     "--scope", "openid", "--issue-date", now, "--lifetime", str(86_400))  # fmt: skip

    def make_admin(self, address):
        """By its command line, which provisions as its server does."""
        made = self.command("create", "user", "--user-name", ADMIN, "--given-name", "Ada", "--family-name", "Admin",
                            "--display-name", "Ada Admin", "--emails", address, "--password", PASSWORD)  # fmt: skip
        return json.loads(made)["id"]

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [self.python, LAUNCHER, "run", "--bind", f"127.0.0.1:{self.port}"],
                env=self.environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        wait_for(self.is_ready, "Canaille")

    def is_ready(self):
        if self.process.poll() is not None:
            raise Trouble(f"Canaille does not start: {self.log.read_text()[-2000:]}")
        try:
            return bool(self.browser.open("/login").forms)
        except OSError:
            return False

    def sign_in(self):
        page = self.browser.press(self.browser.open("/login"), None, "Password", login=ADMIN)
        self.browser.press(page, None, "Log out", password=PASSWORD)

    def create_user(self, name, address, given_name, family_name):
        self.act("/profile", ["create-profile"], "User account creation succeeded", user_name=name,
                 given_name=given_name, family_name=family_name, display_name=f"{given_name} {family_name}",
                 **{"emails-0": address}, password1=PASSWORD, password2=PASSWORD)  # fmt: skip

    def edit_user(self, name, **fields):
        self.act(f"/profile/{name}", ["edit-profile"], "Profile updated", **fields)

    def set_group(self, name, group):
        """Puts a user into this group alone, or into none."""
        form = self.browser.open(f"/profile/{name}/settings").form_with("edit-settings", {})
        chosen = form.options[group] if group else None
        self.act(f"/profile/{name}/settings", ["edit-settings"], "Profile updated", groups=chosen)

    def lock_user(self, name):
        self.act(f"/profile/{name}/settings", ["lock-confirm", "lock-execute"], "The account has been locked")

    def unlock_user(self, name):
        self.act(f"/profile/{name}/settings", ["unlock"], "The account has been unlocked")

    def delete_user(self, name):
        self.act(f"/profile/{name}/settings", ["delete-confirm", "delete-execute"], "has been successfully deleted")

    def create_group(self, name):
        self.act("/groups/add", ["edit"], "has been successfully created", display_name=name)

    def delete_group(self, name):
        self.act(f"/groups/{name}", ["confirm-delete", "delete"], "has been successfully deleted")

    def act(self, path, buttons, expected, **values):
        """Fills in a page and presses buttons, one on each page that follows. What is then sent by SCIM has arrived, or
        been refused, when the last page comes.
        """
        page = self.browser.open(path)
        for button in buttons[:-1]:
            page = self.browser.press(page, button, "</form>")
        self.browser.press(page, buttons[-1], expected, **values)
        self.complain()

    def complain(self):
        """Ends the run if it wrote down since the last look that something did not work."""
        text = self.log.read_text()
        said, self.read = text[self.read :], len(text)
        if wrong := [line for line in said.splitlines() if any(sign in line for sign in COMPLAINTS)]:
            raise Trouble(f"Canaille says: {' / '.join(wrong)[-2000:]}")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def version(python):
    done = run([python, "-c", "import importlib.metadata as m; print(m.version('canaille'))"])
    if done.returncode != 0:
        raise Trouble(f"{python} has no Canaille: {done.stderr[-500:]}")
    return done.stdout.strip()
