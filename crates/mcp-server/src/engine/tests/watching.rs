//! Who is told of tasks, and how often.

use std::time::Duration;

use expect_test::expect;

use super::*;
use crate::tasks::{RunningTask, Tasks};

/// A desk with tasks, and the table of them.
struct Office {
    desk: Desk,
    tasks: Tasks,
}

impl Office {
    fn new() -> Self {
        let limits = ServerLimits {
            progress_burst: 2,
            progress_interval: Duration::from_secs(1),
            ..ServerLimits::default()
        };
        let tasks = Tasks::new(&limits);
        let server = Server::builder(Implementation::new("desk", "1"))
            .tool(Arc::new(Named("a")))
            .tasks()
            .limits(limits)
            .build()
            .unwrap();
        let desk = Desk {
            engine: server.engine(Channel::Pipe),
            now: Instant::now(),
            received: 0,
        };
        Self { desk, tasks }
    }

    fn task(&self) -> Arc<RunningTask> {
        self.tasks.create(&Principal::local()).unwrap()
    }

    /// A stream that names these tasks, of which these are found.
    fn listens(&mut self, id: i64, named: &[&str], found: &[&Arc<RunningTask>]) -> String {
        let shown = self.desk.says(&listen(id, &json!({"taskIds": named})));
        assert!(shown.contains("watch"), "{shown}");
        let exchange = ExchangeId(self.desk.received);
        let tasks = found.iter().map(|task| WatchedTask::new(Arc::clone(task)));
        let tasks = tasks.collect();
        self.desk.step(Input::Watched { exchange, tasks })
    }

    /// What is told when a task tells something, a line each: who is told, of what status, with which message.
    fn tells(&mut self, task: &RunningTask, message: &str) -> Vec<String> {
        task.tell(message.to_owned());
        self.changed(task)
    }

    fn changed(&mut self, task: &RunningTask) -> Vec<String> {
        let id = task.id().to_owned();
        short(&self.desk.step(Input::TaskChanged(id)))
    }

    fn may_be_left_out(&mut self, task: &RunningTask) -> bool {
        let input = Input::TaskChanged(task.id().to_owned());
        match self.desk.engine.step(self.desk.now, input).as_slice() {
            [Output::Send { droppable, .. }] => *droppable,
            other => panic!("{other:?}"),
        }
    }

    fn wakes(&mut self) -> Vec<String> {
        self.desk.now = self.desk.engine.next_wake().unwrap();
        short(&self.desk.step(Input::Wake))
    }
}

fn short(shown: &str) -> Vec<String> {
    let told = shown.lines().filter_map(|line| line.split_once(" <- "));
    told.map(|(exchange, json)| {
        let message: Value = serde_json::from_str(json).unwrap();
        assert_eq!(message["method"], "notifications/tasks", "{message}");
        let params = &message["params"];
        let said = params["statusMessage"].as_str().unwrap_or("-");
        format!("{exchange}: {} {said}", params["status"].as_str().unwrap())
    })
    .collect()
}

fn listen(id: i64, wanted: &Value) -> String {
    let params = json!({"notifications": wanted, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":
            {"extensions": {"io.modelcontextprotocol/tasks": {}}}}});
    request(id, "subscriptions/listen", &params)
}

#[test]
fn tasks_that_are_there_are_acknowledged_and_told_as_they_are() {
    let mut office = Office::new();
    let task = office.task();
    task.tell("half".to_owned());
    let shown = office.listens(7, &["nothing", task.id()], &[&task]);
    let (acknowledged, state) = shown.split_once('\n').unwrap();
    check(
        &acknowledged.replace(task.id(), "<id>"),
        &expect![[
            r#"1 <- {"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7},"notifications":{"taskIds":["<id>"]}}}"#
        ]],
    );
    let state = message(state);
    assert_eq!(state["method"], "notifications/tasks");
    let params = &state["params"];
    assert_eq!(params["taskId"], task.id());
    assert_eq!(params["status"], "working");
    assert_eq!(params["statusMessage"], "half");
    assert_eq!(
        params["_meta"],
        json!({"io.modelcontextprotocol/subscriptionId": 7})
    );
    assert_eq!(params.get("resultType"), None, "that is for results");

    task.finish(Ok(Map::from_iter([("content".to_owned(), json!([]))])));
    let id = task.id().to_owned();
    let told = message(&office.desk.step(Input::TaskChanged(id)));
    assert_eq!(told["params"]["status"], "completed");
    assert_eq!(told["params"]["result"], json!({"content": []}));
    assert_eq!(office.changed(&task), [""; 0], "an end is told once");
}

