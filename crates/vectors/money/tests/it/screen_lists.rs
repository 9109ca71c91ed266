//! Real lists: counts are those of the folder's README, and what a list says is found again.

use std::path::{Path, PathBuf};

use palisade_model::{Origin, Problem, SourceId};
use palisade_money::screen::{By, Lists, Query, Schema, Screen};

/// The data root; `None`, loudly, if it is absent and not required.
fn data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PALISADE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data"), PathBuf::from);
    let path = root.join("money").join(part);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var("PALISADE_TEST_DATA_REQUIRED").is_ok_and(|v| v == "1");
    assert!(!required, "test data is required but {} is absent", path.display());
    eprintln!("SKIPPED: no test data at {}", path.display());
    None
}

fn load(folder: &Path, files: &[&str]) -> (Lists, Vec<Problem>) {
    let mut lists = Lists::default();
    let mut problems = Vec::new();
    for (source, file) in files.iter().enumerate() {
        let mut input = std::fs::File::open(folder.join(file)).unwrap();
        problems.extend(lists.load(&mut input, SourceId(source as u32), &Origin::file(*file)));
    }
    problems.extend(lists.finish());
    (lists, problems)
}

#[test]
fn ofac_tables_are_joined() {
    let Some(folder) = data("lists") else { return };
    let (lists, problems) = load(&folder, &["alt.csv", "sdn.csv", "add.csv", "sdn_comments.csv"]);
    assert_eq!(problems, []);
    let info = &lists.infos[0];
    assert_eq!((info.parties, info.places, info.aliases), (8_976, 13_837, 11_910));
    assert_eq!(info.name, "OFAC SDN");
    let lazarus = lists.parties.iter().find(|p| p.id == "27307").unwrap();
    assert_eq!(lazarus.primary(), "LAZARUS GROUP");
    let dprk = lists.parties.iter().filter(|p| p.programmes.iter().any(|p| p.starts_with("DPRK")));
    assert_eq!(dprk.count(), 414);
    // Remarks that are cut inside a word go on in the comments file.
    let park = lists.parties.iter().find(|p| p.id == "28263").unwrap();
    assert!(park.linked.iter().any(|l| l == "LAZARUS GROUP"), "{park:?}");
    // The tables name 96 digital currency addresses; the label of one more is cut in two by the comments file.
    let mut texts = 0;
    for file in ["sdn.csv", "sdn_comments.csv"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        texts += text.matches("Digital Currency Address - ").count();
    }
    let found: usize = lists.parties.iter().map(|p| p.addresses.len()).sum();
    assert_eq!((texts, found), (96, 97));
    // This one is cut inside the address.
    let cut = lists.parties.iter().find(|p| p.id == "30518").unwrap();
    assert!(cut.addresses.iter().any(|a| a.text.starts_with("1GqChmWq")), "{:?}", cut.addresses);
    let screen = Screen::new(lists);
    // A web site with words behind it is no host, and an address that the remarks cut off is none: both are shown.
    assert_eq!(screen.rejected().len(), 2, "{:?}", screen.rejected());
    let party = screen.lists().parties.iter().find(|p| !p.addresses.is_empty()).unwrap();
    let query = Query { addresses: vec![format!(" {} ", party.addresses[0].text)], ..Query::default() };
    let hits = screen.query(&query);
    assert_eq!(
        (hits[0].by, screen.lists().parties[hits[0].party].id.as_str()),
        (By::Address, party.id.as_str())
    );
}

#[test]
fn side_tables_of_another_date_are_problems() {
    let Some(folder) = data("lists") else { return };
    let (lists, problems) = load(&folder, &["sdn.csv", "sdn_comments_newer.csv"]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].count > 10);
    assert_eq!(lists.parties.len(), 8_976);
}

