//! Weaknesses known to be exploited, as CISA lists them (cisa.gov/known-exploited-vulnerabilities-catalog), joined to
//! findings that name one; and the days on which weaknesses were published, from any table that has them: CISA lists a weakness
//! when it knows of its use, which may be years after the disclosure.
//!
//! The lists are the user's; none is shipped, because it would be old.
//!
//! What this module never does: fetch the list, or say that a weakness is there. A finding that names one gets its dates.

use std::collections::BTreeMap;

use palisade_model::{Finding, Time};

/// Most identifiers taken from one finding.
const MAX_NAMED: usize = 4;

/// One entry of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KevEntry {
    /// The day on which it was listed, `2021-12-10`.
    pub added: String,
    /// Midnight of it, UTC.
    at: Time,
    /// Known to be used for ransom.
    pub ransomware: bool,
}

/// The lists.
#[derive(Clone, Default, Debug)]
pub struct Kev {
    entries: BTreeMap<String, KevEntry>,
    /// The day of each weakness's publication, and its midnight, UTC.
    published: BTreeMap<String, (String, Time)>,
}

impl Kev {
    /// Reads the list as CISA gives it, JSON or CSV, or a CSV table of publication (`cve`, `published`); says how many entries
    /// have no readable id or date.
    pub fn parse(text: &str) -> Result<(Kev, u64), String> {
        let mut kev = Kev::default();
        let mut faulty = 0;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('{') {
            #[derive(serde::Deserialize)]
            struct List {
                vulnerabilities: Vec<serde_json::Map<String, serde_json::Value>>,
            }
            let list: List = serde_json::from_str(text).map_err(|e| e.to_string())?;
            for entry in &list.vulnerabilities {
                let get = |name: &str| entry.get(name).and_then(|v| v.as_str()).unwrap_or("");
                faulty += kev.add(get("cveID"), get("dateAdded"), get("knownRansomwareCampaignUse"));
            }
        } else {
            let mut rows = csv::Reader::from_reader(text.as_bytes());
            let header = rows.headers().map_err(|e| e.to_string())?.clone();
            let column = |name: &str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
            let any = |names: &[&str]| names.iter().find_map(|n| column(n));
            let cve = any(&["cveID", "cve", "cve_id", "id"]);
            let (added, published) =
                (column("dateAdded"), any(&["published", "datePublished", "published_date"]));
            let (Some(cve), true) = (cve, added.is_some() || published.is_some()) else {
                return Err("it has neither columns cveID and dateAdded nor cve and published".to_owned());
            };
            let ransom = column("knownRansomwareCampaignUse");
            for row in rows.records() {
                let row = row.map_err(|e| e.to_string())?;
                let get = |at: usize| row.get(at).unwrap_or("");
                // A table may have both; an entry is faulty if it gives neither.
                let listed = added.map(|at| kev.add(get(cve), get(at), ransom.map_or("", get)));
                let told = published.map(|at| kev.publish(get(cve), get(at)));
                faulty += listed.into_iter().chain(told).min().unwrap_or(1);
            }
        }
        Ok((kev, faulty))
    }

    fn add(&mut self, cve: &str, added: &str, ransomware: &str) -> u64 {
        let day = added.trim().get(..10).unwrap_or("");
        let (Some(id), Ok(at)) = (cves(cve).next(), Time::parse(&format!("{day}T00:00:00Z"))) else {
            return 1;
        };
        let ransomware = ransomware.trim().eq_ignore_ascii_case("known");
        self.entries.insert(id, KevEntry { added: day.to_owned(), at, ransomware });
        0
    }

    fn publish(&mut self, cve: &str, published: &str) -> u64 {
        let day = published.trim().get(..10).unwrap_or("");
        let (Some(id), Ok(at)) = (cves(cve).next(), Time::parse(&format!("{day}T00:00:00Z"))) else {
            return 1;
        };
        self.published.insert(id, (day.to_owned(), at));
        0
    }

    /// Adds what another list has; of two dates for one weakness the other's counts.
    pub fn merge(&mut self, other: Kev) {
        self.entries.extend(other.entries);
        self.published.extend(other.published);
    }

    /// How many weaknesses it has something of.
    pub fn len(&self) -> usize {
        self.entries.len() + self.published.keys().filter(|id| !self.entries.contains_key(*id)).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.published.is_empty()
    }

