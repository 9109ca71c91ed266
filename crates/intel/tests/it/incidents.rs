//! Collections of incidents: given data, hostile data.

use std::io::Read;
use std::path::{Path, PathBuf};

use palisade_intel::incidents::{fuzz, read};
use palisade_model::{Origin, ProblemCode};

/// Mutated tables per run of the tests.
const ROUNDS: usize = 4_000;

fn data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PALISADE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = root.join("campaign-and-assessment").join(part);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var("PALISADE_TEST_DATA_REQUIRED").is_ok_and(|v| v == "1");
    assert!(!required, "test data is required but {} is absent", path.display());
    eprintln!("SKIPPED: no test data at {} (set PALISADE_TEST_DATA)", path.display());
    None
}

fn unpacked(part: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    zstd::Decoder::new(std::fs::File::open(data(part)?).unwrap()).unwrap().read_to_end(&mut out).unwrap();
    Some(out)
}

#[test]
fn eurepoc_as_given() {
    let Some(table) = unpacked("incidents/eurepoc-global-1.1-to-2022.csv.zst") else { return };
    let all = read(&table[..], &Origin::file("eurepoc.csv"));
    // 1,592 rows, of which 16 have no start date; the README of the data counts both.
    assert_eq!((all.name, all.incidents.len()), ("eurepoc", 1_576));
    let undated: u64 =
        all.problems.iter().filter(|p| p.message.contains("no start date")).map(|p| p.count).sum();
    assert_eq!(undated, 16, "{:#?}", all.problems);
    // 404 rows begin on 1 January and are a year wide, unless a known end cuts the year short.
    let by = |f: fn(i64) -> bool| all.incidents.iter().filter(|i| f(i.days.len())).count();
    assert_eq!(by(|n| n > 366), 0);
    let january = all.incidents.iter().filter(|i| matches!(i.days.first.civil(), (_, 1, 1))).count();
    assert_eq!(january, 404);
    assert!(by(|n| n > 31) <= 404 && by(|n| n > 31) > 300, "{}", by(|n| n > 31));
    let of = |code: &str| all.incidents.iter().filter(|i| i.states.iter().any(|s| s == code)).count();
    // 74 rows of the DPRK, one of them without a date.
    assert_eq!(of("KP"), 73);
    assert!(of("RU") > 100 && of("CN") > 200 && of("IR") > 90);
    let sectors: std::collections::BTreeSet<&str> =
        all.incidents.iter().flat_map(|i| &i.sectors).map(String::as_str).collect();
    assert!(sectors.contains("Critical infrastructure") && sectors.len() == 9, "{sectors:?}");
    assert!(all.incidents.is_sorted_by_key(|i| i.days));
}

#[test]
fn cfr_as_given() {
    let Some(table) = unpacked("incidents/cfr-cyber-operations-to-2022.csv.zst") else { return };
    let all = read(&table[..], &Origin::file("cfr.csv"));
    // 768 operations, 15 without a date.
    assert_eq!((all.name, all.incidents.len()), ("cfr", 753));
    let of = |code: &str| all.incidents.iter().filter(|i| i.states.iter().any(|s| s == code)).count();
    assert!(of("KP") >= 75 && of("CN") >= 255, "{} {}", of("KP"), of("CN"));
    assert!(all.incidents.iter().all(|i| i.states.iter().all(|s| s.len() == 2)));
    let sectors: std::collections::BTreeSet<&str> =
        all.incidents.iter().flat_map(|i| i.sectors.iter().map(String::as_str)).collect();
    assert_eq!(
        sectors.into_iter().collect::<Vec<_>>(),
        ["Civil society", "Government", "Military", "Private sector"]
    );
}

#[test]
fn cells_in_wrong_columns_are_a_problem_and_no_sector() {
    let rows = "Title,Date,Sponsor,Type,Category,Sources_1\n\
        whole,1/20/2022,China,Espionage,\"Government, Military\",https://x.example\n\
        slid,5/17/2018, United Kingdom,,Espionage,Private sector\n\
        slid,5/18/2018,Espionage,\"Government, Military\",https://x.example,\n\
        slid,5/19/2018,China,https://x.example,,\n";
    let all = read(rows.as_bytes(), &Origin::file("t"));
    let told: Vec<_> =
        all.incidents.iter().map(|i| (i.states.join("|"), i.kinds.join("|"), i.sectors.join("|"))).collect();
    let none = (String::new(), String::new(), String::new());
    let whole = ("CN".to_owned(), "Espionage".to_owned(), "Government|Military".to_owned());
    assert_eq!(told, [none.clone(), none.clone(), none, whole]);
    let slid: u64 =
        all.problems.iter().filter(|p| p.message.contains("wrong columns")).map(|p| p.count).sum();
    assert_eq!(slid, 3, "{:#?}", all.problems);
}

