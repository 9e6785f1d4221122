//! The connections of a listener: their number is bounded, and one that has been waiting for its client makes room for
//! another that comes. What is spoken on them is not its concern.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;

use crate::activity::Activity;

/// How long a client may take for a request before its connection may have to make room. A client on the same network
/// sends its request with the connection; and however many come, so many are served in this time.
const GRACE: Duration = Duration::from_secs(2);

/// The share of the process's files that connections may take; the rest is for those to the engine and out.
const SHARE_OF_FILES: usize = 2;

/// The connections, each in a task of its own. Dropping it closes them.
#[derive(Debug)]
pub(crate) struct Connections {
    tasks: JoinSet<()>,
    open: HashMap<Id, (Activity, AbortHandle)>,
    most: usize,
}

impl Connections {
    /// At most so many, and no more than the process may open files for.
    pub(crate) fn new(most: usize) -> Self {
        let affordable = files().map_or(usize::MAX, |files| (files / SHARE_OF_FILES).max(1));
        if affordable < most {
            tracing::info!(
                connections = affordable,
                "fewer connections than the settings allow, because of the limit of open files"
            );
        }
        Self {
            tasks: JoinSet::new(),
            open: HashMap::new(),
            most: most.min(affordable),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// When another one may come: at once, when one of those that wait can be given up, or not before one has ended.
    pub(crate) fn room(&self) -> Room {
        // One that was given up has its file until its task has noticed.
        match self.tasks.len().cmp(&self.most) {
            Ordering::Less => return Room::Now,
            Ordering::Greater => return Room::None,
            Ordering::Equal => {}
        }
        match self.longest_waiting() {
            None => Room::None,
            Some((since, _)) if since.elapsed() >= GRACE => Room::Now,
            Some((since, _)) => Room::At(since + GRACE),
        }
    }

    /// Takes one in; another one makes room where it must.
    pub(crate) fn spawn(
        &mut self,
        activity: Activity,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        if self.tasks.len() >= self.most {
            self.give_one_up();
        }
        let handle = self.tasks.spawn(connection);
        self.open.insert(handle.id(), (activity, handle));
    }

    /// Closes the connection that has been waiting longest, if it has waited long enough.
    pub(crate) fn give_one_up(&mut self) {
        let Some((since, id)) = self.longest_waiting() else {
            return;
        };
        if since.elapsed() < GRACE {
            return;
        }
        if let Some((_, handle)) = self.open.remove(&id) {
            tracing::debug!("an idle connection makes room");
            handle.abort();
        }
    }

    /// Waits for a connection to end; none if there is none. Cancel safe.
    pub(crate) async fn ended(&mut self) -> Option<()> {
        let id = match self.tasks.join_next_with_id().await? {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.open.remove(&id);
        Some(())
    }

    /// Closes all of them.
    pub(crate) async fn close(&mut self) {
        self.tasks.shutdown().await;
        self.open.clear();
    }

    fn longest_waiting(&self) -> Option<(Instant, Id)> {
        let waiting = |(id, (activity, _)): (&Id, &(Activity, AbortHandle))| {
            Some((activity.waiting_since()?, *id))
        };
        self.open
            .iter()
            .filter_map(waiting)
            .min_by_key(|(since, _)| *since)
    }
}

/// Whether there is room for a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Room {
    Now,
    /// From then on, if nothing happens before.
    At(Instant),
    /// Not before a connection ends or becomes idle.
    None,
}

/// How many files this process may have open; none where that is not known.
fn files() -> Option<usize> {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current.and_then(|files| usize::try_from(files).ok())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;

    fn hold(connections: &mut Connections) -> Activity {
        let activity = Activity::new();
        connections.spawn(activity.clone(), std::future::pending());
        activity
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_waited_longest_makes_room_after_its_grace() {
        let mut connections = Connections::new(2);
        let _first = hold(&mut connections);
        time::advance(Duration::from_secs(1)).await;
        let _second = hold(&mut connections);
        assert!(matches!(connections.room(), Room::At(_)));
        time::advance(Duration::from_secs(1)).await;
        assert!(matches!(connections.room(), Room::Now));
        let third = hold(&mut connections);
        assert_eq!(connections.len(), 2);
        assert!(
            matches!(connections.room(), Room::None),
            "the first is not gone yet"
        );
        connections.ended().await.unwrap();
        // The first is gone, so the second is the next one, a second later.
        let Room::At(when) = connections.room() else {
            panic!("there is room too early");
        };
        assert_eq!(when - Instant::now(), Duration::from_secs(1));
        assert!(third.waiting_since().is_some());
        connections.close().await;
        assert_eq!(connections.len(), 0);
    }
}
