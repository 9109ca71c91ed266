//! Formats of lists in small, and hostile bytes.

use palisade_model::{Origin, ProblemCode, SourceId};
use palisade_money::screen::party::{Birth, NameKind};
use palisade_money::screen::{Date, Format, Lists, Schema, Standing, export, fuzz};

fn load(text: &str) -> (Lists, Vec<palisade_model::Problem>) {
    let mut lists = Lists::default();
    let mut problems = lists.load(&mut text.as_bytes(), SourceId(0), &Origin::file("list"));
    problems.extend(lists.finish());
    (lists, problems)
}

const ADVANCED: &str = r#"<?xml version="1.0"?><Sanctions xmlns="http://www.un.org/sanctions/1.0">
<DateOfIssue CalendarTypeID="1"><Year>2024</Year><Month>10</Month><Day>2</Day></DateOfIssue>
<ReferenceValueSets><AliasTypeValues><AliasType ID="1400">A.K.A.</AliasType><AliasType ID="1403">Name</AliasType></AliasTypeValues>
<FeatureTypeValues><FeatureType ID="8">Birthdate</FeatureType><FeatureType ID="999">Digital Currency Address - NEW</FeatureType></FeatureTypeValues>
<NamePartTypeValues><NamePartType ID="1520">Last Name</NamePartType><NamePartType ID="1521">First Name</NamePartType></NamePartTypeValues>
<PartySubTypeValues><PartySubType ID="4" PartyTypeID="1">Unknown</PartySubType></PartySubTypeValues><PartyTypeValues><PartyType ID="1">Individual</PartyType></PartyTypeValues>
<ScriptValues><Script ID="215">Latin</Script><Script ID="220">Cyrillic</Script></ScriptValues></ReferenceValueSets>
<DistinctParties><DistinctParty FixedRef="7"><Profile ID="70" PartySubTypeID="4"><Identity ID="1" Primary="true">
<Alias AliasTypeID="1403" Primary="true" LowQuality="false"><DocumentedName><DocumentedNamePart><NamePartValue NamePartGroupID="11" ScriptID="215">IVANOV</NamePartValue></DocumentedNamePart><DocumentedNamePart><NamePartValue NamePartGroupID="12" ScriptID="215">Ivan</NamePartValue></DocumentedNamePart></DocumentedName></Alias>
<Alias AliasTypeID="1400" Primary="false" LowQuality="true"><DocumentedName><DocumentedNamePart><NamePartValue NamePartGroupID="12" ScriptID="215">VANYA</NamePartValue></DocumentedNamePart></DocumentedName></Alias>
<NamePartGroups><MasterNamePartGroup><NamePartGroup ID="11" NamePartTypeID="1520"/></MasterNamePartGroup><MasterNamePartGroup><NamePartGroup ID="12" NamePartTypeID="1521"/></MasterNamePartGroup></NamePartGroups></Identity>
<Feature FeatureTypeID="8"><FeatureVersion><DatePeriod><Start Approximate="false"><From><Year>1970</Year><Month>1</Month><Day>1</Day></From></Start><End><From><Year>1970</Year><Month>12</Month><Day>31</Day></From></End></DatePeriod></FeatureVersion></Feature>
<Feature FeatureTypeID="999"><FeatureVersion><VersionDetail>1BoatSLRHtKNngkdXEeobR76b53LETtpyT</VersionDetail></FeatureVersion></Feature></Profile></DistinctParty></DistinctParties>
<SanctionsEntries><SanctionsEntry ProfileID="70"><EntryEvent><Date><Year>2020</Year><Month>3</Month><Day>2</Day></Date></EntryEvent><SanctionsMeasure><Comment>DPRK3</Comment></SanctionsMeasure></SanctionsEntry></SanctionsEntries></Sanctions>"#;

