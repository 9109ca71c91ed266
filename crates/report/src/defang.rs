//! Values that no mail program or finger shall follow: `hxxps://evil[.]example/`.
//!
//! What this module never does: touch what a machine reads. STIX and JSON have values as they are.

use palisade_model::{Observable, ObservableKind};

pub(crate) fn defang(o: &Observable) -> String {
    let v = o.value();
    match o.kind() {
        ObservableKind::Ip | ObservableKind::Domain => dots(v),
        ObservableKind::Email => dots(&v.replace('@', "[@]")),
        ObservableKind::Url => match v.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                let scheme = match scheme {
                    "http" => "hxxp",
                    "https" => "hxxps",
                    "ftp" => "fxp",
                    other => other,
                };
                format!("{scheme}[://]{}{path}", dots(authority))
            }
            None => dots(v),
        },
        _ => v.to_owned(),
    }
}

fn dots(text: &str) -> String {
    // The last dot is enough to break a name or address and leaves it readable; of IPv6, the last colon.
    match text.rfind('.').or_else(|| text.rfind("::")).or_else(|| text.rfind(':')) {
        Some(at) => {
            let mark = if text[at..].starts_with("::") { "::" } else { &text[at..at + 1] };
            format!("{}[{mark}]{}", &text[..at], &text[at + mark.len()..])
        }
        None => text.to_owned(),
    }
}
