//! Weaknesses known to be exploited, as CISA lists them (cisa.gov/known-exploited-vulnerabilities-catalog), joined to
//! findings that name one.
//!
//! The list is the user's; none is shipped, because it would be old.
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

/// The list.
#[derive(Clone, Default, Debug)]
pub struct Kev {
    entries: BTreeMap<String, KevEntry>,
}

impl Kev {
    /// Reads the list as CISA gives it, JSON or CSV; says how many entries have no readable id or date.
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
            let (Some(cve), Some(added)) = (column("cveID"), column("dateAdded")) else {
                return Err("it has no columns cveID and dateAdded".to_owned());
            };
            let ransom = column("knownRansomwareCampaignUse");
            for row in rows.records() {
                let row = row.map_err(|e| e.to_string())?;
                let get = |at: usize| row.get(at).unwrap_or("");
                faulty += kev.add(get(cve), get(added), ransom.map_or("", get));
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

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
        let mut say = |name: &str, value: String| finding.message.args.push((name.to_owned(), value));
        say("cve", named.join(", "));
        // Of several the one that was listed first: it has been open for longest.
        let Some((id, entry)) = known.iter().min_by_key(|(id, e)| (e.at, *id)) else { return };
        say("exploited_listed", format!("{id} on {}", entry.added));
        if let Some(time) = finding.time {
            const DAY: i64 = 86_400_000_000;
            say("days_since_listed", (time.0 - entry.at.0).div_euclid(DAY).to_string());
        }
        if entry.ransomware {
            finding.message.args.push(("used_for_ransom".to_owned(), "known".to_owned()));
        }
    }
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
        assert!(Kev::parse("a,b\n1,2\n").is_err());
        assert!(Kev::parse("{\"x\":1}").is_err());
    }
}
