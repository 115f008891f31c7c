//! The format of the file.

use hcc_database::sqlite::{Schema, lock_directory};

pub(super) static SCHEMA: Schema = Schema {
    kind: "store",
    // "hccs"
    application_id: 0x6863_6373,
    formats: &[
        "CREATE TABLE vms (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.name') = 'text'),
        name TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.name') STORED
    )",
        "CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.name') = 'text'),
        name TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.name') STORED
    );
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.key') = 'text'),
        key TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.key') STORED,
        user TEXT GENERATED ALWAYS AS (doc ->> '$.user'),
        until REAL GENERATED ALWAYS AS (doc ->> '$.until')
    );
    CREATE INDEX sessions_user ON sessions (user);
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.what') = 'text'),
        by TEXT GENERATED ALWAYS AS (doc ->> '$.by'),
        server TEXT GENERATED ALWAYS AS (doc ->> '$.server')
    );
    CREATE INDEX audit_by ON audit (by);
    CREATE INDEX audit_server ON audit (server);
    CREATE TRIGGER audit_stays BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is kept'); END;
    CREATE TRIGGER audit_stays_as_it_is BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is kept'); END",
        CHANGES,
        "CREATE TABLE counts (
        key TEXT PRIMARY KEY NOT NULL,
        until REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX counts_until ON counts (until);
    CREATE TABLE settings (
        name TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL CHECK (json_valid(value))
    ) WITHOUT ROWID",
        "CREATE TABLE secrets (
        key TEXT PRIMARY KEY NOT NULL,
        doc TEXT NOT NULL CHECK (json_valid(doc)),
        until REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE metrics (
        key TEXT PRIMARY KEY NOT NULL,
        doc TEXT NOT NULL CHECK (json_valid(doc)),
        until REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE decisions (
        key TEXT PRIMARY KEY NOT NULL,
        doc TEXT NOT NULL CHECK (json_valid(doc)),
        until REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE renamed (
        key TEXT PRIMARY KEY NOT NULL,
        doc TEXT NOT NULL CHECK (json_valid(doc)),
        until REAL NOT NULL
    ) WITHOUT ROWID",
        "CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.key') = 'text'),
        key TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.key') STORED,
        user TEXT GENERATED ALWAYS AS (doc ->> '$.user'),
        until REAL GENERATED ALWAYS AS (doc ->> '$.until')
    );
    CREATE INDEX tokens_user ON tokens (user)",
        "CREATE TABLE schedules (
        key INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.id') = 'text'),
        id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.id') STORED,
        server TEXT GENERATED ALWAYS AS (doc ->> '$.for'),
        due REAL GENERATED ALWAYS AS
            (iif(ifnull(doc ->> '$.paused', 0), NULL, ifnull(doc ->> '$.next', 0)))
    );
    CREATE INDEX schedules_server ON schedules (server);
    CREATE INDEX schedules_due ON schedules (due)",
    ],
    page_size: 4096,
    synchronous: "FULL",
    open_lock: lock_directory,
};

/// Permits removing entries of the audit trail, until `LOCK_AUDIT` in the same transaction.
#[cfg(feature = "accounts")]
pub(super) const UNLOCK_AUDIT: &str = "DROP TRIGGER audit_stays";
#[cfg(feature = "accounts")]
pub(super) const LOCK_AUDIT: &str = "CREATE TRIGGER audit_stays BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is kept'); END";

/// The newest change of each name, noted by triggers so that changes of other programs are too.
///
/// Removals are forgotten after 100,000 further changes: see `MAX_AGE`.
const CHANGES: &str = "
    CREATE TABLE changes (
        rev INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        gone INTEGER NOT NULL
    );
    INSERT INTO changes (name, gone) SELECT name, 0 FROM vms ORDER BY id;
    CREATE INDEX changes_gone ON changes (rev) WHERE gone;
    CREATE TRIGGER vms_inserted AFTER INSERT ON vms BEGIN
        INSERT INTO changes (name, gone) VALUES (NEW.name, 0) ON CONFLICT (name)
            DO UPDATE SET rev = (SELECT max(rev) + 1 FROM changes), gone = 0;
    END;
    CREATE TRIGGER vms_updated AFTER UPDATE ON vms BEGIN
        INSERT INTO changes (name, gone) VALUES (OLD.name, NEW.name <> OLD.name) ON CONFLICT (name)
            DO UPDATE SET rev = (SELECT max(rev) + 1 FROM changes), gone = excluded.gone;
    END;
    CREATE TRIGGER vms_renamed AFTER UPDATE ON vms WHEN NEW.name <> OLD.name BEGIN
        INSERT INTO changes (name, gone) VALUES (NEW.name, 0) ON CONFLICT (name)
            DO UPDATE SET rev = (SELECT max(rev) + 1 FROM changes), gone = 0;
    END;
    CREATE TRIGGER vms_removed AFTER DELETE ON vms BEGIN
        INSERT INTO changes (name, gone) VALUES (OLD.name, 1) ON CONFLICT (name)
            DO UPDATE SET rev = (SELECT max(rev) + 1 FROM changes), gone = 1;
        DELETE FROM changes WHERE gone AND rev < (SELECT max(rev) - 100000 FROM changes);
    END";

/// How many changes ago a revision may be without having missed the removal of a record.
pub(super) const MAX_AGE: i64 = 100_000;
