//! The state that a description ties an actor to.
//!
//! ATT&CK has no field for it: its descriptions begin "X is a North Korean state-sponsored group". A false tie escalates, so
//! what a sentence ties by is told apart. *Of the state*: sponsored, government, ministry, nexus, linked: always. *An adjective*
//! ("a suspected Iranian threat group"): unless the sentence is about crime. *A place* ("China-based"): only of spies, since
//! criminals live somewhere, too. *A language* ("Russian-speaking"): never. What stands behind a word that begins the victims
//! is not read. Where the text cannot decide, a short table does, with its reasons.
//!
//! What this module never does: guess from names, languages, victims or where somebody lives.

/// Names of states as descriptions write them.
const NAMES: [(&str, &str); 27] = [
    ("north korea", "KP"),
    ("dprk", "KP"),
    ("reconnaissance general bureau", "KP"),
    ("south korea", "KR"),
    ("russia", "RU"),
    ("china", "CN"),
    ("chinese", "CN"),
    ("people's liberation army", "CN"),
    ("iran", "IR"),
    ("islamic revolutionary guard", "IR"),
    ("pakistan", "PK"),
    ("vietnam", "VN"),
    ("indian threat", "IN"),
    ("india-", "IN"),
    ("lebanon", "LB"),
    ("lebanese", "LB"),
    ("turkish", "TR"),
    ("turkey", "TR"),
    ("turkiye", "TR"),
    ("belarus", "BY"),
    ("belorus", "BY"),
    ("syria", "SY"),
    ("palestinian", "PS"),
    ("nigeria", "NG"),
    ("brazil", "BR"),
    ("people's republic of korea", "KP"),
    ("people's republic of china", "CN"),
];

/// Words after which a sentence speaks of victims.
const VICTIMS: [&str; 12] = [
    "target",
    "against",
    "victim",
    "attacks on",
    "compromis",
    "interest in",
    "interested in",
    "focused",
    "operations in",
    "emphasis on",
    "but also in",
    "recruited",
];

/// Words that make of a name a tie to the state itself.
const OF_STATE: [&str; 13] = [
    "attributed to",
    "state-sponsored",
    "state sponsored",
    "-sponsored",
    "government",
    "ministry",
    "intelligence",
    "military",
    "army",
    "security service",
    "general directorate",
    "reconnaissance general bureau",
    "revolutionary guard",
];

/// Words that do so only where they stand at the name: a crime group based in one state may be linked to anybody.
const AT_NAME: [&str; 7] = ["nexus", "linked", "affiliated", "aligned", "related", "origins", "interests"];
const TO_NAME: [&str; 3] = ["linked to", "affiliated with", "aligned with"];

/// Words of somebody who is somewhere; they follow a name ("China-based") or go before it ("operating out of China").
const AFTER_NAME: [&str; 2] = ["-based", " based"];
const BEFORE_NAME: [&str; 5] = ["based in", "out of", "from", "province of", "originating in"];

/// Words of a language.
const LANGUAGE: [&str; 3] = ["-speaking", " speaking", "speak"];

/// Words of crime: states do it, too, but then more is told than an adjective.
const CRIME: [&str; 7] = [
    "financially motivated",
    "financially-motivated",
    "cybercrim",
    "criminal",
    "crime",
    "ransomware",
    "fraud",
];

/// Words of spies; those of companies are not a state's.
const ESPIONAGE: [&str; 2] = ["espionage", "intelligence collection"];
const OF_COMPANIES: [&str; 2] = ["corporate espionage", "industrial espionage"];

/// What the text cannot decide: ATT&CK's group id, the state, and why.
const DECIDED: [(&str, Option<&str>, &str); 11] = [
    (
        "g0023",
        Some("CN"),
        "only based in China by the text; FireEye calls APT whom it holds to act for a state",
    ),
    (
        "g0025",
        Some("CN"),
        "only based in China by the text; FireEye calls APT whom it holds to act for a state",
    ),
    ("g0029", None, "the text says that it has not been linked to a government"),
    (
        "g0050",
        Some("VN"),
        "only based in Vietnam by the text; FireEye (May 2017): aligned with Vietnamese state interests",
    ),
    (
        "g0073",
        Some("CN"),
        "only based in China by the text; FireEye: some degree of sponsorship by the Chinese government",
    ),
    ("g0083", None, "an adjective without a state: business email compromise, which the text does not say"),
    (
        "g0088",
        Some("RU"),
        "only based in Russia by the text; US Treasury (October 2020): the government's institute TsNIIKhM",
    ),
    ("g0123", None, "an adjective without a state: a political group in Lebanon"),
    (
        "g0128",
        Some("CN"),
        "only operating out of China by the text; United Kingdom (July 2021): Ministry of State Security",
    ),
    (
        "g0134",
        Some("PK"),
        "only based in Pakistan by the text; Meta (August 2022): actors linked to the state",
    ),
    ("g1005", None, "based in Lebanon; it is said to work with actors of Iran, not to be one"),
];

