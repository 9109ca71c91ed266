//! One JSON document: `{"findings":[…],"problems":[…],"coverage":[…],"summary":{…}}`.
//!
//! Findings are written as they come. Problems must wait for the array after them, so they
//! are kept, under a limit, and what is beyond it is counted by code.

use std::collections::BTreeMap;
use std::io;

use palisade_model::{Finding, Origin, Problem, ProblemCode};
use palisade_pipeline::{Sources, Summary};

use super::ndjson::Objects;
use super::{Form, Out};
use crate::times::Clock;

/// Most bytes of problems kept until the findings are written.
const MAX_PROBLEM_BYTES: usize = 32 << 20;

/// The JSON form.
pub struct Json {
    objects: Objects,
    begun: bool,
    problems: Vec<u8>,
    beyond: BTreeMap<ProblemCode, u64>,
}

impl Json {
    /// Begins.
    pub fn new(clock: Clock) -> Json {
        Json { objects: Objects::new(clock), begun: false, problems: Vec::new(), beyond: BTreeMap::new() }
    }

    fn keep(&mut self, problem: &Problem) {
        let object = self.objects.problem(problem, b"");
        if !self.problems.is_empty() {
            self.problems.extend_from_slice(b",\n");
        }
        self.problems.extend_from_slice(object);
    }
}

impl Form for Json {
    fn finding(&mut self, finding: &Finding, sources: &Sources, out: Out<'_>) -> io::Result<()> {
        out.write_all(if self.begun { b",\n" } else { b"{\"findings\":[\n" })?;
        self.begun = true;
        out.write_all(self.objects.finding(finding, sources, b""))
    }

    fn problem(&mut self, problem: &Problem, _: Out<'_>) -> io::Result<()> {
        if self.problems.len() >= MAX_PROBLEM_BYTES {
            *self.beyond.entry(problem.code).or_default() += problem.count;
        } else {
            self.keep(problem);
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: Out<'_>) -> io::Result<()> {
        if !self.begun {
            out.write_all(b"{\"findings\":[")?;
        }
        for (code, count) in std::mem::take(&mut self.beyond) {
            let mut problem = Problem::new(
                code,
                &Origin::default(),
                None,
                "more problems of this kind, not listed one by one",
            );
            problem.count = count;
            self.keep(&problem);
        }
        out.write_all(b"\n],\n\"problems\":[\n")?;
        out.write_all(&self.problems)?;
        out.write_all(b"\n],\n\"coverage\":[\n")?;
        let mut first = true;
        self.objects.coverage(summary, &mut |object| {
            if !std::mem::take(&mut first) {
                out.write_all(b",\n")?;
            }
            out.write_all(object)
        })?;
        out.write_all(b"\n],\n\"summary\":")?;
        out.write_all(self.objects.summary(summary))?;
        out.write_all(b"}\n")
    }
}
