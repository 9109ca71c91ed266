//! Numbers in order, from which the k-th can be read while others come and go.
//!
//! Sorted blocks of bounded length: finding a block is a binary search, changing it moves at most [`BLOCK`] numbers.

/// Most numbers of a block.
const BLOCK: usize = 1_024;

/// A multiset of finite doubles.
#[derive(Default, Debug)]
pub(super) struct Ranked {
    blocks: Vec<Vec<f64>>,
    len: usize,
}

impl Ranked {
    /// The block in which `x` is, or where it belongs.
    fn block(&self, x: f64) -> usize {
        let after = self.blocks.partition_point(|b| b.last().is_some_and(|last| *last < x));
        after.min(self.blocks.len().saturating_sub(1))
    }

    pub(super) fn add(&mut self, x: f64) {
        self.len += 1;
        let at = self.block(x);
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![x]);
            return;
        };
        let place = block.partition_point(|y| *y < x);
        block.insert(place, x);
        if block.len() > BLOCK {
            let upper = block.split_off(BLOCK / 2);
            self.blocks.insert(at + 1, upper);
        }
    }

    /// Takes one of those equal to `x` away.
    pub(super) fn take(&mut self, x: f64) {
        let at = self.block(x);
        let Some(block) = self.blocks.get_mut(at) else { return };
        let place = block.partition_point(|y| *y < x);
        if block.get(place) == Some(&x) {
            block.remove(place);
            self.len -= 1;
            if block.is_empty() {
                self.blocks.remove(at);
            }
        }
    }

    /// The k-th smallest, from 0.
    fn kth(&self, mut k: usize) -> f64 {
        for block in &self.blocks {
            match block.get(k) {
                Some(x) => return *x,
                None => k -= block.len(),
            }
        }
        0.0
    }

    /// The value at a percentile (0 to 100), between two neighbours in proportion (SQL's `PERCENTILE_CONT`): the
    /// 50th of two numbers is their mean. 0 of no numbers.
    pub(super) fn percentile(&self, p: f64) -> f64 {
        if self.len == 0 {
            return 0.0;
        }
        let place = (self.len - 1) as f64 * p / 100.0;
        let below = (place.floor() as usize).min(self.len - 1);
        let share = place - below as f64;
        let low = self.kth(below);
        if share <= 0.0 || below + 1 >= self.len {
            return low;
        }
        let high = self.kth(below + 1);
        // Not low + (high - low) × share: the difference of two doubles may be infinite.
        low * (1.0 - share) + high * share
    }
}

#[cfg(test)]
mod tests {
    use super::Ranked;

    #[test]
    fn percentiles_are_those_of_a_sorted_list() {
        let mut ranked = Ranked::default();
        assert_eq!(ranked.percentile(50.0), 0.0);
        let mut list: Vec<f64> = Vec::new();
        let mut seed = 7_u64;
        for turn in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let x = ((seed >> 40) % 3_000) as f64;
            if turn % 3 == 2 {
                let gone = list.swap_remove((seed >> 33) as usize % list.len());
                ranked.take(gone);
            } else {
                ranked.add(x);
                list.push(x);
            }
            ranked.take(-1.0);
            if turn % 500 == 0 {
                let mut sorted = list.clone();
                sorted.sort_by(f64::total_cmp);
                for (k, x) in sorted.iter().enumerate() {
                    assert_eq!(ranked.kth(k), *x);
                }
            }
        }
        assert_eq!(ranked.len, list.len());
        let of = |list: &[f64], p: f64| {
            let mut ranked = Ranked::default();
            list.iter().for_each(|x| ranked.add(*x));
            ranked.percentile(p)
        };
        assert_eq!(of(&[4.0, 1.0], 50.0), 2.5);
        assert_eq!(of(&[1.0, 2.0, 9.0], 50.0), 2.0);
        assert_eq!((of(&[1.0, 2.0, 9.0], 0.0), of(&[1.0, 2.0, 9.0], 100.0)), (1.0, 9.0));
        assert_eq!(of(&[0.0, 10.0, 20.0, 30.0, 40.0], 95.0), 38.0);
        assert_eq!(of(&[f64::MAX, -f64::MAX], 50.0), 0.0);
    }
}
