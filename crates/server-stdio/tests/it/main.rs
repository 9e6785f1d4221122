//! The real binary, from outside.

#[cfg(test)]
mod broken;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod hostile_messages;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod peers;
#[cfg(test)]
mod program;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod whole;
