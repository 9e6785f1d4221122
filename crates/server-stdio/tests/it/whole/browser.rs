//! The browser that waits: who gets it, who does not, and that nobody could tell but by the time.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Answer, Client, turn};
use super::environments::Volume;
use super::way_out::Origin;

/// What each program begins with. A browser waited if its process is older than the program.
const PROLOGUE: &str = "import sys
if 'playwright.sync_api' not in sys.modules:
    print('nothing waited')
    sys.exit()
import asyncio, contextlib, os, signal, time
from playwright.sync_api import sync_playwright
from playwright.async_api import async_playwright
BEGUN = float(open('/proc/uptime').read().split()[0])
time.sleep(0.03)
def born(pid):
    return int(open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[19]) / os.sysconf('SC_CLK_TCK')
def browser_in(found):
    pid, = (one['id'] for one in found['processInfo'] if one['type'] == 'browser')
    return pid
def process(browser):
    return browser_in(browser.new_browser_cdp_session().send('SystemInfo.getProcessInfo'))
def waited(browser):
    return born(process(browser)) < BEGUN
async def waited_async(browser):
    session = await browser.new_browser_cdp_session()
    return born(browser_in(await session.send('SystemInfo.getProcessInfo'))) < BEGUN
def driver_waited(playwright):
    return born(playwright._impl_obj._connection._transport._proc.pid) < BEGUN
def others():
    found = {}
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            # One that ends meanwhile is none.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found[int(name)] = open(f'/proc/{name}/cmdline').read().split('\\0')[0]
    return found
def title(browser):
    page = browser.new_page()
    page.goto('data:text/html,<title>a page</title>')
    return page.title()
";

/// How long a browser may need to be there, its first one's installation included.
const PATIENCE: Duration = Duration::from_secs(150);

/// A server that keeps two browsers waiting.
async fn server(volume: &Volume, options: &[&str]) -> Client {
    volume
        .server_with_playwright(&[&["--browsers", "2"], options].concat())
        .await
}

/// Runs a program behind the prologue, in a sandbox in which a browser waits.
async fn run(client: &mut Client, code: &str) -> Answer {
    run_with(client, json!({}), code).await
}

