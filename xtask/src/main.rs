//! The one door to every chore.

fn main() {}
