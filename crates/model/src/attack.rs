//! ATT&CK's ids over time: version 19 gave the techniques of impaired defences new numbers, and reports keep the old ones.
//!
//! Facts of MITRE ATT&CK: names and ids of versions 18.1 and 19. What has no single successor keeps its id.

/// Id until version 18, id since.
const MOVED: [(&str, &str); 14] = [
    ("T1070.001", "T1685.005"),
    ("T1070.002", "T1685.006"),
    ("T1211", "T1687"),
    ("T1562.001", "T1685"),
    ("T1562.002", "T1685.001"),
    ("T1562.003", "T1690"),
    ("T1562.004", "T1686"),
    ("T1562.007", "T1686.001"),
    ("T1562.008", "T1685.002"),
    ("T1562.009", "T1688"),
    ("T1562.010", "T1689"),
    ("T1562.011", "T1685.003"),
    ("T1562.012", "T1685.004"),
    ("T1562.013", "T1686.002"),
];

/// The id that a technique has today; any other id is its own. Whoever compares ids of different sources compares these.
///
/// ```
/// assert_eq!(palisade_model::current_technique("T1562.008"), "T1685.002");
/// assert_eq!(palisade_model::current_technique("T1059.001"), "T1059.001");
/// ```
pub fn current_technique(id: &str) -> &str {
    MOVED.binary_search_by(|m| m.0.cmp(id)).ok().and_then(|at| MOVED.get(at)).map_or(id, |m| m.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_chains() {
        assert!(MOVED.is_sorted());
        assert!(MOVED.iter().all(|m| current_technique(m.1) == m.1));
    }
}
