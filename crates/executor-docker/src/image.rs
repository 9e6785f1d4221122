//! The image that the operator chose: is it there, and if not, the pull and how far it is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use executor_core::backend::Progress;

use crate::client::{Client, PullStep};
use crate::error::DockerError;
use crate::settings::{ImageRef, PullPolicy};

/// The id of `image`, pulled first if it is missing and `policy` lets us.
pub(crate) async fn ensure(
    client: &Client,
    image: &ImageRef,
    policy: PullPolicy,
    progress: &dyn Progress,
) -> Result<String, DockerError> {
    let missing = || DockerError::ImageMissing(image.to_string());
    if let Some(id) = client.image_id(image.as_str()).await? {
        return Ok(id);
    }
    match policy {
        PullPolicy::Never => return Err(missing()),
        PullPolicy::Missing => {}
    }
    progress.report(&format!("pulling the image {image}"));
    let (name, tag) = image.split();
    let mut tally = Tally::new(image);
    client
        .pull(name, tag, |step| {
            if let Some(message) = tally.add(step) {
                progress.report(&message);
            }
        })
        .await?;
    progress.report(&format!("pulled the image {image}"));
    client.image_id(image.as_str()).await?.ok_or_else(missing)
}

/// A message at most so often.
const INTERVAL: Duration = Duration::from_millis(500);
/// No image has more layers; an engine that names more is not followed further.
const MAX_LAYERS: usize = 1024;

/// Sums what the engine tells layer by layer.
#[derive(Debug)]
struct Tally {
    image: String,
    layers: HashMap<String, Layer>,
    told: Option<Instant>,
}

#[derive(Debug, Default)]
struct Layer {
    received: u64,
    total: u64,
}

impl Tally {
    fn new(image: &ImageRef) -> Self {
        Self {
            image: image.to_string(),
            layers: HashMap::new(),
            told: None,
        }
    }

    /// Takes one step in; the message, if it is time for one.
    fn add(&mut self, step: PullStep) -> Option<String> {
        let known = self.layers.contains_key(&step.layer);
        if step.layer.is_empty() || (!known && self.layers.len() >= MAX_LAYERS) {
            return None;
        }
        let layer = self.layers.entry(step.layer).or_default();
        match step.status.as_str() {
            "Downloading" => {
                layer.received = step.current;
                layer.total = layer.total.max(step.total);
            }
            // From here on the engine counts what it unpacks, with the same total.
            "Download complete" | "Extracting" | "Pull complete" => layer.received = layer.total,
            _ => return None,
        }
        let due = self.told.is_none_or(|told| told.elapsed() >= INTERVAL);
        if !due {
            return None;
        }
        self.told = Some(Instant::now());
        Some(self.message())
    }

    fn message(&self) -> String {
        const MB: u64 = 1_000_000;
        let sum = |part: fn(&Layer) -> u64| {
            self.layers
                .values()
                .map(part)
                .fold(0, u64::saturating_add)
                .div_ceil(MB)
        };
        let (received, total) = (sum(|layer| layer.received), sum(|layer| layer.total));
        if received >= total {
            format!("unpacking the image {}: {total} MB", self.image)
        } else {
            format!("pulling the image {}: {received} of {total} MB", self.image)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(layer: &str, status: &str, current: u64, total: u64) -> PullStep {
        const MB: u64 = 1_000_000;
        PullStep {
            layer: layer.to_owned(),
            status: status.to_owned(),
            current: current * MB,
            total: total * MB,
        }
    }

    #[test]
    fn layers_are_summed() {
        let mut tally = Tally::new(&"a/b:c".parse().unwrap());
        assert_eq!(tally.add(step("", "Pulling from a/b", 0, 0)), None);
        assert_eq!(
            tally.add(step("one", "Downloading", 10, 100)).as_deref(),
            Some("pulling the image a/b:c: 10 of 100 MB")
        );
        assert_eq!(
            tally.add(step("two", "Downloading", 5, 50)),
            None,
            "too soon"
        );
        assert_eq!(tally.message(), "pulling the image a/b:c: 15 of 150 MB");
        tally.add(step("one", "Download complete", 0, 0));
        tally.add(step("one", "Extracting", 3, 100));
        assert_eq!(tally.message(), "pulling the image a/b:c: 105 of 150 MB");
        tally.add(step("two", "Pull complete", 0, 0));
        assert_eq!(tally.message(), "unpacking the image a/b:c: 150 MB");
    }

    #[test]
    fn layers_have_a_bound() {
        let mut tally = Tally::new(&"a".parse().unwrap());
        for number in 0..5000 {
            tally.add(step(&number.to_string(), "Downloading", 1, 2));
        }
        assert_eq!(tally.layers.len(), MAX_LAYERS);
    }
}
