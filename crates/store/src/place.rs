//! Where the knowledge of a case is: in `knowledge.db`, or in a schema of a PostgreSQL database.
//!
//! What is there decides: a directory with `knowledge.db` keeps its knowledge in it, one with
//! `knowledge.link` in the schema that the link names. Only a new case asks its `palisade.toml`:
//!
//! ```toml
//! [store]
//! database = "postgres://palisade@db.example.org/cases"
//! schema = "case_2026_031"   # may be left out: a name of its own is made
//! ```
//!
//! What this module never does: write a password, or show one. A link has none; it comes from the
//! URL in `palisade.toml`, from PGPASSWORD or from ~/.pgpass.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use sqlx::Connection as _;
use sqlx::any::AnyConnectOptions;

use crate::db::Conn;
use crate::{CONFIG, DATABASE, Error, Inner, LINK, Result, file_error};

/// Longest name of a schema; PostgreSQL cuts longer ones off.
const SCHEMA_BYTES: usize = 63;

/// Where the knowledge is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// `knowledge.db`, which may not be there yet.
    File(PathBuf),
    Server(Server),
}

/// A schema in a PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// With the password, if it has one.
    url: String,
    /// `None` until a new case has been given one.
    pub(crate) schema: Option<String>,
    /// Whether the directory has a link.
    pub(crate) linked: bool,
    /// Whether the case was made to its end, so that a schema which is not there was lost.
    pub(crate) made: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} schema {:?}", redact(&self.url), self.schema)
    }
}

/// A PostgreSQL URL without its password, wherever it stands in a text: `postgres://ana:***@host/db`.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = ["postgres://", "postgresql://"].iter().filter_map(|s| rest.find(s)).min() {
        let (before, url) = rest.split_at(at);
        let scheme = url.find("://").map_or(0, |i| i + 3);
        let end = url.find(char::is_whitespace).unwrap_or(url.len());
        out.push_str(before);
        out.push_str(url.get(..scheme).unwrap_or_default());
        let body = url.get(scheme..end).unwrap_or_default();
        // A password may hold any sign; the last `@` ends it. Should that be one of the query, more is
        // left out than need be.
        let rest_of_url = match body.rsplit_once('@') {
            Some((who, host)) => {
                let user = who.split_once(':').map_or(who, |(user, _)| user);
                out.push_str(user);
                out.push_str(if user == who { "@" } else { ":***@" });
                host
            }
            None => body,
        };
        for (i, word) in rest_of_url.split_inclusive(['?', '&']).enumerate() {
            match word.strip_prefix("password=") {
                Some(secret) if i > 0 => {
                    out.push_str("password=***");
                    out.push_str(if secret.ends_with('&') { "&" } else { "" });
                }
                _ => out.push_str(word),
            }
        }
        rest = url.get(end..).unwrap_or_default();
    }
    out + rest
}

/// Where the knowledge of the case in `dir` is, or would be made.
pub(crate) fn find(dir: &Path) -> Result<Place> {
    let database = dir.join(DATABASE);
    let (file, link) = (database.is_file(), dir.join(LINK).is_file());
    if file && link {
        return Err(Error::TwoPlaces { dir: dir.to_owned() });
    }
    if file {
        return Ok(Place::File(database));
    }
    let named = table(dir, CONFIG)?.and_then(|mut t| t.remove("store"));
    let named = named.as_ref().and_then(toml::Value::as_table);
    let linked = if link { table(dir, LINK)? } else { None };
    let text = |table: Option<&toml::Table>, key: &str| Some(table?.get(key)?.as_str()?.to_owned());
    let url = text(named, "database").or_else(|| text(linked.as_ref(), "database"));
    let Some(url) = url else {
        return if link { Err(bad(dir, LINK, "it names no database")) } else { Ok(Place::File(database)) };
    };
    let schema = text(linked.as_ref(), "schema").or_else(|| text(named, "schema"));
    check(dir, &url, schema.as_deref())?;
    let made = linked.as_ref().and_then(|l| l.get("made")?.as_bool()).unwrap_or(false);
    Ok(Place::Server(Server { url, schema, linked: link, made }))
}

/// A place for a new case.
pub(crate) fn server(dir: &Path, url: &str) -> Result<Server> {
    check(dir, url, None)?;
    Ok(Server { url: url.to_owned(), schema: None, linked: false, made: false })
}

