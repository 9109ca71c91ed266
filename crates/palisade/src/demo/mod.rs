//! placeholder
use crate::{args::Demo, errors::Exit};
pub fn run(_: &Demo) -> anyhow::Result<Exit> {
    Ok(Exit::Clean)
}
