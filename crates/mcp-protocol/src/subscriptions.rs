//! What changed, and who wants to know: change notifications and `subscriptions/listen` (2026-07-28).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::jsonrpc::{ErrorObject, RequestId};
use crate::resources::MAX_URI_BYTES;

/// The method that opens a stream of changes (2026-07-28).
pub const LISTEN: &str = "subscriptions/listen";
/// The first notification on such a stream.
pub const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
/// In the `_meta` of everything on such a stream: the id of the request that opened it.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The most URIs that one filter, or one session of the older revisions, may name.
pub const MAX_URIS: usize = 256;

/// The most tasks that one filter may name. What a stream tells of a task may be as long as its result.
pub const MAX_TASK_IDS: usize = 32;

/// Something changed that clients may want to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// The contents of the resource with this URI.
    Resource(String),
}

impl Change {
    /// The notification that tells it.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Resource(_) => "notifications/resources/updated",
        }
    }
}

/// Which changes a stream is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// The kinds and URIs.
    pub changes: BTreeSet<Change>,
    /// The ids of tasks (extension [`tasks`](crate::tasks)).
    pub tasks: BTreeSet<String>,
}

impl Filter {
    /// Reads the parameters of [`LISTEN`]. Kinds that are unknown here are left out, as the acknowledgement then says.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when `notifications` is missing, a kind is mistyped, or too many URIs or tasks are named.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let params = Fields::new(params, "params");
        let wanted = Fields::new(params.object("notifications")?, "params.notifications");
        let mut changes = BTreeSet::new();
        for (key, change) in LISTS {
            if wanted.optional_boolean(key)? == Some(true) {
                changes.insert(change);
            }
        }
        let uris = wanted.optional_texts(RESOURCES)?;
        if uris.len() > MAX_URIS {
            return Err(wanted.wrong(RESOURCES, &format!("may name at most {MAX_URIS} URIs")));
        }
        if uris.iter().any(|uri| uri.len() > MAX_URI_BYTES) {
            let why = format!("must name URIs of at most {MAX_URI_BYTES} bytes");
            return Err(wanted.wrong(RESOURCES, &why));
        }
        changes.extend(uris.into_iter().map(|uri| Change::Resource(uri.to_owned())));
        let ids = wanted.optional_texts(TASKS)?;
        if ids.len() > MAX_TASK_IDS {
            return Err(wanted.wrong(TASKS, &format!("may name at most {MAX_TASK_IDS} tasks")));
        }
        let tasks = ids.into_iter().map(str::to_owned).collect();
        Ok(Self { changes, tasks })
    }
}

/// The acknowledgement: what will be told on a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Acknowledged {
    /// The id of the request that opened the stream.
    pub subscription: RequestId,
    /// What is honoured of its filter.
    pub filter: Filter,
}

impl Acknowledged {
    /// An acknowledgement.
    #[must_use]
    pub const fn new(subscription: RequestId, filter: Filter) -> Self {
        Self {
            subscription,
            filter,
        }
    }
}

/// The names of the list changes in a filter.
pub(crate) const LISTS: [(&str, Change); 3] = [
    ("toolsListChanged", Change::Tools),
    ("promptsListChanged", Change::Prompts),
    ("resourcesListChanged", Change::Resources),
];
/// The name of the URIs in a filter.
pub(crate) const RESOURCES: &str = "resourceSubscriptions";
/// The name of the tasks in a filter.
pub(crate) const TASKS: &str = "taskIds";

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_name_kinds_and_uris() {
        fn check(params: &Value, expected: &Expect) {
            let shown = match Filter::decode(params.as_object().unwrap()) {
                Ok(filter) => format!("{:?} {:?}", filter.changes, filter.tasks),
                Err(error) => error.to_string(),
            };
            expected.assert_eq(&shown);
        }
        check(&json!({"notifications": {}}), &expect!["{} {}"]);
        check(
            &json!({"notifications": {"toolsListChanged": true, "promptsListChanged": false,
                "unheardOf": 7, "resourceSubscriptions": ["a:1"]}}),
            &expect![[r#"{Tools, Resource("a:1")} {}"#]],
        );
        check(
            &json!({"notifications": {"taskIds": ["t", "s", "t"]}}),
            &expect![[r#"{} {"s", "t"}"#]],
        );
        check(
            &json!({}),
            &expect!["`params.notifications` is missing (-32602)"],
        );
        check(
            &json!({"notifications": {"toolsListChanged": "yes"}}),
            &expect![
                "`params.notifications.toolsListChanged` must be a boolean, not a string (-32602)"
            ],
        );
        check(
            &json!({"notifications": {"resourceSubscriptions": [1]}}),
            &expect![
                "`params.notifications.resourceSubscriptions` must hold strings, not a number (-32602)"
            ],
        );
        check(
            &json!({"notifications": {"resourceSubscriptions": vec!["a:1"; 257]}}),
            &expect![
                "`params.notifications.resourceSubscriptions` may name at most 256 URIs (-32602)"
            ],
        );
        check(
            &json!({"notifications": {"taskIds": "t"}}),
            &expect!["`params.notifications.taskIds` must be an array, not a string (-32602)"],
        );
        check(
            &json!({"notifications": {"taskIds": vec!["t"; 33]}}),
            &expect!["`params.notifications.taskIds` may name at most 32 tasks (-32602)"],
        );
    }
}
