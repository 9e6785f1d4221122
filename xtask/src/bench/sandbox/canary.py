"""Looks for files and processes that an earlier call of this program left, plants its own, and lists what it saw."""

import json
import os
import subprocess
import sys

MARK = "bench-canary"

seen = []
for place in ("/tmp", "/dev/shm", "/var/tmp", "/run", os.getcwd(), os.path.expanduser("~")):
    path = os.path.join(place, MARK)
    if os.path.lexists(path):
        seen.append(path)
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/cmdline") as line:
            if line.read().rstrip("\0").endswith(MARK):
                seen.append("process " + pid)
    except OSError:
        pass
for place in ("/tmp", "/dev/shm", "/var/tmp", "/run", os.getcwd(), os.path.expanduser("~")):
    try:
        open(os.path.join(place, MARK), "w").close()
    except OSError:
        pass
subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)", MARK],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    start_new_session=True,
)
print(json.dumps(seen))
