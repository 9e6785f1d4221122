//! Clients that want to hurt: what they send on a connection, how many they open, how much they make the server hold.
//!
//! The ids in the comments (C11, I19, …) are the rows of the threat catalogue that a test stands for.

#[cfg(target_os = "linux")]
mod crowds;
mod floods;
#[cfg(target_os = "linux")]
mod hoards;
#[cfg(target_os = "linux")]
mod process;
mod wire;
