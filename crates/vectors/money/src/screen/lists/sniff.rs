//! Which format a list is in, by its first bytes; never by its name.

/// Formats of lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// OFAC `sdn.csv`, `cons_prim.csv`: twelve columns without header.
    OfacParties,
    /// OFAC `add.csv`: six.
    OfacAddresses,
    /// OFAC `alt.csv`: five.
    OfacAliases,
    /// OFAC `sdn_comments.csv`: two.
    OfacComments,
    /// OFAC `SDN.XML`.
    SdnXml,
    /// OFAC `SDN_ADVANCED.XML` (also the consolidated one).
    SdnAdvanced,
    /// United Nations consolidated list.
    UnXml,
    /// European Union, financial sanctions files, XML.
    EuXml,
    /// The same as a table.
    EuCsv,
    /// United Kingdom `ConList.csv` of the Treasury, withdrawn in January 2026.
    UkCsv,
    /// United Kingdom, UK Sanctions List of the Foreign Office, as a table.
    UkSanctionsCsv,
    /// The same as XML.
    UkSanctionsXml,
    /// Bureau of Industry and Security, denied persons.
    BisDenied,
    /// Consolidated screening list of the United States.
    Csl,
    /// OpenSanctions `targets.simple.csv`.
    OpenSanctions,
    /// FollowTheMoney entities, one JSON object a line.
    Ftm,
    /// GraphSense TagPack.
    TagPack,
    /// A table with a header and a column `name`; see the [module](super).
    Own,
}

impl Format {
    /// What lists of this format are called.
    pub fn name(self) -> &'static str {
        match self {
            Format::OfacParties | Format::OfacAddresses | Format::OfacAliases | Format::OfacComments => {
                "OFAC"
            }
            Format::SdnXml | Format::SdnAdvanced => "OFAC SDN",
            Format::UnXml => "UN",
            Format::EuXml | Format::EuCsv => "EU",
            Format::UkCsv | Format::UkSanctionsCsv | Format::UkSanctionsXml => "UK",
            Format::BisDenied => "BIS DPL",
            Format::Csl => "US CSL",
            Format::OpenSanctions => "OpenSanctions",
            Format::Ftm => "FtM",
            Format::TagPack => "TagPack",
            Format::Own => "own list",
        }
    }

    /// Whether a list of this format names only whom its authority sanctions. Collections hold others, too, and say which are.
    pub fn sanctions(self) -> bool {
        !matches!(
            self,
            Format::TagPack
                | Format::Own
                | Format::Ftm
                | Format::OpenSanctions
                | Format::Csl
                | Format::BisDenied
        )
    }

    /// The format of a file that begins so.
    pub fn sniff(head: &[u8]) -> Option<Format> {
        let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start();
        if text.starts_with('<') {
            return [
                ("CONSOLIDATED_LIST", Format::UnXml),
                ("<sdnList", Format::SdnXml),
                ("DistinctPart", Format::SdnAdvanced),
                ("ReferenceValueSets", Format::SdnAdvanced),
                ("<export", Format::EuXml),
                ("<sanctionEntity", Format::EuXml),
                ("<Designations", Format::UkSanctionsXml),
                ("<Designation>", Format::UkSanctionsXml),
            ]
            .into_iter()
            .find(|(mark, _)| text.contains(mark))
            .map(|(_, format)| format);
        }
        if text.starts_with('{') {
            return Some(Format::Ftm);
        }
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let lower = first.to_ascii_lowercase();
        let has = |name: &str| lower.split([',', ';', '\t']).any(|f| f.trim().trim_matches('"') == name);
        if first.contains('\t') && has("name") && has("effective_date") {
            return Some(Format::BisDenied);
        }
        if lower.contains("entity_logicalid") && first.contains(';') {
            return Some(Format::EuCsv);
        }
        // The date stands in front of the header or not, and each of the two lists has a column that the other calls
        // otherwise.
        let dated = ["last updated", "report date", "\"last updated", "\"report date"];
        if lower.starts_with("name 6,") || dated.iter().any(|d| lower.starts_with(d)) {
            let second = text.lines().nth(1).unwrap_or_default().to_ascii_lowercase();
            let both = format!("{lower},{second}");
            let unique = both.contains("unique id") || both.contains("ofsi group id");
            return Some(if unique { Format::UkSanctionsCsv } else { Format::UkCsv });
        }
        if has("source") && has("name") && has("alt_names") {
            return Some(Format::Csl);
        }
        if has("schema") && has("name") && has("birth_date") && has("dataset") {
            return Some(Format::OpenSanctions);
        }
        let yaml =
            |line: &str| ["tags:", "title:", "creator:", "---", "%YAML"].iter().any(|k| line.starts_with(k));
        if yaml(first) || (first.starts_with('#') || first.is_empty()) && lines.any(yaml) {
            return Some(Format::TagPack);
        }
        if ["name", "host", "hosts", "addresses"].into_iter().any(has) {
            return Some(Format::Own);
        }
        if !first.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        match fields(first) {
            12 => Some(Format::OfacParties),
            6 => Some(Format::OfacAddresses),
            5 => Some(Format::OfacAliases),
            2 => Some(Format::OfacComments),
            _ => None,
        }
    }
}

/// Fields of a line with commas, quotes respected.
fn fields(line: &str) -> usize {
    let mut quoted = false;
    1 + line
        .bytes()
        .filter(|b| {
            quoted ^= *b == b'"';
            *b == b',' && !quoted
        })
        .count()
}
