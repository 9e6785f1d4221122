//! A client that holds everything it is sent against the official schema of its revision.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use jsonschema::Validator;
use mcp_protocol::Revision;
use mcp_server::{MemoryClient, Server};
use serde_json::{Value, json};

/// What a client may be sent, by the definition of its revision's schema or of the tasks extension.
#[derive(Debug)]
pub(super) struct Schema {
    revision: Revision,
    official: Value,
    /// For the extension, which has no official schema beside its text.
    tasks: Value,
    validators: HashMap<String, Validator>,
    /// The definitions that something was held against.
    pub(super) used: BTreeSet<String>,
}

/// The results of each method. Notifications and requests are found by the method in their own definition.
const RESULTS: &[(&str, &str)] = &[
    ("initialize", "InitializeResult"),
    ("ping", "EmptyResult"),
    ("logging/setLevel", "EmptyResult"),
    ("resources/subscribe", "EmptyResult"),
    ("resources/unsubscribe", "EmptyResult"),
    ("server/discover", "DiscoverResult"),
    ("tools/list", "ListToolsResult"),
    ("tools/call", "CallToolResult"),
    ("resources/list", "ListResourcesResult"),
    ("resources/templates/list", "ListResourceTemplatesResult"),
    ("resources/read", "ReadResourceResult"),
    ("prompts/list", "ListPromptsResult"),
    ("prompts/get", "GetPromptResult"),
    ("completion/complete", "CompleteResult"),
    ("subscriptions/listen", "SubscriptionsListenResult"),
    ("tasks/get", "tasks/GetTaskResult"),
    ("tasks/update", "EmptyResult"),
    ("tasks/cancel", "EmptyResult"),
];

impl Schema {
    pub(super) fn load(directory: &Path, revision: Revision) -> Self {
        let path = directory.join(format!("{revision}.json"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        Self {
            revision,
            official: serde_json::from_str(&text).unwrap(),
            tasks: serde_json::from_str(include_str!("tasks-extension.json")).unwrap(),
            validators: HashMap::new(),
            used: BTreeSet::new(),
        }
    }

    fn definitions(&self) -> (&'static str, &Value) {
        match self.official.get("$defs") {
            Some(definitions) => ("$defs", definitions),
            None => ("definitions", &self.official["definitions"]),
        }
    }

    /// The definitions that a union has.
    pub(super) fn union(&self, name: &str) -> Vec<String> {
        let (_, definitions) = self.definitions();
        let members = definitions[name]["anyOf"].as_array();
        let reference = |member: &Value| {
            let reference = member["$ref"].as_str()?;
            Some(reference.rsplit('/').next()?.to_owned())
        };
        members
            .into_iter()
            .flatten()
            .filter_map(reference)
            .collect()
    }

    /// The definition of a notification or a request.
    fn of_method(&self, method: &str) -> String {
        if method == "notifications/tasks" {
            return "tasks/TaskNotification".to_owned();
        }
        let (_, definitions) = self.definitions();
        let mut found = definitions
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, definition)| definition["properties"]["method"]["const"] == method);
        match found.next() {
            Some((name, _)) => name.clone(),
            None => panic!("{} has no message `{method}`", self.revision),
        }
    }

    /// Holds a value against a definition; `tasks/…` are those of the extension.
    pub(super) fn check(&mut self, name: &str, value: &Value) {
        let errors = self.violations(name, value);
        assert!(
            errors.is_empty(),
            "{} {name}: {errors:#?}\n{value:#}",
            self.revision
        );
        self.used.insert(name.to_owned());
    }

