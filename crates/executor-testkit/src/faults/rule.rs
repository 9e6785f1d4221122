//! What goes wrong with which call, and how often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::wire::Message;

/// The calls that the Docker backend makes, by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// Asks for the engine's versions.
    Version,
    /// Asks what the engine is and keeps, and what time it is.
    Info,
    /// Looks for an image.
    Image,
    /// Makes a container.
    Create,
    /// Takes hold of a container's streams.
    Attach,
    /// Starts a container.
    Start,
    /// Asks how a container is.
    Inspect,
    /// Removes a container.
    Remove,
    /// Asks for all containers.
    List,
    /// Everything else.
    Other,
}

impl Route {
    /// Those of a sandbox's life, in its order.
    pub const LIFE: [Self; 5] = [
        Self::Create,
        Self::Attach,
        Self::Start,
        Self::Inspect,
        Self::Remove,
    ];

    pub(super) fn of(call: &Message) -> Self {
        let path = call.path();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (call.method(), parts.as_slice()) {
            ("GET", ["version"]) => Self::Version,
            ("GET", ["info"]) => Self::Info,
            ("GET", ["images", .., "json"]) => Self::Image,
            ("POST", ["containers", "create"]) => Self::Create,
            ("POST", ["containers", _, "attach"]) => Self::Attach,
            ("POST", ["containers", _, "start"]) => Self::Start,
            ("GET", ["containers", "json"]) => Self::List,
            ("GET", ["containers", _, "json"]) => Self::Inspect,
            ("DELETE", ["containers", _]) => Self::Remove,
            _ => Self::Other,
        }
    }
}

/// What is done to the JSON of an answer.
pub type Rewrite = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// What goes wrong with a call.
#[derive(Clone)]
#[non_exhaustive]
pub enum Fault {
    /// The engine hears of it only after so long.
    Delay(Duration),
    /// The engine never hears of it, and it is never answered.
    Swallow,
    /// The engine does it, and its answer is kept back for ever.
    Hold,
    /// The engine never hears of it, and the connection ends.
    Reset,
    /// The engine does it, and the connection ends after so many bytes of its answer.
    CutAnswer(usize),
    /// The engine never hears of it, and this is the answer: status and body.
    Answer(u16, &'static str),
    /// The engine does it, and this is the answer nevertheless.
    AnswerInstead(u16, &'static str),
    /// The engine's answer is changed.
    Rewrite(Rewrite),
    /// An attached stream ends, both ways, after so many bytes of it.
    CutStream(usize),
    /// An attached stream falls silent, both ways, after so many bytes of it.
    StallStream(usize),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(time) => write!(f, "Delay({time:?})"),
            Self::Swallow => f.write_str("Swallow"),
            Self::Hold => f.write_str("Hold"),
            Self::Reset => f.write_str("Reset"),
            Self::CutAnswer(after) => write!(f, "CutAnswer({after})"),
            Self::Answer(status, _) => write!(f, "Answer({status})"),
            Self::AnswerInstead(status, _) => write!(f, "AnswerInstead({status})"),
            Self::Rewrite(_) => f.write_str("Rewrite"),
            Self::CutStream(after) => write!(f, "CutStream({after})"),
            Self::StallStream(after) => write!(f, "StallStream({after})"),
        }
    }
}

/// A fault that waits for its calls.
#[derive(Debug)]
pub(super) struct Rule {
    /// Of every call, if none is named.
    pub(super) route: Option<Route>,
    pub(super) fault: Fault,
    /// How many calls it strikes still.
    pub(super) times: usize,
}

/// The fault of the first rule that is due, which has struck once more then.
pub(super) fn strike(rules: &mut Vec<Rule>, route: Route) -> Option<Fault> {
    let rule = rules
        .iter_mut()
        .find(|rule| rule.route.is_none_or(|of| of == route))?;
    rule.times = rule.times.saturating_sub(1);
    let fault = rule.fault.clone();
    rules.retain(|rule| rule.times > 0);
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn route(line: &str) -> Route {
        let text = format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n");
        let mut bytes = text.as_bytes();
        Route::of(&Message::read(&mut bytes, false).await.unwrap().unwrap())
    }

    #[tokio::test]
    async fn every_call_of_the_backend_has_its_route() {
        for (line, expected) in [
            ("GET /version", Route::Version),
            ("GET /v1.48/info", Route::Info),
            ("GET /v1.48/images/a/b:c/json", Route::Image),
            ("POST /v1.48/containers/create?name=x", Route::Create),
            ("POST /v1.48/containers/x/attach?stream=true", Route::Attach),
            ("POST /v1.48/containers/x/start", Route::Start),
            ("GET /v1.48/containers/x/json", Route::Inspect),
            ("DELETE /v1.48/containers/x?force=true", Route::Remove),
            ("GET /v1.48/containers/json?all=true", Route::List),
            ("POST /v1.48/images/create", Route::Other),
        ] {
            assert_eq!(route(line).await, expected, "{line}");
        }
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says_and_only_its_calls() {
        let mut rules = vec![
            Rule {
                route: Some(Route::Start),
                fault: Fault::Reset,
                times: 2,
            },
            Rule {
                route: None,
                fault: Fault::Hold,
                times: 1,
            },
        ];
        let struck =
            |rules: &mut Vec<Rule>, route| strike(rules, route).map(|fault| format!("{fault:?}"));
        assert_eq!(struck(&mut rules, Route::Start).as_deref(), Some("Reset"));
        assert_eq!(struck(&mut rules, Route::List).as_deref(), Some("Hold"));
        assert_eq!(struck(&mut rules, Route::List), None);
        assert_eq!(struck(&mut rules, Route::Start).as_deref(), Some("Reset"));
        assert_eq!(struck(&mut rules, Route::Start), None);
    }
}
