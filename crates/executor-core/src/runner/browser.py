# A browser that is made ready before its program: Playwright is imported, its driver started, and by that driver
# Chromium (browser.js, which is `AHEAD_OF_DRIVER` here). The first transport that Playwright opens in the program takes the
# driver if it would start the very same one, and the driver gives the browser to a launch that would start the very same
# one. Whatever differs, or is not as it is known here, goes the ordinary way, in which nothing of ours has a part.

BROWSER_PATIENCE = 20.0  # seconds until driver and browser must be ready
DRIVER_ENDING = 2.0  # seconds from a driver's last word to its end
OWN_PLACE = 200  # our ends of the pipes lie here, out of the way of a program that counts descriptors
# Variables that may differ: they mean nothing to a browser, and the driver is told of them. browser.js has the same names.
INDIFFERENT = ("BROWSER_PATH", "MPLBACKEND", "PATH", "PYTHONPATH")
# The private names that the methods of Playwright's transport use. Where they use others it is one that is not known here.
TRANSPORT = {
    "connect": {"_stopped_future", "_proc", "_output", "_get_stderr_fileno"},
    "run": {"_stopped", "_proc", "_stopped_future"},
    "request_stop": {"_output", "_stopped"},
    "wait_until_stopped": {"_stopped_future"},
    "send": {"_output"},
}


def make_browser_ready(order, standard):
    """The step of ahead.py. `standard` are the program's own standard descriptors."""
    for name in ("playwright.sync_api", "playwright.async_api"):
        importlib.import_module(name)
    transport = importlib.import_module("playwright._impl._transport")
    check_transport(transport)
    driver = Driver(transport, standard[2])
    driver.await_ready()
    driver.offer()
    return True


def check_transport(transport):
    for method, known in TRANSPORT.items():
        code = getattr(transport.PipeTransport, method).__code__
        names = {name for name in code.co_names if name.startswith("_") and not name.startswith("__")}
        if names != known:
            raise LookupError("this Playwright starts its driver in another way: " + method)
    for name in ("get_driver_env", "compute_driver_executable", "_get_stderr_fileno"):
        getattr(transport, name)


