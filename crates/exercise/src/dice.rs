//! Numbers that look drawn by lot and follow from the seed alone.
//!
//! Only integer arithmetic that wraps: the same numbers come out on every machine. It never asks the system for
//! randomness and never looks at a clock.

/// A generator of numbers: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// From a seed and what the numbers are for: two purposes never share a series, so that one more number drawn
    /// for one host leaves all others as they were.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        // FNV-1a over the purpose (Fowler, Noll, Vo), stirred into the seed.
        let hash = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut dice = Dice(seed ^ hash);
        dice.next();
        dice
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0. The bias of the remainder is below 2⁻³² for every `n` used here.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// A place in a list of this length.
    pub fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of several; `T::default()` if there are none.
    pub fn pick<T: Copy + Default>(&mut self, of: &[T]) -> T {
        of.get(self.place(of.len())).copied().unwrap_or_default()
    }

    /// `digits` hexadecimal digits in lower case.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut out = String::with_capacity(digits + 16);
        while out.len() < digits {
            out.push_str(&format!("{:016x}", self.next()));
        }
        out.truncate(digits);
        out
    }

    /// A random GUID (version 4), lower case, without braces.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | (b >> 48) & 0x3fff,
            b & 0xffff_ffff_ffff
        )
    }

    /// Letters and digits, upper case, as key and principal ids of clouds are written.
    pub fn code(&mut self, len: usize) -> String {
        const SIGNS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..len).map(|_| char::from(SIGNS[self.place(SIGNS.len())])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_have_series_of_their_own() {
        let series = |seed, what: &str| {
            let mut dice = Dice::new(seed, what);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(series(1, "a"), series(1, "a"));
        assert_ne!(series(1, "a"), series(1, "b"));
        assert_ne!(series(1, "a"), series(2, "a"));
    }

    /// Other machines and later versions must give these very numbers: truth refers to them.
    #[test]
    fn the_series_is_fixed() {
        let mut dice = Dice::new(7, "fixed");
        assert_eq!(dice.hex(20).len(), 20);
        let mut zero = Dice(0);
        // The first output of splitmix64 from state 0, as in its authors' reference code.
        assert_eq!(zero.next(), 0xe220_a839_7b1d_cdaf);
    }
}
