//! Room: `vectors/host`, door `detect` — mailboxes that send mail out of the house, and rules that were set from a place whoever set
//! them never worked from.
//!
//! A rule can say that mail is sent on; what *outside* is only the evidence as a whole says: whose mailboxes these are. Who sets a
//! rule and whose mail it moves are two people when an administrator does it: the place is asked of the one, *outside* of the other.
//!
//! What this module never does: look an address or a domain up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use palisade_model::ObservableKind;

use super::Outcome;
use super::data::{Detector, Spec};
use super::facts::{DAY, Entry, Facts, Kind};
use super::find::Made;

/// A rule or setting of a mailbox.
struct Rule<'f> {
    /// Who set it.
    actor: &'f str,
    /// Whose mailbox it is: an address where one is known, else a name.
    owner: &'f str,
    address: &'f str,
    what: &'f str,
    to: &'f str,
    tenant: &'f str,
    entry: &'f Entry,
}

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    let entries = facts.each(Kind::MailRule);
    if entries.is_empty() {
        return;
    }
    let signins = facts.each(Kind::SignIn);
    let users = signins.iter().chain(&entries).filter_map(|(parts, _)| parts.first().copied());
    let people = People::new(users.collect());
    let rules: Vec<Rule<'_>> = entries
        .iter()
        .filter_map(|(parts, entry)| {
            let [actor, address, what, to, mailbox, tenant, _] = parts[..] else { return None };
            let owner = people.owner(mailbox, actor, what);
            Some(Rule { actor, owner, address: plain(address), what, to, tenant, entry })
        })
        .collect();
    if let Some(detector) = spec.detectors.get("mail_outside") {
        outside(detector, &rules, &people, out);
    }
    let Some(detector) = spec.detectors.get("mail_rule_from_elsewhere") else { return };
    if facts.is_thinned(Kind::SignIn) {
        // What was left out would look new.
        out.left_out(1, format!("{}: not looked for, as not all sign-ins were counted", detector.info.id));
    } else {
        elsewhere(detector, &rules, &signins, out);
    }
}

/// Who signs in here, and who sets rules.
struct People<'f> {
    all: BTreeSet<&'f str>,
    /// By the part before the `@`, where exactly one has it.
    by_name: BTreeMap<&'f str, Option<&'f str>>,
}

impl<'f> People<'f> {
    fn new(all: BTreeSet<&'f str>) -> People<'f> {
        let mut by_name: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for user in &all {
            let Some((name, _)) = user.rsplit_once('@') else { continue };
            by_name.entry(name).and_modify(|known| *known = None).or_insert(Some(user));
        }
        People { all, by_name }
    }

    /// Whose mailbox a record names. Logs name it by address, by alias, by its path in the directory, and with the number of
    /// the rule behind a backslash; where only the rule is named, it is the mailbox of whoever set it.
    fn owner(&self, mailbox: &'f str, actor: &'f str, what: &str) -> &'f str {
        if let Some(address) = mailbox.split(separates).find(|word| domain(word).is_some()) {
            return address;
        }
        let mailbox = mailbox.rsplit('/').next().unwrap_or(mailbox);
        let name =
            if what == "set-mailbox" { mailbox.rsplit('\\').next() } else { mailbox.split('\\').next() };
        let name = name.unwrap_or("").trim();
        if name.is_empty() || name.bytes().all(|b| b.is_ascii_digit()) {
            return actor;
        }
        if actor.rsplit_once('@').is_some_and(|(local, _)| local == name) {
            return actor;
        }
        self.by_name.get(name).copied().flatten().unwrap_or(name)
    }
}

