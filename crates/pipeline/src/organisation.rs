//! `palisade.toml`: what Palisade should know of the organisation whose evidence it reads.

use serde::Deserialize;

/// The organisation. Every part may be left out.
///
/// ```toml
/// name = "Example Energy"
/// country = "UA"                       # ISO 3166-1 alpha-2: whom such actors usually hit is compared with it
/// sector = "Energy"                    # in the words of the collection of incidents that is loaded
/// networks = ["10.0.0.0/8"]            # its own address ranges
/// domains = ["example.org"]            # its own domains
/// protected_names = ["Example Energy"] # names that look-alikes imitate
/// trusted_mail_servers = ["mx.example.org"]
/// wallets = ["0x5f…"]                  # addresses whose funds are followed in every ledger
/// [timezones]                          # zone of times without one, by source name (prefix match)
/// "dc01" = "Europe/Kyiv"
/// [gravity.nciss]                      # where its own levels begin on a scale without published ones
/// "severe" = 60
/// [retention]                          # what `palisade case retain` keeps
/// days = 365
/// bytes = "200GiB"
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Organisation {
    /// Its name.
    pub name: String,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Its sector, in the words of the collection of incidents that `palisade assess --victims` is given.
    pub sector: Option<String>,
    /// Where levels of a scale begin, by the scale's id: level and least score. Published scales without cut-offs get none of ours.
    pub gravity: std::collections::BTreeMap<String, std::collections::BTreeMap<String, f64>>,
    /// Its address ranges in CIDR notation.
    pub networks: Vec<String>,
    /// Its domains.
    pub domains: Vec<String>,
    /// Names worth protecting against imitation.
    pub protected_names: Vec<String>,
    /// Zones of a plant or site: name → address ranges.
    pub zones: std::collections::BTreeMap<String, Vec<String>>,
    /// Mail servers whose authentication results are believed.
    pub trusted_mail_servers: Vec<String>,
    /// Addresses on chains whose funds every investigation of a ledger follows: the watch-list.
    pub wallets: Vec<String>,
    /// Source name or its beginning → IANA time zone of times that name none.
    pub timezones: std::collections::BTreeMap<String, String>,
    /// Where a case keeps its knowledge: read by `store` alone, for it may hold a password.
    #[serde(deserialize_with = "unread")]
    pub store: (),
    /// How long and how much a case keeps; `palisade case retain` applies it, nothing else does.
    pub retention: RetentionPolicy,
}

/// `[retention]`: how long and how much a case keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionPolicy {
    /// Days that a row is kept, by its own time.
    pub days: Option<u32>,
    /// Size of the lake at most: `200GiB`.
    pub bytes: Option<String>,
}

/// Takes any value and keeps nothing of it.
fn unread<'de, D: serde::Deserializer<'de>>(value: D) -> Result<(), D::Error> {
    serde::de::IgnoredAny::deserialize(value).map(|_| ())
}

impl Organisation {
    /// Reads the file's text. The error says line and column.
    pub fn parse(text: &str) -> Result<Organisation, toml::de::Error> {
        toml::from_str(text)
    }

    /// The declared zone of a source, by its file name: the longest key that the name starts with.
    pub fn timezone(&self, file_name: &str) -> Option<&str> {
        let fits = self.timezones.iter().filter(|(prefix, _)| file_name.starts_with(prefix.as_str()));
        fits.max_by_key(|(prefix, _)| prefix.len()).map(|(_, zone)| zone.as_str())
    }
}
