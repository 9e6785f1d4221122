//! The fixtures over HTTP, in both eras: the texts that are documented for them, to the letter.

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod peer;
