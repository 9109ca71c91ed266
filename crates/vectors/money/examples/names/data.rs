//! Name pairs: the public bench with its fixed split, and pairs made from sanctions lists.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use palisade_model::{Origin, SourceId};
use palisade_money::screen::name::Rules;
use palisade_money::screen::party::NameKind;
use palisade_money::screen::{Lists, Party, Schema};

/// Where the test data is.
pub fn root() -> PathBuf {
    std::env::var_os("PALISADE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data"), PathBuf::from)
        .join("money")
}

/// A pair of names and whether they are one party's.
#[derive(Clone, Debug)]
pub struct Pair {
    pub row: usize,
    pub group: String,
    pub schema: Schema,
    pub a: String,
    pub b: String,
    pub same: bool,
    /// Half it belongs to; only development rows were looked at while the engine was built.
    pub development: bool,
    /// Rows that share a name have one number, so that no name is in two folds.
    pub component: u64,
    /// The same repository labels the pair otherwise elsewhere.
    pub contradicted: bool,
    /// Score of nomenklatura's logic-v2.
    pub peer: f64,
}

impl Pair {
    pub fn rules(&self) -> Rules {
        self.schema.rules()
    }
}

fn fnv(text: &str) -> u64 {
    let hash =
        text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    hash ^ (hash >> 32)
}

fn words(name: &str) -> String {
    let lower = name.to_lowercase();
    let spaced: String = lower.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    words.sort_unstable();
    words.join(" ")
}

/// Splits rows in two. Rows that share a name (words sorted) are one component and stay together;
/// a hash of its first name says where it goes. Returns that hash for each row: even ones are for development.
fn split(names: &[(String, String)]) -> Vec<u64> {
    fn find(parent: &mut [usize], mut x: usize) -> usize {
        while parent[x] != x {
            parent[x] = parent[parent[x]];
            x = parent[x];
        }
        x
    }
    let mut parent: Vec<usize> = (0..names.len()).collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (row, (a, b)) in names.iter().enumerate() {
        for name in [a, b] {
            let other = *seen.entry(words(name)).or_insert(row);
            let (x, y) = (find(&mut parent, row), find(&mut parent, other));
            parent[x.max(y)] = x.min(y);
        }
    }
    let mut least: HashMap<usize, String> = HashMap::new();
    for (row, (a, b)) in names.iter().enumerate() {
        let name = words(a).min(words(b));
        let of = least.entry(find(&mut parent, row)).or_insert_with(|| name.clone());
        if name < *of {
            *of = name;
        }
    }
    (0..names.len()).map(|row| fnv(&least[&find(&mut parent, row)])).collect()
}

/// The bench, its split, contradictions and the peer's scores.
pub fn bench() -> Vec<Pair> {
    let folder = root().join("name_bench");
    let open = |name: &str| csv::Reader::from_path(folder.join(name)).expect("name bench");
    let rows: Vec<csv::StringRecord> = open("cases.csv").records().map(|r| r.unwrap()).collect();
    let names: Vec<(String, String)> = rows.iter().map(|r| (r[2].to_owned(), r[3].to_owned())).collect();
    let component = split(&names);
    let contradicted: Vec<usize> =
        open("contradictions.csv").records().map(|r| r.unwrap()[0].parse().unwrap()).collect();
    let peers: Vec<f64> = open("peer_scores.csv").records().map(|r| r.unwrap()[2].parse().unwrap()).collect();
    rows.iter()
        .enumerate()
        .map(|(at, r)| Pair {
            row: at + 1,
            group: r[0].to_owned(),
            schema: Schema::parse(&r[1]),
            a: r[2].to_owned(),
            b: r[3].to_owned(),
            same: &r[4] == "true",
            development: component[at] & 1 == 0,
            component: component[at],
            contradicted: contradicted.contains(&(at + 1)) || [216, 217, 689, 821].contains(&(at + 1)),
            peer: peers[at],
        })
        .collect()
}

/// All lists of the folder that make one consistent set.
pub fn lists() -> Lists {
    let mut lists = Lists::default();
    for (source, file) in
        ["sdn.csv", "add.csv", "alt.csv", "sdn_comments.csv", "UN_consolidated.xml"].iter().enumerate()
    {
        let path = root().join("lists").join(file);
        let mut input = std::fs::File::open(&path).expect("list");
        for problem in lists.load(&mut input, SourceId(source as u32), &Origin::file(*file)) {
            eprintln!("{problem}");
        }
    }
    for problem in lists.finish() {
        eprintln!("{problem}");
    }
    lists
}

