//! Room: `vectors/host`, door `detect` — mailboxes that send mail out of the house, and rules that were set from a place their owner never
//! worked from.
//!
//! A rule can say that mail is sent on; what *outside* is only the evidence as a whole says: whose mailboxes these are.
//!
//! What this module never does: look an address or a domain up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use palisade_model::{Finding, ObservableKind, Time};

use super::data::{Detector, Spec};
use super::facts::{DAY, Entry, Facts, Kind};
use super::find::Made;

/// Most addresses that one rule sends to which are looked at.
const MAX_TARGETS: usize = 32;

/// A rule or setting of a mailbox.
struct Rule<'f> {
    user: &'f str,
    address: &'f str,
    what: &'f str,
    to: &'f str,
    tenant: &'f str,
    entry: &'f Entry,
}

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Vec<Finding>) {
    let entries = facts.each(Kind::MailRule);
    let rules: Vec<Rule<'_>> = entries
        .iter()
        .filter_map(|(parts, entry)| {
            let [user, address, what, to, tenant, _] = parts[..] else { return None };
            Some(Rule { user, address: plain(address), what, to, tenant, entry })
        })
        .collect();
    if rules.is_empty() {
        return;
    }
    let signins = facts.each(Kind::SignIn);
    if let Some(detector) = spec.detectors.get("mail_outside") {
        outside(detector, &rules, &signins, out);
    }
    // What was left out would look new.
    if let Some(detector) =
        spec.detectors.get("mail_rule_from_elsewhere").filter(|_| !facts.is_thinned(Kind::SignIn))
    {
        elsewhere(detector, &rules, &signins, out);
    }
}

/// Mail that is sent on to an address that is none of the house's: neither of the domain of the mailbox, nor of a domain
/// under or over it, nor of one under which several people sign in.
fn outside(detector: &Detector, rules: &[Rule<'_>], signins: &[(Vec<&str>, &Entry)], out: &mut Vec<Finding>) {
    let public = detector.words("public_providers");
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let known =
        signins.iter().filter_map(|(parts, _)| parts.first().copied()).chain(rules.iter().map(|r| r.user));
    for user in known {
        if let Some(domain) = domain(user) {
            people.entry(domain).or_default().insert(user);
        }
    }
    let several = |domain: &str| {
        people.get(domain).is_some_and(|p| p.len() as u64 >= detector.limit("people"))
            && !public.iter().any(|p| p == domain)
    };
    let mut told: BTreeMap<(&str, &str, &str), Made> = BTreeMap::new();
    let mut senders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for rule in rules {
        let own = domain(rule.user).unwrap_or("");
        for target in targets(rule.to) {
            let Some(to) = domain(target) else { continue };
            if own.is_empty() || related(own, to) || several(to) {
                continue;
            }
            senders.entry(target).or_default().insert(rule.user);
            let made = told.entry((rule.tenant, rule.user, target)).or_insert_with(|| {
                let mut made = Made::new(&detector.info, rule.tenant);
                made.observe(ObservableKind::Account, rule.user);
                made.observe(ObservableKind::Email, target);
                made.arg("user", rule.user);
                made.arg("to", target);
                made.arg("by", rule.what);
                made
            });
            made.observe(ObservableKind::Ip, rule.address);
            made.cite_entry(rule.entry);
        }
    }
    for ((tenant, user, target), mut made) in told {
        let others = senders.get(target).map_or(0, BTreeSet::len);
        if others > 1 {
            made.arg("mailboxes_that_send_there", others);
        }
        out.extend(made.finish("host.mail_outside", &[tenant, user, target]));
    }
}

/// Rules that were set from an address from which their owner, after a history of sign-ins, had not signed in on an earlier day.
fn elsewhere(
    detector: &Detector,
    rules: &[Rule<'_>],
    signins: &[(Vec<&str>, &Entry)],
    out: &mut Vec<Finding>,
) {
    let mut by_user: BTreeMap<&str, Vec<(Time, &str, &Entry)>> = BTreeMap::new();
    for (parts, entry) in signins {
        let ([user, address, ..], Some(time)) = (&parts[..], entry.first.time) else { continue };
        by_user.entry(user).or_default().push((time, plain(address), entry));
    }
    let (history, days) = (detector.limit("history"), detector.limit("days"));
    for rule in rules {
        let (Some(time), Some(list)) = (rule.entry.first.time, by_user.get(rule.user)) else { continue };
        let midnight = time.0.div_euclid(DAY).saturating_mul(DAY);
        let before = || list.iter().filter(|(t, ..)| t.0 < midnight);
        let known: u64 = before().map(|(_, _, e)| e.count).sum();
        let known_days: BTreeSet<i64> = before().map(|(t, ..)| t.0.div_euclid(DAY)).collect();
        if known < history || (known_days.len() as u64) < days || rule.address.parse::<IpAddr>().is_err() {
            continue;
        }
        if before().any(|(_, address, _)| *address == rule.address) {
            continue;
        }
        let mut made = Made::new(&detector.info, rule.tenant);
        made.observe(ObservableKind::Account, rule.user);
        made.observe(ObservableKind::Ip, rule.address);
        made.arg("user", rule.user);
        made.arg("address", rule.address);
        made.arg("by", rule.what);
        made.arg("to", rule.to);
        made.arg("sign_ins_before", known);
        made.cite_entry(rule.entry);
        // The session in which it was set, if it is there.
        let mut same =
            list.iter().filter(|(t, address, _)| t.0 >= midnight && *t <= time && *address == rule.address);
        if let Some((_, _, entry)) = same.next_back() {
            made.cite(&entry.first);
        }
        out.extend(made.finish("host.mail_rule_from_elsewhere", &[rule.user, rule.address, rule.what]));
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

/// The mail addresses in what a rule sends to: `smtp:a@b.example`, `"Name" [SMTP:a@b.example]`, several behind semicolons.
fn targets(to: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, ';' | ',' | '"' | '\'' | '[' | ']' | '<' | '>' | '(' | ')' | ':')
    };
    to.split(ends).filter(|word| domain(word).is_some()).take(MAX_TARGETS)
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
        ] {
            assert_eq!(targets(to).collect::<Vec<_>>(), want, "{to}");
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
}
