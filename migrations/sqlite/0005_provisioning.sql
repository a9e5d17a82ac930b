-- Identity providers describe users and groups; groups give rights; scripts of the User Management API have keys.

-- What somebody was made, beside what groups make of him: `role` is the greater of the two.
ALTER TABLE users ADD COLUMN own_role TEXT NOT NULL DEFAULT 'member';
UPDATE users SET own_role = role;
-- Scopes that groups give.
ALTER TABLE users ADD COLUMN granted_scopes TEXT NOT NULL DEFAULT '';
-- By which name an identity provider knows the user; NULL is the address.
ALTER TABLE users ADD COLUMN user_name TEXT;
ALTER TABLE users ADD COLUMN user_name_key TEXT;
ALTER TABLE users ADD COLUMN external_id TEXT;
-- The address of a deleted user, in its canonical form.
ALTER TABLE users ADD COLUMN former_key TEXT;
-- What an identity provider says of the user, as JSON (RFC 7643); NULL is nothing.
ALTER TABLE users ADD COLUMN attributes TEXT;
ALTER TABLE users ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
-- Through which door the user was made; NULL is one that makes no others.
ALTER TABLE users ADD COLUMN made_door TEXT;
-- Through which door the status was last changed.
ALTER TABLE users ADD COLUMN status_door TEXT;
ALTER TABLE users ADD COLUMN deleted_at INTEGER;
-- The program derives what is searched for anew, `user_values` among it.
UPDATE users SET updated_at = status_since, name_key = NULL;
-- Nobody was stopped by SCIM before.
UPDATE users SET status_door = 'console' WHERE status <> 'active';
CREATE UNIQUE INDEX users_by_user_name ON users (company_id, COALESCE(user_name_key, email_key)) WHERE deleted_at IS NULL;
CREATE INDEX deleted_users_by_name ON users (company_id, user_name_key) WHERE deleted_at IS NOT NULL;
CREATE INDEX deleted_users_by_address ON users (company_id, former_key) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_by_external_id ON users (company_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX users_by_creation ON users (company_id, created_at, id) WHERE deleted_at IS NULL;

-- Single values of `attributes`, in the form in which they are compared.
CREATE TABLE user_values (
    user_id BLOB NOT NULL REFERENCES users (id),
    company_id BLOB NOT NULL REFERENCES companies (id),
    -- `emails`, and `emails.value`.
    attribute TEXT NOT NULL,
    path TEXT NOT NULL,
    -- Which of the attribute's values it belongs to.
    element INTEGER NOT NULL,
    value TEXT,
    number INTEGER
) STRICT;
CREATE INDEX user_values_of_user ON user_values (user_id, attribute, element, path);
CREATE INDEX user_values_of_company ON user_values (company_id, path, value, user_id);

CREATE TABLE user_groups (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    company_id BLOB NOT NULL REFERENCES companies (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    -- 1 where the console may not change it.
    locked INTEGER NOT NULL CHECK (locked IN (0, 1)),
    external_id TEXT,
    -- What membership gives.
    role TEXT CHECK (role IN ('member_manager', 'company_manager', 'mendix_admin')),
    scopes TEXT NOT NULL,
    member_count INTEGER NOT NULL CHECK (member_count >= 0),
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX user_groups_by_name ON user_groups (company_id, name_key);
CREATE INDEX user_groups_by_creation ON user_groups (company_id, created_at, id);

CREATE TABLE group_members (
    group_id BLOB NOT NULL REFERENCES user_groups (id),
    user_id BLOB NOT NULL REFERENCES users (id),
    PRIMARY KEY (group_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_by_user ON group_members (user_id, group_id);

-- Whether the identity provider may bring back whom an admin deactivated; and what stops a runaway sync.
ALTER TABLE companies ADD COLUMN provider_is_authority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE companies ADD COLUMN guard_doors TEXT NOT NULL DEFAULT 'scim' CHECK (guard_doors IN ('scim', 'all', 'off'));
ALTER TABLE companies ADD COLUMN guard_count INTEGER NOT NULL DEFAULT 100;
ALTER TABLE companies ADD COLUMN guard_percent INTEGER NOT NULL DEFAULT 20;
ALTER TABLE companies ADD COLUMN guard_seconds INTEGER NOT NULL DEFAULT 3600;
ALTER TABLE companies ADD COLUMN guard_confirmed_at INTEGER;
ALTER TABLE companies ADD COLUMN guard_allowance INTEGER;

-- Who lost access through a guarded door.
CREATE TABLE departures (
    company_id BLOB NOT NULL REFERENCES companies (id),
    at INTEGER NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id)
) STRICT;
CREATE INDEX departures_of_company ON departures (company_id, at);
CREATE INDEX departures_of_user ON departures (user_id);

-- A service asks about credentials, or provisions its company's users.
ALTER TABLE services ADD COLUMN purpose TEXT NOT NULL DEFAULT 'checks' CHECK (purpose IN ('checks', 'provisions'));
DROP INDEX services_by_name;
CREATE UNIQUE INDEX services_by_name
    ON services (purpose, COALESCE(company_id, zeroblob(16)), name_key) WHERE ended_at IS NULL;

-- A personal access token, or a key of the User Management API.
ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'pat' CHECK (kind IN ('pat', 'api_key'));

-- Who still calls the User Management API.
CREATE TABLE legacy_calls (
    token_id BLOB NOT NULL REFERENCES tokens (id),
    call TEXT NOT NULL,
    company_id BLOB NOT NULL REFERENCES companies (id),
    calls INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (token_id, call)
) STRICT;
CREATE INDEX legacy_calls_of_company ON legacy_calls (company_id);

ALTER TABLE audit_entries ADD COLUMN actor_service_id BLOB REFERENCES services (id);

-- Rights that a group gives or takes change access too.
DROP TRIGGER users_access_is_changed;
CREATE TRIGGER users_access_is_changed AFTER UPDATE OF id, company_id, email, name, role, granted_scopes, status ON users
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.id); END;
