//! Reads request bodies under bounds: size, time, and all bodies together.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use axum::response::Response;
use http_body_util::BodyExt as _;
use mcp_protocol::jsonrpc::held_at_most;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

use crate::reject;
use crate::settings::HttpSettings;

/// What all bodies that are being read, or wait to be taken, may take together. A permit stands for a kibibyte.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    units: Arc<Semaphore>,
    all: usize,
}

/// The part of the budget that a body takes, until it is dropped.
pub(crate) type Share = Option<OwnedSemaphorePermit>;

const UNIT: usize = 1024;

impl BodyBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(units)),
            all: units,
        }
    }

    /// Reads a body to its end. The share that comes with it covers what the message takes when it is decoded.
    ///
    /// # Errors
    ///
    /// The refusal: too large, too slow, or broken off.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        settings: &HttpSettings,
    ) -> Result<(Vec<u8>, Share), Box<Response>> {
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse::<usize>().ok());
        if announced.is_some_and(|length| length > settings.max_body_bytes) {
            return Err(too_large(settings.max_body_bytes));
        }
        let reading = self.collect(body, settings.max_body_bytes);
        time::timeout(settings.body_timeout, reading)
            .await
            .unwrap_or_else(|_| {
                let why = "the body took too long to arrive";
                Err(Box::new(reject::invalid_request(
                    StatusCode::REQUEST_TIMEOUT,
                    why,
                )))
            })
    }

    async fn collect(
        &self,
        mut body: Body,
        limit: usize,
    ) -> Result<(Vec<u8>, Share), Box<Response>> {
        let mut bytes = Vec::new();
        let mut share: Share = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Box::new(reject::invalid_request(
                    StatusCode::BAD_REQUEST,
                    "the body broke off",
                ))
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > limit {
                return Err(too_large(limit));
            }
            // Counted over the whole body: pieces of a byte each must not cost a unit each.
            self.grow(&mut share, bytes.len() + data.len())?;
            bytes.extend_from_slice(&data);
        }
        // What would take more than everything has to itself all that there is.
        let held = held_at_most(&bytes).min(self.all * UNIT);
        self.grow(&mut share, held)?;
        Ok((bytes, share))
    }

    /// Makes a share cover so many bytes.
    fn grow(&self, share: &mut Share, bytes: usize) -> Result<(), Box<Response>> {
        let units = bytes.div_ceil(UNIT);
        let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(units.saturating_sub(held)).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.units).try_acquire_many_owned(missing) else {
            return Err(Box::new(reject::busy(
                "too many request bodies are being read",
            )));
        };
        match share {
            Some(share) => share.merge(permit),
            None => *share = Some(permit),
        }
        Ok(())
    }
}

fn too_large(limit: usize) -> Box<Response> {
    let why = format!("the body is larger than {limit} bytes, which is the most this server takes");
    Box::new(reject::invalid_request(StatusCode::PAYLOAD_TOO_LARGE, &why))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    async fn read(budget: &BodyBudget, piece: usize, count: usize) -> Result<Share, StatusCode> {
        let pieces = (0..count).map(|_| Ok::<_, Infallible>(vec![b'x'; piece]));
        let body = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
        match budget.collect(body, 1024 * UNIT).await {
            Ok((bytes, share)) => {
                assert_eq!(bytes.len(), piece * count);
                Ok(share)
            }
            Err(refusal) => Err(refusal.status()),
        }
    }

    #[tokio::test]
    async fn a_share_covers_what_the_message_takes_when_it_is_read() {
        let budget = BodyBudget::new(1024 * UNIT);
        let body = async |text: String| budget.collect(text.into(), 1024 * UNIT).await.unwrap().1;
        let small_objects = body(format!("[{}]", [r#"{"":0}"#; 1000].join(","))).await;
        let units = small_objects.unwrap().num_permits();
        assert!(units > 600, "{units}");
        let one_text = body(format!("\"{}\"", "{[,".repeat(3000))).await;
        assert_eq!(one_text.unwrap().num_permits(), 9);
        // More than all there is takes all there is, instead of being refused for ever.
        let everything = body(format!("[{}]", [r#"{"":0}"#; 5000].join(","))).await;
        assert_eq!(everything.unwrap().num_permits(), 1024);
    }

    #[tokio::test]
    async fn a_body_costs_its_length_whatever_its_pieces() {
        let budget = BodyBudget::new(4 * UNIT);
        for (piece, count) in [(1, 4 * UNIT), (10, 409), (UNIT + 1, 3), (4 * UNIT, 1)] {
            let share = read(&budget, piece, count).await;
            assert!(share.is_ok(), "{count} pieces of {piece}");
        }
        let refused = read(&budget, UNIT, 5).await.unwrap_err();
        assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
        // What was refused, or dropped, holds nothing any more; what is kept does.
        let kept = read(&budget, UNIT, 3).await.unwrap();
        assert!(read(&budget, UNIT, 2).await.is_err());
        drop(kept);
        assert!(read(&budget, UNIT, 4).await.is_ok());
    }
}