#[test]
fn consolidated_tables_join_their_own_parties() {
    let Some(folder) = data("lists") else { return };
    let files = [
        "sdn.csv",
        "cons_prim.csv",
        "cons_add.csv",
        "cons_alt.csv",
        "cons_comments.csv",
        "alt.csv",
        "add.csv",
    ];
    let (lists, _) = load(&folder, &files);
    assert_eq!(lists.infos[1].name, "OFAC Consolidated");
    assert_eq!((lists.infos[0].aliases, lists.infos[0].places), (11_910, 13_837));
    assert!(lists.infos[1].parties > 400 && lists.infos[1].aliases > 500, "{:?}", lists.infos[1]);
}

#[test]
fn un_list_is_whole() {
    let Some(folder) = data("lists") else { return };
    let (lists, problems) = load(&folder, &["UN_consolidated.xml"]);
    assert_eq!(problems, []);
    let people = lists.parties.iter().filter(|p| p.schema == Schema::Person).count();
    assert_eq!((people, lists.parties.len() - people), (730, 273));
    let dprk = lists.parties.iter().filter(|p| p.id.starts_with("KPi.") || p.id.starts_with("KPe.")).count();
    assert_eq!(dprk, 155);
    assert_eq!(lists.infos[0].version.unwrap().to_string(), "2026-02-27");
    assert!(lists.parties.iter().all(|p| !p.primary().is_empty()));
    assert!(lists.parties.iter().all(|p| p.listed.is_some()));
}

#[test]
fn other_lists_load() {
    let Some(folder) = data("lists") else { return };
    let (lists, problems) = load(&folder, &["dpl.txt", "csl.csv"]);
    assert_eq!(problems, []);
    let lines = std::fs::read_to_string(folder.join("dpl.txt")).unwrap().lines().count() as u64 - 1;
    assert_eq!(lists.infos[0].parties, lines);
    assert_eq!(lists.parties[0].primary(), "ADRIAN MANUEL HERNANDEZ");
    assert!(lists.parties[0].until.is_some());
    assert!(lists.infos[1].parties > 10, "{:?}", lists.infos[1]);
}

#[test]
fn tag_packs_inherit_their_header() {
    let Some(folder) = data("tagpacks") else { return };
    let (lists, problems) = load(&folder, &["lazarus.yaml"]);
    assert_eq!(problems, []);
    assert_eq!(lists.parties.len(), 1);
    let party = &lists.parties[0];
    assert_eq!((party.primary(), party.id.as_str()), ("Lazarus group", "lazarusgroup"));
    assert!(party.programmes.iter().any(|p| p == "abuse: sanction"));
    assert!(party.addresses.len() > 15);
    let (mut tags, mut packs) = (0, 0);
    let mut bad = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let (lists, problems) = load(&folder, &[path.file_name().unwrap().to_str().unwrap()]);
            tags += lists.parties.iter().map(|p| p.addresses.len()).sum::<usize>();
            packs += 1;
            bad.extend(problems);
        }
    }
    println!("{packs} packs, {tags} tags, {} problems", bad.len());
    assert!(tags > 110_000, "{tags} tags; {:?}", bad.first());
}

#[test]
fn addresses_of_ofac_files_are_found() {
    let (Some(folder), Some(lists)) = (data("ofac-addresses"), data("lists")) else { return };
    let mut text = String::from("name,schema,addresses\n");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let code = path.file_stem().unwrap().to_str().unwrap().rsplit('_').next().unwrap().to_owned();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            text.push_str(&format!("OFAC {code},CryptoWallet,{code}:{line}\n"));
            all.push(line.to_owned());
        }
    }
    assert_eq!(all.len(), 654);
    let mut list = Lists::default();
    assert_eq!(list.load(&mut text.as_bytes(), SourceId(0), &Origin::file("own.csv")), []);
    let screen = Screen::new(list);
    assert_eq!(screen.rejected(), []);
    assert_eq!(screen.address_count(), 641);
    for address in &all {
        let upper =
            address.strip_prefix("0x").map_or(address.clone(), |hex| format!("0x{}", hex.to_uppercase()));
        assert!(!screen.address(&upper).is_empty(), "{address}");
    }
    let _ = lists;
}
