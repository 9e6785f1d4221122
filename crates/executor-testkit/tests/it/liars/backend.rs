//! A backend that tells one lie and is honest otherwise.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use executor_core::SandboxError;
use executor_core::backend::{
    Progress, Sandbox, SandboxBackend, SandboxSpec, SandboxStatus, SandboxStream, StoreFacts,
    SweepReport,
};
use executor_core::capabilities::Capabilities;
use executor_core::id::SandboxId;
use executor_testkit::tap::{self, Change, Frame, kind};

/// What it lies about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    DeclaresAll,
    LeavesFailedStarts,
    GivesOneId,
    SwapsStreams,
    KeepsOnlyAscii,
    SaysAllIsWell,
    DeniesTheDeadline,
    LoosensTheLimit,
    DestroysLate,
    DestroysLater,
    HangsInDestroy,
    KeepsTheDropped,
    LeavesAProcess,
    GrantsCredit,
    SweepsNothing,
    SweepsAll,
    TellsASecret,
}

#[derive(Debug)]
pub(super) struct Liar {
    honest: Arc<dyn SandboxBackend>,
    lie: Lie,
    vault: Arc<Vault>,
}

/// What the liar keeps although it said that it was gone; it ends with the liar.
#[derive(Debug, Default)]
struct Vault {
    sandboxes: Mutex<Vec<Box<dyn Sandbox>>>,
    processes: Mutex<Vec<tokio::process::Child>>,
    first_id: Mutex<Option<SandboxId>>,
}

impl Liar {
    pub(super) fn new(honest: Arc<dyn SandboxBackend>, lie: Lie) -> Self {
        Self {
            honest,
            lie,
            vault: Arc::default(),
        }
    }
}

#[async_trait]
impl SandboxBackend for Liar {
    fn capabilities(&self) -> Capabilities {
        match self.lie {
            Lie::DeclaresAll => Capabilities::all(),
            _ => self.honest.capabilities(),
        }
    }

    async fn prepare(&self, progress: &dyn Progress) -> Result<(), SandboxError> {
        self.honest.prepare(progress).await
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let mut spec = spec.clone();
        if self.lie == Lie::SweepsAll {
            spec.lifetime_seconds = 0;
        }
        let started = self.honest.start(&spec).await;
        if started.is_err() && self.lie == Lie::LeavesFailedStarts {
            let wait = format!("import sys; sys.stdin.read() # {}", spec.command.join(" "));
            spec.command = ["python3", "-I", "-c", &wait].map(str::to_owned).to_vec();
            let left = self.honest.start(&spec).await?;
            self.vault.sandboxes.lock().unwrap().push(left);
        }
        let sandbox = started?;
        let mut first = self.vault.first_id.lock().unwrap();
        let first = first.get_or_insert_with(|| sandbox.id().clone()).clone();
        let id = if self.lie == Lie::GivesOneId {
            first
        } else {
            sandbox.id().clone()
        };
        Ok(Box::new(LyingSandbox {
            honest: Some(sandbox),
            id,
            lie: self.lie,
            vault: Arc::clone(&self.vault),
        }))
    }

    async fn sweep(&self) -> Result<SweepReport, SandboxError> {
        match self.lie {
            Lie::SweepsNothing => Ok(SweepReport::default()),
            _ => self.honest.sweep().await,
        }
    }

    fn store(&self) -> Option<StoreFacts> {
        self.honest.store()
    }

    async fn settle(&self) {
        self.honest.settle().await;
    }
}

#[derive(Debug)]
struct LyingSandbox {
    honest: Option<Box<dyn Sandbox>>,
    id: SandboxId,
    lie: Lie,
    vault: Arc<Vault>,
}

#[async_trait]
impl Sandbox for LyingSandbox {
    fn id(&self) -> &SandboxId {
        &self.id
    }

    fn stream(&mut self) -> Option<SandboxStream> {
        let stream = self.honest.as_mut()?.stream()?;
        let (down, up) = self.changes();
        Some(tap::tap(stream, down, up))
    }

