-- Times are microseconds since 1970 in UTC.

CREATE TABLE companies (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE company_domains (
    domain TEXT PRIMARY KEY,
    company_id UUID NOT NULL REFERENCES companies (id)
);
CREATE INDEX company_domains_of_company ON company_domains (company_id);

CREATE TABLE users (
    id UUID PRIMARY KEY,
    company_id UUID NOT NULL REFERENCES companies (id),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('member', 'member_manager', 'company_manager', 'mendix_admin')),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'deactivated')),
    status_since BIGINT NOT NULL,
    password_hash TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX active_admins_of_company ON users (company_id) WHERE role = 'mendix_admin' AND status = 'active';

CREATE TABLE tokens (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    digest BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    ended_at BIGINT,
    end_reason TEXT CHECK (end_reason IN ('deleted', 'owner_deactivated')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX tokens_of_user ON tokens (user_id);

CREATE TABLE audit_entries (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    company_id UUID REFERENCES companies (id),
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'operator')),
    actor_user_id UUID REFERENCES users (id),
    actor_token_id UUID REFERENCES tokens (id),
    door TEXT NOT NULL,
    request_id UUID NOT NULL,
    client_address TEXT,
    action TEXT NOT NULL,
    -- Not a reference: what was tried may not exist.
    subject_kind TEXT CHECK (subject_kind IN ('company', 'user', 'token')),
    subject_id UUID,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    refusal TEXT,
    reason TEXT,
    ticket TEXT,
    detail TEXT,
    CHECK ((actor_kind = 'user') = (actor_user_id IS NOT NULL)),
    CHECK ((actor_kind = 'user') = (actor_token_id IS NOT NULL)),
    CHECK ((subject_kind IS NULL) = (subject_id IS NULL)),
    CHECK ((outcome = 'refused') = (refusal IS NOT NULL))
);
CREATE INDEX audit_entries_of_company ON audit_entries (company_id, seq);

-- What happened, happened.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'an audit entry can not be changed or deleted'; END $$;
CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
