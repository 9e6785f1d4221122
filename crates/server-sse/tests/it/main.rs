//! The HTTP transports over real sockets: with an HTTP client, and by hand where a client would be too polite.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod legacy;
#[cfg(test)]
mod modern;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod old_clients;
#[cfg(test)]
mod resumption;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod site;
#[cfg(test)]
mod whole;