class Driver:
    """Playwright's driver, started and not asked for anything."""

    def __init__(self, transport, stderr):
        self.transport, self.owner = transport, os.getpid()
        self.environment = transport.get_driver_env()
        self.command = list(map(str, transport.compute_driver_executable()))
        self.place = place_of_driver(stderr)
        self.pid = None
        stdin, asks = pipe_in_own_place()
        says, stdout = pipe_in_own_place()
        claim, claims = pipe_in_own_place()
        self.ready, ready = pipe_in_own_place()
        self.ends = [(asks, says, claims)]  # Taken out by one only, whatever threads there are.
        try:
            self.start((stdin, stdout, stderr, claim, ready))
        finally:
            close_all((stdin, stdout, claim, ready))

    def start(self, descriptors):
        """As a child of process 1, so that a program does not find itself with a child that it has not started."""
        executable, entry = self.command
        command = [executable, "-e", AHEAD_OF_DRIVER, entry, "run-driver"]
        actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(descriptors)]
        helper = os.fork()
        if helper == 0:
            code = 1
            try:
                # The signals that `subprocess` restores, too.
                signals = [signal.SIGPIPE, signal.SIGXFSZ]
                os.posix_spawn(executable, command, self.environment, file_actions=actions, setsigdef=signals)
                code = 0
            finally:
                os._exit(code)
        if os.waitpid(helper, 0)[1] != 0:
            raise OSError("the driver could not be started")

    def await_ready(self):
        told, give_up = b"", time.monotonic() + BROWSER_PATIENCE
        waited = select.poll()
        waited.register(self.ready, select.POLLIN)
        try:
            while not told.endswith(b"\n"):
                if not waited.poll(max(0, int((give_up - time.monotonic()) * 1000))):
                    raise TimeoutError("it was not ready in %d s" % BROWSER_PATIENCE)
                chunk = os.read(self.ready, 4096)
                if not chunk:
                    raise OSError("its driver ended")
                told += chunk
            told = json.loads(told)
            self.pid = told["driver"]
            if "failed" in told:
                raise OSError(told["failed"])
        except BaseException:
            self.give_up()  # It ends with its input.
            raise
        finally:
            os.close(self.ready)

    def offer(self):
        """To the first transport of the program that would start the same driver."""
        os.register_at_fork(after_in_child=self.give_up)
        kind, usual = self.transport.PipeTransport, self.transport.PipeTransport.connect

        @functools.wraps(usual)
        async def connect(transport):
            process = await self.take()
            if process is None:
                return await usual(transport)
            asyncio = sys.modules["asyncio"]
            transport._stopped_future = asyncio.Future()
            transport._proc, transport._output = process, process.stdin

        kind.connect = connect

    async def take(self):
        """The driver as the transport of the running loop finds one that it has started; None if it would differ."""
        if os.getpid() != self.owner:
            return None
        try:
            ends = self.ends.pop()
        except IndexError:
            return None
        asks, says, claims = ends
        try:
            os.write(claims, json.dumps(self.claim(says)).encode())
        except Exception:
            close_all(ends)
            return None  # If something is wrong, whoever starts one will say what.
        os.close(claims)
        return await DriverProcess.adopt(self.pid, asks, says)

    def claim(self, says):
        """What the program's environment has otherwise; raises if that, or anything else, makes for another driver."""
        wanted = self.transport.get_driver_env()
        names = set(wanted) | set(self.environment)
        differing = {name for name in names if wanted.get(name) != self.environment.get(name)}
        stderr = self.transport._get_stderr_fileno()
        suits = (
            differing.issubset(INDIFFERENT)
            and self.command == list(map(str, self.transport.compute_driver_executable()))
            and self.place == place_of_driver(2 if stderr is None else stderr)
            and not is_readable(says)  # It has nothing to say yet, unless it has ended.
        )
        if not suits:
            raise LookupError("another driver would be started")
        return {
            "set": {name: wanted[name] for name in differing if name in wanted},
            "unset": [name for name in differing if name not in wanted],
        }

    def give_up(self):
        """Lets go of it, whereupon it ends and takes its browser along; in a fork only this side's hold is let go of."""
        while self.ends:
            close_all(self.ends.pop())


class DriverProcess:
    """As much of asyncio's `Process` as Playwright's transport uses."""

    def __init__(self, pid, stdin, stdout):
        self.pid, self.stdin, self.stdout, self.stderr = pid, stdin, stdout, None
        self.returncode = None

    @classmethod
    async def adopt(cls, pid, stdin, stdout):
        asyncio = sys.modules["asyncio"]
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=32768, loop=loop)
        said = os.fdopen(stdout, "rb", 0)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader, loop=loop), said)
        asked = os.fdopen(stdin, "wb", 0)
        pipe, protocol = await loop.connect_write_pipe(lambda: asyncio.streams.FlowControlMixin(loop=loop), asked)
        return cls(pid, asyncio.StreamWriter(pipe, protocol, None, loop), reader)

    async def communicate(self, _input=None):
        """Returns when it has ended and process 1 has seen that."""
        self.stdin.close()
        rest = await self.stdout.read()
        give_up = time.monotonic() + DRIVER_ENDING
        while time.monotonic() < give_up:
            try:
                os.kill(self.pid, 0)
            except OSError:
                break
            await sys.modules["asyncio"].sleep(0.001)
        return rest, None


def close_all(descriptors):
    for fd in descriptors:
        os.close(fd)


def pipe_in_own_place():
    """A pipe whose ends are in nobody's way."""
    place = max(16, min(OWN_PLACE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 16))
    ends = []
    for fd in os.pipe():
        ends.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, place))
        os.close(fd)
    return ends


def place_of_driver(stderr):
    """What a process has from the one that starts it, besides its environment."""
    with open("/proc/self/status") as status:
        masks = [line for line in status if line.startswith(("Umask:", "SigBlk:"))]
    bounds = [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]
    led = os.fstat(stderr)
    return os.getcwd(), masks, bounds, (led.st_dev, led.st_ino), os.getpriority(os.PRIO_PROCESS, 0)


STEPS["browser"] = make_browser_ready
