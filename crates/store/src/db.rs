//! One connection type over SQLite and PostgreSQL, and what differs between the two.
//!
//! Every query of this room is written once, as `sqlx::query("… $1 …").bind(..).fetch_all(&mut *tx)`
//! over [`Conn`]; what the two databases say differently (how a transaction begins, what an error
//! means, what the columns of a table are) is here and nowhere else. So that one text means the same on both:
//!
//! * bind `i64`, `&str`, `String` and `Option`s of these; no `bool`, no borrowed `Arc<str>`;
//! * `CAST(SUM(x) AS BIGINT)`, for PostgreSQL sums whole numbers into another type;
//! * text sorts by its bytes on both (`schema` declares it so on PostgreSQL);
//! * text that comes from evidence goes through [`clean`], and stands in a key only as [`key`].
//!
//! What this module never does: keep a password in an error, reconnect by itself (a lock that was
//! held by the lost connection is lost with it), or open a database that the case does not name.

use std::borrow::Cow;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use sqlx::any::{AnyConnectOptions, AnyRow};
use sqlx::{Any, AnyConnection, Connection as _, Row as _, Transaction};

use crate::{Error, Inner, custody};

/// A connection to the knowledge of a case.
pub(crate) type Conn = AnyConnection;
/// A row of an answer.
pub(crate) type Row = AnyRow;
/// A transaction; `&mut *tx` is a [`Conn`].
pub(crate) type Tx<'c> = Transaction<'c, Any>;

/// Which database a connection speaks to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

pub(crate) fn kind(conn: &Conn) -> Kind {
    if conn.backend_name() == "SQLite" { Kind::Sqlite } else { Kind::Postgres }
}

/// How a SQLite file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Made if it is not there.
    Create,
    Write,
    Read,
    /// Nobody writes and there is no log: SQLite makes no file beside the database.
    ReadImmutable,
}

/// Opens a SQLite file. A commit is acknowledged only when it is on the disk.
pub(crate) async fn open_file(path: &Path, access: Access) -> Result<Conn, Inner> {
    sqlx::any::install_default_drivers();
    let how = match access {
        Access::Create => "mode=rwc",
        Access::Write => "mode=rw",
        Access::Read => "mode=ro",
        Access::ReadImmutable => "mode=ro&immutable=true",
    };
    let Some(name) = path.to_str() else {
        let why = "the path is not UTF-8, which the database driver asks for";
        return Err(sqlx::Error::Configuration(why.into()).into());
    };
    // Every byte that a URL could take for its own is escaped, the slash too: a path that does not
    // begin with one is left as it is, so `..` and links mean what they mean to the system.
    let mut url = String::from("sqlite:");
    for b in name.bytes() {
        if b.is_ascii_alphanumeric() {
            url.push(char::from(b));
        } else {
            url.push_str(&format!("%{b:02X}"));
        }
    }
    let options: AnyConnectOptions = format!("{url}?{how}").parse()?;
    let mut conn = Conn::connect_with(&options).await?;
    if matches!(access, Access::Create | Access::Write) {
        sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").execute(&mut conn).await?;
    }
    Ok(conn)
}

/// Begins a transaction that writes. On SQLite it takes the write lock now, so that it cannot fail
/// for want of it half way.
pub(crate) async fn begin(conn: &mut Conn) -> Result<Tx<'_>, sqlx::Error> {
    match kind(conn) {
        Kind::Sqlite => conn.begin_with("BEGIN IMMEDIATE").await,
        Kind::Postgres => conn.begin_with("BEGIN").await,
    }
}

/// Begins a transaction that only reads: all its queries see one state of the case, whoever writes.
pub(crate) async fn snapshot(conn: &mut Conn) -> Result<Tx<'_>, sqlx::Error> {
    match kind(conn) {
        Kind::Sqlite => conn.begin_with("BEGIN").await,
        Kind::Postgres => conn.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await,
    }
}

/// Text as both databases can keep it: PostgreSQL has no place for a NUL, so it becomes the sign
/// that stands for it, on both.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{2400}").into() } else { text.into() }
}

/// The longest text that stands in a key as it is; PostgreSQL has no room for one above 2,700 bytes.
const KEY: usize = 256;

