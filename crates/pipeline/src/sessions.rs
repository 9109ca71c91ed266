//! Where the sessions came from in which something was found: from logons in the lake to findings.
//!
//! A record of a started program names its logon session, not where that came from; the logon itself (Windows 4624) does,
//! hours before and in another log. So the lake is asked for the logons of the sessions that findings name, and, where a
//! logon names an address inside, for the one machine that went out from that address in those days (Sysmon 3).
//!
//! What it never does: change a finding, or guess. A session without a logon in the case, or one from the machine
//! itself, has no origin.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use palisade_campaign::{Evidence, Origin};
use palisade_model::{FindingId, Observable, ObservableKind, Time};
use palisade_store::Case;
use palisade_store::lake::answer::{Rows, Value};
use palisade_store::lake::{Lake, QueryError, QueryLimits, Visible, query};

/// Logons.
const LOGONS: &str = "windows_security";
/// Connections that machines make.
const CONNECTIONS: &str = "windows_sysmon";
/// Bytes that a query may hold.
const MEMORY: usize = 512 << 20;
/// Pairs of account and place that are counted; evidence with more has no usual places.
const MAX_PAIRS: usize = 1 << 20;
/// Clocks of two logs of one machine differ by no more than this, in microseconds.
const CLOCKS: i64 = 60_000_000;
/// A machine keeps its address so long before and after it was seen with it, in microseconds.
const LEASE: i64 = 2 * 86_400_000_000;

/// A session as findings name it: machine in lower case and number.
type Session = (String, String);

/// A logon that opened a session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Logon {
    time: i64,
    source: i64,
    record: i64,
    from: String,
    account: String,
}

/// Counts of logons from elsewhere.
#[derive(Default)]
struct Habits {
    pairs: HashMap<(String, String), u64>,
    accounts: HashMap<String, u64>,
    places: BTreeSet<String>,
    full: bool,
}

/// From when to when an address was seen, and whose it was.
type Leases = BTreeMap<String, Vec<(i64, i64, String)>>;

/// Tells findings where their sessions came from, as far as the lake knows. Gives what could not be read.
///
/// # Errors
/// Those of the store.
pub(crate) fn origins(case: &mut Case, findings: &mut [Evidence]) -> palisade_store::Result<Vec<String>> {
    let mut wanted: BTreeMap<Session, Vec<usize>> = BTreeMap::new();
    for (n, f) in findings.iter().enumerate() {
        let Some(host) = &f.host else { continue };
        for o in f.observables.iter().filter(|o| o.kind() == ObservableKind::LogonSession) {
            wanted.entry((host.to_lowercase(), o.value().to_owned())).or_default().push(n);
        }
    }
    let lake = case.lake()?;
    if wanted.is_empty() || !has(&lake, LOGONS, &["EventID", "TargetLogonId", "TargetUserName", "IpAddress"])
    {
        return Ok(Vec::new());
    }
    let mut problems = Vec::new();
    let mut told = |what: &str, done: Result<(), QueryError>| {
        if let Err(e) = done {
            problems.push(format!("{what}: {e}"));
        }
    };
    let (mut logons, mut habits) = (BTreeMap::new(), Habits::default());
    told("where sessions came from", read_logons(&lake, &wanted, &mut logons, &mut habits));
    if logons.is_empty() {
        return Ok(problems);
    }
    let asked: BTreeSet<&str> = logons.values().flatten().map(|l| l.from.as_str()).collect();
    let mut leases = Leases::new();
    if has(&lake, CONNECTIONS, &["EventID", "SourceIp", "Initiated"]) {
        told("whose addresses are", read_leases(&lake, &asked, &mut leases));
    }
    let paths: HashMap<i64, String> =
        case.overview(i64::MAX as u64)?.sources.into_iter().map(|s| (s.id, s.path)).collect();
    let named = Named { leases: &leases, habits: &habits, paths: &paths };
    let mut found: BTreeMap<FindingId, Origin> = BTreeMap::new();
    for (session, holders) in &wanted {
        let Some(logons) = logons.get(session) else { continue };
        for f in holders.iter().filter_map(|n| findings.get(*n)) {
            // Numbers are given out anew when a machine starts: the last logon before counts.
            let until = f.time.map_or(i64::MAX, |t| t.0.saturating_add(CLOCKS));
            let Some(logon) = logons.iter().rev().find(|l| l.time <= until) else { continue };
            // Of two sessions that one record names, always the same one.
            if let Some(origin) = named.origin(session, logon) {
                found.entry(f.id).and_modify(|o| *o = o.clone().min(origin.clone())).or_insert(origin);
            }
        }
    }
    for f in findings {
        f.origin = found.get(&f.id).cloned();
    }
    Ok(problems)
}

/// Whether a table of the lake has these columns.
fn has(lake: &Lake, table: &str, columns: &[&str]) -> bool {
    let of = || lake.segments().iter().filter(|s| &*s.table == table);
    columns.iter().all(|c| of().any(|s| s.columns.iter().any(|(name, _)| name == c)))
}