/// Mail that is sent on to an address that is none of the house's: neither of the domain of the mailbox, nor of a domain
/// under or over it, nor of one under which several people sign in.
fn outside(detector: &Detector, rules: &[Rule<'_>], known: &People<'_>, out: &mut Outcome) {
    let public = detector.words("public_providers");
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for user in known.all.iter().copied().chain(rules.iter().map(|r| r.owner)) {
        // The session of a role is called after somebody who signs in under the own name as well.
        if let Some(domain) = domain(user).filter(|_| !user.contains('/')) {
            people.entry(domain).or_default().insert(user);
        }
    }
    let several = |domain: &str| {
        people.get(domain).is_some_and(|p| p.len() as u64 >= detector.limit("people"))
            && !public.iter().any(|p| p == domain)
    };
    let mut told: BTreeMap<(&str, &str, &str), (Made, BTreeSet<&str>)> = BTreeMap::new();
    let mut senders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for rule in rules {
        // A mailbox that is named without a domain is one of the house of whoever may set its rules.
        let own = domain(rule.owner).or_else(|| domain(rule.actor)).unwrap_or("");
        for target in targets(rule.to) {
            let Some(to) = domain(target) else { continue };
            if own.is_empty() || related(own, to) || several(to) {
                continue;
            }
            senders.entry(target).or_default().insert(rule.owner);
            let (made, setters) = told.entry((rule.tenant, rule.owner, target)).or_insert_with(|| {
                let mut made = Made::new(&detector.info, rule.tenant);
                made.observe(ObservableKind::Account, rule.owner);
                made.observe(ObservableKind::Email, target);
                made.arg("user", rule.owner);
                made.arg("to", target);
                made.arg("by", rule.what);
                (made, BTreeSet::new())
            });
            if setters.insert(rule.actor) {
                made.observe(ObservableKind::Account, rule.actor);
            }
            made.observe(ObservableKind::Ip, rule.address);
            made.cite_entry(rule.entry);
        }
    }
    for ((tenant, owner, target), (mut made, mut setters)) in told {
        setters.remove(owner);
        made.arg_list("set_by", &setters);
        let others = senders.get(target).map_or(0, BTreeSet::len);
        if others > 1 {
            made.arg("mailboxes_that_send_there", others);
        }
        out.findings.extend(made.finish("host.mail_outside", &[tenant, owner, target]));
    }
}

/// The sign-ins of one person, in order, so that a question about the time before a rule is a look-up: with many rules and
/// many sign-ins of one person, each rule asking each sign-in would never end.
#[derive(Default)]
struct History<'f> {
    times: Vec<i64>,
    /// Sign-ins and days up to and with each of `times`.
    sums: Vec<(u64, u64)>,
    by_address: BTreeMap<&'f str, Vec<(i64, &'f Entry)>>,
}

impl<'f> History<'f> {
    fn new(mut list: Vec<(i64, &'f str, &'f Entry)>) -> History<'f> {
        list.sort_by_key(|(time, address, entry)| (*time, *address, entry.first.citation.record));
        let mut history = History::default();
        let (mut count, mut days, mut day) = (0, 0, None);
        for (time, address, entry) in list {
            let today = Some(time.div_euclid(DAY));
            days += u64::from(today != day);
            (count, day) = (count + entry.count, today);
            history.times.push(time);
            history.sums.push((count, days));
            history.by_address.entry(address).or_default().push((time, entry));
        }
        history
    }

    /// How many sign-ins, on how many days, there were before a time.
    fn before(&self, time: i64) -> (u64, u64) {
        let at = self.times.partition_point(|t| *t < time);
        at.checked_sub(1).and_then(|at| self.sums.get(at)).copied().unwrap_or_default()
    }

    /// The first sign-in from an address.
    fn first_from(&self, address: &str) -> Option<i64> {
        self.by_address.get(address)?.first().map(|(time, _)| *time)
    }

    /// The last sign-in from an address between two times.
    fn last_from(&self, address: &str, from: i64, until: i64) -> Option<&'f Entry> {
        let list = self.by_address.get(address)?;
        let at = list.partition_point(|(time, _)| *time <= until).checked_sub(1)?;
        list.get(at).filter(|(time, _)| *time >= from).map(|(_, entry)| *entry)
    }
}

/// Rules that were set from an address from which whoever set them, after a history of sign-ins, had not signed in on an
/// earlier day.
fn elsewhere(detector: &Detector, rules: &[Rule<'_>], signins: &[(Vec<&str>, &Entry)], out: &mut Outcome) {
    let setters: BTreeSet<&str> = rules.iter().map(|r| r.actor).collect();
    let mut by_user: BTreeMap<&str, Vec<(i64, &str, &Entry)>> = BTreeMap::new();
    for (parts, entry) in signins {
        let ([user, address, ..], Some(time)) = (&parts[..], entry.first.time) else { continue };
        if setters.contains(user) {
            by_user.entry(user).or_default().push((time.0, plain(address), entry));
        }
    }
    let by_user: BTreeMap<&str, History<'_>> =
        by_user.into_iter().map(|(user, list)| (user, History::new(list))).collect();
    let (history, days) = (detector.limit("history"), detector.limit("days"));
    for rule in rules {
        let (Some(time), Some(person)) = (rule.entry.first.time, by_user.get(rule.actor)) else { continue };
        let midnight = time.0.div_euclid(DAY).saturating_mul(DAY);
        let (known, known_days) = person.before(midnight);
        if known < history || known_days < days || rule.address.parse::<IpAddr>().is_err() {
            continue;
        }
        if person.first_from(rule.address).is_some_and(|first| first < midnight) {
            continue;
        }
        let mut made = Made::new(&detector.info, rule.tenant);
        made.arg("user", rule.actor);
        if rule.owner != rule.actor {
            made.arg("mailbox", rule.owner);
        }
        made.observe(ObservableKind::Account, rule.actor);
        made.observe(ObservableKind::Ip, rule.address);
        made.arg("address", rule.address);
        made.arg("by", rule.what);
        made.arg("to", rule.to);
        made.arg("sign_ins_before", known);
        made.cite_entry(rule.entry);
        // The session in which it was set, if it is there.
        if let Some(entry) = person.last_from(rule.address, midnight, time.0) {
            made.cite(&entry.first);
        }
        let mut content = vec![rule.actor, rule.address, rule.what];
        content.extend((rule.owner != rule.actor).then_some(rule.owner));
        out.findings.extend(made.finish("host.mail_rule_from_elsewhere", &content));
    }
}

/// An address without the port that some logs put behind it.
fn plain(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => address,
    }
}

