//! Where the sessions came from in which something was found: from logons in the lake to findings.
//!
//! A record of a started program names its logon session, not where that came from; the logon itself (Windows 4624) does,
//! hours before and in another log. So the lake is asked for the logons of the sessions that findings name, and, where a
//! logon names an address inside, for the one machine that went out from that address in those days (Sysmon 3).
//!
//! What it never does: change a finding, or guess. A session has no origin if its logon is not in the case, was of another
//! account, or was at the machine itself; nor has a finding without a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;

use palisade_campaign::{Evidence, Habit, Origin};
use palisade_model::{Observable, ObservableKind, Time};
use palisade_store::Case;
use palisade_store::lake::answer::{Rows, Value};
use palisade_store::lake::{Lake, QueryError, QueryLimits, Visible, query};

/// Logons.
const LOGONS: &str = "windows_security";
/// Connections that machines make.
const CONNECTIONS: &str = "windows_sysmon";
/// Bytes that a query may hold.
const MEMORY: usize = 512 << 20;
/// Pairs of account and place that are counted; in evidence with more nobody has usual places.
const MAX_PAIRS: usize = 1 << 20;
/// Logons that are kept of sessions of one number on one machine. Numbers are given out anew when a machine starts.
const MAX_LOGONS: usize = 10_000;
/// Days on which an address was seen with a machine.
const MAX_LEASES: usize = 1 << 20;
/// Clocks of two logs of one machine differ by no more than this, in microseconds.
const CLOCKS: i64 = 60_000_000;
const DAY: i64 = 86_400_000_000;
/// A session lasts no longer than so many days.
const LASTS: i64 = 30;
/// A machine keeps its address for so many days before and after one on which it was seen with it.
const LEASE: i64 = 2;

/// A session: its machine's short name in lower case, and its number. Several machines may be called so.
type Session = (String, String);

/// A logon that opened a session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Logon {
    time: i64,
    /// The machine, as the record names it.
    host: String,
    source: i64,
    record: i64,
    /// The address; `None` if it was at the machine itself.
    from: Option<String>,
    account: Account,
}

/// An account: the beginning of its domain, and its name, in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
struct Account {
    realm: String,
    name: String,
}

/// How often accounts came from where; `None` where there was too much to count.
#[derive(Default)]
struct Habits {
    pairs: HashMap<(Account, String), u64>,
    accounts: HashMap<Account, u64>,
    places: HashMap<String, u64>,
    total: u64,
    full: bool,
}

/// By address the days on which machines were seen with it.
type Leases = BTreeMap<String, BTreeSet<(i64, String)>>;

/// Tells findings where their sessions came from, as far as the lake knows. Gives what could not be read; nothing is told then.
///
/// # Errors
/// Those of the store.
pub(crate) fn origins(case: &mut Case, findings: &mut [Evidence]) -> palisade_store::Result<Vec<String>> {
    let mut wanted: BTreeMap<Session, Vec<usize>> = BTreeMap::new();
    for (n, f) in findings.iter().enumerate() {
        let (Some(host), Some(_)) = (&f.host, f.time) else { continue };
        for o in f.observables.iter().filter(|o| o.kind() == ObservableKind::LogonSession) {
            wanted.entry((short(host), o.value().to_owned())).or_default().push(n);
        }
    }
    let lake = case.lake()?;
    if wanted.is_empty()
        || !has(
            &lake,
            LOGONS,
            &["EventID", "TargetLogonId", "TargetUserName", "TargetDomainName", "IpAddress"],
        )
    {
        return Ok(Vec::new());
    }
    let problem = |e: QueryError| Ok(vec![format!("where sessions came from: {e}")]);
    let mut logons = BTreeMap::new();
    if let Err(e) = read_logons(&lake, &wanted, &mut logons) {
        return problem(e);
    }
    let asked: BTreeSet<String> = logons.values().flatten().filter_map(|l| l.from.clone()).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let (mut habits, mut leases) = (Habits::default(), Leases::new());
    if let Err(e) = read_habits(&lake, &mut habits) {
        return problem(e);
    }
    if has(&lake, CONNECTIONS, &["EventID", "SourceIp", "Initiated"])
        && let Err(e) = read_leases(&lake, &asked, &mut leases)
    {
        return problem(e);
    }
    let mut problems = Vec::new();
    if habits.full {
        problems.push(format!(
            "how usual it is where sessions came from: more than {MAX_PAIRS} pairs of account and place"
        ));
    }
    let paths = case.source_paths()?;
    let named = Named { leases: &leases, habits: &habits, paths: &paths };
    let mut known: BTreeMap<(&Session, usize), Option<Origin>> = BTreeMap::new();
    let mut found: BTreeMap<usize, Origin> = BTreeMap::new();
    for (session, holders) in &wanted {
        let Some(logons) = logons.get(session) else { continue };
        for n in holders {
            let Some(f) = findings.get(*n) else { continue };
            let Some(at) = opened(logons, f) else { continue };
            let origin = known.entry((session, at)).or_insert_with(|| named.origin(session, &logons[at]));
            // Of two sessions that one record names, always the same one.
            if let Some(origin) = origin {
                found
                    .entry(*n)
                    .and_modify(|o| *o = o.clone().min(origin.clone()))
                    .or_insert_with(|| origin.clone());
            }
        }
    }
    for (n, origin) in found {
        if let Some(f) = findings.get_mut(n) {
            f.origin = Some(origin);
        }
    }
    Ok(problems)
}

