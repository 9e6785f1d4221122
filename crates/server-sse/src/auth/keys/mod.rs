//! The keys of one issuer, kept fresh: fetched by one at a time and not too often, and kept for a while when the issuer
//! cannot be reached.
//!
//! | module | concern |
//! |---|---|
//! | `set` | which keys may check what |
//! | `discovery` | where the keys are |
//! | `fetch` | one document over HTTP |

mod discovery;
mod fetch;
mod set;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use server_app::settings::{Issuer, IssuerReach, KeysUrl};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use self::fetch::{Fetched, Fetcher};
pub(super) use self::set::KeySet;

/// How long one attempt may take, discovery included.
const ATTEMPT: Duration = Duration::from_secs(10);

/// After so long the keys are fetched anew, beside the requests that still use the present ones. A key that its issuer
/// took back is trusted no longer than this and one attempt, as long as the issuer answers.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// For so long the last good keys are used when the issuer cannot be reached.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys of one issuer.
pub(super) struct Keys {
    source: Source,
    /// How long to leave the issuer alone after an attempt.
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Clone)]
struct Source {
    issuer: Issuer,
    url: Option<KeysUrl>,
    fetcher: Fetcher,
}

#[derive(Default)]
struct State {
    current: Option<(Arc<KeySet>, Instant)>,
    attempt: Option<Attempt>,
}

struct Attempt {
    began: Instant,
    /// Closed when it is over, however it ends.
    over: watch::Receiver<()>,
    failed: bool,
    /// Ends with this.
    _task: JoinSet<()>,
}

/// There are no keys by which a token could be judged.
#[derive(Debug)]
pub(super) struct NoKeys;

impl Keys {
    pub(super) fn new(
        issuer: Issuer,
        url: Option<KeysUrl>,
        reach: &IssuerReach,
        pause: Duration,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self {
            source: Source {
                issuer,
                url,
                fetcher: Fetcher::new(reach)?,
            },
            pause,
            state: Mutex::default(),
        })
    }

    pub(super) const fn issuer(&self) -> &Issuer {
        &self.source.issuer
    }

    /// Begins to fetch the keys, so that the first request need not wait for them.
    pub(super) fn prepare(self: &Arc<Self>) {
        drop(self.begin());
    }

    /// The keys, with the one of that name if the issuer has it. Without a name, those that are there.
    pub(super) async fn with(self: &Arc<Self>, id: Option<&str>) -> Result<Arc<KeySet>, NoKeys> {
        if let Some((keys, age)) = self.current() {
            if age >= FRESH {
                drop(self.begin());
            }
            if id.is_none_or(|id| keys.knows(id)) {
                return Ok(keys);
            }
        }
        self.refresh().await;
        let failed = self
            .lock()
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.failed);
        match self.current() {
            // A new key may be there that could not be fetched: that is no fault of the token.
            Some((keys, _)) if failed && id.is_some_and(|id| !keys.knows(id)) => Err(NoKeys),
            Some((keys, _)) => Ok(keys),
            None => Err(NoKeys),
        }
    }

    /// Fetches the keys anew, unless that was done just now. Returns when it is done; dropping the future leaves the
    /// attempt to those who wait after it.
    pub(super) async fn refresh(self: &Arc<Self>) {
        let over = self.begin();
        if let Some(mut over) = over {
            // Nothing is ever sent: it closes.
            while over.changed().await.is_ok() {}
        }
    }

    /// The attempt under way, begun now if none is and the last one is long enough ago.
    fn begin(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut state = self.lock();
        if let Some(attempt) = &state.attempt {
            if attempt.over.has_changed().is_ok() {
                return Some(attempt.over.clone());
            }
            if attempt.began.elapsed() < self.pause {
                return None;
            }
        }
        let (running, over) = watch::channel(());
        let mut task = JoinSet::new();
        task.spawn(attempt(self.source.clone(), Arc::downgrade(self), running));
        state.attempt = Some(Attempt {
            began: Instant::now(),
            over: over.clone(),
            failed: false,
            _task: task,
        });
        Some(over)
    }

    fn current(&self) -> Option<(Arc<KeySet>, Duration)> {
        let state = self.lock();
        let (keys, since) = state.current.as_ref()?;
        let age = since.elapsed();
        (age < KEPT).then(|| (Arc::clone(keys), age))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt, noted where it belongs. `_running` says that it is under way until it is dropped.
async fn attempt(source: Source, keys: Weak<Keys>, _running: watch::Sender<()>) {
    let issuer = source.issuer.as_str();
    let fetched = time::timeout(ATTEMPT, source.fetch()).await;
    let outcome = fetched.unwrap_or_else(|_| Err(format!("no answer within {ATTEMPT:?}").into()));
    let Some(keys) = keys.upgrade() else { return };
    let mut state = keys.lock();
    match outcome {
        Ok(set) => {
            tracing::debug!(issuer, keys = set.len(), "the issuer's keys are here");
            state.current = Some((Arc::new(set), Instant::now()));
        }
        Err(error) => {
            tracing::warn!(issuer, %error, "the issuer's keys could not be fetched");
            if let Some(attempt) = &mut state.attempt {
                attempt.failed = true;
            }
        }
    }
}

impl Source {
    async fn fetch(&self) -> Result<KeySet, Box<dyn Error + Send + Sync>> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => discovery::keys_url(&self.fetcher, &self.issuer).await?,
        };
        match self.fetcher.get(url.as_str()).await? {
            Fetched::Document(document) => Ok(KeySet::read(&document)?),
            Fetched::Other(status) => Err(format!("{} answers {status}", url.as_str()).into()),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("issuer", &self.source.issuer)
            .finish_non_exhaustive()
    }
}
