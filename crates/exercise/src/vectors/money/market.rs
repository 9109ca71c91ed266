//! Who pays whom on the chain of an exercise: an exchange, its customers, services, strangers.
//!
//! Every address follows from the seed; none is anybody's. Amounts are whole numbers of the smallest unit.

use palisade_model::Time;

use crate::dice::Dice;
use crate::plan::{Leg, Transfer};

/// What moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coin {
    /// The chain's coin, 18 digits.
    Ether,
    /// A token that stands for dollars, 6 digits.
    Dollar,
    /// A token that stands for the coin, 18 digits.
    Wrapped,
}

/// Thousandths of the chain's coin in its smallest unit.
pub(crate) fn ether(thousandths: u64) -> u128 {
    u128::from(thousandths) * 1_000_000_000_000_000
}

/// Whole dollars in the smallest unit of their token.
pub(crate) fn tokens(dollars: u64) -> u128 {
    u128::from(dollars) * 1_000_000
}

/// Customers of the exchange.
const CUSTOMERS: u64 = 600;

/// Everybody else.
const STRANGERS: u64 = 4_000;

/// Addresses that many know.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    seed: u64,
    /// The exchange's wallet for everyday payments.
    pub hot: String,
    /// Its wallet that is touched seldom.
    pub cold: String,
    /// Wallets of other exchanges.
    pub services: [String; 3],
    /// A mixer's pool for a hundred coins.
    pub mixer: String,
    /// A bridge to another chain.
    pub bridge: String,
    /// A contract that swaps tokens.
    pub router: String,
}

impl Market {
    /// The market of a world.
    pub fn new(seed: u64) -> Market {
        let of = |what: &str| address(seed, what);
        Market {
            seed,
            hot: of("hot"),
            cold: of("cold"),
            services: [of("service a"), of("service b"), of("service c")],
            mixer: of("mixer"),
            bridge: of("bridge"),
            router: of("router"),
        }
    }

    /// The contract of a token; of the coin itself nothing.
    pub fn contract(coin: Coin) -> &'static str {
        match coin {
            Coin::Ether => "",
            Coin::Dollar => "0x00000000000000000000000000000000d011a500",
            Coin::Wrapped => "0x000000000000000000000000000000000e7e9000",
        }
    }

    /// The address at which a service takes what somebody pays in.
    pub fn deposit(&self, service: usize, whose: u64) -> String {
        address(self.seed, &format!("deposit {service} {whose}"))
    }

    /// An address that nothing else has.
    pub fn fresh(&self, what: &str, number: u64) -> String {
        address(self.seed, &format!("{what} {number}"))
    }

    fn customer(&self, number: u64) -> String {
        address(self.seed, &format!("customer {number}"))
    }

    fn own_deposit(&self, number: u64) -> String {
        address(self.seed, &format!("own deposit {number}"))
    }

    fn stranger(&self, number: u64) -> String {
        address(self.seed, &format!("stranger {number}"))
    }

    /// What the exchange knows of others, as a TagPack.
    pub fn tagpack(&self) -> String {
        let mut out = String::from(
            "title: Services known to the exchange (invented, for an exercise)\n\
             creator: exercise\n\
             currency: ETH\n\
             lastmod: 2026-01-01\n\
             confidence: service_data\n\
             source: the exchange's own list\n\
             tags:\n",
        );
        let mut tag = |address: &str, label: &str, category: &str, definer: bool| {
            out.push_str(&format!(
                "  - address: \"{address}\"\n    label: {label}\n    category: {category}\n    is_cluster_definer: {definer}\n"
            ));
        };
        tag(&self.hot, "own hot wallet", "hosted_wallet", true);
        tag(&self.cold, "own cold wallet", "hosted_wallet", true);
        for (service, name) in self.services.iter().zip(["Larkspur", "Quillon", "Tamarack"]) {
            tag(service, &format!("{name} exchange"), "exchange", true);
        }
        tag(&self.mixer, "Undertow pool, 100 coins", "mixer", true);
        tag(&self.bridge, "Causeway bridge", "bridge", true);
        tag(&self.router, "Carousel router", "defi_dex", true);
        out
    }

    /// Everyday life, from its beginning.
    pub fn life(&self) -> Life<'_> {
        Life { market: self, dice: Dice::new(self.seed, "everyday ledger"), swept: None }
    }
}

