//! Observables: one canonical form, however the evidence writes it.

use palisade_model::{Observable, ObservableKind};

use crate::Random;

const KINDS: [ObservableKind; 19] = [
    ObservableKind::Ip,
    ObservableKind::Domain,
    ObservableKind::Url,
    ObservableKind::Email,
    ObservableKind::Md5,
    ObservableKind::Sha1,
    ObservableKind::Sha256,
    ObservableKind::Sha512,
    ObservableKind::Imphash,
    ObservableKind::Path,
    ObservableKind::FileName,
    ObservableKind::Host,
    ObservableKind::Account,
    ObservableKind::Sid,
    ObservableKind::Arn,
    ObservableKind::ProcessGuid,
    ObservableKind::CryptoAddress,
    ObservableKind::CryptoTransaction,
    ObservableKind::LogonSession,
];

/// A value that canonicalises to something that does not canonicalise to itself would be two
/// values of one thing, and join nothing.
#[test]
fn canonical_forms_are_fixed_points() {
    let parts = [
        "http://",
        "HTTPS://",
        "ftp://",
        "a",
        "B",
        "ß",
        "İ",
        "Σ",
        "σ",
        ".",
        "..",
        "com",
        "example",
        "ua",
        ":80",
        ":443",
        ":",
        "/",
        "//",
        "\\",
        "\\\\",
        "@",
        "#",
        "?",
        "%",
        " ",
        "\t",
        "\u{a0}",
        "[",
        "]",
        "::1",
        "::ffff:",
        "10.0.0.7",
        "2001:DB8::",
        "xn--",
        "-",
        "_",
        "S-1-5-",
        "arn:aws:iam::1:",
        "{",
        "}",
        "00000000",
        "0x",
        "DEADBEEF",
        "中",
        "\u{ad}",
        "\u{200d}",
        "\u{3002}",
    ];
    let mut random = Random(4);
    let mut made = 0;
    let mut wrong = std::collections::BTreeMap::new();
    for _ in 0..200_000 {
        let text = random.text(&parts, 9);
        for kind in KINDS {
            let Ok(once) = Observable::parse(kind, &text) else { continue };
            made += 1;
            let twice = Observable::parse(kind, once.value());
            if twice.as_ref() != Ok(&once) {
                wrong.entry(kind).or_insert_with(|| format!("{text:?}: {once:?}, then {twice:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(made > 10_000, "{made}");
}

#[test]
fn what_says_nothing_is_none() {
    for kind in KINDS {
        for text in ["", " ", "-", " - ", "\u{0}"] {
            assert!(Observable::parse(kind, text).is_err(), "{kind:?} {text:?}");
        }
        assert!(Observable::parse(kind, &"a/b\\".repeat(10_000)).is_err(), "{kind:?}");
    }
}

/// Lower case may be longer than what it comes from: the limit holds for what is kept.
#[test]
fn the_length_limit_holds_after_canonicalising() {
    for kind in KINDS {
        for text in [
            format!("C:\\{}", "İ".repeat(1_000)),
            "İ".repeat(1_024),
            format!("{}@example.com", "İ".repeat(900)),
        ] {
            if let Ok(observable) = Observable::parse(kind, &text) {
                assert!(observable.value().len() <= 2_048, "{kind:?}");
            }
        }
    }
}

#[test]
fn names_of_kinds_are_their_names_in_json() {
    for kind in KINDS {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
    }
}

/// Where a file lies tells whose it is, but for places that everybody may write to.
#[test]
fn files_of_the_system() {
    let path = |text: &str| Observable::parse(ObservableKind::Path, text).unwrap();
    for text in ["C:\\Windows\\System32\\cmd.exe", "c:\\program files (x86)\\x\\y.exe", "/usr/bin/dd"] {
        assert!(path(text).is_system_file(), "{text}");
        assert!(Observable::of_system_program(&[path(text)]), "{text}");
    }
    for text in
        ["C:\\Windows\\Tasks\\n.exe", "C:\\WINDOWS\\Temp\\a.exe", "C:\\Users\\Public\\a.exe", "/tmp/.n"]
    {
        assert!(!path(text).is_system_file(), "{text}");
    }
    assert!(!Observable::of_system_program(&[]));
    assert!(!Observable::of_system_program(&[path("/usr/bin/dd"), path("/tmp/.n")]));
}