fn check(dir: &Path, url: &str, schema: Option<&str>) -> Result<()> {
    if !["postgres://", "postgresql://"].iter().any(|s| url.starts_with(s)) {
        return Err(bad(dir, CONFIG, "[store] database must begin with postgres://"));
    }
    // It stands in statements as it is.
    let plain = |s: &str| {
        s.len() <= SCHEMA_BYTES
            && s.starts_with(|c: char| c.is_ascii_lowercase())
            && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    match schema {
        Some(s) if !plain(s) => Err(bad(
            dir,
            CONFIG,
            "the name of a schema is a small letter, then small letters, digits and _, at most 63 in all",
        )),
        _ => Ok(()),
    }
}

fn bad(dir: &Path, file: &'static str, why: &str) -> Error {
    Error::Place { file: dir.join(file), why: why.to_owned() }
}

fn table(dir: &Path, file: &'static str) -> Result<Option<toml::Table>> {
    let path = dir.join(file);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(file_error("reading", &path, e, dir)),
    };
    // The error's own text shows the line, which may hold a password.
    text.parse().map(Some).map_err(|e: toml::de::Error| bad(dir, file, e.message()))
}

/// `palisade.toml` without the place of the knowledge, for a copy that has its own; `None` if there is none.
pub(crate) fn config_without_store(dir: &Path) -> Result<Option<String>> {
    let path = dir.join(CONFIG);
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(|e| file_error("reading", &path, e, dir))?;
    let Some(mut table) = table(dir, CONFIG)? else { return Ok(None) };
    if table.remove("store").is_none() {
        return Ok(Some(text));
    }
    Ok(Some(format!("# [store] stands in the original only.\n{table}")))
}

impl Server {
    /// Connects. The schema is chosen afterwards.
    pub(crate) async fn connect(&self, dir: &Path) -> Result<Conn> {
        sqlx::any::install_default_drivers();
        let server = redact(&self.url);
        let fail = |e: sqlx::Error| Error::Unreachable {
            dir: dir.to_owned(),
            server: server.clone(),
            why: self.without_password(&e.to_string()),
        };
        let options: AnyConnectOptions = self.url.parse().map_err(fail)?;
        let mut conn = Conn::connect_with(&options).await.map_err(fail)?;
        let settings = async {
            sqlx::raw_sql("SET synchronous_commit = on; SET client_min_messages = warning")
                .execute(&mut conn)
                .await?;
            let encoding = "SELECT CAST(current_setting('server_encoding') AS TEXT)";
            sqlx::query_scalar::<_, String>(encoding).fetch_one(&mut conn).await
        };
        let encoding = settings.await.map_err(fail)?;
        if encoding != "UTF8" {
            let why = format!("its encoding is {encoding}, Palisade needs a database made with UTF8");
            return Err(Error::Unreachable { dir: dir.to_owned(), server, why });
        }
        Ok(conn)
    }

    /// What the driver says, should it ever repeat what it was given.
    fn without_password(&self, text: &str) -> String {
        let user = self.url.rsplit_once('@').and_then(|(who, _)| who.rsplit_once(':').map(|(_, p)| p));
        let query = self.url.split(['?', '&']).find_map(|w| w.strip_prefix("password="));
        [user, query]
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .fold(redact(text), |t, p| t.replace(p, "***"))
    }

    /// The schema, named now if it is not yet: after the directory, and unlike any other.
    pub(crate) async fn name(&mut self, conn: &mut Conn, dir: &Path) -> Result<String, Inner> {
        if let Some(name) = &self.schema {
            return Ok(name.clone());
        }
        let unique: String =
            sqlx::query_scalar("SELECT CAST(gen_random_uuid() AS TEXT)").fetch_one(conn).await?;
        let of: String = dir.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        let of: String =
            of.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(24).collect();
        let unique: String = unique.chars().filter(char::is_ascii_hexdigit).take(12).collect();
        let name = format!("case_{of}_{unique}");
        self.schema = Some(name.clone());
        Ok(name)
    }

    /// The number of the lock that the one writer of a schema holds.
    pub(crate) fn lock_number(schema: &str) -> i64 {
        let hash = Sha256::digest(format!("palisade writer {schema}"));
        hash.iter().take(8).fold(0i64, |n, b| (n << 8) | i64::from(*b))
    }

    /// Writes `knowledge.link`, whole or not at all; `made` once the schema is there.
    pub(crate) fn link(&self, dir: &Path, made: bool) -> Result<()> {
        let mut table = toml::Table::new();
        table.insert("database".into(), without_password_url(&self.url).into());
        table.insert("schema".into(), self.schema.clone().unwrap_or_default().into());
        table.insert("made".into(), made.into());
        let text = format!(
            "# Where the knowledge of this case is. The password, if any, comes from\n# [store] in palisade.toml, PGPASSWORD or ~/.pgpass.\n{table}"
        );
        write_whole(dir, LINK, text.as_bytes())
    }
}

fn without_password_url(url: &str) -> String {
    redact(url).replace(":***@", "@").replace("password=***", "")
}

/// Writes a file so that a crash leaves the old one or the new one.
pub(crate) fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = dir.join(name);
    let fresh = dir.join(format!("{name}.new"));
    let write = || {
        let mut file = File::create(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|e| file_error("writing", &path, e, dir))
}