const SIMPLE: &str = r#"<sdnList xmlns="x"><publshInformation><Publish_Date>10/02/2024</Publish_Date></publshInformation>
<sdnEntry><uid>7</uid><firstName>Ivan</firstName><lastName>IVANOV</lastName><sdnType>Individual</sdnType><programList><program>DPRK3</program></programList>
<idList><id><idType>Digital Currency Address - NEW</idType><idNumber>1BoatSLRHtKNngkdXEeobR76b53LETtpyT</idNumber></id></idList>
<akaList><aka><type>a.k.a.</type><category>weak</category><lastName>VANYA</lastName></aka></akaList>
<dateOfBirthList><dateOfBirthItem><dateOfBirth>1970</dateOfBirth></dateOfBirthItem></dateOfBirthList></sdnEntry></sdnList>"#;

const EU: &str = r#"<export xmlns="http://eu.europa.ec/fpi/fsd/export" generationDate="2024-10-02T10:00:00"><sanctionEntity euReferenceNumber="7" logicalId="1">
<regulation programme="DPRK3" publicationDate="2020-03-02"/><subjectType code="person" classificationCode="P"/>
<nameAlias wholeName="Ivan IVANOV" gender="M" strong="true"/><nameAlias wholeName="VANYA" strong="false"/><birthdate circa="false" year="1970"/></sanctionEntity></export>"#;

const EU_CSV: &str = "fileGenerationDate;Entity_LogicalId;Entity_SubjectType;Entity_Regulation_Programme;Entity_Regulation_PublicationDate;NameAlias_WholeName;BirthDate_Year\n\
    02/10/2024;7;P;DPRK3;2020-03-02;Ivan IVANOV;\n02/10/2024;7;P;DPRK3;2020-03-02;VANYA;\n02/10/2024;7;P;DPRK3;2020-03-02;;1970\n";

const UK: &str = "Last Updated,02/10/2024\nName 6,Name 1,Name 2,DOB,Group Type,Alias Type,Alias Quality,Regime,Listed On,Group ID\n\
    IVANOV,Ivan,,00/00/1970,Individual,Primary name,,DPRK3,02/03/2020,7\nVANYA,,,00/00/1970,Individual,AKA,Low,DPRK3,02/03/2020,7\n";

/// The same from the list that replaced it, with its date in front of the header or without.
const UKSL: &str = "Report Date: 02-Oct-2024\n\
    Last Updated,Unique ID,OFSI Group ID,UN Reference Number,Name 6,Name 1,Name 2,Name type,Alias strength,Name non-latin script,Regime Name,Designation Type,Date Designated,D.O.B,Nationality(/ies),Passport number,IMO number\n\
    02/03/2020,7,1,,IVANOV,Ivan,,Primary Name,,,DPRK3,Individual,02/03/2020,dd/mm/1970,Russia,A1234567,\n\
    02/03/2020,7,1,,VANYA,,,Alias,Low quality,,DPRK3,Individual,02/03/2020,dd/mm/1970,Russia,A1234567,\n";

const UK_XML: &str = "<?xml version=\"1.0\"?><Designations><DateGenerated>2024-10-02</DateGenerated><Designation><LastUpdated>02/03/2020</LastUpdated>\
    <DateDesignated>02/03/2020</DateDesignated><UniqueID>7</UniqueID><OFSIGroupID>1</OFSIGroupID><Names><Name><Name6>IVANOV</Name6><Name1>Ivan</Name1><NameType>Primary Name</NameType></Name>\
    <Name><Name6>VANYA</Name6><NameType>Alias</NameType><AliasStrength>Low quality</AliasStrength></Name></Names><RegimeName>DPRK3</RegimeName><IndividualEntityShip>Individual</IndividualEntityShip>\
    <IndividualDetails><Individual><DOBs><DOB>dd/mm/1970</DOB></DOBs></Individual></IndividualDetails></Designation></Designations>";

const FTM: &str = "{\"id\":\"s\",\"schema\":\"Sanction\",\"properties\":{\"entity\":[\"7\"],\"program\":[\"DPRK3\"],\"startDate\":[\"2020-03-02\"]}}\n\
    {\"id\":\"7\",\"schema\":\"Person\",\"properties\":{\"name\":[\"Ivan IVANOV\"],\"weakAlias\":[\"VANYA\"],\"birthDate\":[\"1970\"]}}\n\
    {\"id\":\"o\",\"schema\":\"Ownership\",\"properties\":{\"owner\":[\"8\"],\"asset\":[\"7\"],\"percentage\":[\"50.01\"]}}\n";

