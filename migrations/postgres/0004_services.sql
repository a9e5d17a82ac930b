-- Services ask about credentials; and nodes that remember credentials hear of every change.

CREATE TABLE services (
    id UUID PRIMARY KEY,
    -- Whose credentials it may ask about; NULL is everybody's.
    company_id UUID REFERENCES companies (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    digest BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX services_by_name
    ON services (COALESCE(company_id, '00000000-0000-0000-0000-000000000000'), name_key) WHERE ended_at IS NULL;

-- The nodes that may remember. A writer waits until each of them has heard of its commit, or can't trust itself any more.
CREATE TABLE nodes (
    id UUID PRIMARY KEY,
    renewals BIGINT NOT NULL
);

-- Whose access changed, and by which transaction: what is new since a snapshot are the rows of transactions that were not
-- visible in it, in whatever order they were committed. A UUID of zeroes is everybody.
CREATE TABLE access_changes (
    xid XID8 NOT NULL DEFAULT pg_current_xact_id(),
    user_id UUID NOT NULL
);
CREATE INDEX access_changes_by_xid ON access_changes (xid);
-- Changes by transactions below this one may have been forgotten.
CREATE TABLE access_changes_forgotten (below XID8 NOT NULL);
INSERT INTO access_changes_forgotten (below) VALUES ('0');

-- Triggers, so that no writer can forget to; one entry where a transaction changes much of one user.
CREATE FUNCTION note_access_change(changed UUID) RETURNS VOID LANGUAGE plpgsql AS
$$ BEGIN
    IF current_setting('offboard.noted', TRUE) IS DISTINCT FROM changed::TEXT THEN
        INSERT INTO access_changes (user_id) VALUES (changed);
        PERFORM set_config('offboard.noted', changed::TEXT, TRUE);
    END IF;
END $$;
CREATE FUNCTION note_user_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM note_access_change(OLD.id); RETURN NULL; END $$;
CREATE FUNCTION note_credential_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM note_access_change(OLD.user_id); RETURN NULL; END $$;
CREATE FUNCTION note_session_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM note_access_change(COALESCE(OLD.user_id, OLD.company_id)); RETURN NULL; END $$;
CREATE FUNCTION note_change_of_all() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM note_access_change('00000000-0000-0000-0000-000000000000'); RETURN NULL; END $$;

CREATE TRIGGER users_access_is_changed AFTER UPDATE OF id, company_id, email, name, role, status OR DELETE ON users
FOR EACH ROW EXECUTE FUNCTION note_user_change();
CREATE TRIGGER tokens_access_is_changed AFTER UPDATE OF id, user_id, digest, scopes, expires_at, ended_at OR DELETE ON tokens
FOR EACH ROW EXECUTE FUNCTION note_credential_change();
CREATE TRIGGER sessions_access_is_changed
AFTER UPDATE OF id, user_id, company_id, digest, expires_at, ended_at OR DELETE ON sessions
FOR EACH ROW EXECUTE FUNCTION note_session_change();
CREATE TRIGGER services_access_is_changed AFTER UPDATE OF id, company_id, digest, ended_at OR DELETE ON services
FOR EACH ROW EXECUTE FUNCTION note_user_change();
CREATE TRIGGER companies_name_is_changed AFTER UPDATE OF id, name ON companies
FOR EACH ROW EXECUTE FUNCTION note_change_of_all();
CREATE TRIGGER all_access_is_changed_by_truncation AFTER TRUNCATE ON users
FOR EACH STATEMENT EXECUTE FUNCTION note_change_of_all();

-- What an entry is about has more and more kinds; the program knows them.
ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_subject_kind_check;
ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_actor_kind_check;
