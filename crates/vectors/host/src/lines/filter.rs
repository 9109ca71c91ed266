//! Packet filters in syslog: netfilter's kernel log (iptables, nftables, ufw) and pf's `filterlog`
//! (pfSense, OPNsense: comma-separated, see pfSense's "Raw Filter Log Format").

use super::row::Row;

/// `[UFW BLOCK] IN=eth0 OUT= MAC=… SRC=1.2.3.4 DST=… PROTO=TCP SPT=1 DPT=2 SYN`. What an administrator
/// put in front is the action.
pub(super) fn netfilter(line: &str, from: usize, row: &mut Row) {
    let Some(start) = line[from..].find("IN=").map(|n| from + n) else { return };
    let prefix = line[from..start].trim_end();
    // `[12345.678901] [UFW BLOCK]`: seconds since the machine started come first.
    let lead = match prefix.strip_prefix('[').and_then(|p| p.split_once(']')) {
        Some((seconds, rest)) if seconds.trim().bytes().all(|c| c.is_ascii_digit() || c == b'.') => {
            prefix.len() - rest.trim_start().len()
        }
        _ => 0,
    };
    row.put_some("prefix", line, from + lead..from + prefix.len());
    let upper = prefix.to_ascii_uppercase();
    let denied = ["BLOCK", "DROP", "DENY", "DENIED", "REJECT"].iter().any(|w| upper.contains(w));
    let allowed = ["ALLOW", "ACCEPT", "PERMIT", "PASS"].iter().any(|w| upper.contains(w));
    if denied != allowed {
        row.put_made("action", if denied { "block" } else { "pass" });
    }
    let b = line.as_bytes();
    let mut at = start;
    while at < b.len() {
        let word = super::access::word(b, at);
        if let Some(n) = line[word.clone()].find('=') {
            row.put_named(word.start..word.start + n, word.start + n + 1..word.end);
        } else if !word.is_empty() && line[word.clone()].bytes().all(|c| c.is_ascii_uppercase()) {
            row.put("flags", word.clone());
        }
        at = word.end.max(at) + 1;
    }
    row.stream("syslog.kernel.netfilter");
}

/// `rule,subrule,anchor,tracker,interface,reason,action,direction,version,…`
pub(super) fn filterlog(line: &str, from: usize, row: &mut Row) {
    let mut parts: Vec<std::ops::Range<usize>> = Vec::with_capacity(24);
    let mut at = from;
    for text in line[from..].split(',').take(40) {
        parts.push(at..at + text.len());
        at += text.len() + 1;
    }
    let before = row.values.len();
    let read = |row: &mut Row| -> Option<()> {
        for (i, name) in [
            "rule",
            "subrule",
            "anchor",
            "tracker",
            "interface",
            "reason",
            "action",
            "direction",
            "ipversion",
        ]
        .into_iter()
        .enumerate()
        {
            row.put_some(name, line, parts.get(i)?.clone());
        }
        // IPv4: tos, ecn, ttl, id, offset, flags, protocol id, protocol, length; IPv6: class, flow, hop limit,
        // protocol, protocol id, length. Then addresses and ports.
        let (protocol, source) = match line.get(parts.get(8)?.clone())? {
            "4" => (16, 18),
            "6" => (12, 15),
            _ => return None,
        };
        row.put_some("protocol", line, parts.get(protocol)?.clone());
        for (i, name) in ["src_ip", "dst_ip", "src_port", "dst_port"].into_iter().enumerate() {
            let range = parts.get(source + i).cloned();
            match range {
                Some(r) if i < 2 => row.put_some(name, line, r),
                Some(r) if line[r.clone()].bytes().all(|c| c.is_ascii_digit()) => row.put_some(name, line, r),
                _ => {}
            }
        }
        Some(())
    };
    if read(row).is_none() {
        return row.back_to(before);
    }
    row.stream("firewall.pf");
}