/// What stands in a key for a text that evidence or a list may make as long as it likes.
pub(crate) fn key(text: &str) -> Cow<'_, str> {
    if text.len() <= KEY {
        text.into()
    } else {
        format!("sha256:{}", custody::hex(&Sha256::digest(text))).into()
    }
}

/// Calls `f` with each row of an answer, however many there are, one at a time.
pub(crate) async fn each(
    conn: &mut Conn,
    query: sqlx::query::Query<'_, Any, sqlx::any::AnyArguments>,
    mut f: impl FnMut(&Row) -> Result<(), Inner>,
) -> Result<(), Inner> {
    let mut rows = query.fetch(conn);
    while let Some(row) = std::future::poll_fn(|cx| rows.as_mut().poll_next(cx)).await {
        f(&row?)?;
    }
    Ok(())
}

/// Names and whether they hold whole numbers, of the columns of a table, in order.
pub(crate) async fn columns(conn: &mut Conn, table: &str) -> Result<Vec<(String, bool)>, Inner> {
    let sql = match kind(conn) {
        Kind::Sqlite => "SELECT name, lower(type) FROM pragma_table_info($1) ORDER BY cid",
        Kind::Postgres => {
            "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
        }
    };
    let rows = sqlx::query(sql).bind(table).fetch_all(conn).await?;
    let column = |row: &Row| Ok((row.try_get(0)?, row.try_get::<String, _>(1)? == "bigint"));
    rows.iter().map(column).collect()
}

/// `($1, $2), ($3, $4)`: places for the values of several rows.
pub(crate) fn places(rows: usize, columns: usize) -> String {
    use std::fmt::Write as _;
    let mut sql = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let _ = write!(sql, "{}${}", if column == 0 { "" } else { ", " }, row * columns + column + 1);
        }
        sql.push(')');
    }
    sql
}

/// Whether the error says that there is no such table.
pub(crate) fn is_no_table(error: &sqlx::Error) -> bool {
    match code(error) {
        Some(Code::Sqlite(1)) => error.to_string().contains("no such table"),
        Some(Code::Postgres(state)) => state == "42P01",
        _ => false,
    }
}

enum Code {
    /// Extended code (sqlite.org/rescode.html); its low byte is the primary one.
    Sqlite(u32),
    /// SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html).
    Postgres(String),
}

fn code(error: &sqlx::Error) -> Option<Code> {
    let error = error.as_database_error()?;
    let code = error.code()?;
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        code.parse().ok().map(Code::Sqlite)
    } else {
        Some(Code::Postgres(code.into_owned()))
    }
}

/// The public error: the codes that have a remedy of their own have an error of their own.
pub(crate) fn public(error: &sqlx::Error, dir: &Path) -> Error {
    let why = error.to_string();
    let dir = dir.to_owned();
    match code(error) {
        Some(Code::Sqlite(code)) => match (code & 0xff, code) {
            (5 | 6, _) => Error::Locked(dir),
            // 14: a log that was left behind can only be read where a file can be made beside it.
            (8 | 14, _) => Error::ReadOnly { dir, why },
            (11 | 26, _) => Error::Damaged { dir, why },
            (13, _) => Error::DiskFull(dir),
            // SQLITE_IOERR_WRITE, _FSYNC, _TRUNCATE, _SHMSIZE: a quota, a limit on file sizes, a failing disk.
            (_, 778 | 1034 | 1546 | 4874) => Error::WriteRefused { dir, why },
            _ => Error::Database { dir, why },
        },
        Some(Code::Postgres(state)) => match state.as_str() {
            "53100" => Error::ServerFull(dir),
            "25006" | "42501" => Error::ReadOnly { dir, why },
            // The server stops, or somebody ended the connection.
            "57P01" | "57P02" | "57P03" => Error::ServerGone { dir, why },
            "XX001" | "XX002" => Error::Damaged { dir, why },
            _ => Error::Database { dir, why },
        },
        None => match error {
            sqlx::Error::Io(e) => Error::ServerGone { dir, why: e.to_string() },
            _ => Error::Database { dir, why },
        },
    }
}
