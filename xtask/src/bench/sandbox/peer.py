"""Runs the bench's program through llm-sandbox: for each line that is read, and says how long it took.

Arguments: the image, the label of the containers as NAME=VALUE, the program, what it prints.
`used` runs it in a session that has run others; `fresh` in a session of its own, whose end is not counted.
"""

import sys
import time

from llm_sandbox import SandboxSession

image, label, program, prints = sys.argv[1:]
name, value = label.split("=")


def session():
    return SandboxSession(
        lang="python",
        image=image,
        keep_template=True,
        skip_environment_setup=True,
        verbose=False,
        # Without this its end waits ten seconds for a shell that heeds no SIGTERM.
        runtime_configs={"network_mode": "none", "labels": {name: value}, "stop_signal": "SIGKILL"},
    )


def run(opened):
    result = opened.run(program)
    if result.exit_code != 0 or result.stdout != prints:
        raise SystemExit(f"llm-sandbox printed {result.stdout!r}: {result.stderr!r}")


used = session()
used.open()
run(used)
print("ready", flush=True)
for line in sys.stdin:
    started = time.perf_counter()
    if line.strip() == "used":
        run(used)
        took = time.perf_counter() - started
    else:
        with session() as fresh:
            run(fresh)
            took = time.perf_counter() - started
    print(took, flush=True)
used.close()
