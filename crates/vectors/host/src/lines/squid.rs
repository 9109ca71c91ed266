//! Squid's native access log: `time elapsed client result/status bytes method URL user hierarchy/peer type`.

use super::access::{skip_blanks, word};
use super::clock::epoch;
use super::row::{Fault, Row, When};

const FAULT: Fault = "a line is not of Squid's access log and was left out";

/// Reads a line.
pub(super) fn parse(line: &str, row: &mut Row) -> Result<(), Fault> {
    let b = line.as_bytes();
    let mut words = Vec::with_capacity(10);
    let mut at = skip_blanks(b, 0);
    while at < b.len() && words.len() < 10 {
        let w = word(b, at);
        at = skip_blanks(b, w.end);
        words.push(w);
    }
    let [time, elapsed, client, result, bytes, method, url, user, peer, rest @ ..] = words.as_slice() else {
        return Err(FAULT);
    };
    let text = |r: &std::ops::Range<usize>| &line[r.clone()];
    if !text(time).contains('.') || !text(elapsed).bytes().all(|c| c.is_ascii_digit() || c == b'-') {
        return Err(FAULT);
    }
    row.when = When::At(epoch(text(time)).ok_or(FAULT)?);
    let slash = text(result).find('/').ok_or(FAULT)?;
    if !text(bytes).bytes().all(|c| c.is_ascii_digit()) {
        return Err(FAULT);
    }
    row.stream("proxy");
    row.put("time-taken", elapsed.clone());
    row.put("c-ip", client.clone());
    row.put("s-action", result.start..result.start + slash);
    row.put_some("sc-status", line, result.start + slash + 1..result.end);
    row.put("sc-bytes", bytes.clone());
    row.put("cs-method", method.clone());
    row.put("cs-uri", url.clone());
    url_parts(line, url.clone(), row);
    row.put_some("cs-username", line, user.clone());
    if let Some(slash) = text(peer).find('/') {
        row.put("s-hierarchy", peer.start..peer.start + slash);
        row.put_some("s-supplier-name", line, peer.start + slash + 1..peer.end);
    }
    if let Some(kind) = rest.first() {
        row.put_some("cs-mime-type", line, kind.clone());
    }
    if at < b.len() {
        row.put("extra", at..b.len());
    }
    Ok(())
}

/// Host, path and query of a URL, or host and port of a CONNECT.
pub(super) fn url_parts(line: &str, range: std::ops::Range<usize>, row: &mut Row) {
    let text = &line[range.clone()];
    let start = range.start + text.find("://").map_or(0, |n| n + 3);
    let rest = &line[start..range.end];
    let end = start + rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &line[start..end];
    let name = authority.rfind('@').map_or(0, |n| n + 1);
    let port = authority[name..].rfind(':').filter(|n| {
        let p = &authority[name + n + 1..];
        !p.is_empty() && p.bytes().all(|c| c.is_ascii_digit())
    });
    let stop = port.map_or(end, |n| start + name + n);
    row.put_some("cs-host", line, start + name..stop);
    if port.is_some() {
        row.put_some("cs-uri-port", line, stop + 1..end);
    }
    if end < range.end {
        super::access::target(line, end..range.end, row);
    }
}