/// The logon that opened the session in which something was found: the last one before on that machine, if it was of an
/// account that the finding names. `logons` are in order of time.
fn opened(logons: &[Logon], f: &Evidence) -> Option<usize> {
    let (host, time) = (f.host.as_deref()?, f.time?);
    let until = time.0.saturating_add(CLOCKS);
    let end = logons.partition_point(|l| l.time <= until);
    let at = (0..end).rev().take_while(|at| logons[*at].time >= time.0 - LASTS * DAY);
    let at = at.into_iter().find(|at| same_machine(&logons[*at].host, host))?;
    let accounts = f.observables.iter().filter(|o| o.kind() == ObservableKind::Account);
    let mut names = accounts.map(|o| o.value().rsplit('\\').next().unwrap_or_default()).peekable();
    let of_another =
        names.peek().is_some() && !names.any(|n| n.split('@').next() == Some(&logons[at].account.name));
    (!of_another && logons[at].from.is_some()).then_some(at)
}

/// The short name of a machine.
fn short(host: &str) -> String {
    host.split('.').next().unwrap_or(host).to_lowercase()
}

/// Whether two names can be one machine: the same short name, in domains of which one is the other or a part of it.
fn same_machine(a: &str, b: &str) -> bool {
    short(a) == short(b) && same_house(a, b)
}

