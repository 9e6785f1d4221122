//! The server from outside: over pipes, in sessions and exchanges, with real tasks.

#[cfg(test)]
mod bench_tool;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod example;
#[cfg(test)]
mod pipes;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tasks_listening;
