//! The result of a call: text for a model, the structured form beside it, and whether it counts as an error.

use executor_core::limits::WallTime;
use executor_core::modules::InstallFailure;
use executor_core::{Captured, Ending, Outcome, SandboxDeath, SandboxLoss};
use mcp_protocol::content::ContentBlock;
use mcp_protocol::tools::CallToolResult;

use crate::asker::Asker;
use crate::budget::Budget;
use crate::cost::Cost;
use crate::excerpt::{Excerpt, Visible};
use crate::facts::Facts;
use crate::failure;
use crate::hints::hints;
use crate::notes;
use crate::shown::{Shown, coming, shown, whole_output};
use crate::signal;
use crate::store::Shelf;
use crate::structured::structured;

/// The result of a run that ended with `outcome`. What it only links to is put on the shelf.
pub(crate) fn result(outcome: &Outcome, facts: &Facts, shelf: &mut Shelf) -> CallToolResult {
    if let Ending::Failed(error) = &outcome.ending {
        return failure::result(error);
    }
    let mut budget = Budget::new(&facts.budget, &facts.results, coming(outcome));
    let mut output = Output::of(outcome, facts.budget.outputs(budget.room()), shelf);
    budget.spend(output.cost());
    let mut shown = shown(outcome, &facts.results, &facts.budget, &mut budget, shelf);
    output.conclude(outcome, facts, &shown);
    let mut blocks = Vec::new();
    if !output.text.is_empty() {
        blocks.push(ContentBlock::text(output.text));
    }
    blocks.append(&mut output.wholes);
    blocks.append(&mut shown.blocks);
    let result = CallToolResult::new(blocks).with_is_error(!outcome.ending.is_success());
    match structured(outcome, facts, shown) {
        Some(structured) => result.with_structured_content(structured),
        None => result,
    }
}

/// What the program printed, as it printed it, and below it what a reader cannot see from that.
#[derive(Debug, Default)]
struct Output {
    text: String,
    /// Links to what was cut, or is not shown as it was printed.
    wholes: Vec<ContentBlock>,
}

impl Output {
    fn of(outcome: &Outcome, (for_stdout, for_stderr): (Cost, Cost), shelf: &mut Shelf) -> Self {
        let mut output = Self::default();
        let stdout = Excerpt::<Visible>::of(&outcome.stdout, for_stdout);
        // What the text does not show as it is exists somewhere to the byte.
        if !stdout.is_exact() {
            let whole = whole_output("stdout.txt", &outcome.stdout, shelf);
            output.wholes.push(whole);
        }
        output.text = stdout.into_text();
        if !outcome.stderr.is_empty() {
            let stderr = Excerpt::<Visible>::of(&outcome.stderr, for_stderr);
            if !stderr.is_exact() {
                let whole = whole_output("stderr.txt", &outcome.stderr, shelf);
                output.wholes.push(whole);
            }
            output.line("stderr:\n");
            output.text.push_str(&stderr.into_text());
        }
        if let Ending::InstallFailed(failure) = &outcome.ending {
            output.install_failure(failure, for_stdout);
        }
        output
    }

    fn cost(&self) -> Cost {
        let wholes = self.wholes.iter().map(Cost::of_block);
        wholes.fold(Cost::of_block_text(&self.text), Cost::and)
    }

    /// How the run ended, and what is to be known besides.
    fn conclude(&mut self, outcome: &Outcome, facts: &Facts, shown: &Shown) {
        let ran = !matches!(outcome.ending, Ending::InstallFailed(_));
        if self.text.is_empty() && shown.blocks.is_empty() && ran {
            self.text.push_str("(no output)");
        }
        let mut room = facts.budget.own();
        let mut say = |beginning: &str, words: &str| {
            room = room.without(Cost::of_text(words)).without(LINE);
            self.line(beginning);
            self.text.push_str(words);
        };
        if let Some(line) = ending(&outcome.ending, facts) {
            say("", &line);
        }
        for hint in hints(outcome, facts, Asker::Model) {
            say("hint: ", &hint);
        }
        let notes = shown.notes.iter().chain(&outcome.notes);
        for note in notes::fitting(notes, room) {
            self.line("note: ");
            self.text.push_str(&note);
        }
    }

