"""A story with a real identity provider: people and a group come, change and go in Canaille, and so they do here."""

from system import Trouble, ask

DOMAIN = "orbit.example"
ADMIN, LEE, SAM = (f"{name}@{DOMAIN}" for name in ("ada.admin", "lee.leaver", "sam.stayer"))
GROUP = "Engineers"
SCOPE = "mx:mxid3:user-identifiers:uuid:read"


class Story:
    """Each step does something in the identity provider, and looks at what became of it here."""

    def __init__(self, offboard, company, provider, say):
        self.offboard, self.company, self.provider, self.say = offboard, company, provider, say
        self.steps = 0

    def step(self, text):
        self.steps += 1
        self.say(f"  {text}")

    def tell(self):
        self.connects()
        self.people_arrive()
        self.a_change_arrives()
        self.a_group_arrives()
        self.who_is_locked_is_locked_out()
        self.who_is_unlocked_starts_anew()
        self.a_group_goes()
        self.who_is_deleted_is_gone()
        self.all_stands_in_the_trail()

    def connects(self):
        self.provider.connect(self.company)
        self.provider.make_admin(ADMIN)
        self.provider.start()
        self.provider.sign_in()
        self.expect_user(ADMIN, status="active", name="Ada Admin", admin=False)
        self.step("an account made on its command line arrives")

    def people_arrive(self):
        self.provider.create_user("lee", LEE, "Lee", "Leaver")
        self.provider.create_user("sam", SAM, "Sam", "Stayer")
        self.lee_uuid = self.expect_user(LEE, status="active", name="Lee Leaver")["uuid"]
        self.expect_user(SAM, status="active", name="Sam Stayer")
        self.expect_scim(self.lee_uuid, userName="lee", active=True, displayName="Lee Leaver")
        self.step("accounts made on its pages arrive")

    def a_change_arrives(self):
        self.provider.edit_user("lee", given_name="Lee", family_name="Married", display_name="Lee Married",
                                title="Engineer", **{"emails-0": LEE})  # fmt: skip
        self.expect_user(LEE, uuid=self.lee_uuid, status="active", name="Lee Married")
        self.expect_scim(self.lee_uuid, title="Engineer", displayName="Lee Married")
        self.step("a change of name and title arrives")

    def a_group_arrives(self):
        self.provider.create_group(GROUP)
        self.expect_members(ADMIN)
        self.provider.set_group("lee", GROUP)
        self.provider.set_group("sam", GROUP)
        self.expect_members(ADMIN, LEE, SAM)
        self.step("a group and its members arrive")

    def who_is_locked_is_locked_out(self):
        self.lee_token, self.sam_token = self.make_token(LEE), self.make_token(SAM)
        self.expect_me(self.lee_token, 200, "before the lock")
        self.provider.lock_user("lee")
        self.expect_me(self.lee_token, 401, "after the lock")
        self.expect_me(self.sam_token, 200, "who was not locked")
        self.expect_user(LEE, uuid=self.lee_uuid, status="deactivated")
        self.expect_scim(self.lee_uuid, active=False)
        self.expect_members(ADMIN, LEE, SAM)
        self.step("who is locked there is deactivated here, and the token is refused")

    def who_is_unlocked_starts_anew(self):
        self.provider.unlock_user("lee")
        self.expect_user(LEE, uuid=self.lee_uuid, status="active")
        self.expect_scim(self.lee_uuid, active=True)
        self.expect_me(self.lee_token, 401, "a token from before the lock")
        self.lee_token = self.make_token(LEE)
        self.expect_me(self.lee_token, 200, "a token from after the unlock")
        self.step("who is unlocked there is active again here, and the old token stays refused")

    def a_group_goes(self):
        self.provider.set_group("lee", None)
        self.expect_members(ADMIN, SAM)
        self.provider.delete_group(GROUP)
        if groups := [group["displayName"] for group in self.company.list("Groups")]:
            raise Trouble(f"groups are left: {groups}")
        self.step("who leaves the group leaves it here; the group goes")

    def who_is_deleted_is_gone(self):
        self.provider.delete_user("lee")
        self.expect_me(self.lee_token, 401, "after the account was deleted")
        self.expect_me(self.sam_token, 200, "who was not deleted")
        status, document = self.offboard.command("user", "show", LEE)
        if status == 0:
            raise Trouble(f"who was deleted is still shown: {document}")
        answer = self.company.ask(f"Users/{self.lee_uuid}")
        if answer.status != 404:
            raise Trouble(f"GET of who was deleted: {answer.status} {answer.text[:500]}")
        names = sorted(user["userName"] for user in self.company.list("Users"))
        if names != ["admin", "sam"]:
            raise Trouble(f"the users are {names}")
        self.step("who is deleted there is gone here, and the token is refused")

    def all_stands_in_the_trail(self):
        wanted = ["user.create", "user.update", "user.deactivate", "user.reactivate", "user.delete"]
        entries = self.offboard.entries(self.company.name)
        mine = [
            entry["action"]
            for entry in entries
            if entry["door"] == "scim" and entry["outcome"] == "done" and entry["personUuid"] == self.lee_uuid
        ]
        if missing := [action for action in wanted if action not in mine]:
            raise Trouble(f"the trail has no {', '.join(missing)} by SCIM for {LEE}: {mine}")
        if refused := [entry for entry in entries if entry["door"] == "scim" and entry["outcome"] != "done"]:
            raise Trouble(f"something was refused: {refused[:3]}")
        self.step("all of it stands in the audit trail")

    def make_token(self, address):
        made = self.offboard.document("token", "create", "--user", address, "--name", "script", "--scope", SCOPE)
        return made["token"]

    def expect_me(self, token, status, whose):
        answer = ask(f"{self.offboard.url}/api/v1/me", f"MxToken {token}")
        if answer.status != status:
            raise Trouble(f"{whose}: {answer.status}, not {status}: {answer.text[:500]}")

    def expect_user(self, address, **expected):
        return compare(address, self.offboard.document("user", "show", address), expected)

    def expect_scim(self, uuid, **expected):
        answer = self.company.ask(f"Users/{uuid}")
        if answer.status != 200:
            raise Trouble(f"GET of {uuid}: {answer.status} {answer.text[:500]}")
        return compare(uuid, answer.document(), expected)

    def expect_members(self, *addresses):
        """By both doors: the command line and SCIM."""
        listed = self.offboard.document("group", "members", GROUP, "--company", self.company.name)["members"]
        compare(GROUP, {"members": sorted(member["emailAddress"] for member in listed)}, {"members": sorted(addresses)})
        groups = [group for group in self.company.list("Groups") if group["displayName"] == GROUP]
        if [len(group.get("members", [])) for group in groups] != [len(addresses)]:
            raise Trouble(f"by SCIM the group is {groups}")


def compare(what, document, expected):
    found = {name: document.get(name) for name in expected}
    if found != expected:
        raise Trouble(f"{what} is {found}, not {expected}")
    return document
