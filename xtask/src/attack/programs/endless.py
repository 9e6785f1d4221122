# What does not end when its time is over. Each would go on for twenty seconds.


def until_late():
    while time.monotonic() < UNTIL:
        pass


UNTIL = time.monotonic() + 20

if wanted("S14.busy-loop"):
    until_late()

if wanted("S19.throttled"):
    # Four for one processor: by processor time none of them would be over at the time.
    os.fork()
    os.fork()
    until_late()

if wanted("S15.sleep"):
    time.sleep(20)

if wanted("S15.read-pipe"):
    reader, writer = os.pipe()
    signal.alarm(20)
    os.read(reader, 1)

if wanted("S15.lock"):
    import threading

    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=20)

if wanted("S16.ignore-signals"):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    until_late()

if wanted("S16.block-signals"):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    until_late()

if wanted("S16.stop-itself"):
    # Another process wakes it, should it still be there.
    first = os.getpid()
    if os.fork() == 0:
        time.sleep(20)
        os.kill(first, signal.SIGKILL)
        os._exit(0)
    os.kill(first, signal.SIGSTOP)

if wanted("S16.new-session"):
    if os.fork():
        until_late()
    os.setsid()
    if os.fork():
        os._exit(0)
    until_late()


if wanted("S23.interval-timer"):
    # Signals that come faster than they are handled.
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    until_late()

if wanted("S17.many-maps"):
    import mmap

    kept = []
    try:
        while len(kept) < 60_000 and time.monotonic() < UNTIL:
            kept.append(mmap.mmap(-1, 4096, prot=1 + len(kept) % 2 * 2))
    except OSError:
        pass
    until_late()
