//! Arguments of `palisade warn`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// `palisade warn`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade warn --incidents eurepoc_global.csv --state KP
      how many incidents to expect in the next three months, beside the base rate, and how such forecasts fared
  palisade warn --incidents cfr.csv --state KP --by week --calendar elections.ics missile-tests.csv
      a calendar is used only if it has made past forecasts better; its entries are shown as context
  palisade warn --incidents eurepoc_global.csv --each 40 --format csv
      the skill table: every state, sector and kind with 40 incidents or more
  palisade warn --incidents eurepoc_global.csv --state RU --format html -o expect.html
  palisade warn --case cases/grid
      days on which a rule or a channel of your own case found more than was usual

Where the interval of the skill includes zero, the answer is \"no skill beyond the base rate\", and the base rate is what there
is to know. Collections record what somebody published: a rise may be better collecting. Nothing is fetched.
Formats: EuRepoC's global table, the CFR tracker's table; calendars: docs/formats/calendar.md, iCalendar.")]
pub struct Warn {
    /// Collections of incidents (CSV of EuRepoC or CFR, also .zst or .gz); one forecast is made from one collection
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "case", help_heading = "Evidence")]
    pub incidents: Vec<PathBuf>,
    /// Calendars: iCalendar, or CSV with date, end, kind, state, title
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "incidents", help_heading = "Evidence")]
    pub calendar: Vec<PathBuf>,
    /// What occasions are that name no kind themselves
    #[arg(long, value_name = "KIND", default_value = "event", help_heading = "Evidence")]
    pub calendar_kind: String,
    /// A case: rises over what is usual in its findings
    #[arg(long, value_name = "DIR", conflicts_with = "incidents", help_heading = "Evidence")]
    pub case: Option<PathBuf>,
    /// Only incidents attributed to this state: a name or an ISO 3166 code
    #[arg(long, value_name = "STATE", help_heading = "Selection")]
    pub state: Option<String>,
    /// Only incidents that hit this sector, in the collection's words
    #[arg(long, value_name = "SECTOR", help_heading = "Selection")]
    pub sector: Option<String>,
    /// Only incidents of this kind, in the collection's words
    #[arg(long, value_name = "KIND", help_heading = "Selection")]
    pub kind: Option<String>,
    /// A forecast for everything, and for each state, sector and kind with at least so many incidents
    #[arg(long, value_name = "N", conflicts_with_all = ["state", "sector", "kind", "case"], help_heading = "Selection")]
    pub each: Option<usize>,
    /// Length of a period
    #[arg(long, value_enum, default_value_t = WarnStep::Month, help_heading = "Forecast")]
    pub by: WarnStep,
    /// Periods to forecast, from the first that is not over
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=120), help_heading = "Forecast")]
    pub ahead: u32,
    /// Nothing after this day is known (YYYY-MM-DD); without it, the last day on which an incident began (--case: today)
    #[arg(long, value_name = "DAY", help_heading = "Forecast")]
    pub as_of: Option<String>,
    /// Counting begins on this day (YYYY-MM-DD); without it, with the first year that has an incident a month
    #[arg(long, value_name = "DAY", help_heading = "Forecast")]
    pub from: Option<String>,
    /// False alarms that may be expected in thirty days, over all rules together (--case)
    #[arg(long, value_name = "N", default_value_t = 1.0, help_heading = "Forecast")]
    pub budget: f64,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = WarnFormat::Table, help_heading = "Output")]
    pub format: WarnFormat,
    /// Writes the output to a file instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Says nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// Lengths of periods.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum WarnStep {
    /// Calendar months
    Month,
    /// Weeks from Monday
    Week,
}

/// Forms of a warning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum WarnFormat {
    /// For people
    Table,
    /// One object
    Json,
    /// An object per forecast or rise
    Ndjson,
    /// A row per forecast with its skill, or per rise
    Csv,
    /// A page with pictures (forecasts)
    Html,
}
