//! The `palisade` binary: arguments, progress, output.
//!
//! Everything that reads or judges evidence lives in the rooms below; here it is called and
//! what comes back is shown. Data goes to standard output, progress and remarks to standard
//! error. Exit codes: 0 done, 1 done and the answer is bad (`--fail-on` reached, a rule does
//! not load, a rule test fails), 2 could not be done.
//!
//! What it never does: use the network, change evidence, print text from evidence that is not
//! neutralised for where it is shown (`output`), or read a `palisade.toml` nobody named.

mod args;
mod assess;
mod campaign;
mod case;
mod demo;
mod errors;
mod exercise;
mod hunt;
mod inputs;
mod intel;
mod investigate;
mod output;
mod progress;
mod report;
mod rules;
mod screen;
mod shell;
mod times;
mod trace;
mod upkeep;
mod warn;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // What decodes a damaged segment may panic on a thread of a query; the store catches that and says which segment
    // it is. Elsewhere a panic is a defect, and is shown as one.
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(palisade_store::lake::QUERY_THREAD) {
            shown(info);
        }
    }));
    let args = args::Args::parse();
    let done = match args.command {
        args::Command::Investigate(a) => investigate::run(&a),
        args::Command::Hunt(a) => hunt::run(&a),
        args::Command::Rules(args::RulesCommand::Check(a)) => rules::check(&a),
        args::Command::Rules(args::RulesCommand::Test(a)) => rules::test(&a),
        args::Command::Rules(args::RulesCommand::List(a)) => rules::list(&a),
        args::Command::Case(args::CaseCommand::Verify(a)) => case::check(&a),
        args::Command::Case(args::CaseCommand::Show(a)) => case::show(&a),
        args::Command::Case(args::CaseCommand::Findings(a)) => case::findings(&a),
        args::Command::Case(args::CaseCommand::Hits(a)) => case::hits(&a),
        args::Command::Case(args::CaseCommand::Backup(a)) => case::backup(&a),
        args::Command::Case(args::CaseCommand::Restore(a)) => case::restore(&a),
        args::Command::Case(args::CaseCommand::Compact(a)) => upkeep::compact(&a),
        args::Command::Case(args::CaseCommand::Retain(a)) => upkeep::retain(&a),
        args::Command::Case(args::CaseCommand::Hold(a)) => upkeep::hold(&a),
        args::Command::Case(args::CaseCommand::Erase(a)) => upkeep::erase(&a),
        args::Command::Case(args::CaseCommand::Verdict(v)) => match v {
            args::VerdictCommand::Add(a) => case::verdict_add(&a),
            args::VerdictCommand::Undo(a) => case::verdict_undo(&a),
            args::VerdictCommand::List(a) => case::verdict_list(&a),
        },
        args::Command::Campaign(c) => match c {
            args::CampaignCommand::List(a) => campaign::list(&a),
            args::CampaignCommand::Show(a) => campaign::show(&a),
            args::CampaignCommand::Explain(a) => campaign::explain(&a),
            args::CampaignCommand::Pin(a) => campaign::pair(&a, palisade_model::VerdictKind::Pin),
            args::CampaignCommand::Cut(a) => campaign::pair(&a, palisade_model::VerdictKind::Cut),
            args::CampaignCommand::Exclude(a) => campaign::exclude(&a),
            args::CampaignCommand::Undo(a) => campaign::undo(&a),
            args::CampaignCommand::Changes(a) => campaign::changes(&a),
            args::CampaignCommand::Group(a) => campaign::group(&a),
        },
        args::Command::Report(a) => report::run(&a),
        args::Command::Trace(a) => trace::run(&a),
        args::Command::Screen(a) => screen::run(&a),
        args::Command::Assess(a) => assess::run(&a),
        args::Command::Intel(args::IntelCommand::Add(a)) => intel::add(&a),
        args::Command::Intel(args::IntelCommand::List(a)) => intel::list(&a),
        args::Command::Intel(args::IntelCommand::Remove(a)) => intel::remove(&a),
        args::Command::Warn(a) => warn::run(&a),
        args::Command::Exercise(a) => exercise::run(&a),
        args::Command::Demo(a) => demo::run(&a),
        args::Command::Completions(a) => shell::completions(&a),
        args::Command::Man(a) => shell::man(&a),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => errors::report(&error),
    }
}