/// Whether two machines can be of one organisation, by their domains.
fn same_house(a: &str, b: &str) -> bool {
    let domain = |h: &str| h.split_once('.').map(|(_, d)| d.to_lowercase());
    let part = |a: &str, b: &str| a == b || a.strip_suffix(b).is_some_and(|rest| rest.ends_with('.'));
    match (domain(a), domain(b)) {
        (Some(a), Some(b)) => part(&a, &b) || part(&b, &a),
        _ => true,
    }
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

/// An address from elsewhere: loopback is no observable, for such a session began at the machine itself.
fn elsewhere(row: &[Value<'_>], at: usize) -> Option<String> {
    let ip = Observable::parse(ObservableKind::Ip, text(row, at)?).ok()?;
    Some(ip.value().to_owned())
}

fn account(row: &[Value<'_>], realm: usize, name: usize) -> Option<Account> {
    let realm = text(row, realm).unwrap_or_default().split('.').next().unwrap_or_default().to_lowercase();
    Some(Account { realm, name: text(row, name)?.to_lowercase() })
}

/// Logons of wanted sessions, each in order of time; those at the machine itself, too, for they take a number over.
fn read_logons(
    lake: &Lake,
    wanted: &BTreeMap<Session, Vec<usize>>,
    logons: &mut BTreeMap<Session, Vec<Logon>>,
) -> Result<(), QueryError> {
    let sql = format!(
        "SELECT _host, TargetLogonId, IpAddress, TargetDomainName, TargetUserName, CAST(_time AS BIGINT), CAST(_source AS \
         BIGINT), CAST(_record AS BIGINT) FROM {LOGONS} WHERE CAST(EventID AS VARCHAR) = '4624' AND TargetLogonId IS NOT \
         NULL AND _host IS NOT NULL AND _time IS NOT NULL"
    );
    ask(lake, &sql, &mut |row| {
        let host = text(row, 0)?;
        let session = Observable::parse(ObservableKind::LogonSession, text(row, 1)?).ok()?;
        let key = (short(host), session.value().to_owned());
        if !wanted.contains_key(&key) {
            return None;
        }
        let all = logons.entry(key).or_default();
        all.push(Logon {
            time: number(row, 5)?,
            host: host.to_owned(),
            source: number(row, 6)?,
            record: number(row, 7)?,
            from: elsewhere(row, 2),
            account: account(row, 3, 4)?,
        });
        // Whatever the order they come in: of too many the same ones stay.
        if all.len() >= 2 * MAX_LOGONS {
            all.sort();
            all.drain(..MAX_LOGONS);
        }
        Some(())
    })?;
    logons.values_mut().for_each(|all| all.sort());
    Ok(())
}

/// How often accounts came from where. A logon that is written twice, for an elevated session or in a copy of the log,
/// counts once.
fn read_habits(lake: &Lake, habits: &mut Habits) -> Result<(), QueryError> {
    let sql = format!(
        "SELECT r, n, a, CAST(count(*) AS BIGINT) FROM (SELECT DISTINCT lower(_host) AS h, _time AS t, lower(TargetDomainName) \
         AS r, lower(TargetUserName) AS n, IpAddress AS a FROM {LOGONS} WHERE CAST(EventID AS VARCHAR) = '4624' AND IpAddress \
         IS NOT NULL AND TargetUserName IS NOT NULL) GROUP BY r, n, a"
    );
    ask(lake, &sql, &mut |row| {
        let (of, from) = (account(row, 0, 1)?, elsewhere(row, 2)?);
        habits.count(of, from, u64::try_from(number(row, 3)?).ok()?);
        Some(())
    })
}

/// Whose the asked addresses inside were, and when.
fn read_leases(lake: &Lake, asked: &BTreeSet<String>, leases: &mut Leases) -> Result<(), QueryError> {
    let sql = format!(
        "SELECT SourceIp, _host, d FROM (SELECT SourceIp, _host, CAST(_time AS BIGINT) / {DAY} AS d FROM {CONNECTIONS} WHERE \
         CAST(EventID AS VARCHAR) = '3' AND lower(Initiated) = 'true' AND SourceIp IS NOT NULL AND _host IS NOT NULL AND \
         _time IS NOT NULL) GROUP BY SourceIp, _host, d"
    );
    let mut days = 0;
    ask(lake, &sql, &mut |row| {
        let ip = elsewhere(row, 0)?;
        if asked.contains(&ip) {
            days += 1;
            leases.entry(ip).or_default().insert((number(row, 2)?, text(row, 1)?.to_owned()));
        }
        Some(())
    })?;
    if days > MAX_LEASES {
        // Part of them would make an address one machine's that was several machines'.
        leases.clear();
    }
    Ok(())
}

impl Habits {
    fn count(&mut self, of: Account, from: String, times: u64) {
        self.full |= self.pairs.len() >= MAX_PAIRS;
        if self.full {
            return;
        }
        *self.accounts.entry(of.clone()).or_default() += times;
        *self.places.entry(from.clone()).or_default() += times;
        *self.pairs.entry((of, from)).or_default() += times;
        self.total += times;
    }

    fn of(&self, account: &Account, from: &str) -> Option<Habit> {
        let here = self.pairs.get(&(account.clone(), from.to_owned())).copied()?;
        (!self.full).then(|| Habit {
            here,
            all: self.accounts.get(account).copied().unwrap_or(here),
            there: self.places.get(from).copied().unwrap_or(here),
            total: self.total,
            places: self.places.len() as u64,
        })
    }
}

/// What makes an origin of a logon.
struct Named<'a> {
    leases: &'a Leases,
    habits: &'a Habits,
    paths: &'a HashMap<i64, String>,
}

impl Named<'_> {
    fn origin(&self, (_, session): &Session, logon: &Logon) -> Option<Origin> {
        let address = logon.from.as_deref()?;
        let machine = self.machine(address, logon);
        if machine.is_some_and(|m| same_machine(m, &logon.host)) {
            return None;
        }
        let from = match machine {
            Some(name) => Observable::parse(ObservableKind::Host, name).ok()?,
            None => Observable::parse(ObservableKind::Ip, address).ok()?,
        };
        // An address outside is a peer, and how many meet it is counted as of any peer.
        let habit = self.habits.of(&logon.account, address).filter(|_| is_inside(address));
        let usual = habit.map_or_else(String::new, |h| {
            format!("; {} of {} sessions of that account came from there", h.here, h.all)
        });
        let path = self.paths.get(&logon.source).map_or("evidence", String::as_str);
        let told = format!(
            "{path} record {}: session {session} of {} on {} came from {address} at {}{usual}",
            logon.record,
            logon.account.name,
            logon.host,
            Time(logon.time),
        );
        Some(Origin { from, habit, told: told.into() })
    }

    /// The one machine of that house that had the address in those days.
    fn machine(&self, address: &str, logon: &Logon) -> Option<&str> {
        let day = logon.time.div_euclid(DAY);
        let near =
            self.leases.get(address)?.range((day - LEASE, String::new())..(day + LEASE + 1, String::new()));
        let mut names = near.map(|(_, name)| name.as_str()).filter(|m| same_house(m, &logon.host));
        let first = names.next()?;
        names.all(|m| same_machine(m, first)).then_some(first)
    }
}

/// Whether an address is of a network inside.
fn is_inside(address: &str) -> bool {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_private() || ip.is_link_local() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64)
        }
        Ok(IpAddr::V6(ip)) => ip.segments()[0] & 0xfe00 == 0xfc00 || ip.segments()[0] & 0xffc0 == 0xfe80,
        Err(_) => false,
    }
}