/// A small generator of numbers (Steele, Lea, Flood: SplitMix64): the same pairs in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// One slip of a writer.
pub fn slip(name: &str, dice: &mut Dice) -> String {
    let mut c: Vec<char> = name.chars().collect();
    let letters: Vec<usize> = (0..c.len()).filter(|i| c[*i].is_alphabetic()).collect();
    if letters.len() < 4 {
        return name.to_owned();
    }
    let at = *dice.pick(&letters);
    let near = |c: char, dice: &mut Dice| {
        let vowels = ['a', 'e', 'i', 'o', 'u'];
        let consonants = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z'];
        if vowels.contains(&c.to_ascii_lowercase()) { *dice.pick(&vowels) } else { *dice.pick(&consonants) }
    };
    match dice.below(10) {
        0..=4 => c[at] = near(c[at], dice),
        5..=6 => {
            c.remove(at);
        }
        7 => c.insert(at, c[at]),
        8 => {
            let new = near(c[at], dice);
            c.insert(at, new);
        }
        _ if at + 1 < c.len() && c[at + 1].is_alphabetic() => c.swap(at, at + 1),
        _ => c[at] = near(c[at], dice),
    }
    c.into_iter().collect()
}

/// Words of a listed name in the order given name, family name.
pub fn plain(name: &str) -> Vec<String> {
    let turned = match name.split_once(", ") {
        Some((family, given)) if !given.contains(',') => format!("{given} {family}"),
        _ => name.to_owned(),
    };
    turned.split_whitespace().map(str::to_owned).collect()
}

