//! The observable index of one lake segment (`<id>.obs`): which blocks of rows hold an observable.
//!
//! Today's indicator meets last winter's events here. A segment whose index says "none of these" is not
//! opened, and for one that may hold something only the blocks named are read. Bloom filters would do for one
//! indicator; for 10,000 of them each filter is read anyway and nothing is learnt of the place. Here a block
//! of sorted hashes costs 3¼ bytes per distinct observable and answers with rows and blocks.
//!
//! An answer may name too much: another observable with the same 32 bits or so (below one in two million per
//! look-up), or the wider network that is stored. It never names too little; damage is an error, not "none".
//! An observable of at most [`MAX_EXACT`] rows is answered with those rows and 32 more bits of its hash: nothing
//! needs to be read to make sure of them.
//!
//! # Wider entries
//! An indicator may be wider than the observable it meets (`IndicatorSet::look_up` in `rules`), so rows also
//! enter what is wider than their observables:
//!
//! | observable | enters too | met by |
//! | --- | --- | --- |
//! | `domain:a.b.example.com` | itself and each parent below the public suffix, as a *wide* domain | indicator `example.com` |
//! | `host:ws.corp.local` | itself and each parent with a dot, as a wide host | indicator `corp.local` |
//! | `file_name:x.exe`, `path:c:\x.exe` | the file name, as a wide file name | file name `x.exe` |
//! | `ip:…` | its networks of 0, 8, 16, 24 bits (IPv6: 0, 32, 48, 64) | the nearest of these that is no narrower than the indicator |
//!
//! The wide section answers for the observable itself too. Only where fewer rows hold the name than the
//! name or something below it does the name's own section have an entry of its own, and the wide one says so.
//! Names of more than [`MAX_LABELS`] labels are looked for by their last ones.
//!
//! # Format, version 2 (little-endian; version 1 has no form 3)
//! ```text
//! header     magic "PALOBS", u16 version, u64 file length, u64 rows, u32 rows per block, u32 sections,
//!            u32 CRC of the table, u32 CRC of the header so far                               (40 bytes)
//! table      per section, codes ascending: u8 code, u8 flags, u8 count width, u8 0, u32 entries,
//!            u32 buckets, u64 length of postings                                              (20 bytes)
//! sections   in the table's order, each:
//!   directory  chunks of 64 groups: u32 entries and u64 posting bytes before the chunk; per group
//!              u32 entries, u32 posting bytes, u32 CRC of its keys, u32 CRC of its postings; u32 CRC
//!   keys       groups of 16 buckets: entries per bucket (count width bytes each), then a remainder of
//!              24 bits per entry, ascending within a bucket
//!   postings   per entry, varints: rows << 3 | other << 2 | form; form 0: the block; 1: every block;
//!              2: number of pieces, each (blocks skipped since the last piece << 1 | more), if more: blocks - 2;
//!              3: u32 check, the first row, then the rows skipped between each and the next
//! ```
//! A hash is the first 8 bytes, big-endian, of the SHA-256 of `kind:value`; of a network, of `net:`, one byte of
//! length and the masked address. Times the number of buckets it is 128 bits long: the upper half is the bucket
//! (8 entries on average), the 24 bits below are the remainder. So a bucket's number grows with the hash, a sorted set
//! of queries passes each section once, and the number of buckets need be no power of two. A check is the next 4 bytes.
//! `other` says that the section without [`WIDE`] has the observable's own rows, if it has any.
//! Flag 1: the builder had no memory left for this section, and everything may be everywhere.
//!
//! What it never does: open files, keep values (only hashes), or take a look-up's "no" from bytes
//! whose checksum it has not seen.

mod build;
mod bytes;
mod read;

use std::net::IpAddr;

use palisade_model::{Observable, ObservableKind};
use sha2::{Digest, Sha256};

pub use build::IndexBuilder;
pub use bytes::{Counting, ReadAt};
pub(crate) use read::merge;
pub use read::{Hits, Index, merge_blocks};

/// Rows of a block where nothing else is asked for.
pub const ROWS_PER_BLOCK: u32 = 2_048;
/// Most entries of all sections of one segment: what a builder keeps (40 bytes each and its hash table's
/// share: 900 MiB; a million rows with 16 new observables each) and what a reader believes.
pub const MAX_ENTRIES: usize = 1 << 24;
/// Observables of more rows of a segment are answered with blocks: most blocks of the largest segment hold one then.
pub const MAX_EXACT: u32 = 1_024;
/// Names are entered with this many labels at most, so that one name of a thousand dots is not a thousand entries.
pub const MAX_LABELS: usize = 16;