#[test]
fn one_party_in_every_format() {
    for (text, format) in [
        (ADVANCED, Format::SdnAdvanced),
        (SIMPLE, Format::SdnXml),
        (EU, Format::EuXml),
        (EU_CSV, Format::EuCsv),
        (UK, Format::UkCsv),
        (UKSL, Format::UkSanctionsCsv),
        (UKSL.split_once('\n').unwrap().1, Format::UkSanctionsCsv),
        (UK_XML, Format::UkSanctionsXml),
        (FTM, Format::Ftm),
    ] {
        assert_eq!(Format::sniff(text.as_bytes()), Some(format));
        let (lists, problems) = load(text);
        assert_eq!(problems, [], "{format:?}");
        assert_eq!(lists.parties.len(), 1, "{format:?}");
        let party = &lists.parties[0];
        assert_eq!((party.id.as_str(), party.schema), ("7", Schema::Person), "{format:?}");
        assert_eq!(party.primary(), "Ivan IVANOV", "{format:?}");
        assert_eq!(party.names[1].text, "VANYA", "{format:?}");
        let kind = if format == Format::EuCsv { NameKind::Alias } else { NameKind::Weak };
        assert_eq!(party.names[1].kind, kind, "{format:?}");
        assert_eq!(party.births, [Birth::On(Date::new(1970, 0, 0).unwrap())], "{format:?}");
        assert!(party.programmes.iter().any(|p| p == "DPRK3"), "{format:?}");
        if format != Format::SdnXml {
            assert_eq!(party.listed, Date::new(2020, 3, 2), "{format:?}");
        }
        if format != Format::Ftm && !text.starts_with("Last Updated,Unique") {
            assert_eq!(lists.infos[0].version, Date::new(2024, 10, 2), "{format:?}");
        }
        if matches!(format, Format::SdnXml | Format::SdnAdvanced) {
            assert_eq!(party.addresses[0].ticker, "NEW");
        }
    }
    assert!(load(FTM).0.parties[0].owners[0].share == Some(5_001));
}

#[test]
fn dates_in_every_spelling() {
    for (text, expected) in [
        ("1977", "1977"),
        ("Mar 1977", "1977-03"),
        ("25 Mar 1977", "1977-03-25"),
        ("1977-03-25", "1977-03-25"),
        ("1977-03-25T00:00:00", "1977-03-25"),
        ("25/03/1977", "1977-03-25"),
        ("03/1977", "1977-03"),
        ("March 25, 1977", "1977-03-25"),
    ] {
        assert_eq!(Date::parse(text, true).unwrap().to_string(), expected, "{text}");
    }
    for text in ["", "32/13/1977", "99999", "-", "x y z", "0000", "1977-99-99"] {
        assert_eq!(Date::parse(text, true), None, "{text}");
    }
    assert_eq!(Birth::parse("circa 1960", true), Some(Birth::About(Date::new(1960, 0, 0).unwrap())));
    assert_eq!(Birth::parse("1965 to 1969", true), Some(Birth::Between(1965, 1969)));
}

