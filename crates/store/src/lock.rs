//! One writer at a time: a lock on a file in the case directory and, where the knowledge is in
//! PostgreSQL, one on the schema, for two directories can name the same.
//!
//! Both are given back by the system when the process or the connection ends, however it ends.
//! What this module never does: wait, or leave a lock that somebody has to remove by hand.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::db::Conn;
use crate::place::Server;
use crate::{Error, Inner, LOCK, Result, file_error};

/// Takes the lock of the directory.
pub(crate) fn directory(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| file_error("opening the lock", &path, e, dir))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(dir.to_owned())),
        Err(TryLockError::Error(e)) => Err(file_error("locking", &path, e, dir)),
    }
}

/// Takes the lock of a schema; the connection holds it.
pub(crate) async fn schema(conn: &mut Conn, schema: &str, dir: &Path) -> Result<()> {
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(Server::lock_number(schema))
        .fetch_one(conn)
        .await
        .map_err(|e| Inner::Sql(e).of(dir))?;
    if taken { Ok(()) } else { Err(Error::Locked(dir.to_owned())) }
}
