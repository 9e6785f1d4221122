//! The executor as a program that embeds it sees it, on local processes instead of sandboxes.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod environments;
#[cfg(test)]
mod fragile;
#[cfg(test)]
mod hot;
#[cfg(test)]
mod pool;
mod queue;