/// How a sentence ties an actor to the state that it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tie {
    State,
    Adjective,
    Place,
    Language,
}

/// ISO code of the state that `description` ties the actor to.
pub fn of(description: &str) -> Option<&'static str> {
    let text = plain(description);
    if let Some((_, state, _)) = DECIDED.iter().find(|d| subject(description).as_deref() == Some(d.0)) {
        return *state;
    }
    let sentences: Vec<&str> = text.split(". ").map(str::trim).filter(|s| !s.is_empty()).take(3).collect();
    let spies = sentences.iter().any(|s| {
        let s = OF_COMPANIES.iter().fold((*s).to_owned(), |s, w| s.replace(w, ""));
        ESPIONAGE.iter().any(|w| s.contains(w))
    });
    for sentence in sentences {
        let crime = CRIME.iter().any(|w| sentence.contains(w));
        let end = VICTIMS.iter().filter_map(|w| sentence.find(w)).min().unwrap_or(sentence.len());
        match tie(sentence.get(..end).unwrap_or_default()) {
            Some((Tie::State, code)) => return Some(code),
            Some((Tie::Adjective, code)) if !crime => return Some(code),
            Some((Tie::Place, code)) if !crime && spies => return Some(code),
            _ => {}
        }
    }
    None
}

/// The first state named in the part of a sentence that says what the actor is, by something else than its language if there
/// is any such, and how.
fn tie(clause: &str) -> Option<(Tie, &'static str)> {
    let of_state = OF_STATE.iter().any(|w| clause.contains(w));
    let mut named: Vec<(usize, usize, &'static str)> = NAMES
        .iter()
        .flat_map(|(name, code)| clause.match_indices(name).map(|(at, _)| (at, name.len(), *code)))
        .collect();
    named.sort_unstable();
    let one = |(at, len, code): (usize, usize, &'static str)| {
        let before = clause.get(..at).unwrap_or_default().trim_end();
        let after = clause.get(at + len..).unwrap_or_default();
        // "russian-speaking", "chinese-based": what follows the name's own ending.
        let after = after.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let speaks = before.ends_with("speak") || LANGUAGE.iter().any(|w| after.starts_with(w));
        let lives = AFTER_NAME.iter().any(|w| after.starts_with(w))
            || BEFORE_NAME.iter().any(|w| before.ends_with(w));
        let bare = before.trim_end_matches(" the").trim_end_matches(" a");
        let of_state = of_state
            || AT_NAME.iter().any(|w| after.trim_start_matches(['-', ' ']).starts_with(w))
            || TO_NAME.iter().any(|w| bare.ends_with(w));
        let how = match (speaks, of_state, lives) {
            (true, ..) => Tie::Language,
            (_, true, _) => Tie::State,
            (_, _, true) => Tie::Place,
            _ => Tie::Adjective,
        };
        (how, code)
    };
    let all = || named.iter().copied().map(one);
    all().find(|t| t.0 != Tie::Language).or_else(|| all().next())
}

/// The group that a description begins with: `[Name](https://attack.mitre.org/groups/G0088) is …`.
fn subject(description: &str) -> Option<String> {
    let head: String = description.chars().take(200).collect::<String>().to_ascii_lowercase();
    let (name, rest) =
        head.trim_start().strip_prefix('[')?.split_once("](https://attack.mitre.org/groups/")?;
    let id = rest.split(')').next()?;
    (!name.contains(']')).then(|| id.to_owned())
}

/// The beginning of a text in lower case, without links and citations, in plain hyphens and apostrophes.
fn plain(description: &str) -> String {
    let text: String = description.chars().take(1_500).collect::<String>().to_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    // "](https://…)" and "(citation: …)" hold words that are none of the sentence.
    while let Some(at) = rest.find('(') {
        let (before, inside) = rest.split_at(at);
        out.push_str(before);
        let end = inside.find(')').map_or(inside.len(), |e| e + 1);
        let (inside, after) = inside.split_at(end);
        if !inside.starts_with("(citation") && !inside.starts_with("(http") {
            out.push_str(inside);
        }
        rest = after;
    }
    out.push_str(rest);
    // "U.S." ends no sentence that anybody means.
    let out = out.replace("u.s.", "us").replace(['’', '‘'], "'").replace(['–', '—', '‑'], "-");
    out.replace(['\n', '\r', '\t'], " ").replace("türkiye", "turkiye")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sentences as ATT&CK writes them, and what they tie to.
    #[test]
    fn sentences() {
        for (text, want) in [
            // Of the state.
            ("X is a North Korean state-sponsored group. It has targeted China.", Some("KP")),
            ("X is a group attributed to Russia’s Federal Security Service (FSB).", Some("RU")),
            ("X is a Türkiye-linked threat actor active since at least 2017.", Some("TR")),
            (
                "X is a threat group suspected to have South Korean origins. X has targeted North Korea.",
                Some("KR"),
            ),
            ("X is a China-nexus cyberespionage group.", Some("CN")),
            ("X is a People’s Republic of China-related threat actor.", Some("CN")),
            ("X is a group linked to Russian and Belorussian interests active since 2020.", Some("RU")),
            ("X is a North Korea–aligned threat group active since 2023.", Some("KP")),
            (
                "X is an Iranian threat actor of ransomware operations. Reports link X to Iran's Ministry of Intelligence.",
                Some("IR"),
            ),
            (
                "X is a Chinese state-sponsored espionage group that also conducts financially-motivated operations.",
                Some("CN"),
            ),
            // An adjective, unless it is crime.
            (
                "X is a suspected South Korean threat group that has targeted victims in East Asia.",
                Some("KR"),
            ),
            ("X is a suspected Indian threat actor group.", Some("IN")),
            ("X is a Russian cybercriminal group.", None),
            // A place, of spies only.
            ("X is a China-based cyber espionage group.", Some("CN")),
            (
                "X is a group believed to be operating out of Iran. By 2014 it turned to espionage.",
                Some("IR"),
            ),
            ("X is a China-based threat group active since 2014.", None),
            ("X is a Russia-based financially motivated threat group known for TrickBot.", None),
            ("X is a Russia-based cybercriminal group.", None),
            ("X is a financially motivated criminal group that is likely based in Brazil.", None),
            ("X is a China-based group. It does industrial espionage.", None),
            // A language.
            ("X is a Russian-speaking cyber espionage group.", None),
            ("X is an alleged Chinese-speaking adversary.", None),
            ("X is financially motivated. The group is made up of actors who likely speak Russian.", None),
            ("X is a Russian-speaking group attributed to Iran's government.", Some("IR")),
            // Victims.
            (
                "X is a Spanish-speaking espionage group. It has primarily focused its operations within Latin America, but also in the US, Europe, Russia.",
                None,
            ),
            ("X is a cybercriminal group that is primarily interested in users in Russia.", None),
            (
                "X is a group focused on espionage. It has conducted operations globally with a heavy emphasis on Turkish victims.",
                None,
            ),
            ("X runs a service for affiliates recruited on Russian forums.", None),
            ("Two has targeted Russia since 2010.", None),
            // Words of links and citations are none of the sentence.
            ("X is a group.(Citation: Chinese APT) It is old.", None),
            ("[X](https://example.org/russian-government) is a group.", None),
            ("", None),
        ] {
            assert_eq!(of(text), want, "{text}");
        }
    }

    #[test]
    fn what_the_text_cannot_decide() {
        let of_group =
            |id: &str, more: &str| of(&format!("[X](https://attack.mitre.org/groups/{id}) is {more}"));
        assert_eq!(of_group("G0088", "a Russia-based threat group."), Some("RU"));
        assert_eq!(of_group("G0083", "a Nigerian threat group."), None);
        assert_eq!(of_group("G9999", "a Nigerian threat group."), Some("NG"));
        // Another group that is only mentioned decides nothing.
        assert_eq!(of("Y is like [X](https://attack.mitre.org/groups/G0088)."), None);
        assert!(DECIDED.is_sorted_by(|a, b| a.0 < b.0) && DECIDED.iter().all(|d| !d.2.is_empty()));
    }
}