    /// Says of a finding that names a weakness which it is, when it was listed, and how long before the finding.
    pub(crate) fn join(&self, finding: &mut Finding) {
        if self.is_empty() {
            return;
        }
        let rule = &finding.rule;
        let mut named: Vec<String> = Vec::new();
        let texts = [rule.title.as_str(), rule.description.as_deref().unwrap_or(""), rule.file.as_str()];
        for text in texts.into_iter().chain(finding.message.args.iter().map(|(_, v)| v.as_str())) {
            for id in cves(text) {
                if named.len() < MAX_NAMED && !named.contains(&id) {
                    named.push(id);
                }
            }
        }
        if named.is_empty() {
            return;
        }
        let known: Vec<(&String, &KevEntry)> =
            named.iter().filter_map(|id| Some((id, self.entries.get(id)?))).collect();
        let args = &mut finding.message.args;
        let mut say = |name: &str, value: String| args.push((name.to_owned(), value));
        say("cve", named.join(", "));
        // Of several the one that was published first: it has been open for longest.
        let disclosed = named.iter().filter_map(|id| Some((id, self.published.get(id)?)));
        if let Some((id, (day, at))) = disclosed.min_by_key(|(id, (_, at))| (*at, *id)) {
            say("published", format!("{id} on {day}"));
            if let Some(time) = finding.time {
                say("days_since_disclosure", days(*at, time).to_string());
            }
        }
        // Of several the one that was listed first: it has been open for longest.
        let Some((id, entry)) = known.iter().min_by_key(|(id, e)| (e.at, *id)) else { return };
        say("exploited_listed", format!("{id} on {}", entry.added));
        if let Some(time) = finding.time {
            say("days_since_listed", days(entry.at, time).to_string());
        }
        if entry.ransomware {
            say("used_for_ransom", "known".to_owned());
        }
    }
}

/// Whole days from one moment to another.
fn days(from: Time, to: Time) -> i64 {
    const DAY: i64 = 86_400_000_000;
    (to.0 - from.0).div_euclid(DAY)
}

/// Identifiers of weaknesses in a text, as they are written officially: `cve_2021_44228` is `CVE-2021-44228`.
fn cves(text: &str) -> impl Iterator<Item = String> + '_ {
    let bytes = text.as_bytes();
    let starts = (0..bytes.len()).filter(move |&i| {
        bytes.get(i..i + 3).is_some_and(|head| head.eq_ignore_ascii_case(b"cve"))
            && i.checked_sub(1).and_then(|p| bytes.get(p)).is_none_or(|b| !b.is_ascii_alphanumeric())
    });
    starts.filter_map(move |i| {
        let joins = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b'-' | b'_' | b'.' | b' '));
        let digits =
            |from: usize| bytes.get(from..).unwrap_or(&[]).iter().take_while(|b| b.is_ascii_digit()).count();
        let year = digits(i + 4);
        let number = digits(i + 9);
        let fits =
            joins(bytes.get(i + 3)) && year == 4 && joins(bytes.get(i + 8)) && (4..=7).contains(&number);
        let part = |from: usize, len: usize| text.get(from..from + len);
        fits.then(|| Some(format!("CVE-{}-{}", part(i + 4, 4)?, part(i + 9, number)?)))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_found_however_they_are_joined() {
        for (text, want) in [
            ("Log4Shell CVE-2021-44228", vec!["CVE-2021-44228"]),
            ("proc_creation_win_exploit_cve_2020_1350.yml", vec!["CVE-2020-1350"]),
            ("cve.2017.0144 and CVE 2019 0708", vec!["CVE-2017-0144", "CVE-2019-0708"]),
            ("xcve-2021-44228 CVE-21-4 CVE-2021-123 cve", vec![]),
            ("é CVE-2024-1234567 é", vec!["CVE-2024-1234567"]),
        ] {
            assert_eq!(cves(text).collect::<Vec<_>>(), want, "{text}");
        }
    }

    #[test]
    fn both_forms_of_the_list() {
        let json = r#"{"title":"x","count":2,"vulnerabilities":[
            {"cveID":"CVE-2021-44228","dateAdded":"2021-12-10","knownRansomwareCampaignUse":"Known"},
            {"cveID":"nothing","dateAdded":"2021-12-10"}]}"#;
        let csv = "cveID,vendorProject,dateAdded,knownRansomwareCampaignUse\nCVE-2021-44228,Apache,2021-12-10,Known\nx,y,z,\n";
        for text in [json, csv] {
            let (kev, faulty) = Kev::parse(text).unwrap();
            assert_eq!((kev.len(), faulty), (1, 1));
            let entry = &kev.entries["CVE-2021-44228"];
            assert_eq!((entry.added.as_str(), entry.ransomware), ("2021-12-10", true));
        }
        let (mut kev, _) = Kev::parse(csv).unwrap();
        let (days, faulty) = Kev::parse(
            "cve,published\nCVE-2021-44228,2021-12-09T10:00:00Z\nCVE-2021-26855,2021-03-02\nx,2021-03-02\n",
        )
        .unwrap();
        assert_eq!((days.len(), faulty), (2, 1));
        kev.merge(days);
        assert_eq!(kev.len(), 2);
        assert_eq!(kev.published["CVE-2021-44228"].0, "2021-12-09");
        assert!(Kev::parse("a,b\n1,2\n").is_err());
        assert!(Kev::parse("{\"x\":1}").is_err());
    }
}
