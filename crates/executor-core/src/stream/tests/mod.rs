//! What the stream is held to: the codec, the rules against a lying runner, and the real runner.

mod ahead;
mod codec;
mod compiled;
mod ends;
mod hostile;
mod local;
mod output;
mod programs;
mod proxied;
mod results;
mod results_pictures;
mod trusted;
