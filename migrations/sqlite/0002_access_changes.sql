-- Whose access changed, in the order of commits, whoever changed it: so a process that remembers credentials can
-- forget just these when the file has changed.

CREATE TABLE access_changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Tells this log from that of a backup which was put back and has grown as long.
    tag BLOB NOT NULL DEFAULT (randomblob(16)),
    user_id BLOB NOT NULL
) STRICT;

CREATE TRIGGER users_access_is_changed AFTER UPDATE OF id, company_id, email, name, role, status ON users
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.id); END;
CREATE TRIGGER users_access_is_deleted AFTER DELETE ON users
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.id); END;
CREATE TRIGGER users_access_is_replaced BEFORE INSERT ON users
WHEN EXISTS (SELECT 1 FROM users WHERE id = NEW.id OR email_key = NEW.email_key)
BEGIN INSERT INTO access_changes (user_id) SELECT id FROM users WHERE id = NEW.id OR email_key = NEW.email_key; END;
CREATE TRIGGER tokens_access_is_changed AFTER UPDATE OF id, user_id, digest, scopes, expires_at, ended_at ON tokens
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.user_id); END;
CREATE TRIGGER tokens_access_is_deleted AFTER DELETE ON tokens
BEGIN INSERT INTO access_changes (user_id) VALUES (OLD.user_id); END;
CREATE TRIGGER tokens_access_is_replaced BEFORE INSERT ON tokens
WHEN EXISTS (SELECT 1 FROM tokens WHERE id = NEW.id OR digest = NEW.digest)
BEGIN INSERT INTO access_changes (user_id) SELECT user_id FROM tokens WHERE id = NEW.id OR digest = NEW.digest; END;
