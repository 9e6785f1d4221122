//! Reads request bodies under bounds: size, time, and all bodies together.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time;

use crate::reject;
use crate::settings::HttpSettings;

/// What all bodies that are being read may take together. A permit stands for a kibibyte.
#[derive(Debug)]
pub(crate) struct BodyBudget(Semaphore);

const UNIT: usize = 1024;

impl BodyBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS)))
    }

    /// Reads a body to its end. What it took of the budget is free again when this returns.
    ///
    /// # Errors
    ///
    /// The refusal: too large, too slow, or broken off.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        settings: &HttpSettings,
    ) -> Result<Vec<u8>, Box<Response>> {
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

    async fn collect(&self, mut body: Body, limit: usize) -> Result<Vec<u8>, Box<Response>> {
        let mut bytes = Vec::new();
        let mut taken: Option<SemaphorePermit<'_>> = None;
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
            let needed = u32::try_from(data.len().div_ceil(UNIT)).unwrap_or(u32::MAX);
            let Ok(permit) = self.0.try_acquire_many(needed) else {
                return Err(Box::new(reject::busy(
                    "too many request bodies are being read",
                )));
            };
            match &mut taken {
                Some(taken) => taken.merge(permit),
                None => taken = Some(permit),
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }
}

fn too_large(limit: usize) -> Box<Response> {
    let why = format!("the body is larger than {limit} bytes, which is the most this server takes");
    Box::new(reject::invalid_request(StatusCode::PAYLOAD_TOO_LARGE, &why))
}