    async fn inspect(&self) -> Result<SandboxStatus, SandboxError> {
        self.honest
            .as_ref()
            .expect("it is not destroyed")
            .inspect()
            .await
    }

    async fn destroy(mut self: Box<Self>) -> Result<(), SandboxError> {
        let honest = self.honest.take().expect("it is not destroyed");
        match self.lie {
            Lie::HangsInDestroy => std::future::pending().await,
            Lie::DestroysLate => {
                tokio::time::sleep(Duration::from_secs(4)).await;
                honest.destroy().await
            }
            Lie::DestroysLater => {
                self.vault.sandboxes.lock().unwrap().push(honest);
                Ok(())
            }
            _ => honest.destroy().await,
        }
    }
}

impl Drop for LyingSandbox {
    fn drop(&mut self) {
        if self.lie == Lie::KeepsTheDropped {
            self.vault
                .sandboxes
                .lock()
                .unwrap()
                .extend(self.honest.take());
        }
    }
}

impl LyingSandbox {
    fn changes(&self) -> (Change, Change) {
        let honest = tap::unchanged;
        match self.lie {
            Lie::SwapsStreams => (honest(), printed(|channel, bytes| (3 - channel, bytes))),
            Lie::KeepsOnlyAscii => (
                honest(),
                printed(|channel, mut bytes| {
                    bytes
                        .iter_mut()
                        .filter(|byte| !byte.is_ascii())
                        .for_each(|byte| *byte = b'?');
                    (channel, bytes)
                }),
            ),
            Lie::LoosensTheLimit => (
                tap::change_control(kind::RUN, |run| {
                    let limit = run["output_limit"].as_u64().unwrap();
                    run["output_limit"] = (limit + 1).into();
                }),
                honest(),
            ),
            Lie::SaysAllIsWell => (
                honest(),
                tap::change_control(kind::DONE, |done| {
                    done.remove("signal");
                    done.insert("exit_code".to_owned(), 0.into());
                }),
            ),
            Lie::DeniesTheDeadline => (
                honest(),
                tap::change_control(kind::DONE, |done| {
                    done.insert("cause".to_owned(), "exited".into());
                }),
            ),
            Lie::TellsASecret => (
                tap::change_control(kind::RUN, |run| {
                    run["env"]["HOST_SECRET"] = "swordfish".into();
                }),
                honest(),
            ),
            Lie::GrantsCredit => (
                Box::new(|frame: Frame| {
                    let grant = [1_u32.to_be_bytes(), (64_u32 << 20).to_be_bytes()].concat();
                    let credit = Frame {
                        kind: 0x24,
                        payload: grant,
                    };
                    if frame.kind == kind::RUN {
                        vec![frame, credit]
                    } else {
                        vec![frame]
                    }
                }),
                honest(),
            ),
            Lie::LeavesAProcess => {
                let vault = Arc::clone(&self.vault);
                let leave = move |frame: Frame| {
                    let text = String::from_utf8_lossy(&frame.payload).into_owned();
                    if let Some(at) = text.find("mark-") {
                        let sleep = ["-c", "import time; time.sleep(60)", &text[at..at + 37]];
                        let mut command = tokio::process::Command::new("python3");
                        let child = command.args(sleep).kill_on_drop(true).spawn().unwrap();
                        vault.processes.lock().unwrap().push(child);
                    }
                    vec![frame]
                };
                (Box::new(leave), honest())
            }
            _ => (honest(), honest()),
        }
    }
}

/// Changes what the program printed: channel 1 or 2, and bytes.
fn printed(mut change: impl FnMut(u32, Vec<u8>) -> (u32, Vec<u8>) + Send + 'static) -> Change {
    Box::new(move |mut frame| {
        if frame.kind == kind::DATA
            && let Some((channel, bytes)) = frame.payload.split_first_chunk::<4>()
            && let channel @ 1..=2 = u32::from_be_bytes(*channel)
        {
            let (channel, bytes) = change(channel, bytes.to_vec());
            frame.payload = [channel.to_be_bytes().to_vec(), bytes].concat();
        }
        vec![frame]
    })
}
