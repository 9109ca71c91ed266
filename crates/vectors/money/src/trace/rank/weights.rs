//! The fitted numbers. Written by `cargo run --release -p palisade-money --example laundernet -- FOLDER fit`; do not edit by hand.
#![allow(clippy::approx_constant)] // a fitted number may come near to a known one

use super::Weights;

/// Weights as shipped.
pub const SHIPPED: Weights = Weights {
    weight: [
        13.0528, // always
        -0.2441, // sender: ratio of arrivals
        -0.0289, // sender: ratio of other departures
        0.2884,  // receiver: ratio of other arrivals
        0.0298,  // receiver: ratio of other arrivals, by amount
        0.1028,  // receiver: ratio of departures
        0.0287,  // receiver: ratio of departures, by amount
        0.1008,  // tainted share under a haircut
        0.392,   // sender: nearness of an arrival before
        0.429,   // sender: nearness of another departure
        0.1818,  // receiver: nearness of another arrival
        0.3095,  // receiver: nearness of a departure after
        2.789,   // sender: an arrival before of this amount
        1.4512,  // sender: another departure of this amount
        1.4302,  // receiver: another arrival of this amount
        -0.6284, // sender: number of transfers
        -0.7779, // receiver: number of transfers
        2.6864,  // transfers between the two
        0.2863,  // receiver: strange transfers before
        -0.1777, // receiver: no departure after
        0.315,   // sender: brings what leaves nearer to what came
        0.3037,  // receiver: brings what came nearer to what leaves
    ],
    usual: [
        1.0, -0.9552, -0.6539, -0.781, -1.2485, -1.0895, -1.6347, -2.0542, -5.2757, -5.2088, -6.2938,
        -7.0365, 0.0938, 0.171, 0.1295, 2.8518, 2.2269, 0.4051, -1.2585, 0.3724, -1.211, 0.2868,
    ],
};
