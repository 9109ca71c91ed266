//! One writer at a time: a lock on a file in the case directory and, where the knowledge is in
//! PostgreSQL, one on the schema, for two directories can name the same.
//!
//! Both are given back by the system when the process or the connection ends, however it ends.
//! What this module never does: wait for another to finish its work, or leave a lock that somebody has to remove by hand.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::db::{self, Conn, Kind};
use crate::place::Server;
use crate::{Error, Inner, LOCK, Result, file_error};

/// Takes the lock of the directory.
pub(crate) fn directory(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| file_error("opening the lock", &path, e, dir))?;
    // A process that is being started holds what the one that starts it has open until it has become another
    // program: a lock that was given back a moment ago may still be held for that moment.
    for attempt in 0..FILE_TRIES {
        if attempt > 0 {
            std::thread::sleep(FILE_PAUSE);
        }
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(file_error("locking", &path, e, dir)),
        }
    }
    Err(Error::Locked(dir.to_owned()))
}

/// How often the lock of a directory is asked for, and the pause between.
const FILE_TRIES: u32 = 10;
const FILE_PAUSE: Duration = Duration::from_millis(20);

/// How often the lock of a schema is asked for, and the pause between: a server notices some time
/// after it happened that the process which held the lock is gone.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the lock of a schema; the connection holds it.
pub(crate) async fn schema(conn: &mut Conn, schema: &str, dir: &Path) -> Result<()> {
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(Server::lock_number(schema))
            .fetch_one(&mut *conn)
            .await
            .map_err(|e| Inner::Sql(e).of(dir))?;
        if taken {
            return Ok(());
        }
    }
    Err(Error::Locked(dir.to_owned()))
}

/// Gives the lock of a schema back before the connection is closed: who opens the case next need
/// not wait until the server has taken note of its end.
pub(crate) async fn give_back(conn: &mut Conn) {
    if db::kind(conn) == Kind::Postgres {
        // Should this fail, the end of the connection does the same.
        let _ = sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(conn).await;
    }
}
