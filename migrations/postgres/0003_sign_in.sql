-- Sessions, links that work once, and what the console lists and searches.

CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    -- A user's, or the host operator's for one company.
    user_id UUID REFERENCES users (id),
    company_id UUID REFERENCES companies (id),
    digest BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    opened_by TEXT NOT NULL CHECK (opened_by IN ('password', 'break_glass')),
    device TEXT NOT NULL,
    client_address TEXT,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT CHECK (end_reason IN ('signed_out', 'ended', 'password_set', 'owner_suspended', 'owner_deactivated')),
    CHECK ((user_id IS NULL) = (opened_by = 'break_glass')),
    CHECK ((user_id IS NULL) <> (company_id IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX open_sessions_of_user ON sessions (user_id) WHERE ended_at IS NULL;

CREATE TABLE links (
    id UUID PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('invitation', 'reset', 'break_glass')),
    user_id UUID REFERENCES users (id),
    company_id UUID REFERENCES companies (id),
    -- Who saw the secret, where it was an admin: his links for others end with his access.
    made_by UUID REFERENCES users (id),
    reason TEXT,
    digest BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT CHECK (end_reason IN ('used', 'replaced', 'owner_deactivated', 'maker_lost_access')),
    CHECK ((purpose = 'break_glass') = (company_id IS NOT NULL)),
    CHECK ((purpose = 'break_glass') = (reason IS NOT NULL)),
    CHECK ((user_id IS NULL) <> (company_id IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX open_links_of_user ON links (user_id) WHERE ended_at IS NULL;
CREATE INDEX open_links_by_maker ON links (made_by) WHERE ended_at IS NULL AND made_by IS NOT NULL;

-- The longest that tokens may live; NULL is for ever.
ALTER TABLE companies ADD COLUMN token_days BIGINT CHECK (token_days BETWEEN 1 AND 36500);

-- Lists are in the order of bytes, as on SQLite, whatever the database's locale.
ALTER TABLE users ALTER COLUMN email_key TYPE TEXT COLLATE "C";
-- NULL until the program has derived it, and the words, from the name: SQL can't fold.
ALTER TABLE users ADD COLUMN name_key TEXT COLLATE "C";
CREATE INDEX users_without_key ON users (id) WHERE name_key IS NULL;
CREATE INDEX users_by_name ON users (company_id, status, name_key, id);
CREATE INDEX users_by_email ON users (company_id, status, email_key, id);
CREATE INDEX users_by_status_since ON users (company_id, status, status_since, id);
CREATE INDEX admins_of_company ON users (company_id, name_key, id) WHERE role = 'mendix_admin';

CREATE TABLE user_words (
    user_id UUID NOT NULL REFERENCES users (id),
    company_id UUID NOT NULL REFERENCES companies (id),
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, word)
);
CREATE INDEX user_words_of_company ON user_words (company_id, word, user_id);

-- A token can end by rotation too.
ALTER TABLE tokens DROP CONSTRAINT tokens_end_reason_check;
ALTER TABLE tokens ADD CONSTRAINT tokens_end_reason_check
    CHECK (end_reason IN ('deleted', 'rotated', 'owner_deactivated'));

-- Sessions and links act too, and strangers try; and an entry names whom it concerns.
DROP TRIGGER audit_entries_are_not_changed ON audit_entries;
ALTER TABLE audit_entries ADD COLUMN actor_session_id UUID REFERENCES sessions (id);
ALTER TABLE audit_entries ADD COLUMN actor_link_id UUID REFERENCES links (id);
ALTER TABLE audit_entries ADD COLUMN person_id UUID;
ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_actor_kind_check;
ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_actor_kind_check
    CHECK (actor_kind IN ('user', 'operator', 'stranger'));
ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_subject_kind_check;
ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_subject_kind_check
    CHECK (subject_kind IN ('company', 'user', 'token', 'session', 'link'));
-- The one that wanted a token of every user.
ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_check1;
ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_actor_proof_check CHECK (
    num_nonnulls(actor_token_id, actor_session_id, actor_link_id)
        = CASE actor_kind WHEN 'user' THEN 1 WHEN 'stranger' THEN 0 ELSE num_nonnulls(actor_session_id) END);
UPDATE audit_entries SET person_id = CASE subject_kind WHEN 'user' THEN subject_id
    WHEN 'token' THEN (SELECT user_id FROM tokens WHERE tokens.id = subject_id) END
WHERE subject_kind IN ('user', 'token');
CREATE INDEX audit_entries_of_person ON audit_entries (person_id, seq) WHERE person_id IS NOT NULL;
CREATE INDEX audit_entries_of_actor ON audit_entries (actor_user_id, seq) WHERE actor_user_id IS NOT NULL;
CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
