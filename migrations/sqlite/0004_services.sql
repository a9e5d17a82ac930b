-- Services ask about credentials, and whoever remembers credentials hears of services, sessions and companies too.

CREATE TABLE services (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    -- Whose credentials it may ask about; NULL is everybody's.
    company_id BLOB REFERENCES companies (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX services_by_name ON services (COALESCE(company_id, zeroblob(16)), name_key) WHERE ended_at IS NULL;

-- Whose access changed, or which service's; sixteen zero bytes are everybody.
CREATE TRIGGER services_access_is_changed AFTER UPDATE OF id, company_id, digest, ended_at ON services
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.id); END;
CREATE TRIGGER services_access_is_deleted AFTER DELETE ON services
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.id); END;
CREATE TRIGGER services_access_is_replaced BEFORE INSERT ON services
WHEN EXISTS (SELECT 1 FROM services WHERE id = NEW.id OR digest = NEW.digest)
BEGIN INSERT INTO access_changes (user_id) SELECT id FROM services WHERE id = NEW.id OR digest = NEW.digest; END;

-- A session is its user's, or the operator's for a company.
CREATE TRIGGER sessions_access_is_changed AFTER UPDATE OF id, user_id, company_id, digest, expires_at, ended_at ON sessions
BEGIN INSERT INTO access_changes (user_id) VALUES (COALESCE(OLD.user_id, OLD.company_id)); END;
CREATE TRIGGER sessions_access_is_deleted AFTER DELETE ON sessions
BEGIN INSERT INTO access_changes (user_id) VALUES (COALESCE(OLD.user_id, OLD.company_id)); END;
CREATE TRIGGER sessions_access_is_replaced BEFORE INSERT ON sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id OR digest = NEW.digest)
BEGIN INSERT INTO access_changes (user_id)
    SELECT COALESCE(user_id, company_id) FROM sessions WHERE id = NEW.id OR digest = NEW.digest; END;

CREATE TRIGGER companies_name_is_changed AFTER UPDATE OF id, name ON companies
BEGIN INSERT INTO access_changes (user_id) VALUES (zeroblob(16)); END;

-- A log that is never empty has a last entry, from which one can go on.
INSERT INTO access_changes (user_id) VALUES (zeroblob(16));

-- What an entry is about has more and more kinds; the program knows them. SQLite can't drop a CHECK: the table is made anew.
CREATE TABLE entries_aside AS SELECT * FROM audit_entries;
DROP TABLE audit_entries;
CREATE TABLE audit_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    company_id BLOB REFERENCES companies (id),
    actor_kind TEXT NOT NULL,
    actor_user_id BLOB REFERENCES users (id),
    actor_token_id BLOB REFERENCES tokens (id),
    actor_session_id BLOB REFERENCES sessions (id),
    actor_link_id BLOB REFERENCES links (id),
    door TEXT NOT NULL,
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    client_address TEXT,
    action TEXT NOT NULL,
    -- Not a reference: what was tried may not exist.
    subject_kind TEXT,
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
INSERT INTO audit_entries (seq, id, at, company_id, actor_kind, actor_user_id, actor_token_id, actor_session_id,
    actor_link_id, door, request_id, client_address, action, subject_kind, subject_id, person_id, outcome, refusal,
    reason, ticket, detail)
SELECT seq, id, at, company_id, actor_kind, actor_user_id, actor_token_id, actor_session_id, actor_link_id, door,
    request_id, client_address, action, subject_kind, subject_id, person_id, outcome, refusal, reason, ticket, detail
FROM entries_aside ORDER BY seq;
DROP TABLE entries_aside;
CREATE INDEX audit_entries_of_company ON audit_entries (company_id, seq);
CREATE INDEX audit_entries_of_person ON audit_entries (person_id, seq) WHERE person_id IS NOT NULL;
CREATE INDEX audit_entries_of_actor ON audit_entries (actor_user_id, seq) WHERE actor_user_id IS NOT NULL;
CREATE TRIGGER audit_entries_are_not_replaced BEFORE INSERT ON audit_entries
WHEN EXISTS (SELECT 1 FROM audit_entries WHERE seq = NEW.seq OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be replaced'); END;
CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be changed'); END;
CREATE TRIGGER audit_entries_are_not_deleted BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an audit entry can not be deleted'); END;