const MAGIC: &[u8; 6] = b"PALOBS";
const VERSION: u16 = 2;
const HEADER_BYTES: usize = 40;
const RECORD_BYTES: usize = 20;
const CHUNK_GROUPS: u32 = 64;
const CHUNK_BASE_BYTES: usize = 12;
const GROUP_BYTES: usize = 16;
const GROUP_BUCKETS: u32 = 16;
const BUCKET_ENTRIES: usize = 8;
const REMAINDER_BYTES: usize = 3;
const CRC_BYTES: usize = 4;
/// Codes are a byte; so many sections can exist.
const MAX_SECTIONS: usize = 256;

/// Section flag: the builder ran out of room, the section holds nothing and answers "everywhere".
const FULL: u8 = 1;

/// Code of texts whose kind this Palisade does not know.
const OTHER: u8 = 127;
/// Added to a kind's code: the section that also holds what is below.
const WIDE: u8 = 128;
/// Networks of addresses.
const NETWORKS: u8 = 192;

/// Prefix lengths stored, narrowest last.
const PREFIXES_V4: [u8; 4] = [0, 8, 16, 24];
const PREFIXES_V6: [u8; 4] = [0, 32, 48, 64];

/// Every kind. Its code in files stands in [`code`].
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

/// The number that stands for a kind in files. Numbers are given once and never again; a new kind takes the next.
const fn code(kind: ObservableKind) -> u8 {
    match kind {
        ObservableKind::Ip => 1,
        ObservableKind::Domain => 2,
        ObservableKind::Url => 3,
        ObservableKind::Email => 4,
        ObservableKind::Md5 => 5,
        ObservableKind::Sha1 => 6,
        ObservableKind::Sha256 => 7,
        ObservableKind::Sha512 => 8,
        ObservableKind::Imphash => 9,
        ObservableKind::Path => 10,
        ObservableKind::FileName => 11,
        ObservableKind::Host => 12,
        ObservableKind::Account => 13,
        ObservableKind::Sid => 14,
        ObservableKind::Arn => 15,
        ObservableKind::ProcessGuid => 16,
        ObservableKind::CryptoAddress => 17,
        ObservableKind::CryptoTransaction => 18,
        ObservableKind::LogonSession => 19,
    }
}

/// Why an index gives no answer. The caller names the file.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its bytes could not be read.
    #[error("reading the observable index failed: {0}")]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error(
        "this is no observable index: it does not begin with PALOBS; it can be built again from its segment"
    )]
    NotAnIndex,
    /// It was written by a newer Palisade.
    #[error(
        "the observable index has version {found}, this Palisade knows version {VERSION}; use the Palisade that wrote it or a newer one, or build the index again from its segment"
    )]
    Version {
        /// Its version.
        found: u16,
    },
    /// It has another length than it says.
    #[error(
        "the observable index has {found} bytes where its header says {stated}: it was cut or added to; build it again from its segment"
    )]
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        stated: u64,
    },
    /// Its bytes are not those that were written.
    #[error("the observable index is damaged: {what} at byte {at}; build it again from its segment")]
    Damaged {
        /// What does not hold.
        what: &'static str,
        /// Where the part begins that it does not hold of.
        at: u64,
    },
}

/// What an observable is found by: 12 bytes of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Hash {
    /// Says its place.
    place: u64,
    /// Tells it from others that look alike there.
    check: u32,
}

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Query {
    code: u8,
    hash: Hash,
    /// Not what is below: where the wide section says that the observable's own rows are others, those.
    narrow: bool,
}

impl Query {
    /// What the indicator `observable` meets: the observable and, of a domain or a host with a dot, names below
    /// it; of a file name, paths that end in it.
    pub fn exact(observable: &Observable) -> Query {
        let (kind, value) = (observable.kind(), observable.value());
        match widened(kind, value) {
            Some(deepest) => {
                let hash = if deepest.len() == value.len() {
                    hash_text(&observable.to_string())
                } else {
                    hash_text(&format!("{}:{deepest}", kind.name()))
                };
                Query { code: code(kind) | WIDE, hash, narrow: false }
            }
            None => Query { code: code(kind), hash: hash_text(&observable.to_string()), narrow: false },
        }
    }

