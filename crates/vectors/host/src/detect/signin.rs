//! Room: `vectors/host`, door `detect` — sign-ins that one person cannot have made: too fast from place to place, all new
//! at once, or one device under many names.
//!
//! Places are those that the record names; nothing is looked up.
//!
//! What this module never does: guess where an address is.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::ObservableKind;

use super::Outcome;
use super::data::Spec;
use super::facts::{DAY, Entry, Facts, Kind};
use super::find::{Made, duration};

/// Pairs of places that are told of one person; the rest is counted.
const MAX_TOLD: usize = 10;

/// A sign-in: who, from where, with what.
struct SignIn<'f> {
    user: &'f str,
    address: &'f str,
    country: &'f str,
    place: Option<(f64, f64)>,
    device: &'f str,
    agent: &'f str,
    network: &'f str,
    tenant: &'f str,
    entry: &'f Entry,
}

impl SignIn<'_> {
    fn from(&self) -> i64 {
        self.entry.first.time.map_or(0, |t| t.0)
    }

    fn until(&self) -> i64 {
        self.entry.last.time.map_or(0, |t| t.0)
    }
}

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    let entries = facts.each(Kind::SignIn);
    let mut users: BTreeMap<&str, Vec<SignIn<'_>>> = BTreeMap::new();
    let mut devices: BTreeMap<&str, Vec<(&str, &Entry)>> = BTreeMap::new();
    for (parts, entry) in &entries {
        let [user, address, country, latitude, longitude, device, agent, network, tenant, _] = parts[..]
        else {
            continue;
        };
        let place = latitude.parse::<f64>().ok().zip(longitude.parse::<f64>().ok());
        // Nought, nought is where records put what they do not know.
        let place = place.filter(|p| *p != (0.0, 0.0) && p.0.abs() <= 90.0 && p.1.abs() <= 180.0);
        if !device.is_empty() {
            devices.entry(device).or_default().push((user, entry));
        }
        let made = SignIn { user, address, country, place, device, agent, network, tenant, entry };
        users.entry(user).or_default().push(made);
    }
    let mut untold = 0;
    for list in users.values_mut() {
        list.sort_by_key(|s| (s.from(), s.address, s.country));
        untold += travel(spec, list, out);
        new(spec, list, out);
    }
    out.left_out(
        untold,
        format!("more than {MAX_TOLD} pairs of places that one person cannot have travelled between"),
    );
    identities(spec, &devices, out);
}

/// Kilometres between two places on a sphere of 6,371 km (haversine formula).
fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (la, lb) = (a.0.to_radians(), b.0.to_radians());
    let (dla, dlo) = (lb - la, (b.1 - a.1).to_radians());
    let h = (dla / 2.0).sin().powi(2) + la.cos() * lb.cos() * (dlo / 2.0).sin().powi(2);
    2.0 * 6_371.0 * h.sqrt().min(1.0).asin()
}

