//! The Sigma language: YAML text in, [`ir`] out.
//!
//! This half of the room knows what rules *mean* and nothing about running them fast. It never
//! does I/O, never guesses at what an unreadable rule may have meant, and never drops one silently:
//! a rule is either in the result or there is a [`RuleError`](ir::RuleError) that says where and why.

pub mod decimal;
pub mod fold;
pub mod ir;
pub mod time;