fn address(seed: u64, what: &str) -> String {
    format!("0x{}", Dice::new(seed, &format!("address {what}")).hex(40))
}

/// Everyday payments, one after the other.
pub(crate) struct Life<'m> {
    market: &'m Market,
    dice: Dice,
    /// What a customer has paid in and is swept next.
    swept: Option<Leg>,
}

impl Life<'_> {
    /// The next, at this second.
    pub fn next(&mut self, second: i64) -> Transfer {
        let leg = self.leg();
        // A payment fails now and then: what it would have moved stays, its price is paid.
        let failed = self.dice.once_in(60);
        Transfer { time: Time(second * 1_000_000), legs: leg, failed, of: None }
    }

    fn leg(&mut self) -> Vec<Leg> {
        if let Some(leg) = self.swept.take() {
            return vec![leg];
        }
        let m = self.market;
        let coin = if self.dice.once_in(3) { Coin::Dollar } else { Coin::Ether };
        // Most amounts are small, a few are large: the product of two draws.
        let size = (1 + self.dice.below(200)) * (1 + self.dice.below(60));
        let amount = if coin == Coin::Dollar { tokens(size) } else { ether(size) };
        let customer = self.dice.below(CUSTOMERS);
        let one = |from: String, to: String, amount: u128| vec![Leg { from, to, coin, amount }];
        match self.dice.below(100) {
            0..28 => {
                let deposit = m.own_deposit(customer);
                let fee = if coin == Coin::Ether { ether(1) } else { 0 };
                let swept = amount.saturating_sub(fee);
                self.swept = Some(Leg { from: deposit.clone(), to: m.hot.clone(), coin, amount: swept });
                one(m.customer(customer), deposit, amount)
            }
            28..55 => one(m.hot.clone(), m.customer(customer), amount),
            55..62 => {
                let (service, whose) = (self.dice.place(3), self.dice.below(STRANGERS));
                let deposit = m.deposit(service, whose);
                self.swept =
                    Some(Leg { from: deposit.clone(), to: m.services[service].clone(), coin, amount });
                one(m.stranger(whose), deposit, amount)
            }
            62..69 => {
                let service = self.dice.place(3);
                one(m.services[service].clone(), m.stranger(self.dice.below(STRANGERS)), amount)
            }
            69..71 => one(m.stranger(self.dice.below(STRANGERS)), m.bridge.clone(), amount),
            71..72 => {
                let (from, to) = (m.stranger(self.dice.below(STRANGERS)), m.mixer.clone());
                vec![Leg { from, to, coin: Coin::Ether, amount: ether(100_000) }]
            }
            72..76 => {
                let who = m.stranger(self.dice.below(STRANGERS));
                vec![
                    Leg { from: who.clone(), to: m.router.clone(), coin: Coin::Dollar, amount: tokens(size) },
                    Leg { from: m.router.clone(), to: who, coin: Coin::Wrapped, amount: ether(size / 2 + 1) },
                ]
            }
            76..77 => {
                // What is left over for the day goes to the wallet that is touched seldom.
                vec![Leg {
                    from: m.hot.clone(),
                    to: m.cold.clone(),
                    coin: Coin::Ether,
                    amount: ether(40_000 + size),
                }]
            }
            _ => {
                let (from, to) = (self.dice.below(STRANGERS), self.dice.below(STRANGERS));
                one(m.stranger(from), m.stranger(to), amount)
            }
        }
    }
}
