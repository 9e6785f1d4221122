# One order of the host, and what is remembered of it while it is carried out.


class Run:
    """One order of the host, from its arrival to its Done."""

    def __init__(self, order, baseline, now):
        self.order = order
        self.deadline = now + order["deadline_ms"] / 1000.0
        self.output_left = order["output_limit"]
        self.text = bytearray()
        # Files that go with the program follow its text.
        self.text_left = order.get("program_bytes", 0) + sum(size for _, size in order.get("files", []))
        self.input = bytearray()
        self.input_ended = False
        self.input_owed = 0
        self.stdin = self.status = None
        self.outputs = {}  # descriptor -> channel
        self.window = {STDOUT: WINDOW, STDERR: WINDOW, RESULTS: WINDOW}
        self.printed = {STDOUT: 0, STDERR: 0}
        self.lost = 0
        self.pid = None
        self.begun = now
        self.told = b""  # by the child, over the status pipe
        self.announced = False
        self.ended = None  # wait status
        self.cause = "exited"
        self.duration = 0.0
        self.cpu = 0.0
        self.spent = 0.0  # by the child, before it had its order
        self.largest = 0
        self.killed = 0
        self.notes = []
        self.ahead = False  # whether its process had made ready for it
        self.before = {}  # who was there before the program, and the processor time of each until then
        self.error = None
        self.missing = None  # why the store had no set for it
        self.sets = None  # what is told of the sets that it was given
        self.baseline = baseline
        self.drain_until = self.drain_patience = None
        self.placed = {}  # files of the host, as the child has put them there
        self.collector = None  # of what is left when all have ended
        self.collect_until = None

    def hear(self, line):
        """What the program's process said before the program began. Foreign code may have run in it already."""
        try:
            told = json.loads(line)
            self.error = str(told["error"])[:500] if "error" in told else self.error
            spent = float(told.get("cpu", self.spent))
            self.spent = spent if 0.0 <= spent < 1e6 else self.spent
            for name, (changed, size) in told.get("placed", {}).items():
                self.placed[name] = [changed, size]
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            pass


BEGUN = json.dumps({"begun": True}).encode() + b"\n"