/// Two sign-ins in a row, too far apart for the time between them; those that are not told, as there are too many, are
/// counted. Sign-ins without a place are passed over: another log tells of the same sign-in without saying where.
fn travel(spec: &Spec, list: &[SignIn<'_>], out: &mut Outcome) -> u64 {
    let Some(detector) = spec.detectors.get("impossible_travel") else { return 0 };
    let (speed, least) =
        (detector.limit("kilometres_per_hour") as f64, detector.limit("least_kilometres") as f64);
    let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut untold = 0;
    let placed: Vec<(&SignIn<'_>, (f64, f64))> = list.iter().filter_map(|s| Some((s, s.place?))).collect();
    for pair in placed.windows(2) {
        let [(a, from), (b, to)] = pair else { continue };
        let (from, to) = (*from, *to);
        let kilometres = distance(from, to);
        let hours = b.from().saturating_sub(a.until()).max(0) as f64 / 3_600_000_000.0;
        // Networks of one mobile provider may stand in several places at once.
        let same = a.address == b.address || !a.network.is_empty() && a.network == b.network;
        if same || kilometres < least || kilometres <= speed * hours {
            continue;
        }
        let pair = (a.address, b.address);
        if told.len() >= MAX_TOLD {
            untold += u64::from(!told.contains(&pair));
            continue;
        }
        if !told.insert(pair) {
            continue;
        }
        let mut made = Made::new(&detector.info, b.tenant);
        about(&mut made, b);
        made.observe(ObservableKind::Ip, a.address);
        made.arg("from", format!("{} {}", a.country, a.address));
        made.arg("to", format!("{} {}", b.country, b.address));
        made.arg("kilometres", kilometres.round());
        made.arg("within", duration(b.from().saturating_sub(a.until()).max(0)));
        made.cite(&a.entry.last);
        made.cite(&b.entry.first);
        out.findings.extend(made.finish("host.impossible_travel", &[b.user, a.address, b.address]));
    }
    untold
}

/// A sign-in of which country, network and program or device are all new, after a history without them.
fn new(spec: &Spec, list: &[SignIn<'_>], out: &mut Outcome) {
    let Some(detector) = spec.detectors.get("new_everything") else { return };
    let (history, days) = (detector.limit("history"), detector.limit("days"));
    let (mut countries, mut networks, mut tools) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut known, mut known_days) = (0, BTreeSet::new());
    for s in list {
        let named =
            !(s.country.is_empty() || s.network.is_empty() || s.device.is_empty() && s.agent.is_empty());
        let tool = (s.device, s.agent);
        let enough = known >= history && known_days.len() as u64 >= days;
        if named
            && enough
            && !countries.contains(s.country)
            && !networks.contains(s.network)
            && !tools.contains(&tool)
        {
            let mut made = Made::new(&detector.info, s.tenant);
            about(&mut made, s);
            made.arg("country", s.country);
            made.arg("network", s.network);
            made.arg("device", s.device);
            made.arg("agent", s.agent);
            made.arg("sign_ins_before", known);
            made.cite_entry(s.entry);
            out.findings.extend(made.finish("host.new_everything", &[s.user, s.address, s.country]));
        }
        countries.insert(s.country);
        networks.insert(s.network);
        tools.insert(tool);
        known += s.entry.count;
        known_days.insert(s.from().div_euclid(DAY));
    }
}

/// One device from which many people sign in within a short time.
fn identities(spec: &Spec, devices: &BTreeMap<&str, Vec<(&str, &Entry)>>, out: &mut Outcome) {
    let Some(detector) = spec.detectors.get("many_identities") else { return };
    let window = i64::try_from(detector.limit("days")).unwrap_or(i64::MAX).saturating_mul(DAY);
    for (device, list) in devices {
        let mut list = list.clone();
        list.sort_by_key(|(user, e)| (e.first.time, *user));
        let time = |e: &Entry| e.first.time.map_or(0, |t| t.0);
        let (mut start, mut within) = (0, BTreeMap::<&str, u32>::new());
        let mut best: Option<(usize, usize, usize)> = None;
        for end in 0..list.len() {
            *within.entry(list[end].0).or_default() += 1;
            while time(list[end].1).saturating_sub(time(list[start].1)) > window {
                if let Some(n) = within.get_mut(list[start].0) {
                    *n -= 1;
                }
                if within.get(list[start].0) == Some(&0) {
                    within.remove(list[start].0);
                }
                start += 1;
            }
            if best.is_none_or(|(n, ..)| within.len() > n) {
                best = Some((within.len(), start, end));
            }
        }
        let Some((n, from, to)) = best.filter(|(n, ..)| *n as u64 >= detector.limit("identities")) else {
            continue;
        };
        let mut made = Made::new(&detector.info, "");
        let mut users = BTreeSet::new();
        for (user, entry) in &list[from..=to] {
            if users.insert(*user) {
                made.observe(ObservableKind::Account, user);
                made.cite_entry(entry);
            }
        }
        made.arg("device", device);
        made.arg("identities", n);
        made.arg_list("names", &users);
        out.findings.extend(made.finish("host.many_identities", &[device]));
    }
}

fn about(made: &mut Made, s: &SignIn<'_>) {
    made.observe(ObservableKind::Account, s.user);
    made.observe(ObservableKind::Ip, s.address);
    made.arg("user", s.user);
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn kilometres() {
        // Berlin to Tokyo: 8,915 km by great circle.
        let km = distance((52.52, 13.405), (35.6762, 139.6503));
        assert!((km - 8_918.0).abs() < 15.0, "{km}");
        assert!(distance((10.0, 20.0), (10.0, 20.0)) < 1e-6);
    }
}
