//! Which findings are worth comparing: those that have something in common, near in time.

use std::collections::BTreeMap;

/// Pairs at most; entities that many findings hold are then looked at in a narrower window of time.
const MAX_PAIRS: usize = 8_000_000;
/// Findings compared with each one, for each entity: all of them for entities of so many, otherwise its neighbours.
const WINDOW: usize = 64;

/// Pairs of nodes (the smaller first, ascending) that hold an entity in common. `held` are the entities of each
/// node, nodes in order of time.
pub(crate) fn candidates(held: &[&[u32]]) -> Vec<(u32, u32)> {
    let mut by_entity: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (node, entities) in held.iter().enumerate() {
        for entity in *entities {
            by_entity.entry(*entity).or_default().push(node as u32);
        }
    }
    let refs: usize = by_entity.values().map(Vec::len).sum();
    let window = (MAX_PAIRS / refs.max(1)).clamp(2, WINDOW);
    let mut pairs = Vec::new();
    for nodes in by_entity.values() {
        for (at, a) in nodes.iter().enumerate() {
            pairs.extend(nodes.iter().skip(at + 1).take(window).map(|b| (*a, *b)));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
