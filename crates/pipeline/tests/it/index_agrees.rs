//! The lake's observable index says no less than the indicators themselves: what a set of indicators hits
//! in a row, the index finds in the row's block.

use std::collections::BTreeSet;

use palisade_model::{Observable, ObservableKind};
use palisade_rules::indicators::{IndicatorSet, Pattern, parse_list};
use palisade_store::lake::index::{Index, IndexBuilder, Query, QuerySet};

const BLOCK: u32 = 16;

/// Names, addresses and paths near each other, so that indicators of every width meet some.
fn observables() -> Vec<Observable> {
    let names = [
        "example.com",
        "a.example.com",
        "b.a.example.com",
        "badexample.com",
        "example.co.uk",
        "x.example.co.uk",
        "co.uk",
        "github.io",
        "evil.github.io",
        "x.evil.github.io",
        "bücher.example.de",
        "a-.b.example.org",
        "x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.example.net",
        "i.j.k.l.m.n.o.example.net",
        "www.ck",
        "a.www.ck",
        "x.a.b.ck",
        "ws1",
        "ws1.corp.local",
        "corp.local",
        "dc.site.corp.local",
        "LOCAL",
        "a..b.c",
        "..b.c",
        "10.1.2.3",
        "1.10.1.2.3",
        "_dmarc.example.com",
        "ΑΣ.ΣΑΣ.internal",
        "ΣΑΣ.internal",
        "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r",
        "c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r",
        "q.r",
        "b.-",
        "-.-",
    ];
    let others = [
        (ObservableKind::Url, "http://a.example.com/x"),
        (ObservableKind::Email, "bob@a.example.com"),
        (ObservableKind::Path, r"C:\Users\x\Evil.EXE"),
        (ObservableKind::Path, "/usr/bin/Evil.exe"),
        (ObservableKind::Path, "/usr/bin/ "),
        (ObservableKind::FileName, "evil.exe"),
        (ObservableKind::FileName, "good.exe"),
        (ObservableKind::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
    ];
    let addresses = [
        "10.1.2.3",
        "10.1.2.200",
        "10.1.3.3",
        "10.2.3.4",
        "11.0.0.1",
        "192.168.0.1",
        "255.255.255.255",
        "2001:db8::1",
        "2001:db8:0:1::1",
        "2001:db8:1::1",
        "2001:db9::1",
        "fe80::1%4",
        "::ffff:10.1.2.3",
        "::ffff:0:10.1.2.3",
        "::5",
    ];
    let kinds = [ObservableKind::Domain, ObservableKind::Host];
    let names = names.into_iter().flat_map(|n| kinds.map(|kind| (kind, n)));
    let all = names.chain(others).chain(addresses.map(|a| (ObservableKind::Ip, a)));
    all.filter_map(|(kind, text)| Observable::parse(kind, text).ok()).collect()
}

#[test]
fn the_index_finds_what_indicators_hit() {
    let observables = observables();
    // Each row has one observable, each block one row: an answer names rows.
    let mut builder = IndexBuilder::new(BLOCK);
    for (row, observable) in (0..).step_by(BLOCK as usize).zip(&observables) {
        builder.add(row, &observable.to_string());
    }
    let bytes = builder.finish();
    let index = Index::open(bytes.as_slice()).unwrap();

    // Every observable is an indicator too, and every network around every address.
    let mut patterns: Vec<Pattern> = observables.iter().cloned().map(Pattern::Exact).collect();
    let mut lists = String::from("evil.exe\nnone.example\n");
    for observable in observables.iter().filter(|o| o.kind() == ObservableKind::Ip) {
        let most = if observable.value().contains(':') { 128 } else { 32 };
        for len in 0..=most {
            lists.push_str(&format!("{}/{len}\n", observable.value()));
        }
    }
    for list in [lists.as_str(), "value,type\nevil.exe,filename\nGOOD.EXE,filename\nexample.com,domain\n"] {
        patterns.extend(parse_list("l", list).0.into_iter().map(|i| i.pattern));
    }
    let queries = patterns.iter().map(|pattern| match pattern {
        Pattern::Exact(observable) => Query::exact(observable),
        Pattern::Network(ip, len) => Query::network(*ip, *len),
    });
    let queries: Vec<Query> = queries.collect();
    let many: Vec<_> = index.lookup_many(&QuerySet::new(queries.iter().copied())).unwrap();

    let mut looked = 0;
    for (n, (pattern, query)) in patterns.iter().zip(&queries).enumerate() {
        // One indicator alone: a set reports only the narrowest of several.
        let indicator = palisade_rules::indicators::Indicator {
            pattern: pattern.clone(),
            note: String::new(),
            list: String::new(),
            line: 1,
        };
        let set = IndicatorSet::new(vec![indicator]);
        let hit: BTreeSet<u32> =
            (0..).zip(&observables).filter(|(_, o)| set.look_up(o).is_some()).map(|(row, _)| row).collect();
        let hits = index.lookup(query).unwrap();
        let found: BTreeSet<u32> = hits.iter().flat_map(|h| h.blocks.iter().cloned().flatten()).collect();
        let in_set = many.iter().find(|(number, _)| *number as usize == n).map(|(_, hits)| hits.clone());
        assert_eq!(in_set, hits, "{pattern}");
        assert!(hit.is_subset(&found), "{pattern}: {hit:?} are hit, {found:?} found");
        // Networks between stored lengths and names of very many labels may find more, others not.
        let blunt = match pattern {
            Pattern::Network(ip, len) => {
                !(if ip.is_ipv4() { &[0, 8, 16, 24, 32] } else { &[0, 32, 48, 64, 128] }).contains(len)
            }
            Pattern::Exact(o) => o.value().matches('.').count() >= 16,
        };
        if !blunt {
            assert_eq!(hit, found, "{pattern}");
        }
        looked += hit.len();
    }
    println!("{} indicators, {looked} hits", patterns.len());
    assert!(looked > 200);
}