/// Pairs of names from lists: aliases and slips of one party, and different parties with near names.
pub fn list_pairs(lists: &Lists, seed: u64) -> Vec<Pair> {
    let mut dice = Dice(seed);
    let mut out = Vec::new();
    for schema in [Schema::Person, Schema::Organization, Schema::Vessel] {
        let of: Vec<&Party> =
            lists.parties.iter().filter(|p| p.schema == schema && !p.names.is_empty()).collect();
        let all: Vec<Vec<String>> = of.iter().map(|p| plain(p.primary())).collect();
        // By word, to find different parties that share one.
        let mut by_word: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, words) in all.iter().enumerate() {
            for word in words {
                by_word.entry(word).or_default().push(at);
            }
        }
        let mut add = |a: String, b: String, same: bool| {
            out.push(Pair {
                row: 0,
                group: "lists".to_owned(),
                schema,
                a,
                b,
                same,
                development: true,
                component: 0,
                contradicted: false,
                peer: 0.0,
            });
        };
        for (at, party) in of.iter().enumerate() {
            let words = &all[at];
            let name = words.join(" ");
            let alias: Vec<&str> = party
                .names
                .iter()
                .skip(1)
                .filter(|n| matches!(n.kind, NameKind::Alias | NameKind::Former))
                .map(|n| n.text.as_str())
                .collect();
            if !alias.is_empty() {
                let alias = *dice.pick(&alias);
                // A nom de guerre is no spelling of the name: nothing can be learned from it.
                let own: Vec<String> = words.iter().map(|w| w.to_lowercase()).collect();
                let shares = plain(alias).iter().any(|w| own.contains(&w.to_lowercase()) && w.len() > 2);
                if shares {
                    add(name.clone(), alias.to_owned(), true);
                }
            }
            if dice.chance(60) {
                let mut other = slip(&name, &mut dice);
                if dice.chance(15) {
                    other = slip(&other, &mut dice);
                }
                add(other, name.clone(), true);
            }
            if words.len() >= 3 && dice.chance(25) && schema == Schema::Person {
                let mut fewer = words.clone();
                fewer.remove(1 + dice.below(words.len() - 2));
                add(fewer.join(" "), name.clone(), true);
            }
            if dice.chance(6) {
                let mut turned = words.clone();
                turned.rotate_left(1);
                add(turned.join(" "), name.clone(), true);
            }
            // The party in its own script, and another party of that script.
            for original in party.names.iter().filter(|n| n.kind == NameKind::Original) {
                add(original.text.clone(), name.clone(), true);
                let other = dice.pick(&all).join(" ");
                add(original.text.clone(), other, false);
                if let Some(word) = words.first() {
                    let other = *dice.pick(&by_word[word.as_str()]);
                    if other != at {
                        add(original.text.clone(), all[other].join(" "), false);
                    }
                }
            }
            // Any two parties.
            let other = dice.pick(&all).join(" ");
            if other != name {
                add(other, name.clone(), false);
            }
            // Habits of writers that change nothing.
            if words.len() >= 2 && dice.chance(30) {
                let mut other = words.clone();
                match (schema, dice.below(6)) {
                    (Schema::Person, 0) => {
                        let title = *dice.pick(&[
                            "Mr.",
                            "Dr.",
                            "President",
                            "Gen.",
                            "Haji",
                            "Sheikh",
                            "Colonel",
                            "Mrs",
                            "Prof.",
                        ]);
                        other.insert(0, title.to_owned());
                    }
                    (Schema::Person, 1) => other[0] = other[0].chars().take(1).chain(['.']).collect(),
                    (Schema::Person, 2) => {
                        let at = dice.below(other.len() - 1);
                        let next = other.remove(at + 1);
                        other[at].push_str(&next);
                    }
                    (Schema::Person, 3) => {
                        let at = dice.below(other.len() - 1);
                        let next = other.remove(at + 1);
                        other[at] = format!("{}-{next}", other[at]);
                    }
                    (Schema::Person, 4) => {
                        let again = other[0].clone();
                        other.insert(0, again);
                    }
                    (_, 0) => other.insert(0, "The".to_owned()),
                    (_, 1 | 2) => other.push(
                        (*dice.pick(&["LLC", "JSC", "Ltd.", "Co. Ltd.", "Inc.", "GmbH", "S.A."])).to_owned(),
                    ),
                    (_, 3) => {
                        let at = dice.below(other.len() - 1);
                        let next = other.remove(at + 1);
                        other[at].push_str(&next.to_lowercase());
                    }
                    _ => {}
                }
                add(other.join(" "), name.clone(), true);
            }
            if words.len() >= 2 && schema == Schema::Person && dice.chance(8) {
                let letters: Vec<String> =
                    words.iter().filter_map(|w| w.chars().next()).map(|c| format!("{c}.")).collect();
                add(letters.join(" "), name.clone(), false);
            }
            // An initial that is another's; a branch in a country.
            if words.len() >= 2 && dice.chance(12) {
                let mut other = words.clone();
                if schema == Schema::Person {
                    let letter = (b'A' + dice.below(26) as u8) as char;
                    if !words[0].starts_with(letter) {
                        other[0] = format!("{letter}.");
                        add(other.join(" "), name.clone(), false);
                    }
                } else if schema == Schema::Organization {
                    other.insert(
                        1,
                        (*dice.pick(&[
                            "Mexico",
                            "Singapore",
                            "Chile",
                            "Nederland",
                            "Turkey",
                            "Canada",
                            "Dubai",
                        ]))
                        .to_owned(),
                    );
                    add(other.join(" "), name.clone(), false);
                }
            }
            // Two companies of one kind: the telling word differs, the common ones are the same.
            if schema == Schema::Organization && words.len() >= 2 && dice.chance(40) {
                let other = dice.pick(&all);
                let mut changed = words.clone();
                changed[0].clone_from(&other[0]);
                if changed[0].to_lowercase() != words[0].to_lowercase() {
                    add(changed.join(" "), name.clone(), false);
                }
            }
            // A woman's name against a man's, father against son.
            if let Some(last) = words.last().filter(|w| w.len() > 4 && dice.chance(40)) {
                let lower = last.to_lowercase();
                if schema == Schema::Person && ["ov", "ev", "in"].iter().any(|e| lower.ends_with(e)) {
                    let mut hers = words.clone();
                    hers.last_mut().unwrap().push('A');
                    add(hers.join(" "), name.clone(), false);
                }
            }
            let lower: Vec<String> = words.iter().map(|w| w.to_lowercase()).collect();
            let bin = lower.iter().position(|w| matches!(w.as_str(), "bin" | "ben" | "ibn"));
            let inside = |bin: &usize| schema == Schema::Person && *bin > 0 && bin + 1 < words.len();
            if let Some(bin) = bin.filter(inside).filter(|_| dice.chance(50)) {
                let mut turned = words.clone();
                turned.swap(bin - 1, bin + 1);
                add(turned.join(" "), name.clone(), false);
            }
            // Another party's word in its place, or another party that shares a word.
            if words.len() >= 2 && dice.chance(70) {
                let other = dice.pick(&all);
                let mut changed = words.clone();
                let place = dice.below(words.len());
                changed[place].clone_from(&other[(other.len() * place / words.len()).min(other.len() - 1)]);
                if changed[place].to_lowercase() != words[place].to_lowercase() {
                    add(changed.join(" "), name.clone(), false);
                }
            }
            for _ in 0..2 {
                let word = dice.pick(words).as_str();
                let near = &by_word[word];
                let other = *dice.pick(near);
                let shared = of[other].names.iter().any(|n| party.names.iter().any(|m| m.text == n.text));
                if other != at && !shared && all[other] != *words {
                    add(all[other].join(" "), name.clone(), false);
                }
            }
        }
    }
    out
}
