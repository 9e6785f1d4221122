//! Runs Python programs in fresh, single-use sandboxes: the contract, the executor and the way out.