    pub(super) fn violations(&mut self, name: &str, value: &Value) -> Vec<String> {
        if !self.validators.contains_key(name) {
            let root = match name.strip_prefix("tasks/") {
                Some(name) => json!({
                    "$schema": self.tasks["$schema"],
                    "$ref": format!("#/$defs/{name}"),
                    "$defs": self.tasks["$defs"],
                }),
                None => {
                    let (keyword, definitions) = self.definitions();
                    assert!(
                        definitions.get(name).is_some(),
                        "{} has no `{name}`",
                        self.revision
                    );
                    json!({
                        "$schema": self.official["$schema"],
                        "$ref": format!("#/{keyword}/{name}"),
                        keyword: definitions,
                    })
                }
            };
            let options = jsonschema::options().should_validate_formats(true);
            let validator = options.build(&root).unwrap();
            self.validators.insert(name.to_owned(), validator);
        }
        let errors = self.validators[name].iter_errors(value);
        errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    /// Holds one message against all that is said of it. `methods` has the requests that were sent, by id.
    pub(super) fn message(&mut self, message: &Value, methods: &BTreeMap<String, String>) {
        let newer = self.revision >= Revision::V2025_11_25;
        if let Some(elements) = message.as_array() {
            self.check("JSONRPCBatchResponse", message);
            for element in elements {
                self.message(element, methods);
            }
        } else if let Some(method) = message["method"].as_str() {
            let envelope = match message.get("id") {
                Some(_) if self.revision.is_modern() => {
                    panic!("2026-07-28 lets a server send no requests: {message}")
                }
                Some(_) => "JSONRPCRequest",
                None => "JSONRPCNotification",
            };
            self.check(envelope, message);
            let definition = self.of_method(method);
            self.check(&definition, message);
        } else if let Some(result) = message.get("result") {
            self.check(
                if newer {
                    "JSONRPCResultResponse"
                } else {
                    "JSONRPCResponse"
                },
                message,
            );
            let method = &methods[&message["id"].to_string()];
            let definition = match result["resultType"].as_str() {
                Some("input_required") => "InputRequiredResult",
                Some("task") => "tasks/CreateTaskResult",
                _ => {
                    let mut results = RESULTS.iter();
                    let found = results.find(|(of, _)| of == method);
                    found
                        .unwrap_or_else(|| panic!("what does `{method}` give?"))
                        .1
                }
            };
            self.check(definition, result);
            if definition == "tasks/GetTaskResult" && result["status"] == "completed" {
                // What the call would have given stands in it.
                self.check("CallToolResult", &result["result"]);
            }
        } else {
            self.error(message, newer);
        }
    }

    fn error(&mut self, message: &Value, newer: bool) {
        // Before 2025-11-25 the schemas have no form for an error whose request's id could not be read.
        if newer || message.get("id").is_some() {
            self.check(
                if newer {
                    "JSONRPCErrorResponse"
                } else {
                    "JSONRPCError"
                },
                message,
            );
        }
        let code = message["error"]["code"].as_i64();
        if self.revision == Revision::V2025_11_25 && code == Some(-32042) {
            self.check("URLElicitationRequiredError", message);
        }
        if self.revision.is_modern() {
            match code {
                Some(-32022) => self.check("UnsupportedProtocolVersionError", message),
                Some(-32021) => self.check("MissingRequiredClientCapabilityError", message),
                Some(-32700) => self.check("ParseError", &message["error"]),
                Some(-32600) => self.check("InvalidRequestError", &message["error"]),
                Some(-32601) => self.check("MethodNotFoundError", &message["error"]),
                Some(-32602) => self.check("InvalidParamsError", &message["error"]),
                Some(-32603) => self.check("InternalError", &message["error"]),
                code => panic!("2026-07-28 knows no code {code:?}"),
            }
        }
    }
}

/// A connection on which everything is held against the schema.
#[derive(Debug)]
pub(super) struct Tap {
    pub(super) schema: Schema,
    client: MemoryClient,
    methods: BTreeMap<String, String>,
    last_id: u64,
}

impl Tap {
    pub(super) fn new(schema: Schema, server: &Server) -> Self {
        Self {
            schema,
            client: server.in_memory(),
            methods: BTreeMap::new(),
            last_id: 0,
        }
    }

    /// Sends a line, whatever it is.
    pub(super) async fn line(&mut self, line: &str) {
        self.client.send_line(line).await.unwrap();
    }

    /// Takes the next message.
    pub(super) async fn next(&mut self) -> Value {
        let message = self.client.receive().await.unwrap();
        self.schema.message(&message, &self.methods);
        message
    }

    /// Sends a request, and gives back its id.
    pub(super) async fn send(&mut self, method: &str, mut params: Value) -> Value {
        self.last_id += 1;
        let id = json!(format!("{}-{method}", self.last_id));
        if self.schema.revision.is_modern() {
            let capabilities = capabilities();
            let meta = &mut params["_meta"];
            if meta.is_null() {
                *meta = json!({});
            }
            let meta = meta.as_object_mut().unwrap();
            for (key, value) in [
                ("protocolVersion", json!("2026-07-28")),
                ("clientCapabilities", capabilities),
                ("logLevel", json!("debug")),
            ] {
                let key = format!("io.modelcontextprotocol/{key}");
                meta.entry(key).or_insert(value);
            }
        }
        params["_meta"]["progressToken"] = id.clone();
        self.methods.insert(id.to_string(), method.to_owned());
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.line(&request.to_string()).await;
        id
    }

    /// Sends a request, answers whatever is asked on the way, and gives back the response.
    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        loop {
            let message = self.next().await;
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            if message.get("id").is_some() && message.get("method").is_some() {
                let response =
                    json!({"jsonrpc": "2.0", "id": message["id"], "result": answer(&message)});
                self.line(&response.to_string()).await;
            }
        }
    }

    /// Takes messages up to a notification of this kind.
    pub(super) async fn until(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["method"] == method {
                return message;
            }
        }
    }

    /// Ends the connection, and takes what still comes.
    pub(super) async fn drain(mut self, server: &Server) -> BTreeSet<String> {
        let (stopped, ()) = tokio::join!(server.stop(), async {
            while let Ok(message) = self.client.receive().await {
                self.schema.message(&message, &self.methods);
            }
        });
        let () = stopped;
        self.schema.used
    }
}

/// What the client declares: everything.
pub(super) fn capabilities() -> Value {
    json!({
        "elicitation": {"form": {}, "url": {}},
        "sampling": {},
        "roots": {},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    })
}

/// What the client answers.
pub(super) fn answer(request: &Value) -> Value {
    match request["method"].as_str().unwrap() {
        "sampling/createMessage" => json!({"role": "assistant", "model": "m",
            "content": {"type": "text", "text": "Well"}}),
        "roots/list" => json!({"roots": [{"uri": "file:///a"}]}),
        _ if request["params"]["mode"] == "url" => json!({"action": "accept"}),
        _ => json!({"action": "accept", "content": {"name": "Ada"}}),
    }
}
