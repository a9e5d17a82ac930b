-- Times are microseconds since 1970 in UTC; identifiers are UUIDs of 16 bytes.

CREATE TABLE companies (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE company_domains (
    domain TEXT PRIMARY KEY,
    company_id BLOB NOT NULL REFERENCES companies (id)
) STRICT;
CREATE INDEX company_domains_of_company ON company_domains (company_id);

CREATE TABLE users (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    company_id BLOB NOT NULL REFERENCES companies (id),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('member', 'member_manager', 'company_manager', 'mendix_admin')),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'deactivated')),
    status_since INTEGER NOT NULL,
    password_hash TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX active_admins_of_company ON users (company_id) WHERE role = 'mendix_admin' AND status = 'active';

CREATE TABLE tokens (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    ended_at INTEGER,
    end_reason TEXT CHECK (end_reason IN ('deleted', 'owner_deactivated')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
CREATE INDEX tokens_of_user ON tokens (user_id);

CREATE TABLE audit_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    company_id BLOB REFERENCES companies (id),
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'operator')),
    actor_user_id BLOB REFERENCES users (id),
    actor_token_id BLOB REFERENCES tokens (id),
    door TEXT NOT NULL,
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    client_address TEXT,
    action TEXT NOT NULL,
    -- Not a reference: what was tried may not exist.
    subject_kind TEXT CHECK (subject_kind IN ('company', 'user', 'token')),
    subject_id BLOB CHECK (length(subject_id) = 16),
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    refusal TEXT,
    reason TEXT,
    ticket TEXT,
    detail TEXT,
    CHECK ((actor_kind = 'user') = (actor_user_id IS NOT NULL)),
    CHECK ((actor_kind = 'user') = (actor_token_id IS NOT NULL)),
    CHECK ((subject_kind IS NULL) = (subject_id IS NULL)),
    CHECK ((outcome = 'refused') = (refusal IS NOT NULL))
) STRICT;
CREATE INDEX audit_entries_of_company ON audit_entries (company_id, seq);

-- What happened, happened.
CREATE TRIGGER audit_entries_are_not_replaced BEFORE INSERT ON audit_entries
WHEN EXISTS (SELECT 1 FROM audit_entries WHERE seq = NEW.seq OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be replaced'); END;
CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be changed'); END;
CREATE TRIGGER audit_entries_are_not_deleted BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be deleted'); END;
