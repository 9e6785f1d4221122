//! Who asks, and for how long that is known.

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use mcp_server::Principal;
use tokio::time::{self, Instant};

/// Who a request speaks for.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// When the token expires that said so; `None` where nothing expires.
    pub(crate) until: Option<Instant>,
}

impl Caller {
    /// Somebody whose say never expires.
    pub(crate) const fn for_ever(principal: Principal) -> Self {
        Self {
            principal,
            until: None,
        }
    }
}

/// Until when what a session began may stay open. Every request moves it on with its own, fresher token.
#[derive(Debug)]
pub(crate) struct Lifetime(Mutex<Option<Instant>>);

impl Lifetime {
    pub(crate) const fn of(caller: &Caller) -> Self {
        Self(Mutex::new(caller.until))
    }

    /// Notes that the caller was here with another token.
    pub(crate) fn extend(&self, caller: &Caller) {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *until = match (*until, caller.until) {
            (Some(known), Some(new)) => Some(known.max(new)),
            (_, None) | (None, _) => None,
        };
    }

    /// Returns when the last token has expired.
    pub(crate) async fn over(&self) {
        loop {
            let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match until {
                None => return std::future::pending().await,
                Some(until) if until <= Instant::now() => return,
                Some(until) => time::sleep_until(until).await,
            }
        }
    }
}

/// The response, whose body ends at the latest when `over` does: as if all had been said.
pub(crate) fn ending_with(
    response: Response,
    over: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let (head, body) = response.into_parts();
    let body = body.into_data_stream().take_until(Box::pin(over));
    Response::from_parts(head, Body::from_stream(body))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn caller(seconds: Option<u64>) -> Caller {
        Caller {
            principal: Principal::local(),
            until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_newest_token() {
        let began = Instant::now();
        let lifetime = Lifetime::of(&caller(Some(10)));
        lifetime.extend(&caller(Some(30)));
        lifetime.extend(&caller(Some(20)));
        lifetime.over().await;
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_comes_while_it_is_waited_for_counts() {
        let began = Instant::now();
        let lifetime = Lifetime::of(&caller(Some(10)));
        let later = async {
            time::sleep(Duration::from_secs(5)).await;
            lifetime.extend(&caller(Some(10)));
        };
        tokio::join!(lifetime.over(), later);
        assert_eq!(began.elapsed().as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_expire_does_not_end() {
        let lifetime = Lifetime::of(&caller(None));
        lifetime.extend(&caller(Some(1)));
        let waited = time::timeout(Duration::from_secs(1000), lifetime.over()).await;
        assert!(waited.is_err());
    }
}
