//! All targets, a row each. What they check stands in their modules, one for each kind of peer.

mod corpus;
mod cursor;
mod engine;
mod events;
mod gateway;
mod headers;
mod http;
mod jsonrpc;
mod params;
mod pipe;
mod settings;
mod state;
mod stream;
mod texts;
mod wellformed;

use mcp_server::{Server, ServerBuilder};

use crate::generate::Shape;
use crate::target::Target;

/// Every target: first what clients send, then what programs, installers and operators do.
pub const ALL: &[Target] = &[
    Target {
        name: "line",
        about: "one JSON-RPC message, as a line or a body, and every reader of its parameters",
        shape: Shape::Json,
        seeds: corpus::messages,
        run: jsonrpc::message,
        takes_messages: true,
    },
    Target {
        name: "batch",
        about: "an array of messages",
        shape: Shape::Json,
        seeds: corpus::batches,
        run: jsonrpc::batch,
        takes_messages: true,
    },
    Target {
        name: "envelope",
        about: "the self-description of stateless requests",
        shape: Shape::Json,
        seeds: params::envelopes,
        run: params::envelope,
        takes_messages: true,
    },
    Target {
        name: "answer",
        about: "what a client answers to forms, pages, samplings and questions for roots",
        shape: Shape::Json,
        seeds: params::answers,
        run: params::answer,
        takes_messages: true,
    },
    Target {
        name: "cursor",
        about: "cursors of lists, genuine and forged",
        shape: Shape::Bytes(cursor::WORDS),
        seeds: cursor::seeds,
        run: cursor::run,
        takes_messages: false,
    },
    Target {
        name: "state",
        about: "the sealed state of a call between its rounds",
        shape: Shape::Bytes(cursor::WORDS),
        seeds: state::seeds,
        run: state::run,
        takes_messages: false,
    },
    Target {
        name: "engine",
        about: "an engine in a long conversation with a hostile peer, while its calls do what they like",
        shape: Shape::Script(engine::ORDERS),
        seeds: engine::seeds,
        run: engine::run,
        takes_messages: true,
    },
    Target {
        name: "pipe",
        about: "a whole server at the end of a pipe, with tools that ask, log and fail",
        shape: Shape::Script(&[]),
        seeds: pipe::seeds,
        run: pipe::run,
        takes_messages: true,
    },
    Target {
        name: "http",
        about: "a whole request over HTTP: line, headers and body, in both eras",
        shape: Shape::Request(http::WORDS),
        seeds: http::seeds,
        run: http::run,
        takes_messages: true,
    },
    Target {
        name: "headers",
        about: "headers that repeat arguments, and their encoded words",
        shape: Shape::Json,
        seeds: headers::seeds,
        run: headers::run,
        takes_messages: false,
    },
    Target {
        name: "event",
        about: "the name of the event after which a stream is taken up",
        shape: Shape::Bytes(events::WORDS),
        seeds: events::seeds,
        run: events::run,
        takes_messages: false,
    },
    Target {
        name: "stream",
        about: "a runner's frames, and what the host makes of them",
        shape: Shape::Bytes(&[]),
        seeds: stream::seeds,
        run: stream::run,
        takes_messages: false,
    },
    Target {
        name: "program",
        about: "a program's bytes at the gateway: HTTP, CONNECT, SOCKS, TLS",
        shape: Shape::Bytes(gateway::WORDS),
        seeds: gateway::programs,
        run: gateway::program,
        takes_messages: false,
    },
    Target {
        name: "proxy",
        about: "what the host's own proxies answer",
        shape: Shape::Bytes(gateway::WORDS),
        seeds: gateway::proxies,
        run: gateway::proxy,
        takes_messages: false,
    },
    Target {
        name: "rule",
        about: "network rules and opened hosts",
        shape: Shape::Bytes(texts::RULE_WORDS),
        seeds: texts::rules,
        run: texts::rule,
        takes_messages: false,
    },
    Target {
        name: "modules",
        about: "the modules that a program asks for",
        shape: Shape::Bytes(texts::MODULE_WORDS),
        seeds: texts::modules,
        run: texts::module,
        takes_messages: false,
    },
    Target {
        name: "installer",
        about: "what an installer prints",
        shape: Shape::Bytes(texts::INSTALLER_WORDS),
        seeds: texts::installers,
        run: texts::installer,
        takes_messages: false,
    },
    Target {
        name: "settings",
        about: "a settings file",
        shape: Shape::Bytes(settings::WORDS),
        seeds: settings::seeds,
        run: settings::run,
        takes_messages: false,
    },
    Target {
        name: "quantity",
        about: "times, sizes and numbers as people write them",
        shape: Shape::Bytes(settings::QUANTITY_WORDS),
        seeds: settings::quantities,
        run: settings::quantity,
        takes_messages: false,
    },
];

/// The server of a target.
#[expect(clippy::panic, reason = "its tools stand in this crate")]
fn built(builder: ServerBuilder) -> Server {
    match builder.build() {
        Ok(server) => server,
        Err(refused) => panic!("{refused}"),
    }
}
