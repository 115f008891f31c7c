//! The format of the file, and the directory next to it.

use std::io;
use std::path::{Path, PathBuf};

use hcc_database::sqlite::{Schema, WriteLock, create_directory, open_or_create};

/// The triggers keep `first` true for the first command of each server and for no other, whichever
/// program writes, so that the indexes contain only commands that may be leased.
pub(super) static SCHEMA: Schema = Schema {
    kind: "queue",
    // "hccq"
    application_id: 0x6863_6371,
    formats: &[
        "
    CREATE TABLE cmd (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
        cmd TEXT,
        \"for\" TEXT,
        args TEXT,
        \"by\" TEXT,
        at REAL NOT NULL DEFAULT (unixepoch('subsec')),
        first INTEGER NOT NULL DEFAULT FALSE,
        due REAL,
        held INTEGER NOT NULL DEFAULT FALSE,
        token INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        err TEXT
    );
    CREATE INDEX cmd_for ON cmd (\"for\");
    CREATE INDEX cmd_ready ON cmd (seq) WHERE first AND due IS NULL;
    CREATE INDEX cmd_later ON cmd (due) WHERE first AND due IS NOT NULL;
    CREATE TRIGGER cmd_added AFTER INSERT ON cmd
    WHEN NOT EXISTS (SELECT 1 FROM cmd WHERE \"for\" IS new.\"for\" AND seq < new.seq)
    BEGIN
        UPDATE cmd SET first = TRUE WHERE seq = new.seq;
    END;
    CREATE TRIGGER cmd_gone AFTER DELETE ON cmd WHEN old.first
    BEGIN
        UPDATE cmd SET first = TRUE
        WHERE seq = (SELECT min(seq) FROM cmd WHERE \"for\" IS old.\"for\");
    END;
    CREATE TABLE cmd_dead (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        cmd TEXT,
        \"for\" TEXT,
        args TEXT,
        \"by\" TEXT,
        at REAL,
        token INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        err TEXT
    )",
        "ALTER TABLE cmd_dead ADD COLUMN outcome TEXT",
        // The default of `at` works in SQLite 3.35 and later, unlike that of the first format.
        "
    CREATE TABLE cmd_new (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
        cmd TEXT,
        \"for\" TEXT,
        args TEXT,
        \"by\" TEXT,
        at REAL NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400.0),
        first INTEGER NOT NULL DEFAULT FALSE,
        due REAL,
        held INTEGER NOT NULL DEFAULT FALSE,
        token INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        err TEXT,
        holder TEXT
    );
    INSERT INTO cmd_new
    SELECT seq, id, cmd, \"for\", args, \"by\", at, first, due, held, token, attempts, err, NULL
    FROM cmd;
    DROP TABLE cmd;
    ALTER TABLE cmd_new RENAME TO cmd;
    CREATE INDEX cmd_for ON cmd (\"for\");
    CREATE INDEX cmd_ready ON cmd (seq) WHERE first AND due IS NULL;
    CREATE INDEX cmd_later ON cmd (due) WHERE first AND due IS NOT NULL;
    CREATE INDEX cmd_holder ON cmd (holder) WHERE holder IS NOT NULL;
    CREATE TRIGGER cmd_added AFTER INSERT ON cmd
    WHEN NOT EXISTS (SELECT 1 FROM cmd WHERE \"for\" IS new.\"for\" AND seq < new.seq)
    BEGIN
        UPDATE cmd SET first = TRUE WHERE seq = new.seq;
    END;
    CREATE TRIGGER cmd_gone AFTER DELETE ON cmd WHEN old.first
    BEGIN
        UPDATE cmd SET first = TRUE
        WHERE seq = (SELECT min(seq) FROM cmd WHERE \"for\" IS old.\"for\");
    END",
    ],
    // A command is small, and a commit writes whole pages.
    page_size: 1024,
    // Each write is synced separately, see `wal`.
    synchronous: "NORMAL",
    open_lock,
};

/// Returns the directory next to the file, for everything that is neither a command nor durable.
pub(super) fn directory(path: &Path) -> PathBuf {
    let mut directory = path.as_os_str().to_owned();
    directory.push("-live");
    directory.into()
}

fn open_lock(path: &Path) -> io::Result<WriteLock> {
    let directory = directory(path);
    create_directory(&directory)?;
    let lock = WriteLock::new(open_or_create(&directory.join("lock"))?);
    Ok(lock.in_turn(open_or_create(&directory.join("next"))?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hcc_database::sqlite::Database;
    use rusqlite::StatementStatus::RePrepare;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn statement_is_compiled_once_for_all_values() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("queue.db");

        let database = Database::new(path, &SCHEMA, Duration::from_secs(5));
        let compiled_again = database.write(|transaction| {
            let sql = "SELECT cmd FROM cmd WHERE \"for\" = ?1 ORDER BY seq DESC LIMIT 1";
            for server in ["web", "db"] {
                transaction.prepare_cached(sql)?.exists([server])?;
            }
            Ok(transaction.prepare_cached(sql)?.get_status(RePrepare))
        });

        assert_eq!(compiled_again.await.unwrap(), 0);
    }
}
