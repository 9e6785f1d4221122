# Process 1: boots, serves the runs it is told to, outlives whatever they do, and ends with the stream.

PING_SILENCE = 60.0  # without a frame from the host for this long, it is gone
FAREWELL = 10.0  # from the program's Done to the end, should the host not end the stream
DRAIN_PATIENCE = 10.0  # for the credit that the last output needs
DRAIN_LIMIT = 30.0
COLLECT_LIMIT = 20.0  # for what a program has left to be seen
REAP_LIMIT = 5.0
LEAVING = 0.1  # for those who end because the program has, such as the helpers of multiprocessing


class Supervisor(MakesReady):
    def __init__(self, stream, confined, may_switch):
        self.stream, self.confined, self.may_switch = stream, confined, may_switch
        self.proxy = Proxy(stream)
        self.names = Names()
        if confined:
            self.names.listen()
        self.announcements = Announcements()
        self.announcements.listen()
        self.trust = Trust(self.may_switch)
        self.sets = Sets()
        self.counters = Counters(confined)
        self.run = None
        self.child = None  # forked ahead of its order
        self.expected = None  # what is known of the program's order before it comes
        self.ahead = None  # what that child is to make ready, until it is told
        self.rehearsed = False  # since that child was forked
        self.finished_at = None
        self.poll = select.poll()
        self.watched = {}
        self.woken, wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self):
        """Runs until the host is gone. In a program's child it ends by `BecomeProgram` instead."""
        version = "%d.%d.%d" % sys.version_info[:3]
        ready = {"protocol": PROTOCOL, "python": version, "confined": self.confined}
        ready["playwright"] = playwright_version()
        fresh = globals().pop("FRESH", None)
        if fresh is not None:
            self.stream.compiled(compiled_runner(fresh))
        self.stream.control(READY, ready)
        warm = list(WARM) + [give_back_memory]
        while True:
            self.stream.flush()
            now = time.monotonic()
            waits = self.run is None and self.finished_at is None and not self.stream.unsent
            idle = waits and (self.trust.told or warm or self.child is None or not self.rehearsed)
            events = self.wait(0 if idle else self.patience(now))
            if idle and not events:
                self.make_ready(warm)
                continue
            self.attend(events)

    def attend(self, events):
        """Does what is due after a wait."""
        now = time.monotonic()
        for fd, what in events:
            self.dispatch(fd, what, now)
        self.reap()
        self.check_clocks(time.monotonic())
        self.advance(time.monotonic())

    # Waiting

    def wait(self, seconds):
        want = {self.stream.source: select.POLLIN, self.woken: select.POLLIN}
        if self.stream.unsent:
            want[self.stream.sink] = select.POLLOUT
        self.names.wanted(want)
        if self.child is not None and self.child.ready_by is not None:
            want[self.child.status] = select.POLLIN
        run = self.run
        if run is not None:
            if run.announced:
                self.proxy.wanted(want, time.monotonic())
            if run.status is not None:
                want[run.status] = select.POLLIN
            if run.stdin is not None and (run.input or run.input_ended):
                want[run.stdin] = select.POLLOUT
            if run.announced and self.stream.has_room():
                self.announcements.wanted(want, run.order)
                for fd, channel in run.outputs.items():
                    if run.window[channel]:
                        want[fd] = select.POLLIN
        for fd in [fd for fd in self.watched if fd not in want]:
            self.poll.unregister(fd)
            del self.watched[fd]
        for fd, mask in want.items():
            if self.watched.get(fd) != mask:
                self.poll.register(fd, mask)
                self.watched[fd] = mask
        return self.poll.poll(max(0, int(seconds * 1000) + (1 if seconds else 0)))

    def patience(self, now):
        """Seconds until the next clock of ours runs out."""
        until = [self.stream.last_heard + PING_SILENCE]
        if self.proxy.paused_until > now:
            until.append(self.proxy.paused_until)
        if self.finished_at is not None:
            until.append(self.finished_at + FAREWELL)
        if self.child is not None and self.child.ready_by is not None:
            until.append(self.child.ready_by)
        if self.run is not None:
            if self.run.collect_until is not None:
                until.append(self.run.collect_until)
            elif self.run.drain_until is not None:
                until.append(min(self.run.drain_until, self.run.drain_patience))
            else:
                until.append(self.run.deadline)
        return max(0.0, min(until) - now)

    def dispatch(self, fd, what, now):
        run = self.run
        if fd == self.stream.source:
            for kind, payload in self.stream.receive():
                self.frame(kind, payload)
        elif fd == self.woken:
            try:
                os.read(fd, 4096)
            except BlockingIOError:
                pass
        elif fd == self.stream.sink:
            pass  # Flushed at the top of the loop.
        elif self.child is not None and fd == self.child.status:
            self.hear_child()
        elif run is not None and fd == run.status:
            self.read_status()
        elif run is not None and fd == run.stdin:
            self.feed()
        elif run is not None and fd in run.outputs:
            self.read_output(fd)
        elif (said := self.announcements.take(fd)) is not None:
            self.stream.control(SHOWN, {"what": said})
        elif not self.names.ready(fd):
            self.proxy.ready(fd, what, now)

    # Frames of the host

    def frame(self, kind, payload):
        if kind == PING:
            self.stream.pong(payload)
        elif kind == PREPARE:
            self.trust.told = json.loads(payload)
            self.expected, self.ahead = self.trust.told.get("order"), self.trust.told.get("ahead")
        elif kind == RUN:
            if self.run is not None or self.finished_at is not None:
                raise HostGone
            order = json.loads(payload)
            self.run = Run(order, self.counters.read(), time.monotonic())
            if self.run.text_left > MAX_PROGRAM:
                raise HostGone
        elif kind in (DATA, END, RESET, CREDIT):
            channel = struct.unpack_from(">I", payload)[0]
            rest = payload[4:]
            if channel >= FIRST_PROXIED:
                self.proxy.frame(kind, channel, rest)
            elif self.run is None:
                pass  # Late frames of a run that is over.
            elif kind == CREDIT:
                self.run.window[channel] += struct.unpack(">I", rest)[0]
            elif kind == DATA:
                self.take_input(rest)
            elif kind == END:
                self.run.input_ended = True
        else:
            raise HostGone

    def take_input(self, payload):
        run = self.run
        head = payload[: run.text_left]
        run.text += head
        run.text_left -= len(head)
        self.owe(len(head))
        if run.stdin is None and run.pid is not None:
            self.owe(len(payload) - len(head))  # Nobody reads it any more.
        else:
            run.input += payload[len(head) :]

    def owe(self, amount):
        run = self.run
        run.input_owed += amount
        if run.input_owed >= CREDIT_STEP and not run.input_ended:
            self.stream.credit(INPUT, run.input_owed)
            run.input_owed = 0

    # The course of a run

    def advance(self, now):
        run = self.run
        if run is None:
            return
        if run.pid is None and run.error is None:
            if run.text_left == 0:
                self.start()
            elif run.input_ended:
                self.fail("the program text is incomplete")
            return
        if run.ended is not None and run.drain_until is None:
            self.settle(now)
        if run.drain_until is not None:
            late = now >= min(run.drain_until, run.drain_patience)
            if run.collect_until is None and run.outputs and not late and run.cause != "output_limit":
                return
            if self.collect(now):
                self.finish()

    def start(self):
        run, order = self.run, self.run.order
        run.begun = time.monotonic()
        try:
            if order.get("sets"):
                run.sets = self.sets.take(order["sets"], order)
        except NoSet as missing:
            self.decline(str(missing))
            return
        try:
            environment = self.environment(order)
            run.notes += self.trust.notes
            if self.child is not None and not self.child.suits(order, environment):
                self.end_child()
            child, self.child = self.child or self.fork(), None
            run.pid, run.ahead = child.pid, child.is_ahead
            if run.ahead:
                run.before = descendants()
                run.before.pop(child.pid, None)
            child.order(order, environment, bytes(run.text))
        except (OSError, KeyError, ValueError) as error:
            self.fail("the program could not be started: %s" % error)
            return
        run.text = bytearray()
        run.stdin, run.status = child.feed, child.status
        run.outputs = {child.out: STDOUT, child.err: STDERR}

    def decline(self, missing):
        """Nothing was begun, and the child still waits: the order may come again when the store has its set."""
        run = self.run
        run.missing, run.error = missing, "the store has no such set"
        self.stream.control(DONE, self.report())
        self.run = None

    def fork(self, place=None):
        self.rehearsed = False
        return Child(self.forget, self.confined, self.may_switch, place)

    def forget(self):
        self.proxy.forget()
        self.names.forget()
        self.announcements.forget()

    def environment(self, order):
        """What the program finds in `os.environ`: nothing that the order does not name."""
        found = {k: os.environ[k] for k in order.get("env_pass", []) if k in os.environ}
        found.update(order.get("env", {}))
        if order.get("module_paths"):
            # For the Pythons that the program starts; its own path is set by `make_main`.
            found.setdefault("PYTHONPATH", os.pathsep.join(order["module_paths"]))
        # Their scripts are found as their modules are.
        first, last = (
            [path for path in (os.path.join(place, "bin") for place in order.get(key, [])) if os.path.isdir(path)]
            for key in ("module_paths", "last_paths")
        )
        if first or last:
            found["PATH"] = os.pathsep.join(first + [found.get("PATH", os.defpath)] + last)
        if order.get("proxy"):
            found.update(proxy_environment(self.proxy.listen()))
        if self.trust.told:
            self.make_trust()
        found.update(self.trust.environment())
        return found

    def fail(self, reason):
        """The run ends before any line of the program ran."""
        self.run.error = reason
        self.run.ended = 0
        self.run.duration = 0.0

    def read_status(self):
        run = self.run
        try:
            chunk = os.read(run.status, 8192)
        except BlockingIOError:
            return
        run.told += chunk
        if chunk and len(run.told) <= 2 * MAX_CONTROL and not run.told.endswith(BEGUN):
            return
        os.close(run.status)
        run.status = None
        for line in run.told.splitlines():
            run.hear(line)
        if run.error is None:
            self.announce()

    def announce(self):
        run = self.run
        run.announced = True
        self.stream.control(STARTED, {"notes": run.notes, "sets": run.sets, "ahead": run.ahead})

    def feed(self):
        run = self.run
        try:
            written = os.write(run.stdin, run.input) if run.input else 0
        except BlockingIOError:
            return
        except OSError:
            written = len(run.input)  # The program has closed its input: the rest is read by nobody.
            run.input_ended = True
        del run.input[:written]
        self.owe(written)
        if run.input_ended and not run.input:
            self.close_stdin()

    def close_stdin(self):
        if self.run.stdin is not None:
            os.close(self.run.stdin)
            self.run.stdin = None

    def read_output(self, fd):
        run = self.run
        channel = run.outputs[fd]
        if not run.window[channel] or not self.stream.has_room():
            return
        # One byte more than allowed is asked for at most: it proves that there was more.
        size = min(MAX_DATA, run.window[channel], run.output_left + 1)
        try:
            chunk = os.read(fd, size)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            os.close(fd)
            del run.outputs[fd]
            return
        exceeded = len(chunk) > run.output_left
        chunk = chunk[: run.output_left]
        if chunk:
            run.output_left -= len(chunk)
            run.window[channel] -= len(chunk)
            run.printed[channel] += len(chunk)
            self.stream.data(channel, chunk)
        if run.drain_until is not None:
            run.drain_patience = time.monotonic() + DRAIN_PATIENCE
        if exceeded:
            run.lost += 1
            self.end_program("output_limit")

    def end_program(self, cause):
        """Ends the program for a reason of ours. What it did in the same instant does not count."""
        run = self.run
        run.cause = cause
        if run.ended is None:
            if run.pid is None:
                self.fail("the program text did not arrive in time")
            else:
                self.kill_all()
                if run.ended is None:
                    run.ended = int(signal.SIGKILL)  # On its way, but stuck in the kernel.

    def check_clocks(self, now):
        if now - self.stream.last_heard >= PING_SILENCE:
            raise HostGone
        if self.finished_at is not None and now - self.finished_at >= FAREWELL:
            raise HostGone
        run = self.run
        if self.child is not None and self.child.ready_by is not None and now >= self.child.ready_by:
            self.lose_child("it took more than %d s" % self.child.place.patience)
        if run is not None and run.ended is None and now >= run.deadline:
            self.end_program("deadline")

    def settle(self, now):
        """The program has ended: nothing of it survives, and what it printed last is still sent."""
        run = self.run
        if run.cause == "exited" and run.error is None:
            self.let_leave()
        self.kill_all()
        while run.status is not None and is_readable(run.status):
            self.read_status()
        self.close_stdin()
        self.proxy.close()
        run.drain_until, run.drain_patience = now + DRAIN_LIMIT, now + DRAIN_PATIENCE
        if run.error is not None:
            run.drain_until = now  # Nothing of the program ran, so there is nothing to wait for.

    def collect(self, now):
        """Sends what the program has left to be seen, as far as there is room and credit; says whether that is all."""
        run = self.run
        if run.collect_until is None:
            run.collect_until = now + COLLECT_LIMIT
            self.close_pipes()
            # Who is stuck in the kernel might still be the program's: then nothing is done with its rights.
            if run.error is None and run.order.get("results") and not self.reap():
                run.collector = Collector(run.order, run.placed, self.may_switch)
        return run.collector is None or run.collector.send(self.stream, run, now)

    def close_pipes(self):
        run = self.run
        for fd in list(run.outputs):
            run.lost += readable_bytes(fd)
            os.close(fd)
        run.outputs = {}
        if run.status is not None:
            os.close(run.status)
            run.status = None
        if run.error is None and not run.announced:
            self.announce()

    def finish(self):
        run = self.run
        self.stream.control(DONE, self.report())
        if run.order["kind"] == "program":
            self.finished_at = time.monotonic()
        self.run = None

    def report(self):
        run, after = self.run, self.counters.read()
        report = {
            "cause": run.cause,
            "duration_ms": int(run.duration * 1000),
            "cpu_ms": int(max(0.0, run.cpu - run.spent - sum(run.before.values())) * 1000),
            "peak_memory_bytes": run.largest,
            "oom_kills": None,
            "stdout_bytes": run.printed[STDOUT],
            "stderr_bytes": run.printed[STDERR],
            "lost_bytes": run.lost,
            "processes_killed": run.killed,
            "tmp_free": free_bytes("/tmp"),
            "modules_free": free_bytes(run.order.get("modules_dir")),
        }
        if run.collector is not None:
            report["left_out"] = run.collector.left_out
            report["left_out_more"] = run.collector.left_more
        # The mark is the sandbox's highest: it speaks of this run only when this run has raised it.
        if after["peak"] is not None and after["peak"] > (run.baseline["peak"] or 0):
            report["peak_memory_bytes"] = after["peak"]
        if after["oom"] is not None and run.baseline["oom"] is not None:
            report["oom_kills"] = max(0, after["oom"] - run.baseline["oom"])
        if run.missing is not None:
            report["missing"] = run.missing
        if run.error is not None:
            report["error"] = run.error
        elif os.WIFSIGNALED(run.ended):
            report["signal"] = os.WTERMSIG(run.ended)
        else:
            report["exit_code"] = os.WEXITSTATUS(run.ended)
        return report

    # Processes

    def reap(self, after_kill=False):
        """Collects who has ended; says whether anybody is left."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if self.child is not None and pid == self.child.pid:
                unready = self.child.ready_by is not None
                if not self.child.is_ahead:
                    self.expected = None  # Who cannot take its place now says why when it has an order.
                self.child.forget()
                self.child = None
                if unready:
                    self.stream.control(PREPARED, {"lost": ending_of(status)})
            run = self.run
            if run is None:
                continue
            run.cpu += used.ru_utime + used.ru_stime
            run.largest = max(run.largest, used.ru_maxrss * 1024)
            if pid == run.pid:
                run.ended = status
                run.duration = time.monotonic() - run.begun
            elif after_kill and pid not in run.before:
                run.killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def let_leave(self):
        """Waits a moment for those who are ending anyway: only the others were left behind."""
        give_up = time.monotonic() + LEAVING
        while self.reap() and time.monotonic() < give_up:
            self.wait_for_child()

    def kill_all(self):
        """Ends every process but this one, whatever it does against it."""
        self.reap()
        give_up = time.monotonic() + REAP_LIMIT
        while self.reap(after_kill=True) and time.monotonic() < give_up:
            if self.confined and os.getpid() == 1:
                try:
                    os.kill(-1, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            else:
                kill_descendants()
            self.wait_for_child()

    def wait_for_child(self):
        waited = select.poll()
        waited.register(self.woken, select.POLLIN)
        if waited.poll(20):
            os.read(self.woken, 4096)
