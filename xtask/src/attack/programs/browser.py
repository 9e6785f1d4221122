# A browser in the hands of a program, and of a page.

import glob
import subprocess

SHELLS = glob.glob("/usr/lib/chromium/chromium-headless-shell") + glob.glob("/ms-playwright/*/*/headless_shell")


def browser(page, *options):
    """Starts a browser on a page."""
    if not SHELLS:
        raise FileNotFoundError(errno.ENOENT, "browser")
    return subprocess.Popen(
        [SHELLS[0], "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=/tmp/profile", *options, page],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def written(text):
    with open("/tmp/page.html", "w") as file:
        file.write("<!doctype html><title>attack</title>" + text)
    return "file:///tmp/page.html"


def renderers():
    """What the kernel says of the processes in which pages are."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % name, "rb") as file:
                is_one = b"--type=renderer" in file.read()
            with open("/proc/%s/status" % name) as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        except OSError:
            continue
        if is_one:
            found.append(status)
    return found


if wanted("B01.memory"):
    # A page's memory is that of a process of the program's.
    page = written("<script>const kept = [];\n"
                   "for (let n = 0; n < 40; n++) kept.push(new Uint8Array(1 << 25).fill(1));</script>"
                   "<script>for (let n = 0; n < 40; n++) kept.push(new Uint8Array(1 << 25).fill(1));</script>")
    pages = [browser(page, "--remote-debugging-port=0")]
    try:
        pages[0].wait(15)
    except subprocess.TimeoutExpired:
        pass
    say("B01.memory", "opened")

if wanted("B02.tree"):
    if os.fork() == 0:
        # A browser names its processes itself: the host knows it by who stays as long as it does.
        os.setsid()
        call_me("daemon")
        browser("about:blank", "--remote-debugging-port=0").wait(30)
        os._exit(0)
    # Until it is there as a whole.
    until = time.monotonic() + 20
    while not renderers() and time.monotonic() < until:
        time.sleep(0.1)
    say("B02.tree", "left" if renderers() else "broken: no browser came")
    sys.stdout.flush()
    os._exit(0)


@attack("B05.rights", seconds=40)
def _():
    running = browser("about:blank", "--remote-debugging-port=0")
    until = time.monotonic() + 25
    while not renderers() and time.monotonic() < until:
        time.sleep(0.1)
    pages = renderers()
    running.kill()
    if not pages:
        return "broken: no browser came"
    own = str(os.getuid())
    for page in pages:
        sets = [page.get(name, "0").strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")]
        if set(page["Uid"].split()) != {own} or own == "0" or any(text.strip("0") for text in sets):
            return "done: user %s, capabilities %s" % (page["Uid"].split()[0], sets[2])
    return "the program's own"


if P.get("targets"):
    proxy = os.environ.get("http_proxy") or P["proxy"]
    images = "".join("<img src='%s/%s'>" % (place, attack_id) for attack_id, place in P["targets"])
    running = browser(written(images), "--proxy-server=" + proxy, "--proxy-bypass-list=<-loopback>", "--dump-dom")
    # It has shown the page when every picture came or was refused.
    try:
        running.wait(60)
        word = "refused to the page"
    except subprocess.TimeoutExpired:
        running.kill()
        word = "broken: the page did not come to its end"
    for attack_id, _ in P["targets"]:
        say(attack_id, word)
