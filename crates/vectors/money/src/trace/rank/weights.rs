//! The fitted numbers. Written by `cargo run --release -p palisade-money --example laundernet -- FOLDER fit`; do not edit by hand.
#![allow(clippy::approx_constant)] // a fitted number may come near to a known one

use super::Weights;

/// Weights as shipped, in the order of [`WHAT`](super::WHAT).
pub const SHIPPED: Weights = Weights {
    weight: [
        12.8547, -0.326, 0.0302, 0.3109, 0.0622, 0.0986, 0.0142, 0.1083, 0.3645, 0.415, 0.1574, 0.3146,
        2.9299, 1.6844, 1.311, -0.774, -0.8479, 2.8426, 0.1038, -0.0834, 0.3184, 0.2439,
    ],
    usual: [
        1.0, -1.0948, -0.7834, -0.86, -1.3432, -1.161, -1.7171, -2.0683, -5.2742, -5.201, -6.3042, -7.0302,
        0.0905, 0.1666, 0.1251, 2.8755, 2.2306, 0.4021, -1.2867, 0.3626, -1.204, 0.2365,
    ],
};