    /// What the indicator `ip/len` meets. Bits of `ip` beyond `len` count for nothing, bits beyond the address either.
    pub fn network(ip: IpAddr, len: u8) -> Query {
        let (full, stored) = if ip.is_ipv4() { (32, PREFIXES_V4) } else { (128, PREFIXES_V6) };
        if len >= full {
            // Not `Observable::ip`: a mapped address is IPv4 there, and a network of IPv6 here.
            return Query {
                code: code(ObservableKind::Ip),
                hash: hash_text(&format!("ip:{ip}")),
                narrow: false,
            };
        }
        let len = stored.iter().rev().find(|s| **s <= len).copied().unwrap_or(0);
        Query { code: NETWORKS, hash: hash_network(ip, len), narrow: false }
    }

    /// Rows whose `_observables` hold exactly this text, as `array_has(_observables, 'ip:203.0.113.7')` asks.
    pub fn holds(text: &str) -> Query {
        let hash = hash_text(text);
        let known = text.split_once(':').and_then(|(kind, value)| Some((kind_named(kind)?, value)));
        let Some((kind, value)) = known else { return Query { code: OTHER, hash, narrow: false } };
        match widened(kind, value) {
            // The wide section has the whole name and tells whether its own rows are others.
            Some(deepest) if deepest.len() == value.len() => {
                Query { code: code(kind) | WIDE, hash, narrow: true }
            }
            _ => Query { code: code(kind), hash, narrow: false },
        }
    }
}

/// Queries in the order in which an index is read; made once, asked of many segments.
#[derive(Clone, Default, Debug)]
pub struct QuerySet {
    /// Sorted; with the query's number.
    queries: Vec<(Query, u32)>,
}

impl QuerySet {
    /// Their numbers are their places in `queries`, from 0.
    pub fn new(queries: impl IntoIterator<Item = Query>) -> QuerySet {
        let mut queries: Vec<(Query, u32)> = queries.into_iter().zip(0..=u32::MAX).collect();
        queries.sort_unstable();
        QuerySet { queries }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }
}

/// The name under which a value of a widened kind enters the wide section: itself, or its last [`MAX_LABELS`]
/// labels. None where the kind (or a host of one label) is not widened.
fn widened(kind: ObservableKind, value: &str) -> Option<&str> {
    match kind {
        ObservableKind::Domain | ObservableKind::Host if value.contains('.') => {
            let cut = value.rmatch_indices('.').nth(MAX_LABELS - 1).map_or(0, |(dot, _)| dot + 1);
            value.get(cut..)
        }
        ObservableKind::FileName => Some(value),
        _ => None,
    }
}

/// A kind by its name.
pub(crate) fn kind_named(name: &str) -> Option<ObservableKind> {
    KINDS.into_iter().find(|k| k.name() == name)
}

fn beginning(hash: Sha256) -> Hash {
    let hash = hash.finalize();
    let number = |from: &[u8]| from.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let (place, rest) = hash.split_at(8);
    Hash { place: number(place), check: number(&rest[..4]) as u32 }
}

fn hash_text(text: &str) -> Hash {
    beginning(Sha256::new().chain_update(text))
}

fn hash_network(ip: IpAddr, len: u8) -> Hash {
    let hash = Sha256::new().chain_update(b"net:").chain_update([len]);
    beginning(match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0);
            hash.chain_update((u32::from(ip) & mask).to_be_bytes())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0);
            hash.chain_update((u128::from(ip) & mask).to_be_bytes())
        }
    })
}

/// Bucket and remainder of a hash in a section of `buckets`.
fn place(hash: u64, buckets: u32) -> (u32, u32) {
    let wide = u128::from(hash) * u128::from(buckets);
    // The upper half is below `buckets`, the shifted one below 2^24.
    ((wide >> 64) as u32, ((wide as u64) >> 40) as u32)
}

/// Opens any bytes as an index and asks it for everything a query can be: the fuzzer's door. Whatever comes in, it returns.
pub fn fuzz(data: &[u8]) {
    let Ok(index) = Index::open(data) else { return };
    let texts = ["ip:10.0.0.1", "domain:example.com", "host:ws1", "file_name:a.exe", "sha256:00", "new:kind"];
    let networks = (0..=32).map(|len| Query::network(IpAddr::from([10, 0, 0, 1]), len));
    let set = QuerySet::new(texts.into_iter().map(Query::holds).chain(networks));
    // Only that they return matters.
    let _ = index.lookup_many(&set);
    for (query, _) in &set.queries {
        let _ = index.lookup(query);
    }
}
