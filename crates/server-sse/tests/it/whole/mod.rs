//! The whole server over HTTP, on a real engine, with a client of our own and with foreign ones.

mod audit;
mod calls;
mod cancel;
mod foreign;
mod results;
mod server;
mod tasks;
