//! Builds one set of modules: installs it in a builder, takes it through the check, and has the store's keeper take it
//! in. Builder and keeper are sandboxes of their own; the one reaches the index and cannot write the store, the other
//! writes the store and reaches nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use super::Shared;
use super::attend::{Attended, Sink, attend, lost};
use super::install::{Installing, PRINTED, run_installer};
use super::layout::{HOME, INSTALLER_UID, MODULES_DIR, environment};
use super::raise::{Raised, Role, limits, raise_as};
use super::sets::{Stage, build_ahead};
use super::way_out;
use crate::backend::StoreFacts;
use crate::environments::{
    BadEntry, Checker, Found, KeeperError, RequestKey, answer, command, export,
};
use crate::error::{ErrorKind, Result, SandboxError};
use crate::gateway::{Egress, GatewayLink, NetworkPolicy};
use crate::id::{ExecutionId, random_hex};
use crate::limits::ByteSize;
use crate::modules::{InstallFailure, InstallPhase, InstallPlan};
use crate::output::OutputStream;
use crate::stream::{Cause, Exit, Feeder, Report, RunCommand, SetWish, Sets, StreamError};

/// How long compiling, checking and copying a set may take: 1 GiB in small files on a slow disk.
const COPY_TIMEOUT: Duration = Duration::from_secs(300);

/// What the keeper says in one answer at most: a list of a thousand sets.
const ANSWER: usize = 1024 * 1024;

/// What is kept of complaints, for the log.
const COMPLAINTS: usize = 2048;

/// Names and sizes of a set's files, besides their content.
const DESCRIPTIONS: ByteSize = ByteSize::mib(64);

/// A set to be built.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) key: RequestKey,
    pub(super) plan: InstallPlan,
    pub(super) facts: StoreFacts,
    pub(super) way_out: GatewayLink,
    /// The request of the faster installer, which is used if it is there, and is itself built if it is not.
    pub(super) uv: Option<(RequestKey, InstallPlan)>,
}

/// Why there is no set in the end.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Trouble {
    /// It could not be installed.
    #[error("{0}")]
    Install(InstallFailure),
    /// It was installed, and the store did not take it.
    #[error("{0}")]
    Store(String),
    /// We did not do our work.
    #[error("{0}")]
    Failed(SandboxError),
}

impl From<SandboxError> for Trouble {
    fn from(error: SandboxError) -> Self {
        Self::Failed(error)
    }
}

/// What an installer of `plan` may reach, on behalf of `id`.
pub(super) fn way_out(
    shared: &Shared,
    plan: &InstallPlan,
    id: &ExecutionId,
) -> Result<GatewayLink> {
    let egress = way_out::for_install(plan.settings(), id)?;
    Ok(shared.gateway.open(egress))
}

/// Builds the set of `job` and answers its request with it. Dropping the future ends it and leaves nothing.
pub(super) async fn build(
    shared: &Arc<Shared>,
    job: Job,
    stage: &watch::Sender<Stage>,
) -> Result<(), Trouble> {
    let tell = |message: &str| {
        stage.send_replace(Stage::Working(message.to_owned()));
    };
    let Ok(_permit) = shared.sets.builders.acquire().await else {
        return Err(SandboxError::new(ErrorKind::ShuttingDown, "build the modules").into());
    };
    tell("starting a sandbox to install the modules in");
    let mut builder = Box::pin(raise_as(shared, Role::Builder)).await?;
    let built = Box::pin(build_in(shared, &job, &mut builder, stage)).await;
    // Nobody has to wait for its end.
    shared.tasks.spawn(builder.destroy());
    built
}

