//! The state that a description ties an actor to.
//!
//! ATT&CK has no field for it: its descriptions begin "X is a North Korean state-sponsored group". The first state
//! named in the first two sentences is taken, by the adjective or the attribution that such sentences use; victims
//! ("targeting South Korea") are not. What this module never does: guess from names, languages or victims.

/// Words that tie an actor to a state when they stand in the sentence that says what the actor is.
const TIES: [(&str, &str); 22] = [
    ("north korea", "KP"),
    ("dprk", "KP"),
    ("reconnaissance general bureau", "KP"),
    ("russia", "RU"),
    ("china", "CN"),
    ("chinese", "CN"),
    ("people's liberation army", "CN"),
    ("iran", "IR"),
    ("islamic revolutionary guard", "IR"),
    ("pakistan", "PK"),
    ("vietnam", "VN"),
    ("indian threat", "IN"),
    ("india-based", "IN"),
    ("lebanon-based", "LB"),
    ("lebanese", "LB"),
    ("south korean threat", "KR"),
    ("turkish", "TR"),
    ("belarus", "BY"),
    ("syrian", "SY"),
    ("palestinian", "PS"),
    ("nigerian", "NG"),
    ("brazil", "BR"),
];

/// Words after which a sentence speaks of victims.
const VICTIMS: [&str; 6] = ["target", "against", "victim", "attacks on", "compromised", "interest in"];

/// ISO code of the state that `description` ties the actor to.
pub fn of(description: &str) -> Option<&'static str> {
    let text: String = description.chars().take(1_500).collect::<String>().to_ascii_lowercase();
    // "U.S." ends no sentence that anybody means.
    let text = text.replace("u.s.", "us").replace("(citation", ". (citation");
    for sentence in text.split(". ").filter(|s| !s.starts_with("(citation")).take(3) {
        let end = VICTIMS.iter().filter_map(|w| sentence.find(w)).min().unwrap_or(sentence.len());
        let named = TIES
            .iter()
            .filter_map(|(word, code)| sentence.get(..end)?.find(word).map(|at| (at, *code)))
            .min();
        if let Some((_, code)) = named {
            return Some(code);
        }
    }
    None
}