#[test]
fn bad_rows_are_problems_and_the_rest_is_read() {
    let header = "ID,name,start_date,end_date,incident_type,initiator_country,receiver_category\n";
    let rows = [
        "1,a,2020-05-17,,Disruption,['Iran\\'s'],[['Media']]\n",
        "2,b,2020-13-01,,x,y,z\n",
        "3,c,,,x,y,z\n",
        "4\n",
        "5,e,2020-01-01,2020-02-03,Data theft; Disruption,\"['China', 'China']\",\"[['Media', 'Other (x)']]\"\n",
        "6,f,2020-06-01,2019-01-05,,['Unknown'],\n",
        "7,\"never closed",
    ];
    let all = read((header.to_owned() + &rows.concat()).as_bytes(), &Origin::file("t"));
    let ids: Vec<&str> = all.incidents.iter().map(|i| i.id.as_str()).collect();
    assert_eq!(ids, ["eurepoc:5", "eurepoc:1", "eurepoc:6"]);
    let e = &all.incidents[0];
    assert_eq!(
        (e.days.first.to_string(), e.days.last.to_string()),
        ("2020-01-01".into(), "2020-02-03".into())
    );
    assert_eq!(
        (e.states.join("|"), e.sectors.join("|"), e.kinds.join("|")),
        ("CN".into(), "Media|Other".into(), "Data theft|Disruption".into())
    );
    assert_eq!(all.incidents[1].states, ["Iran's"]);
    assert_eq!((all.incidents[2].days.len(), all.incidents[2].states.len()), (30, 0));
    let lost: u64 = all.problems.iter().filter(|p| p.message.contains("not counted")).map(|p| p.count).sum();
    assert_eq!(lost, 4, "{:#?}", all.problems);
    assert!(all.problems.iter().any(|p| p.message.contains("ends before it begins")));
    let none = read(&b"a,b\n1,2\n"[..], &Origin::file("t"));
    assert!(none.incidents.is_empty() && none.problems[0].code == ProblemCode::Unrecognised);
}

/// splitmix64: the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }
}

/// Damages a text in a few places: bytes changed, removed, doubled, pieces of others put in.
pub fn mutate(random: &mut Random, seeds: &[&[u8]]) -> Vec<u8> {
    let mut out = seeds[random.below(seeds.len())].to_vec();
    for _ in 0..1 + random.below(8) {
        let at = random.below(out.len() + 1);
        match random.below(5) {
            0 if at < out.len() => out[at] = random.number() as u8,
            1 if at < out.len() => {
                let to = (at + random.below(20)).min(out.len());
                out.drain(at..to);
            }
            2 => {
                let other = seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let piece = &other[from..(from + random.below(60)).min(other.len())];
                out.splice(at..at, piece.iter().copied());
            }
            3 => {
                let odd: [&[u8]; 8] =
                    [b"\"", b"'", b"[", b"\\", b"\r\n ", b"9999-12-31", b"\xff\xfe", b"0001-01-01"];
                out.splice(at..at, odd[random.below(8)].iter().copied());
            }
            _ => out.truncate(at.max(out.len() / 2)),
        }
    }
    out
}

#[test]
fn no_table_breaks_the_reader() {
    let seeds: [&[u8]; 2] = [
        b"ID,name,start_date,end_date,attribution_date,incident_type,initiator_country,receiver_category\n1,a,2020-01-01,2020-03-01,2021-01-01; 2020-02-02,Data theft,\"['China', 'Iran']\",\"[['Media', 'Other (x)'], ['Science']]\"\n2,b,9999-12-01,,,,,\n",
        b"Title,Date,Sponsor,Type,Category\nx,1/20/2022,\"China, Russian Federation\",Espionage,\"Government, Military\"\ny,2/30/2022,,,\n",
    ];
    let mut random = Random(11);
    for _ in 0..ROUNDS {
        fuzz(&mutate(&mut random, &seeds));
    }
}