#[test]
fn hostile_lists_become_problems() {
    let long = format!("name,schema\n\"{}\",Person\nGood Name,Person\n", "x".repeat(10 << 20));
    let (lists, problems) = load(&long);
    assert_eq!(problems[0].code, ProblemCode::Limit);
    assert_eq!(lists.parties.len(), 1);

    let open = "name,schema\n\"never closed,Person\nGood Name,Person\n";
    assert_eq!(load(open).1[0].code, ProblemCode::Truncated);

    let bomb = format!(
        "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><FIRST_NAME>{}</FIRST_NAME></INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>",
        "&b;".repeat(100)
    );
    let (lists, _) = load(&bomb);
    assert!(lists.parties[0].primary().len() <= 300);

    let deep = format!("<CONSOLIDATED_LIST><INDIVIDUAL>{}", "<A>".repeat(100_000));
    assert_eq!(load(&deep).1[0].code, ProblemCode::Syntax);

    let wide = format!(
        "<CONSOLIDATED_LIST><INDIVIDUAL>{}</INDIVIDUAL><ENTITY><FIRST_NAME>Good</FIRST_NAME></ENTITY></CONSOLIDATED_LIST>",
        "<A/>".repeat(200_000)
    );
    let (lists, problems) = load(&wide);
    assert_eq!((problems[0].code, lists.parties.len()), (ProblemCode::Limit, 1));

    let text = format!("<CONSOLIDATED_LIST><INDIVIDUAL><FIRST_NAME>{}", "x".repeat(20 << 20));
    assert_eq!(load(&text).1[0].code, ProblemCode::Syntax);

    assert_eq!(load("what is this").1[0].code, ProblemCode::Unrecognised);
    let same: String = std::iter::once("name,schema\n".to_owned())
        .chain((0..200_000).map(|_| "Same Name,Person\n".to_owned()))
        .collect();
    assert_eq!(load(&same).0.parties.len(), 200_000);
}

#[test]
fn any_bytes_end() {
    let seeds: Vec<Vec<u8>> = [ADVANCED, SIMPLE, EU, EU_CSV, UK, UKSL, UK_XML, FTM]
        .iter()
        .map(|s| s.as_bytes().to_vec())
        .chain([
            b"title: a\nlabel: x\ntags:\n- address: 1BoatSLRHtKNngkdXEeobR76b53LETtpyT\n  currency: BTC\n- address: [a, b]\n".to_vec(),
            b"36,\"AERO\",-0- ,\"CUBA\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,\"a.k.a. 'BNC'; DOB 1 Jan 1970; Passport A1 (Iran).\"\r\n\x1a".to_vec(),
            "name,schema,hosts,owners,birth_date\nМинистерство «Ж» 金正恩 김,Company,1.2.3.4/33;as1;[::1],x:101,99-99-9999\n".as_bytes().to_vec(),
        ])
        .collect();
    let rounds: u64 =
        std::env::var("PALISADE_FUZZ_SCREEN").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n.max(1) as u64) as usize
    };
    for _ in 0..rounds {
        let mut data = seeds[next(seeds.len())].clone();
        for _ in 0..1 + next(8) {
            if data.is_empty() {
                break;
            }
            let at = next(data.len());
            match next(5) {
                0 => data[at] = next(256) as u8,
                1 => {
                    data.remove(at);
                }
                2 => data.insert(at, b"<>&;\"',\n\x00{}[]:-\xff"[next(16)]),
                3 => {
                    let end = (at + next(40)).min(data.len());
                    let piece = data[at..end].to_vec();
                    let to = next(data.len());
                    data.splice(to..to, piece);
                }
                _ => data.truncate(at + 1),
            }
        }
        fuzz(&data);
    }
}

#[test]
fn what_goes_out_comes_in() {
    let (lists, _) = load(SIMPLE);
    let mut ftm = export::Ftm::new(&lists);
    let text: String = lists.parties.iter().map(|p| ftm.entities(p)).collect();
    let (again, problems) = load(&text);
    assert_eq!(problems, []);
    let (before, after) =
        (&lists.parties[0], again.parties.iter().find(|p| p.schema == Schema::Person).unwrap());
    assert_eq!(
        (&before.names, &before.births, &before.programmes),
        (&after.names, &after.births, &after.programmes)
    );
    assert_eq!(after.addresses[0].text, before.addresses[0].text);
    let pack = export::tagpack(&lists, "a \"title\"", "somebody", None);
    let (again, problems) = load(&pack);
    assert_eq!(problems, []);
    assert_eq!(again.parties[0].addresses[0].text, before.addresses[0].text);
    assert_eq!(again.parties[0].primary(), "Ivan IVANOV");
}

