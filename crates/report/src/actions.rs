//! What to do today, derived from techniques and observables of the findings that count.
//!
//! Each action is a kind of step and what it is to be done to, with the findings that ask for it. It says what
//! responders usually do; whether it is right here is for people to decide.
//! What this module never does: act.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Observable, ObservableKind, Severity, Vector};

use crate::material::{Finding, Material};
use crate::privacy::Victims;

/// A kind of step, most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Plant,
    Isolate,
    Backups,
    Revoke,
    Reset,
    Block,
    Freeze,
    Purge,
    Forwarding,
    Logging,
    Persistence,
    WebShell,
    Credentials,
    LookFor,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Plant => "verify-plant",
            Kind::Isolate => "isolate",
            Kind::Backups => "protect-backups",
            Kind::Revoke => "revoke-sessions",
            Kind::Reset => "reset-account",
            Kind::Block => "block",
            Kind::Freeze => "trace-funds",
            Kind::Purge => "purge-mail",
            Kind::Forwarding => "check-mail-rules",
            Kind::Logging => "restore-logging",
            Kind::Persistence => "remove-persistence",
            Kind::WebShell => "remove-web-shell",
            Kind::Credentials => "renew-directory-keys",
            Kind::LookFor => "look-for",
        }
    }
}

/// A step to take.
#[derive(Clone, Debug)]
pub(crate) struct Action<'m> {
    pub kind: Kind,
    /// What to do it to; of some kinds there is only one for the whole case.
    pub host: Option<&'m str>,
    pub observable: Option<&'m Observable>,
    /// What asks for it, by time.
    pub findings: Vec<usize>,
    pub severity: Severity,
}

/// Techniques that ask for a kind of step, by the beginning of their ids.
const ASKS: [(Kind, &[&str]); 10] = [
    (Kind::Plant, &["T08", "T0821", "T0831", "T0836", "T0843", "T0855", "T1691", "T1692", "T1693", "T1695"]),
    (Kind::Backups, &["T1485", "T1486", "T1490", "T1561"]),
    (Kind::Revoke, &["T1528", "T1539", "T1550.001", "T1550.004", "T1606", "T1098.001"]),
    (
        Kind::Reset,
        &["T1003", "T1078", "T1098", "T1110", "T1539", "T1552", "T1555", "T1556", "T1558", "T1528"],
    ),
    (Kind::Purge, &["T1566"]),
    (Kind::Forwarding, &["T1114", "T1564.008"]),
    (Kind::Logging, &["T1562", "T1070.001", "T1685", "T1686", "T1690"]),
    (Kind::Persistence, &["T1053", "T1543", "T1546", "T1547", "T1574", "T1037"]),
    (Kind::WebShell, &["T1505.003"]),
    (Kind::Credentials, &["T1003.003", "T1003.006", "T1558.001", "T1606.002"]),
];

/// Steps for which a machine is cut off: somebody else's hands are on it.
const HANDS_ON: [&str; 14] = [
    "T1003", "T1021", "T1047", "T1055", "T1059", "T1071", "T1105", "T1204", "T1219", "T1485", "T1486",
    "T1505", "T1569", "T1572",
];

/// Most findings that one action names.
const MAX_FINDINGS: usize = 50;

fn asks(f: &Finding, ids: &[&str]) -> bool {
    f.attack.iter().any(|id| {
        ids.iter()
            .any(|p| id.strip_prefix(p).is_some_and(|r| r.is_empty() || r.starts_with('.') || p.len() == 3))
    })
}

/// Actions, most urgent first.
pub(crate) fn derive<'m>(m: &'m Material, live: &[usize], victims: &Victims) -> Vec<Action<'m>> {
    type Key<'m> = (Kind, Option<&'m str>, Option<&'m Observable>);
    let mut all: BTreeMap<Key<'m>, (Vec<usize>, Severity)> = BTreeMap::new();
    for &i in live {
        let f: &'m Finding = &m.findings[i];
        if f.severity < Severity::Medium {
            continue;
        }
        let mut put = |kind, host, observable| {
            let (findings, severity) = all.entry((kind, host, observable)).or_default();
            if findings.len() < MAX_FINDINGS {
                findings.push(i);
            }
            *severity = f.severity.max(*severity);
        };
        let host = f.host.as_deref().filter(|h| !h.trim().is_empty());
        let grave = f.severity >= Severity::High;
        let held: BTreeSet<&Observable> = f.observables.iter().collect();
        if grave
            && host.is_some()
            && matches!(f.vector, Vector::Host | Vector::Network | Vector::Files)
            && asks(f, &HANDS_ON)
        {
            put(Kind::Isolate, host, None);
        }
        for (kind, _) in ASKS.iter().filter(|(_, ids)| asks(f, ids)) {
            match kind {
                Kind::Reset | Kind::Revoke => {
                    let accounts = held.iter().filter(|o| {
                        o.kind() == ObservableKind::Account
                            || o.kind() == ObservableKind::Email && victims.private(o).is_some()
                    });
                    accounts.filter(|o| !is_machine(o)).for_each(|o| put(*kind, None, Some(*o)));
                }
                Kind::Purge => {
                    let senders = held
                        .iter()
                        .filter(|o| o.kind() == ObservableKind::Email && victims.private(o).is_none());
                    senders.for_each(|o| put(Kind::Purge, None, Some(*o)));
                }
                Kind::Backups | Kind::Credentials | Kind::Plant => put(*kind, None, None),
                _ => put(*kind, host, None),
            }
        }
        for o in held.iter().filter(|o| grave && victims.private(o).is_none()) {
            match o.kind() {
                ObservableKind::Ip | ObservableKind::Domain | ObservableKind::Url => {
                    put(Kind::Block, None, Some(*o))
                }
                ObservableKind::CryptoAddress => put(Kind::Freeze, None, Some(*o)),
                ObservableKind::Sha256 | ObservableKind::Sha1 | ObservableKind::Md5
                    if f.severity == Severity::Critical =>
                {
                    put(Kind::LookFor, None, Some(*o));
                }
                _ => {}
            }
        }
    }
    let mut out: Vec<Action<'m>> = all
        .into_iter()
        .map(|((kind, host, observable), (findings, severity))| Action {
            kind,
            host,
            observable,
            findings,
            severity,
        })
        .collect();
    out.sort_by(|a, b| {
        let key =
            |x: &Action<'_>| (std::cmp::Reverse(x.severity), x.kind, std::cmp::Reverse(x.findings.len()));
        key(a).cmp(&key(b)).then((a.host, a.observable).cmp(&(b.host, b.observable)))
    });
    out
}

/// Machine accounts and those that every system has are not reset like people's.
fn is_machine(o: &Observable) -> bool {
    let v = o.value();
    let user = v.rsplit('\\').next().unwrap_or(v);
    v.ends_with('$')
        || v.starts_with("nt authority\\")
        || ["system", "local service", "network service", "root"].contains(&user)
}
