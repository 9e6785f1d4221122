//! The protocol crate from outside: any bytes, every revision, the official schemas.

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod surface;