/// A list of another layout than the one known is a problem, never a nameless party.
#[test]
fn missing_columns_are_problems() {
    for (text, format) in [
        (
            "Last Updated,02/10/2024\nFamily,Given,Kind\nIVANOV,Ivan,Individual\nPETROV,Ivan,Individual\n",
            Format::UkCsv,
        ),
        (
            "Last Updated,Unique ID,OFSI Group ID,Surname\n02/03/2020,7,1,IVANOV\n02/03/2020,8,2,PETROV\n",
            Format::UkSanctionsCsv,
        ),
        ("Report Date: 13-Feb-2026\n", Format::UkCsv),
        (
            "fileGenerationDate;Entity_LogicalIdNumber;Name\n02/10/2024;7;Ivan\n02/10/2024;8;Petr\n",
            Format::EuCsv,
        ),
    ] {
        assert_eq!(Format::sniff(text.as_bytes()), Some(format), "{text}");
        let (lists, problems) = load(text);
        assert_eq!(lists.parties, [], "{text}");
        assert_eq!(
            problems.iter().map(|p| p.code).collect::<Vec<_>>(),
            [ProblemCode::Unrecognised],
            "{text}"
        );
    }
    // A row without an id is told, and the others are read.
    let (lists, problems) = load(&UKSL.replace("02/03/2020,7,1,,VANYA", "02/03/2020,,,,VANYA"));
    assert_eq!(
        (lists.parties.len(), lists.parties[0].names.len(), problems.len()),
        (1, 1, 1),
        "{problems:?}"
    );
    let (lists, problems) = load(&EU.replace("wholeName", "fullName"));
    assert_eq!((lists.parties.len(), problems.len()), (0, 1), "{problems:?}");
}

fn sanctions(rows: &[&str]) -> Lists {
    let mut text = String::from(
        "{\"id\":\"p\",\"schema\":\"Person\",\"properties\":{\"name\":[\"Ann Other\"]}}\n\
         {\"id\":\"q\",\"schema\":\"Person\",\"properties\":{\"name\":[\"Her Brother\"]}}\n\
         {\"id\":\"w\",\"schema\":\"CryptoWallet\",\"properties\":{\"publicKey\":[\"1BoatSLRHtKNngkdXEeobR76b53LETtpyT\"],\"holder\":[\"p\"]}}\n",
    );
    for (n, row) in rows.iter().enumerate() {
        text += &format!(
            "{{\"id\":\"s{n}\",\"schema\":\"Sanction\",\"properties\":{{\"entity\":[\"p\"],\"program\":[\"X\"]{row}}}}}\n"
        );
    }
    let (lists, problems) = load(&text);
    assert_eq!(problems, []);
    lists
}

#[test]
fn an_open_sanction_has_no_end() {
    let (ended, open) = (",\"endDate\":[\"2019-05-01\"]", "");
    let until = |rows: &[&str]| sanctions(rows).parties[0].until.map(|d| d.to_string());
    assert_eq!(until(&[ended]).as_deref(), Some("2019-05-01"));
    assert_eq!(until(&[ended, ",\"endDate\":[\"2021-05-01\"]"]).as_deref(), Some("2021-05-01"));
    for rows in [[ended, open], [open, ended]] {
        assert_eq!(until(&rows), None, "{rows:?}");
    }
    // Who is only named beside others is told apart, and a wallet is listed as long as its holder.
    let lists = sanctions(&[ended]);
    let standing = |n: usize, day: &str| lists.parties[n].standing(Date::parse(day, false));
    assert_eq!((standing(0, "2020-01-01"), standing(0, "2019-01-01")), (Standing::Ended, Standing::Listed));
    assert_eq!(standing(1, "2019-01-01"), Standing::Mentioned);
    assert_eq!((standing(2, "2020-01-01"), standing(2, "2019-01-01")), (Standing::Ended, Standing::Listed));
    // A file that says of nobody what he is listed for is a list of all it names.
    assert_eq!(sanctions(&[]).parties[1].standing(None), Standing::Listed);
}