/// The domain of a mail address.
fn domain(address: &str) -> Option<&str> {
    let (name, domain) = address.rsplit_once('@')?;
    (!name.is_empty() && domain.contains('.')).then_some(domain)
}

/// Whether one domain is the other, or lies under it.
fn related(a: &str, b: &str) -> bool {
    let under =
        |a: &str, b: &str| a.strip_suffix(b).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    under(a, b) || under(b, a)
}

/// What stands between the addresses that logs write into one field: `smtp:a@b.example`, `"Name" [SMTP:a@b.example]`, several
/// behind semicolons, the actions of a rule as JSON.
fn separates(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            ';' | ',' | '"' | '\'' | '[' | ']' | '<' | '>' | '(' | ')' | '{' | '}' | ':' | '/' | '\\' | '='
        )
}

/// The mail addresses in what a rule sends to; a part of a fact is short, and so is their number.
fn targets(to: &str) -> impl Iterator<Item = &str> {
    to.split(separates).filter(|word| domain(word).is_some())
}

/// Most domains taken of what one rule sends to.
const MAX_DOMAINS: usize = 16;

/// The first mail address of each domain in some texts, in their order.
pub(super) fn one_of_each_domain<'t>(texts: &[&'t str]) -> Vec<&'t str> {
    let mut out: Vec<&str> = Vec::new();
    for word in texts.iter().copied().flat_map(targets) {
        let same =
            |known: &&str| domain(known).zip(domain(word)).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
        if out.len() < MAX_DOMAINS && !out.iter().any(same) {
            out.push(word);
        }
    }
    out
}

/// A text from the first mail address in it on; `None` if it names none.
pub(super) fn addressed(text: &str) -> Option<&str> {
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if separates(c) {
            if text.get(start..at).is_some_and(|word| domain(word).is_some()) {
                return text.get(start..);
            }
            start = at + c.len_utf8();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_rules() {
        for (to, want) in [
            ("smtp:a@b.example", vec!["a@b.example"]),
            ("\"name n\" [smtp:a@b.example];c@d.example", vec!["a@b.example", "c@d.example"]),
            ("nobody", vec![]),
            ("@b.example", vec![]),
            ("a@b", vec![]),
            ("", vec![]),
            (
                r#"[{"actiontype":"forward","recipients":["a@b.example"],"forwardflags":"none"}]"#,
                vec!["a@b.example"],
            ),
        ] {
            assert_eq!(targets(to).collect::<Vec<_>>(), want, "{to}");
            assert_eq!(addressed(to).and_then(|rest| targets(rest).next()), want.first().copied(), "{to}");
        }
        for (a, b, want) in [
            ("org.example", "org.example", true),
            ("org.example", "mail.org.example", true),
            ("mail.org.example", "org.example", true),
            ("org.example", "notorg.example", false),
            ("a.example", "b.example", false),
        ] {
            assert_eq!(related(a, b), want, "{a} {b}");
        }
        for (address, want) in [
            ("192.0.2.1:4431", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(plain(address), want);
        }
    }

    #[test]
    fn whose_mailbox_it_is() {
        let people = People::new(
            ["adm@org.example", "anna@org.example", "max@a.example", "max@b.example"].into_iter().collect(),
        );
        for (mailbox, what, want) in [
            ("", "new-inboxrule", "adm@org.example"),
            ("anna@org.example", "set-mailbox", "anna@org.example"),
            ("anna", "set-mailbox", "anna@org.example"),
            (r"org\anna", "set-mailbox", "anna@org.example"),
            (r"anna\1812340987", "set-inboxrule", "anna@org.example"),
            (r"anna@org.example\1812340987", "set-inboxrule", "anna@org.example"),
            ("1812340987", "set-inboxrule", "adm@org.example"),
            ("srv.example/hosted organizations/org.example/anna", "set-mailbox", "anna@org.example"),
            (r"srv.example/hosted organizations/org.example/adm\lists", "new-inboxrule", "adm@org.example"),
            // Two are called so; nobody is called so.
            ("max", "set-mailbox", "max"),
            ("7c1f4a52-0d0e-4b6b-9a43-3a1f0f7d9d11", "set-mailbox", "7c1f4a52-0d0e-4b6b-9a43-3a1f0f7d9d11"),
        ] {
            assert_eq!(people.owner(mailbox, "adm@org.example", what), want, "{mailbox}");
        }
    }
}