async fn run_with(client: &mut Client, mut arguments: serde_json::Value, code: &str) -> Answer {
    let begun = Instant::now();
    arguments["code"] = json!(format!("{PROLOGUE}{code}"));
    loop {
        let answer = client.call(arguments.clone()).await;
        if answer.stdout() != "nothing waited\n" {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", client.log());
        // Nothing tells a client, and who asks too often keeps the server from preparing.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

/// Runs a program that must print this, nothing else, and leave nothing to be told.
#[track_caller]
fn check(answer: &Answer, expected: &str) {
    assert_eq!(answer.stdout(), expected, "{answer:?}");
    assert_eq!(answer.field("stderr"), "", "{answer:?}");
    assert_eq!(answer.ending(), "exited", "{answer:?}");
    assert!(!answer.text().contains("note:"), "{answer:?}");
}

#[tokio::test]
async fn a_plain_launch_gets_it_and_the_next_one_does_not() {
    let what = "a_plain_launch_gets_it_and_the_next_one_does_not";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = server(&volume, &[]).await;
    let code = "with sync_playwright() as p:
    browser = p.chromium.launch()
    print(driver_waited(p), waited(browser), browser.contexts, title(browser))
    browser.close()
    print(len(others()))
    browser = p.chromium.launch()
    print(waited(browser), title(browser))
    browser.close()
print(others())
with sync_playwright() as p:
    browser = p.chromium.launch()
    print(driver_waited(p), waited(browser), title(browser))
    browser.close()";
    let expected = "True True [] a page\n1\nFalse a page\n{}\nFalse False a page\n";
    check(&run(&mut client, code).await, expected);
    // A run that names the module has the same on its path.
    let named = run_with(&mut client, json!({ "modules": "playwright" }), code).await;
    check(&named, expected);

    let code = "async def main():
    async def launched(p):
        browser = await p.chromium.launch()
        page = await browser.new_page()
        await page.goto('data:text/html,<title>a page</title>')
        print(await page.title())
        return browser
    async with async_playwright() as p:
        print(driver_waited(p))
        browsers = await asyncio.gather(launched(p), launched(p))
        print(sorted([await waited_async(browser) for browser in browsers]))
        picture = await (await browsers[0].new_page()).screenshot()
        print(picture[:4])
        for browser in browsers:
            await browser.close()
asyncio.run(main())
print(others())";
    let answer = run(&mut client, code).await;
    check(
        &answer,
        "True\na page\na page\n[False, True]\nb'\\x89PNG'\n{}\n",
    );
    // Screenshots are shown, though Playwright was imported before the program came.
    assert!(
        answer
            .content()
            .iter()
            .any(|block| block["type"] == "image")
    );
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn a_launch_of_something_else_starts_that() {
    let what = "a_launch_of_something_else_starts_that";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = server(&volume, &[]).await;
    for (options, gets_it) in [
        (
            "headless=True, slow_mo=1, timeout=20000, downloads_path='/tmp/down'",
            true,
        ),
        ("args=['--lang=de']", false),
        ("channel='chromium'", false),
        ("proxy={'server': 'http://127.0.0.1:9'}", false),
        ("env={**os.environ, 'LANGUAGE': 'de'}", false),
        ("ignore_default_args=['--mute-audio']", false),
    ] {
        let code = format!(
            "with sync_playwright() as p:
    browser = p.chromium.launch({options})
    print(driver_waited(p), waited(browser), title(browser))
    command = open(f'/proc/{{process(browser)}}/cmdline').read()
    print('--lang=de' in command, '--mute-audio' in command, '--proxy-server' in command)
    # Nobody keeps a browser that is not wanted.
    print(len([one for one in others().values() if one == command.split('\\0')[0]]))
    browser.close()
    browser = p.chromium.launch()
    print(waited(browser), title(browser))
    browser.close()"
        );
        let answer = run(&mut client, &code).await;
        let was_first = if gets_it { "True" } else { "False" };
        let expected = format!(
            "True {was_first} a page\n{} {} {}\n1\nFalse a page\n",
            python(options.contains("--lang=de")),
            python(!options.contains("--mute-audio")),
            python(options.contains("proxy=")),
        );
        check(&answer, &expected);
    }
    let code = "with sync_playwright() as p:
    context = p.chromium.launch_persistent_context('/tmp/profile')
    page = context.pages[0]
    page.goto('data:text/html,<title>kept</title>')
    print(page.title(), os.path.isdir('/tmp/profile'))
    context.close()
    own = p.chromium.launch(args=['--remote-debugging-port=9222'])
    browser = p.chromium.connect_over_cdp('http://127.0.0.1:9222')
    print(browser.is_connected(), waited(browser))
    own.close()
print(others())";
    check(&run(&mut client, code).await, "kept True\nTrue False\n{}\n");
    client.close().await;
    volume.remove().await;
}

const fn python(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

#[tokio::test]
async fn a_program_that_has_changed_its_surroundings_gets_what_it_would() {
    let what = "a_program_that_has_changed_its_surroundings_gets_what_it_would";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = server(&volume, &[]).await;
    for change in [
        "os.environ['TZ'] = 'Asia/Tokyo'",
        "os.makedirs('below'); os.chdir('below')",
        "os.umask(0o077)",
        "sys.stderr = open('/tmp/errors', 'w')",
    ] {
        let code = format!(
            "{change}
with sync_playwright() as p:
    browser = p.chromium.launch()
    page = browser.new_page()
    print(driver_waited(p), waited(browser))
    print(page.evaluate('Intl.DateTimeFormat().resolvedOptions().timeZone') == 'Asia/Tokyo')
    print(os.readlink(f'/proc/{{process(browser)}}/cwd') == os.getcwd())
    browser.close()
print(others())"
        );
        let tokyo = python(change.contains("Tokyo"));
        let answer = run(&mut client, &code).await;
        check(&answer, &format!("False False\n{tokyo}\nTrue\n{{}}\n"));
    }
    // What means nothing to a browser does not keep it from one, and is known to the driver all the same.
    let code = "os.environ['PATH'] = '/tmp/tools:' + os.environ['PATH']
os.environ['MPLBACKEND'] = 'svg'
def environment(browser):
    found = open(f'/proc/{process(browser)}/environ').read().split('\\0')
    return 'MPLBACKEND=svg' in found, any(one.startswith('PATH=/tmp/tools:') for one in found)
with sync_playwright() as p:
    first, second = p.chromium.launch(), p.chromium.launch()
    print(waited(first), waited(second), environment(second))
    first.close(), second.close()";
    check(&run(&mut client, code).await, "True False (True, True)\n");
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn what_died_while_it_waited_is_not_missed() {
    let what = "what_died_while_it_waited_is_not_missed";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = server(&volume, &[]).await;
    for (victim, driver) in [("headless_shell", "True"), ("/driver/node", "False")] {
        let code = format!(
            "victims = [pid for pid, name in others().items() if name.endswith('{victim}')]
print(len(victims))
os.kill(victims[0], signal.SIGKILL)
while victims[0] in others():
    time.sleep(0.01)
with sync_playwright() as p:
    browser = p.chromium.launch()
    print(driver_waited(p), waited(browser), title(browser))
    browser.close()
print(others())"
        );
        let answer = run(&mut client, &code).await;
        check(&answer, &format!("1\n{driver} False a page\n{{}}\n"));
    }
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn who_does_not_use_it_does_not_notice() {
    let what = "who_does_not_use_it_does_not_notice";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = server(&volume, &[]).await;
    let code = "try:
    os.wait()
except ChildProcessError:
    print('no children')
print(sorted(int(name) for name in os.listdir('/proc/self/fd'))[:4])
print(len(others()) > 3, os.getcwd(), os.listdir('.'))";
    let answer = run(&mut client, code).await;
    check(
        &answer,
        "no children\n[0, 1, 2, 3]\nTrue /tmp/work ['main.py']\n",
    );
    // What was done ahead is not the program's.
    let used = answer.field("cpu_ms").as_u64();
    assert!(used.is_none_or(|used| used < 500), "{answer:?}");

    // A process that lives on does not hold what its parent has used and ends.
    let code = "child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
with sync_playwright() as p:
    browser = p.chromium.launch()
    print(driver_waited(p), waited(browser))
    browser.close()
print(list(others()) == [child])
os.kill(child, signal.SIGKILL)
print(os.wait()[0] == child)";
    check(&run(&mut client, code).await, "True True\nTrue\nTrue\n");

    // A fork's own use is its own, and what waits still does.
    let code = "def use():
    with sync_playwright() as p:
        browser = p.chromium.launch()
        print(driver_waited(p), waited(browser), title(browser), flush=True)
        browser.close()
child = os.fork()
if child == 0:
    use()
    os._exit(0)
os.waitpid(child, 0)
use()";
    let answer = run(&mut client, code).await;
    check(&answer, "False False a page\nTrue True a page\n");

    // What is left open ends with the program.
    let code = "p = sync_playwright().start()
browser = p.chromium.launch()
print(waited(browser), title(browser))";
    let answer = run(&mut client, code).await;
    assert_eq!(answer.stdout(), "True a page\n", "{answer:?}");
    assert_eq!(answer.ending(), "exited", "{answer:?}");
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn no_run_finds_anything_of_another() {
    let what = "no_run_finds_anything_of_another";
    let Some(turn) = turn(what).await else { return };
    let origin = Origin::serve().await;
    let open = format!("opened.test:80=127.0.0.1:{}", origin.port);
    let volume = Volume::new(&turn.engine);
    let mut client = server(&volume, &["--open", &open]).await;
    let code = "with sync_playwright() as p:
    browser = p.chromium.launch()
    context = browser.new_context()
    page = context.new_page()
    page.goto('http://opened.test/')
    print(waited(browser), page.text_content('body').strip())
    print(context.cookies(), page.evaluate('localStorage.getItem(\"seen\")'), page.evaluate('history.length'))
    print(os.path.exists('/tmp/seen'), len([name for name in os.listdir('/tmp') if 'profile' in name]))
    context.add_cookies([{'name': 'seen', 'value': '1', 'url': 'http://opened.test/'}])
    page.evaluate('localStorage.setItem(\"seen\", \"1\")')
    print(len(context.cookies()), page.evaluate('localStorage.getItem(\"seen\")'))
    open('/tmp/seen', 'w').close()
    print(os.getuid())
    browser.close()";
    let mut users = Vec::new();
    for _ in 0..2 {
        let answer = run(&mut client, code).await;
        let (seen, user) = answer.stdout().trim_end().rsplit_once('\n').unwrap();
        // Of profiles there are that of its browser, and the empty one that the launch has made.
        let expected = "True the origin\n[] None 2\nFalse 2\n1 1";
        assert_eq!(seen, expected, "{answer:?}");
        users.push(user.to_owned());
    }
    // Each program is a user of its own, as each has a sandbox of its own.
    assert_ne!(users[0], users[1]);
    // Browsers that wait ask nobody for anything.
    assert_eq!(origin.visits(), 2);
    client.close().await;

    let mut client = server(&volume, &["--network", "none"]).await;
    let code = "with sync_playwright() as p:
    browser = p.chromium.launch()
    print(waited(browser), title(browser))
    try:
        browser.new_page().goto('http://opened.test/')
    except Exception as error:
        print('ERR_' in str(error))
    browser.close()";
    check(&run(&mut client, code).await, "True a page\nTrue\n");
    assert_eq!(origin.visits(), 2);
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn where_there_can_be_none_calls_are_served_without() {
    let what = "where_there_can_be_none_calls_are_served_without";
    let Some(turn) = turn(what).await else { return };
    // Without a store there is no Playwright that could be prepared.
    let mut client = Client::start(&turn.engine, &["--browsers", "1"]).await;
    let code = "import sys; print('playwright' in sys.modules)";
    let begun = Instant::now();
    while !client.log().contains("a browser is not made ready: ") {
        let answer = client.run(code).await;
        assert_eq!(answer.stdout(), "False\n", "{answer:?}");
        assert!(begun.elapsed() < PATIENCE, "{}", client.log());
    }
    assert_eq!(client.run(code).await.stdout(), "False\n");
    let told = client.log().matches("a browser is not made ready").count();
    assert_eq!(told, 1, "{}", client.log());
    client.close().await;
}
