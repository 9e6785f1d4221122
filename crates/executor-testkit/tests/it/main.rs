//! The laws hold on the honest unconfined backend, and every liar is caught by its law.

#[cfg(test)]
mod laws;
#[cfg(test)]
mod liars;
