//! Completion scripts and manual pages, made from the command line's own description.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

use crate::args::{Args, Completions, Man};
use crate::errors::Exit;

/// `palisade completions SHELL`.
pub fn completions(args: &Completions) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "palisade", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Clean)
}

/// `palisade man`.
pub fn man(args: &Man) -> Result<Exit> {
    match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(Args::command(), folder))
                .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Args::command()).render(&mut page)?;
            std::io::stdout().lock().write_all(&page)?;
        }
    }
    Ok(Exit::Clean)
}
