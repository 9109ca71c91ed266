//! Exit codes, and errors as one sentence each: what was being done, to what, why it failed,
//! what to do.

use std::io::Write as _;
use std::process::ExitCode;

use palisade_model::terminal;

/// How a command that could be carried out ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Clean,
    /// Done, and the answer is the one that the caller wants to be told of.
    Bad,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Clean => ExitCode::SUCCESS,
            Exit::Bad => ExitCode::from(1),
        }
    }
}

/// The reader of our output has gone (`| head`): no error, only the end.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has gone")]
pub struct Gone;

/// Says the error on standard error; 2, unless only the reader has gone.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let gone = |e: &(dyn std::error::Error + 'static)| {
        e.is::<Gone>()
            || e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(gone) {
        return ExitCode::SUCCESS;
    }
    let text: Vec<String> = error.chain().map(|e| terminal(&e.to_string()).into_owned()).collect();
    let _ = writeln!(std::io::stderr(), "error: {}", text.join(": "));
    ExitCode::from(2)
}

/// A remark on standard error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "note: {}", terminal(text));
}

/// What the operating system said, without its number: `no such file or directory`.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
