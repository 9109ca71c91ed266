//! The built binary, run as people and scripts run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed helper is a failed test

mod analytics;
mod assess;
mod case;
mod commands;
mod crash;
mod errors;
mod forms;
mod hostile;
mod hunt;
mod money;
mod money_trace;
mod screen;
mod upkeep;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A run of the binary.
pub struct Run {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `palisade` with arguments.
pub fn palisade(args: &[&str]) -> Run {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("FORCE_COLOR")
        .output()
        .unwrap();
    Run {
        code: status.code().unwrap_or_else(|| panic!("palisade {args:?}: {status}")),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs it and expects an exit code.
pub fn expect(code: i32, args: &[&str]) -> Run {
    let run = palisade(args);
    assert_eq!(run.code, code, "palisade {args:?}\nstdout: {}\nstderr: {}", run.out, run.err);
    run
}

/// A file with content in a folder.
pub fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// The path as an argument.
pub fn arg(path: &Path) -> String {
    path.display().to_string()
}

/// A Sysmon process creation that a shipped rule finds, with fields of the caller's choice.
pub fn record(host: &str, second: u32, command: &str, extra: &str) -> String {
    let image = "C:\\Windows\\System32\\vssadmin.exe";
    serde_json::json!({
        "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Provider_Name": "Microsoft-Windows-Sysmon",
        "Computer": host, "EventRecordID": second, "UtcTime": format!("2026-10-14 08:21:{second:02}.000"),
        "Image": image, "CommandLine": command, "ParentImage": extra, "User": "CORP\\m.keller",
    })
    .to_string()
        + "\n"
}

/// A log with three findings, one harmless record and one broken line.
pub fn log(folder: &Path) -> PathBuf {
    let kill = "vssadmin.exe Delete Shadows /All /Quiet";
    let cmd = "C:\\Windows\\System32\\cmd.exe";
    let text = [
        record("WS01", 1, "vssadmin.exe list writers", cmd),
        record("WS01", 2, kill, cmd),
        record("WS01", 3, kill, cmd),
        "{\"broken\": \n".to_owned(),
        record("WS02", 4, kill, cmd),
    ]
    .concat();
    file(folder, "evidence/log.ndjson", &text);
    folder.join("evidence")
}