#[test]
fn labels_keep_what_they_are_and_since_when() {
    let addresses = [
        "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
        "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu",
        "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC",
        "0x1111111111111111111111111111111111111111",
    ];
    let list = format!(
        "id,name,schema,programmes,addresses,listed_from,listed_until\n\
         1,Now,Person,DPRK sanctions,{},2020-03-02,\n2,Then,Person,DPRK sanctions,{},2020-03-02,2024-01-31\n\
         3,Bank,CryptoWallet,exchange,{},,\n4,Soon,Person,DPRK sanctions,{},2030-01-01,\n",
        addresses[0], addresses[1], addresses[2], addresses[3]
    );
    let (lists, _) = load(&list);
    let pack = export::tagpack(&lists, "t", "c", Date::new(2024, 10, 2));
    let of = |address: &str| {
        let tag = pack.split("- address: ").find(|t| t.starts_with(&format!("\"{address}\""))).unwrap();
        tag.lines().skip(1).map(|l| l.trim().to_owned()).collect::<Vec<_>>()
    };
    let now = of(addresses[0]);
    assert!(
        now.contains(&"abuse: \"sanction\"".to_owned()) && now.contains(&"lastmod: 2020-03-02".to_owned()),
        "{now:?}"
    );
    assert!(of(addresses[2]).contains(&"category: \"exchange\"".to_owned()));
    for off in [addresses[1], addresses[3]] {
        assert!(of(off).iter().all(|l| !l.starts_with("abuse")), "{:?}", of(off));
    }
    // Read again: the same standing on every day, and still a sanction while it was one.
    let (again, problems) = load(&pack);
    assert_eq!(problems, []);
    for (before, after) in lists.parties.iter().zip(&again.parties) {
        for day in ["2021-01-01", "2024-10-02", "2031-01-01"].map(|d| Date::parse(d, false)) {
            assert_eq!(before.standing(day), after.standing(day), "{after:?}");
        }
        let word = if before.primary() == "Bank" { "category: exchange" } else { "abuse: sanction" };
        assert!(after.programmes.iter().any(|p| p == word), "{after:?}");
    }
}

#[test]
fn followthemoney_keeps_all_that_is_known() {
    let list = "id,name,schema,birth_date,gender,countries,identifiers,owners,linked,listed_from\n\
        1,Ivan Ivanov,Person,circa 1970,male,Russia,Passport:A1234567 (Russia);INN:7707083893,,Petr Petrov,2020-03-02\n\
        2,Alpha Ltd,Company,,,,Registration Number:99887766 (Cyprus),1:60;Somebody Else:40,Petr Petrov,2020-03-02\n\
        3,MV Tanker,Vessel,,,,IMO:9187629;MMSI:273123456,,,2020-03-02\n";
    let (lists, _) = load(list);
    let mut ftm = export::Ftm::new(&lists);
    let text: String = lists.parties.iter().map(|p| ftm.entities(p)).collect();
    let (again, problems) = load(&text);
    assert_eq!(problems, []);
    for before in &lists.parties {
        let after = again.parties.iter().find(|p| p.primary() == before.primary()).unwrap();
        let numbers = |p: &palisade_money::screen::Party| {
            let mut all: Vec<String> =
                p.identifiers.iter().map(|i| format!("{}:{} ({})", i.kind, i.number, i.country)).collect();
            all.sort();
            all
        };
        assert_eq!(numbers(before), numbers(after));
        assert_eq!((before.gender, &before.linked), (after.gender, &after.linked));
        let owners = |p: &palisade_money::screen::Party| {
            p.owners.iter().map(|o| (o.who.clone(), o.share)).collect::<Vec<_>>()
        };
        assert_eq!(owners(before), owners(after));
        assert_eq!(before.standing(Date::new(2021, 1, 1)), after.standing(Date::new(2021, 1, 1)));
    }
    // Whom the list only names is not listed by it, and stands there once.
    assert_eq!(again.parties.iter().filter(|p| p.primary() == "Petr Petrov").count(), 1);
    let other = again.parties.iter().find(|p| p.primary() == "Somebody Else").unwrap();
    assert_eq!(other.standing(None), Standing::Mentioned);
}
