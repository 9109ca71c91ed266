//! Assets that everybody knows by their symbol, and the contract that has it on each chain. Facts their issuers publish.
//!
//! They give decimals where no source does, and they are what fake tokens imitate. A contract that is not here is not thereby
//! fake. What this never does: take a symbol for an asset.

/// An asset that others imitate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Short name of its chain.
    pub chain: &'static str,
    /// Its contract, as people write it.
    pub contract: &'static str,
    /// What it calls itself.
    pub symbol: &'static str,
    /// Digits after the point.
    pub decimals: u8,
    /// It is the chain's own coin, wrapped one to one by the contract that all of these have in common (WETH9).
    pub wraps: bool,
}

const fn token(chain: &'static str, symbol: &'static str, decimals: u8, contract: &'static str) -> Known {
    Known { chain, contract, symbol, decimals, wraps: false }
}

const fn wrapped(chain: &'static str, symbol: &'static str, contract: &'static str) -> Known {
    Known { chain, contract, symbol, decimals: 18, wraps: true }
}

/// The assets. Several contracts of one symbol on one chain are all genuine (issued and bridged USDC).
const KNOWN: &[Known] = &[
    token("ethereum", "USDT", 6, "0xdac17f958d2ee523a2206206994597c13d831ec7"),
    token("ethereum", "USDC", 6, "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
    token("ethereum", "DAI", 18, "0x6b175474e89094c44da98b954eedeac495271d0f"),
    wrapped("ethereum", "WETH", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
    token("ethereum", "WBTC", 8, "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"),
    token("ethereum", "stETH", 18, "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"),
    token("ethereum", "LINK", 18, "0x514910771af9ca656af840dff83e8264ecf986ca"),
    token("ethereum", "UNI", 18, "0x1f9840a85d5af5bf1d1762f925bdaddc4201f984"),
    token("ethereum", "SHIB", 18, "0x95ad61b0a150d79219dcf64e1e6cc01f0b64c4ce"),
    token("ethereum", "BUSD", 18, "0x4fabb145d64652a948d72533023f6e7a623c7c53"),
    token("ethereum", "TUSD", 18, "0x0000000000085d4780b73119b644ae5ecd22b376"),
    token("ethereum", "PYUSD", 6, "0x6c3ea9036406852006290770bedfcaba0e23a0e8"),
    token("eip155:56", "USDT", 18, "0x55d398326f99059ff775485246999027b3197955"),
    token("eip155:56", "USDC", 18, "0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d"),
    token("eip155:56", "BUSD", 18, "0xe9e7cea3dedca5984780bafc599bd69add087d56"),
    wrapped("eip155:56", "WBNB", "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c"),
    token("eip155:137", "USDT", 6, "0xc2132d05d31c914a87c6611c10748aeb04b58e8f"),
    token("eip155:137", "USDC", 6, "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359"),
    token("eip155:137", "USDC", 6, "0x2791bca1f2de4661ed88a30c99a7a9449aa84174"),
    wrapped("eip155:137", "WPOL", "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270"),
    token("eip155:42161", "USDT", 6, "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9"),
    token("eip155:42161", "USDC", 6, "0xaf88d065e77c8cc2239327c5edb3a432268e5831"),
    token("eip155:42161", "USDC", 6, "0xff970a61a04b1ca14834a43f5de4533ebddb5cc8"),
    token("eip155:10", "USDT", 6, "0x94b008aa00579c1307b0ef2c499ad98a8ce58e58"),
    token("eip155:10", "USDC", 6, "0x0b2c639c533813f4aa9d7837caf62653d097ff85"),
    token("eip155:10", "USDC", 6, "0x7f5c764cbc14f9669b88837ca1490cca17c31607"),
    wrapped("eip155:10", "WETH", "0x4200000000000000000000000000000000000006"),
    token("eip155:8453", "USDC", 6, "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"),
    wrapped("eip155:8453", "WETH", "0x4200000000000000000000000000000000000006"),
    token("tron", "USDT", 6, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    token("tron", "USDC", 6, "TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8"),
    token("solana", "USDT", 6, "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
    token("solana", "USDC", 6, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
];

/// The known asset of a contract.
pub fn of(chain: &str, contract: &str) -> Option<&'static Known> {
    // Only hexadecimal is the same in either case.
    let same = |k: &Known| match k.contract.starts_with("0x") {
        true => k.contract.eq_ignore_ascii_case(contract),
        false => k.contract == contract,
    };
    KNOWN.iter().find(|k| k.chain == chain && same(k))
}

/// The known assets of a chain.
pub fn on(chain: &str) -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().filter(move |k| k.chain == chain)
}

/// Whether a contract wraps its chain's coin one to one.
pub fn wraps(chain: &str, contract: &str) -> bool {
    of(chain, contract).is_some_and(|k| k.wraps)
}