async fn build_in(
    shared: &Arc<Shared>,
    job: &Job,
    builder: &mut Raised,
    stage: &watch::Sender<Stage>,
) -> Result<(), Trouble> {
    let limits = limits(shared, Role::Builder);
    let mut installing = Installing {
        plan: &job.plan,
        gateway: &job.way_out,
        limits: &limits,
        wish: job.uv.as_ref().map(|(key, _)| SetWish {
            store: job.facts.place.clone(),
            request: None,
            not_before: 0,
            check: false,
            last: Some(key.as_str().to_owned()),
        }),
        tell: &mut |phase: &InstallPhase| {
            stage.send_replace(Stage::Working(phase.to_string()));
        },
        given: None,
    };
    let installed = run_installer(shared, &mut builder.link, &mut installing).await?;
    let without_uv = installing
        .given
        .is_some_and(|given| given.last == Some(false));
    if without_uv && let Some((key, plan)) = &job.uv {
        build_ahead(shared, &job.facts, key, plan, "uv");
    }
    let installed = installed.map_err(Trouble::Install)?;
    stage.send_replace(Stage::Working("keeping the modules for later".to_owned()));
    let found = store(shared, job, builder, &installed).await?;
    tracing::info!(
        set = found.name,
        bytes = found.bytes,
        "built a set of modules"
    );
    Ok(())
}

/// Has the keeper take in what the builder gives away.
async fn store(
    shared: &Arc<Shared>,
    job: &Job,
    builder: &mut Raised,
    installed: &[String],
) -> Result<Found, Trouble> {
    let python = &shared.settings.python;
    let name = random_hex().map_err(|error| {
        SandboxError::new(ErrorKind::Internal, "name the set of modules").with_source(error)
    })?;
    let orders = shared
        .sets
        .orders(&shared.settings.environments, &job.facts);
    let order = orders.publish(&name, &job.key, job.plan.requirements(), installed);
    let mut keeper = raise_as(shared, Role::Keeper).await?;
    let taking = async {
        let feeder = keeper
            .link
            .send_fed(keeping(python, &order))
            .map_err(lost)?;
        let most = limits(shared, Role::Builder).modules;
        let mut exporting = Exporting {
            checker: Checker::new(most.get()),
            feeder,
            wrong: None,
            complaints: Complaints::default(),
        };
        let giving = RunCommand::command(export(python, MODULES_DIR, &job.facts.place))
            .env(environment())
            .cwd(MODULES_DIR)
            .user(INSTALLER_UID)
            .deadline(COPY_TIMEOUT)
            .output_limit(ByteSize::bytes(
                most.get().saturating_add(DESCRIPTIONS.get()),
            ));
        builder.link.send(giving, Bytes::new()).map_err(lost)?;
        let closed = shared.gateway.open(Egress::new(NetworkPolicy::None));
        let given = async {
            let attended = attend(&mut builder.link, &closed, COPY_TIMEOUT, &mut exporting).await;
            // Its feeder ends with it: the keeper then has all there is, or knows that something is missing.
            exporting.conclude(attended)
        };
        let mut said = Answer::default();
        let taken = attend(&mut keeper.link, &closed, COPY_TIMEOUT, &mut said);
        let (given, taken) = tokio::join!(given, taken);
        // What the keeper says goes first: if it stops, the builder only sees that nobody takes anything.
        let found = said.conclude::<Found>(taken);
        match (given, found) {
            (Ok(()), found) | (Err(Wrong::NotTaken(_)), found @ Err(_)) => found,
            (Err(wrong), _) => Err(Trouble::Store(wrong.to_string())),
        }
    };
    let found = Box::pin(taking).await;
    shared.tasks.spawn(keeper.destroy());
    found
}

/// Gives the store's keeper an order that needs no input, and its answer.
pub(super) async fn keep<T: DeserializeOwned>(
    shared: &Arc<Shared>,
    order: &Value,
) -> Result<T, Trouble> {
    let mut keeper = Box::pin(raise_as(shared, Role::Keeper)).await?;
    let kept = keep_in(shared, &mut keeper, order).await;
    shared.tasks.spawn(keeper.destroy());
    kept
}

/// The same in a keeper that is there.
pub(super) async fn keep_in<T: DeserializeOwned>(
    shared: &Shared,
    keeper: &mut Raised,
    order: &Value,
) -> Result<T, Trouble> {
    let command = keeping(&shared.settings.python, order);
    keeper.link.send(command, Bytes::new()).map_err(lost)?;
    let closed = shared.gateway.open(Egress::new(NetworkPolicy::None));
    let mut said = Answer::default();
    let attended = attend(&mut keeper.link, &closed, COPY_TIMEOUT, &mut said).await;
    said.conclude(attended)
}

