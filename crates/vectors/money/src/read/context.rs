//! What readers share while they read one source: the builder, the place they are at, and where Problems go. Never reads.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use palisade_model::{Address, Chain, Citation, Origin, Problem, ProblemCode, SourceId, transaction_id};

use crate::ledger::{ChainKey, LedgerBuilder, LimitMet, PartyKey, Trouble, TxKey};

use super::Options;
use super::amount::AmountError;

/// Addresses whose reading is remembered: a checksum costs more than a look-up, and few addresses make most rows.
const REMEMBERED: usize = 1 << 16;

/// Why a record is left out.
#[derive(Debug)]
pub(super) enum Bad {
    /// As the message says.
    Record(String),
    /// The ledger is full; reading ends.
    Full(LimitMet),
}

impl From<LimitMet> for Bad {
    fn from(met: LimitMet) -> Bad {
        Bad::Full(met)
    }
}

impl From<AmountError> for Bad {
    fn from(e: AmountError) -> Bad {
        Bad::Record(e.to_string())
    }
}

impl From<&str> for Bad {
    fn from(message: &str) -> Bad {
        Bad::Record(message.to_owned())
    }
}

/// A chain and whose addresses it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct On {
    pub key: ChainKey,
    /// `None`: not known here; parties are taken as they are written.
    pub family: Option<Chain>,
}

pub(super) struct Context<'a> {
    pub builder: &'a mut LedgerBuilder,
    pub options: &'a Options<'a>,
    source: SourceId,
    origin: &'a Origin,
    trouble: Trouble,
    known: HashMap<Box<str>, PartyKey, FixedState>,
    known_on: Option<ChainKey>,
    /// Reading ends: the ledger is full.
    pub full: bool,
}

impl<'a> Context<'a> {
    pub fn new(
        builder: &'a mut LedgerBuilder,
        source: SourceId,
        origin: &'a Origin,
        options: &'a Options<'a>,
    ) -> Context<'a> {
        builder.source(source, origin);
        Context {
            builder,
            options,
            source,
            origin,
            trouble: Trouble::default(),
            known: HashMap::default(),
            known_on: None,
            full: false,
        }
    }

    pub fn finish(self) -> Vec<Problem> {
        self.trouble.finish()
    }

    pub fn problem(&mut self, code: ProblemCode, offset: u64, message: impl Into<String>) {
        self.trouble.add(self.origin, code, offset, message);
    }

    /// Notes why a record is left out, if it is.
    pub fn outcome(&mut self, offset: u64, result: Result<(), Bad>) {
        match result {
            Ok(()) => {}
            Err(Bad::Record(message)) => self.problem(ProblemCode::DamagedRecord, offset, message),
            Err(Bad::Full(met)) => {
                self.full = true;
                self.problem(ProblemCode::Limit, offset, met.to_string());
            }
        }
    }

    pub fn cite(&self, record: u64, offset: u64) -> Citation {
        Citation { source: self.source, record, offset }
    }

    /// A chain by name; `default` where the options name none.
    pub fn chain(&mut self, default: &str) -> Result<On, Bad> {
        let name = self.options.chain.unwrap_or(default);
        Ok(On { key: self.builder.chain(name)?, family: Chain::of_ledger(name) })
    }

    /// A party by its address as the source writes it.
    pub fn party(&mut self, on: On, text: &str) -> Result<PartyKey, Bad> {
        let text = text.trim();
        if self.known_on != Some(on.key) {
            self.known.clear();
            self.known_on = Some(on.key);
        }
        if let Some(party) = self.known.get(text) {
            return Ok(*party);
        }
        let party = match on.family {
            Some(family) => {
                let address = Address::parse_on(family, text).map_err(|e| {
                    Bad::Record(format!("an address is damaged, the record is left out: {e}"))
                })?;
                self.builder.party(on.key, address.text())?
            }
            None => self.builder.party(on.key, text)?,
        };
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(text.into(), party);
        Ok(party)
    }

    /// A party of a token's transfer: the zero address is nobody, as contracts write it for mint and burn.
    pub fn holder(&mut self, on: On, text: &str) -> Result<PartyKey, Bad> {
        let zero = |t: &str| {
            let digits = t.strip_prefix("0x").or_else(|| t.strip_prefix("41")).unwrap_or("1");
            t.len() == 42 && digits.bytes().all(|b| b == b'0')
        };
        let t = text.trim();
        if zero(t) || t == "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb" {
            return Ok(PartyKey::NOBODY);
        }
        self.party(on, t)
    }

    /// A contract's canonical address.
    pub fn contract(&mut self, on: On, text: &str) -> Result<String, Bad> {
        match on.family {
            Some(family) => Address::parse_on(family, text).map(|a| a.text().to_owned()).map_err(|e| {
                Bad::Record(format!("a token's address is damaged, the record is left out: {e}"))
            }),
            None if text.trim().len() > MAX_NAME => {
                Err("a token's name is too long: the record is left out".into())
            }
            None => Ok(text.trim().to_owned()),
        }
    }

    /// A transaction by its id as the source writes it.
    pub fn tx(&mut self, on: On, text: &str) -> Result<TxKey, Bad> {
        let id = transaction_id(text).ok_or(
            "a transaction's id is neither 64 hexadecimal digits nor a signature: the record is left out",
        )?;
        Ok(self.builder.tx(on.key, &id)?)
    }
}

/// Longest name taken where no form of address checks it.
pub(super) const MAX_NAME: usize = 256;