#[test]
fn a_task_that_has_ended_is_told_at_once_and_no_more() {
    let mut office = Office::new();
    let task = office.task();
    task.cancel();
    let shown = office.listens(7, &[task.id()], &[&task]);
    let (_, state) = shown.split_once('\n').unwrap();
    assert_eq!(short(state), ["1: cancelled -"]);
    assert_eq!(office.desk.engine.next_wake(), None);
}

#[test]
fn the_newest_of_each_task_is_told_at_the_rate_of_the_stream() {
    let mut office = Office::new();
    let [a, b] = [office.task(), office.task()];
    let shown = office.listens(7, &[a.id(), b.id()], &[&a, &b]);
    assert_eq!(shown.lines().count(), 3, "a burst of two");
    assert_eq!(office.tells(&a, "a 1"), [""; 0]);
    assert_eq!(office.tells(&b, "b 1"), [""; 0]);
    assert_eq!(office.tells(&a, "a 2"), [""; 0], "too soon");
    assert_eq!(office.wakes(), ["1: working a 2"], "the newest counts");
    // A task that tells much does not keep the others from being told.
    assert_eq!(office.tells(&a, "a 3"), [""; 0]);
    assert_eq!(office.wakes(), ["1: working b 1"]);
    assert_eq!(office.wakes(), ["1: working a 3"]);
    assert_eq!(office.desk.engine.next_wake(), None);
    office.desk.now += Duration::from_secs(60);
    assert_eq!(office.tells(&b, "b 2"), ["1: working b 2"]);
}

#[test]
fn each_stream_is_told_what_it_named_until_it_ends() {
    let mut office = Office::new();
    let [a, b] = [office.task(), office.task()];
    office.listens(7, &[a.id()], &[&a]);
    office.listens(8, &[a.id(), b.id()], &[&a, &b]);
    office.desk.now += Duration::from_secs(60);
    assert_eq!(office.tells(&a, "x"), ["1: working x", "2: working x"]);
    assert_eq!(office.tells(&b, "y"), ["2: working y"]);
    office.desk.says(&cancel(8));
    office.desk.now += Duration::from_secs(60);
    assert_eq!(office.tells(&a, "z"), ["1: working z"]);
    office.desk.step(Input::EndSubscriptions);
    assert_eq!(office.tells(&a, "late"), [""; 0]);
    assert_eq!(office.desk.engine.next_wake(), None);
}

#[test]
fn an_end_that_nobody_may_miss_is_not_left_out() {
    let mut office = Office::new();
    let task = office.task();
    office.listens(7, &[task.id()], &[&task]);
    task.tell("x".to_owned());
    assert!(office.may_be_left_out(&task));
    office.desk.now += Duration::from_secs(60);
    task.cancel();
    assert!(!office.may_be_left_out(&task));
    // What is long must not pile up for a client that does not read. It can be asked for.
    let task = office.task();
    office.listens(8, &[task.id()], &[&task]);
    office.desk.now += Duration::from_secs(60);
    let long = json!({"content": "x".repeat(17 * 1024)});
    task.finish(Ok(long.as_object().unwrap().clone()));
    assert!(office.may_be_left_out(&task));
}

#[test]
fn who_names_tasks_must_know_them() {
    let mut office = Office::new();
    let ignorant = modern(
        1,
        "subscriptions/listen",
        json!({"notifications": {"taskIds": ["x"]}}),
        "2026-07-28",
    );
    let refused = office.desk.answer(&ignorant);
    assert_eq!(refused["error"]["code"], -32021);
    assert_eq!(
        refused["error"]["data"]["requiredCapabilities"],
        json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
    );
    // Where no task is named, or none is offered, there is nothing to know.
    let nothing = modern(
        2,
        "subscriptions/listen",
        json!({"notifications": {"taskIds": []}}),
        "2026-07-28",
    );
    let acknowledged = office.desk.answer(&nothing);
    assert_eq!(acknowledged["params"]["notifications"], json!({}));
    let mut rich = Desk::rich(Channel::Pipe);
    let acknowledged = rich.answer(&listen(3, &json!({"taskIds": ["x"]})));
    assert_eq!(acknowledged["params"]["notifications"], json!({}));
}

#[test]
fn nothing_is_told_before_the_stream_is_acknowledged() {
    let mut office = Office::new();
    let task = office.task();
    let shown = office
        .desk
        .says(&listen(7, &json!({"taskIds": [task.id()]})));
    assert_eq!(shown, format!("watch {{\"{}\"}} for 1", task.id()));
    assert_eq!(office.tells(&task, "early"), [""; 0]);
    // A stream that was given up meanwhile is not acknowledged.
    office.desk.says(&cancel(7));
    let tasks = vec![WatchedTask::new(task)];
    let exchange = ExchangeId(1);
    assert_eq!(office.desk.step(Input::Watched { exchange, tasks }), "");
}
