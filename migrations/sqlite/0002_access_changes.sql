-- Whose access changed, in the order of commits, whoever changed it by UPDATE or DELETE: so a process that remembers credentials can
-- forget just these when the file has changed.

CREATE TABLE access_changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BLOB NOT NULL
) STRICT;

CREATE TRIGGER users_access_is_changed AFTER UPDATE OF id, company_id, email, name, role, status ON users
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.id); END;
CREATE TRIGGER users_access_is_deleted AFTER DELETE ON users
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.id); END;
CREATE TRIGGER tokens_access_is_changed AFTER UPDATE OF id, user_id, digest, scopes, expires_at, ended_at ON tokens
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.user_id); END;
CREATE TRIGGER tokens_access_is_deleted AFTER DELETE ON tokens
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.user_id); END;