fn ask(lake: &Lake, sql: &str, each: &mut dyn FnMut(&[Value<'_>]) -> Option<()>) -> Result<(), QueryError> {
    let limits = QueryLimits { memory: MEMORY, timeout: None, threads: 2 };
    let mut answer = Rows::new(|_: &[&str], row: &[Value<'_>]| {
        // A row without what is asked for is none.
        let _ = each(row);
        Ok::<(), io::Error>(())
    });
    query(lake, &Visible::default(), sql, limits, &mut answer).map(|_| ())
}

fn text<'v>(row: &'v [Value<'_>], at: usize) -> Option<&'v str> {
    match row.get(at) {
        Some(Value::Text(t)) => Some(t),
        _ => None,
    }
}

fn number(row: &[Value<'_>], at: usize) -> Option<i64> {
    match row.get(at) {
        Some(Value::Int(n)) => Some(*n),
        _ => None,
    }
}

/// Logons of wanted sessions, each in order of time, and how often each account came from where.
fn read_logons(
    lake: &Lake,
    wanted: &BTreeMap<Session, Vec<usize>>,
    logons: &mut BTreeMap<Session, Vec<Logon>>,
    habits: &mut Habits,
) -> Result<(), QueryError> {
    let sql = format!(
        "SELECT lower(_host), TargetLogonId, IpAddress, lower(TargetUserName), CAST(_time AS BIGINT), CAST(_source AS BIGINT), \
         CAST(_record AS BIGINT) FROM {LOGONS} WHERE CAST(EventID AS VARCHAR) = '4624' AND IpAddress IS NOT NULL AND \
         TargetLogonId IS NOT NULL AND _time IS NOT NULL"
    );
    ask(lake, &sql, &mut |row| {
        let host = text(row, 0)?;
        let session = Observable::parse(ObservableKind::LogonSession, text(row, 1)?).ok()?;
        // Loopback is no observable: such a session began at the machine itself.
        let from = Observable::parse(ObservableKind::Ip, text(row, 2)?).ok()?;
        let account = text(row, 3)?.to_owned();
        let logon = Logon {
            time: number(row, 4)?,
            source: number(row, 5)?,
            record: number(row, 6)?,
            from: from.value().to_owned(),
            account,
        };
        habits.count(&logon.account, &logon.from);
        let key = (host.to_owned(), session.value().to_owned());
        if wanted.contains_key(&key) {
            logons.entry(key).or_default().push(logon);
        }
        Some(())
    })?;
    logons.values_mut().for_each(|all| all.sort());
    Ok(())
}

/// Whose the asked addresses inside were, and when.
fn read_leases(lake: &Lake, asked: &BTreeSet<&str>, leases: &mut Leases) -> Result<(), QueryError> {
    let sql = format!(
        "SELECT SourceIp, _host, CAST(min(_time) AS BIGINT), CAST(max(_time) AS BIGINT) FROM {CONNECTIONS} WHERE \
         CAST(EventID AS VARCHAR) = '3' AND lower(Initiated) = 'true' AND SourceIp IS NOT NULL AND _host IS NOT NULL AND _time IS NOT \
         NULL GROUP BY SourceIp, _host"
    );
    ask(lake, &sql, &mut |row| {
        let ip = Observable::parse(ObservableKind::Ip, text(row, 0)?).ok()?;
        if asked.contains(ip.value()) {
            let seen = (number(row, 2)?, number(row, 3)?, text(row, 1)?.to_owned());
            leases.entry(ip.value().to_owned()).or_default().push(seen);
        }
        Some(())
    })?;
    leases.values_mut().for_each(|all| all.sort());
    Ok(())
}

impl Habits {
    fn count(&mut self, account: &str, from: &str) {
        if self.full || self.pairs.len() >= MAX_PAIRS {
            self.full = true;
            return;
        }
        *self.pairs.entry((account.to_owned(), from.to_owned())).or_default() += 1;
        *self.accounts.entry(account.to_owned()).or_default() += 1;
        self.places.insert(from.to_owned());
    }

    /// Sessions of the account from there, from everywhere, and places of all accounts.
    fn of(&self, account: &str, from: &str) -> [u64; 3] {
        if self.full {
            // Half-counted habits would make somebody look a stranger: all are said to be at home.
            return [1, 1, 0];
        }
        let here = self.pairs.get(&(account.to_owned(), from.to_owned())).copied().unwrap_or(0);
        [here, self.accounts.get(account).copied().unwrap_or(0), self.places.len() as u64]
    }
}

/// What makes an origin of a logon.
struct Named<'a> {
    leases: &'a Leases,
    habits: &'a Habits,
    paths: &'a HashMap<i64, String>,
}

impl Named<'_> {
    fn origin(&self, (host, session): &Session, logon: &Logon) -> Option<Origin> {
        let machine = self.machine(&logon.from, logon.time);
        if machine.is_some_and(|m| m.eq_ignore_ascii_case(host)) {
            return None;
        }
        let from = match machine {
            Some(name) => Observable::parse(ObservableKind::Host, name).ok()?,
            None => Observable::parse(ObservableKind::Ip, &logon.from).ok()?,
        };
        let [here, all, places] = self.habits.of(&logon.account, &logon.from);
        let path = self.paths.get(&logon.source).map_or("evidence", String::as_str);
        let told = format!(
            "session {session} of {} on {host} came from {} at {} ({path} record {}; {here} of {all} sessions of that account \
             came from there)",
            logon.account,
            logon.from,
            Time(logon.time),
            logon.record
        );
        Some(Origin { from, here, all, places, told })
    }

    /// The one machine that had an address then.
    fn machine(&self, address: &str, at: i64) -> Option<&str> {
        let seen = self.leases.get(address)?.iter();
        let near = seen.filter(|(a, b, _)| a.saturating_sub(LEASE) <= at && at <= b.saturating_add(LEASE));
        let mut names: Vec<&str> = near.map(|(_, _, name)| name.as_str()).collect();
        names.dedup();
        match names.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}
