//! Texts that logs write encoded: hexadecimal, backslashes.

/// The value of a hexadecimal digit.
pub(super) fn hex_digit(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// The bytes behind pairs of hexadecimal digits.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|p| Some(hex_digit(p[0])? << 4 | hex_digit(p[1])?)).collect()
}

/// Appends text with `\"`, `\\`, `\n`, `\t`, `\r` and `\xHH` resolved, as Apache and nginx write
/// what a client sent. A byte that is no ASCII character stays as it is written.
pub(super) fn backslashes(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let b = rest.as_bytes();
        let (made, len) = match b.get(at + 1) {
            Some(b'"') => ('"', 2),
            Some(b'\\') => ('\\', 2),
            Some(b'n') => ('\n', 2),
            Some(b't') => ('\t', 2),
            Some(b'r') => ('\r', 2),
            Some(b'x') => {
                let pair = b.get(at + 2..at + 4).and_then(|p| Some(hex_digit(p[0])? << 4 | hex_digit(p[1])?));
                match pair.filter(u8::is_ascii) {
                    Some(byte) => (byte as char, 4),
                    None => ('\\', 1),
                }
            }
            _ => ('\\', 1),
        };
        out.push(made);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
}
