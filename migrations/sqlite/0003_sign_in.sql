-- Sessions, links that work once, and what the console lists and searches.

CREATE TABLE sessions (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    -- A user's, or the host operator's for one company.
    user_id BLOB REFERENCES users (id),
    company_id BLOB REFERENCES companies (id),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    opened_by TEXT NOT NULL CHECK (opened_by IN ('password', 'break_glass')),
    device TEXT NOT NULL,
    client_address TEXT,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT CHECK (end_reason IN ('signed_out', 'ended', 'password_set', 'owner_suspended', 'owner_deactivated')),
    CHECK ((user_id IS NULL) = (opened_by = 'break_glass')),
    CHECK ((user_id IS NULL) <> (company_id IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
CREATE INDEX open_sessions_of_user ON sessions (user_id) WHERE ended_at IS NULL;

CREATE TABLE links (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    purpose TEXT NOT NULL CHECK (purpose IN ('invitation', 'reset', 'break_glass')),
    user_id BLOB REFERENCES users (id),
    company_id BLOB REFERENCES companies (id),
    -- Who saw the secret, where it was an admin: his links for others end with his access.
    made_by BLOB REFERENCES users (id),
    reason TEXT,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT CHECK (end_reason IN ('used', 'replaced', 'owner_deactivated', 'maker_lost_access')),
    CHECK ((purpose = 'break_glass') = (company_id IS NOT NULL)),
    CHECK ((purpose = 'break_glass') = (reason IS NOT NULL)),
    CHECK ((user_id IS NULL) <> (company_id IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
CREATE INDEX open_links_of_user ON links (user_id) WHERE ended_at IS NULL;
CREATE INDEX open_links_by_maker ON links (made_by) WHERE ended_at IS NULL AND made_by IS NOT NULL;

-- The longest that tokens may live; NULL is for ever.
ALTER TABLE companies ADD COLUMN token_days INTEGER CHECK (token_days BETWEEN 1 AND 36500);

-- NULL until the program has derived it, and the words, from the name: SQL can't fold.
ALTER TABLE users ADD COLUMN name_key TEXT;
CREATE INDEX users_without_key ON users (id) WHERE name_key IS NULL;
CREATE INDEX users_by_name ON users (company_id, status, name_key, id);
CREATE INDEX users_by_email ON users (company_id, status, email_key, id);
CREATE INDEX users_by_status_since ON users (company_id, status, status_since, id);
CREATE INDEX admins_of_company ON users (company_id, name_key, id) WHERE role = 'mendix_admin';

CREATE TABLE user_words (
    user_id BLOB NOT NULL REFERENCES users (id),
    company_id BLOB NOT NULL REFERENCES companies (id),
    word TEXT NOT NULL,
    PRIMARY KEY (user_id, word)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_words_of_company ON user_words (company_id, word, user_id);

-- SQLite can't change a CHECK: two tables are made anew. The entries, which refer to the tokens, stand aside meanwhile.
CREATE TABLE entries_aside AS SELECT audit_entries.*, CASE subject_kind WHEN 'user' THEN subject_id
    WHEN 'token' THEN (SELECT user_id FROM tokens WHERE tokens.id = subject_id) END AS person_id FROM audit_entries;
DROP TABLE audit_entries;

-- A token can end by rotation too.
CREATE TABLE new_tokens (
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
    end_reason TEXT CHECK (end_reason IN ('deleted', 'rotated', 'owner_deactivated')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
INSERT INTO new_tokens SELECT id, user_id, name, digest, hint, scopes, created_at, expires_at, last_used_at, ended_at,
    end_reason FROM tokens;
DROP TABLE tokens;
ALTER TABLE new_tokens RENAME TO tokens;

-- Sessions and links act too, and strangers try; and an entry names whom it concerns.
CREATE TABLE audit_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    company_id BLOB REFERENCES companies (id),
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'operator', 'stranger')),
    actor_user_id BLOB REFERENCES users (id),
    actor_token_id BLOB REFERENCES tokens (id),
    actor_session_id BLOB REFERENCES sessions (id),
    actor_link_id BLOB REFERENCES links (id),
    door TEXT NOT NULL,
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    client_address TEXT,
    action TEXT NOT NULL,
    -- Not a reference: what was tried may not exist.
    subject_kind TEXT CHECK (subject_kind IN ('company', 'user', 'token', 'session', 'link')),
    subject_id BLOB CHECK (length(subject_id) = 16),
    person_id BLOB CHECK (length(person_id) = 16),
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    refusal TEXT,
    reason TEXT,
    ticket TEXT,
    detail TEXT,
    CHECK ((actor_kind = 'user') = (actor_user_id IS NOT NULL)),
    CHECK ((actor_token_id IS NOT NULL) + (actor_session_id IS NOT NULL) + (actor_link_id IS NOT NULL)
        = CASE actor_kind WHEN 'user' THEN 1 WHEN 'stranger' THEN 0 ELSE (actor_session_id IS NOT NULL) END),
    CHECK ((subject_kind IS NULL) = (subject_id IS NULL)),
    CHECK ((outcome = 'refused') = (refusal IS NOT NULL))
) STRICT;
INSERT INTO audit_entries (seq, id, at, company_id, actor_kind, actor_user_id, actor_token_id, door, request_id,
    client_address, action, subject_kind, subject_id, person_id, outcome, refusal, reason, ticket, detail)
SELECT seq, id, at, company_id, actor_kind, actor_user_id, actor_token_id, door, request_id, client_address, action,
    subject_kind, subject_id, person_id, outcome, refusal, reason, ticket, detail
FROM entries_aside ORDER BY seq;
DROP TABLE entries_aside;
CREATE INDEX tokens_of_user ON tokens (user_id);
CREATE INDEX audit_entries_of_company ON audit_entries (company_id, seq);
CREATE INDEX audit_entries_of_person ON audit_entries (person_id, seq) WHERE person_id IS NOT NULL;
CREATE INDEX audit_entries_of_actor ON audit_entries (actor_user_id, seq) WHERE actor_user_id IS NOT NULL;

-- They went with the tables that they stood on.
CREATE TRIGGER audit_entries_are_not_replaced BEFORE INSERT ON audit_entries
WHEN EXISTS (SELECT 1 FROM audit_entries WHERE seq = NEW.seq OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be replaced'); END;
CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be changed'); END;
CREATE TRIGGER audit_entries_are_not_deleted BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be deleted'); END;
CREATE TRIGGER tokens_access_is_changed AFTER UPDATE OF id, user_id, digest, scopes, expires_at, ended_at ON tokens
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.user_id); END;
CREATE TRIGGER tokens_access_is_deleted AFTER DELETE ON tokens
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.user_id); END;
CREATE TRIGGER tokens_access_is_replaced BEFORE INSERT ON tokens
WHEN EXISTS (SELECT 1 FROM tokens WHERE id = NEW.id OR digest = NEW.digest)
BEGIN INSERT INTO access_changes (user_id) SELECT user_id FROM tokens WHERE id = NEW.id OR digest = NEW.digest; END;