    /// Why the program was never started, and the installer's own words.
    fn install_failure(&mut self, failure: &InstallFailure, room: Cost) {
        self.line(&format!("the program was not started: {failure}\nhint: "));
        self.text.push_str(&failure.hint());
        if !failure.output().is_empty() {
            self.line("the installer said:\n");
            let said = Captured::from(failure.output().as_bytes().to_vec());
            let said = Excerpt::<Visible>::of(&said, room);
            self.text.push_str(&said.into_text());
        }
    }

    fn line(&mut self, text: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }
}

/// What says how the run ended and what to do about it, unless it ended well.
fn ending(ending: &Ending, facts: &Facts) -> Option<String> {
    match ending {
        Ending::Exited(0) => None,
        Ending::Exited(code) => Some(format!("exit code {code}")),
        Ending::InstallFailed(_) => None,
        other => Some(explain(other, facts, Asker::Model)),
    }
}

/// One line of how the program ended otherwise than by itself, and what to do.
pub(crate) fn explain(ending: &Ending, facts: &Facts, asker: Asker) -> String {
    match ending {
        Ending::Signaled(number) if *number == signal::KILL => format!(
            "killed by {}, which the sandbox's limits did not send; the program or another process killed it",
            signal::name(*number)
        ),
        Ending::Signaled(number) => format!("killed by {}", signal::name(*number)),
        Ending::Killed(limit) => format!(
            "killed, probably because it needed more memory than {limit}, files in /tmp included; work on smaller pieces; {}",
            asker.more("give", "--memory")
        ),
        Ending::TimedOut(limit) => timed_out(*limit, facts, asker),
        Ending::OutOfMemory(limit) => {
            format!(
                "out of memory: the limit is {limit}, files in /tmp included; work on smaller pieces; {}",
                asker.more("give", "--memory")
            )
        }
        Ending::OutputLimit(limit) => {
            format!("output limit: the program was ended after printing {limit}; print less")
        }
        Ending::InstallFailed(failure) => format!("{failure}; {}", failure.hint()),
        Ending::Cancelled => "cancelled".to_owned(),
        Ending::SandboxDied(death) => died(*death),
        Ending::SandboxLost(loss) => lost(*loss),
        other => other.to_string(),
    }
}

fn timed_out(limit: WallTime, facts: &Facts, asker: Asker) -> String {
    match asker {
        Asker::Model if limit >= facts.max_timeout => {
            format!("timed out after {limit}, which is the most; split the work into several calls")
        }
        Asker::Model => format!(
            "timed out after {limit}; raise timeout_seconds (up to {})",
            facts.max_seconds()
        ),
        Asker::Shell if limit >= WallTime::CEILING => {
            format!("timed out after {limit}, which is the most; split the work into several runs")
        }
        Asker::Shell if limit >= facts.max_timeout => {
            format!(
                "timed out after {limit}; raise `--timeout` and `--max-timeout` (up to {})",
                WallTime::CEILING
            )
        }
        Asker::Shell => format!(
            "timed out after {limit}; raise `--timeout` (up to {})",
            facts.max_timeout
        ),
    }
}

fn died(death: SandboxDeath) -> String {
    let what = "the whole sandbox ended under the program";
    match death {
        SandboxDeath::OutOfMemory(limit) => {
            format!(
                "{what}: out of memory, of which all processes together have {limit}; use fewer processes and smaller pieces"
            )
        }
        SandboxDeath::Killed => {
            format!(
                "{what}: somebody killed it, or its memory limit did; try again, with less memory if it happens again"
            )
        }
        SandboxDeath::Removed => format!("{what}: somebody removed it; try again"),
        SandboxDeath::Ended(Some(status)) => {
            format!(
                "{what}: its supervisor ended with status {status}; try again with fewer processes and less memory"
            )
        }
        _ => format!("{what}, which may have used too many processes or too much memory"),
    }
}

fn lost(loss: SandboxLoss) -> String {
    let unknown = "so it is not known how the program ended";
    match loss {
        SandboxLoss::StreamCut => {
            format!("the connection to the sandbox broke, {unknown}; try again")
        }
        SandboxLoss::Paused => {
            format!("somebody paused the sandbox until the time was up, {unknown}; try again")
        }
        SandboxLoss::BackendGone => {
            format!("the container engine went away, {unknown}; try again when it is back")
        }
        _ => format!("the sandbox was lost, {unknown}; try again"),
    }
}

/// What stands before a line of ours.
const LINE: Cost = Cost::of(12, 5);

#[cfg(test)]
mod tests;
