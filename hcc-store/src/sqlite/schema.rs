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
        "DROP TRIGGER audit_stays;
    CREATE TABLE counts (
        key TEXT PRIMARY KEY NOT NULL,
        until REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX counts_until ON counts (until);
    CREATE TABLE settings (
        name TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL CHECK (json_valid(value))
    ) WITHOUT ROWID",
    ],
    page_size: 4096,
    synchronous: "FULL",
    open_lock: lock_directory,
};
