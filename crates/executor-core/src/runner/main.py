# How process 1 begins and ends.


def main(arguments):
    """Returns only in a program's child: what is to be called, in turn, once no frame of ours is left."""
    confined = "unconfined" not in arguments
    if confined and os.getpid() != 1:
        os.write(2, b"the runner is not process 1, and was not told that it runs unconfined\n")
        os._exit(64)
    prctl(PR_SET_DUMPABLE, 0)
    if not confined:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    while os.open("/dev/null", os.O_RDWR) <= 2:
        pass  # A missing standard descriptor would be taken by a pipe of ours.
    os.closerange(3, 256)
    gc.disable()
    supervisor = Supervisor(Stream(0, 1), confined, confined or "switch-uids" in arguments)
    try:
        supervisor.serve()
    except BecomeProgram as program:
        return program.args[0]
    except HostGone:
        code = 0
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
        code = 70
    supervisor.kill_all()
    os._exit(code)