/// As process 1's own user, who owns the store. Nothing foreign runs beside it.
fn keeping(python: &str, order: &Value) -> RunCommand {
    RunCommand::command(command(python, order))
        .env(environment())
        .cwd(HOME)
        .deadline(COPY_TIMEOUT)
        .output_limit(PRINTED)
}

/// Why a builder's set did not get as far as the keeper.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("what the builder gave away was refused: {0}")]
    Entry(BadEntry),
    #[error("the keeper took no more: {0}")]
    NotTaken(StreamError),
    #[error("the builder did not give its set away: {0}")]
    NotGiven(String),
}

/// Takes what the builder writes through the check, to the keeper.
struct Exporting {
    checker: Checker,
    feeder: Feeder,
    wrong: Option<Wrong>,
    complaints: Complaints,
}

impl Exporting {
    fn conclude(self, attended: Result<Attended>) -> Result<(), Wrong> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let why = match attended {
            Ok(Attended::Done(report)) if ended_well(&report) => {
                return self.checker.finish().map(|_| ()).map_err(Wrong::Entry);
            }
            Ok(Attended::Done(_)) => self.complaints.text(),
            Ok(Attended::TimedOut | Attended::Missing(_)) => "it took too long".to_owned(),
            Err(error) => error.chain(),
        };
        Err(Wrong::NotGiven(why))
    }
}

impl Sink for Exporting {
    async fn output(&mut self, stream: OutputStream, bytes: Bytes) {
        if stream == OutputStream::Stderr {
            self.complaints.add(&bytes);
            return;
        }
        if self.wrong.is_some() {
            return;
        }
        let wrong = match self.checker.look(&bytes) {
            Ok(()) => self.feeder.feed(bytes).await.map_err(Wrong::NotTaken),
            Err(bad) => Err(Wrong::Entry(bad)),
        };
        self.wrong = wrong.err();
    }

    fn started(&mut self, _notes: Vec<String>, _sets: Option<Sets>, _ahead: bool) {}
}

/// Takes the keeper's answer.
#[derive(Default)]
struct Answer {
    said: BytesMut,
    complaints: Complaints,
}

impl Answer {
    fn conclude<T: DeserializeOwned>(&self, attended: Result<Attended>) -> Result<T, Trouble> {
        let store = |error: KeeperError| Trouble::Store(error.to_string());
        match attended? {
            Attended::Done(report) if ended_well(&report) => {
                answer(&String::from_utf8_lossy(&self.said)).map_err(store)
            }
            Attended::Done(_) => Err(store(KeeperError::Unclear(self.complaints.text()))),
            Attended::TimedOut | Attended::Missing(_) => Err(Trouble::Store(
                "the store's keeper took too long".to_owned(),
            )),
        }
    }
}

impl Sink for Answer {
    async fn output(&mut self, stream: OutputStream, bytes: Bytes) {
        match stream {
            OutputStream::Stdout => {
                let room = ANSWER.saturating_sub(self.said.len()).min(bytes.len());
                self.said
                    .extend_from_slice(bytes.get(..room).unwrap_or_default());
            }
            OutputStream::Stderr => self.complaints.add(&bytes),
        }
    }

    fn started(&mut self, _notes: Vec<String>, _sets: Option<Sets>, _ahead: bool) {}
}

/// The end of what was written to standard error.
#[derive(Default)]
struct Complaints(Vec<u8>);

impl Complaints {
    fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(COMPLAINTS);
        self.0.drain(..surplus);
    }

    /// Its last line, which is what went wrong if Python wrote it.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.trim()
            .lines()
            .next_back()
            .unwrap_or_default()
            .to_owned()
    }
}

fn ended_well(report: &Report) -> bool {
    report.cause == Cause::Exited && report.exit == Exit::Code(0)
}
