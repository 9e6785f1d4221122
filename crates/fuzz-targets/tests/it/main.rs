//! The short run: every target for a moment, with inputs that are the same in every run.

#[cfg(test)]
mod short;
