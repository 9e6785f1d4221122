# An innocent program that works while another storms: it says how much it got done in its best and in its worst two
# seconds, and what came of its work.

import hashlib

WINDOW = 2.0


def work():
    word = b"neighbour"
    for _ in range(P["rounds"]):
        word = hashlib.sha256(word).digest()
    return word.hex()


call_me("works")
begun = time.monotonic()
done, words = [], set()
while not done or done[-1] < P["seconds"]:
    words.add(work())
    done.append(time.monotonic() - begun)
# At every quarter of a second, as long as there is a whole window behind it.
counts = []
start = 0.0
while start + WINDOW <= done[-1]:
    counts.append(sum(1 for at in done if start < at <= start + WINDOW))
    start += 0.25
say(P["attack"], "%d %d %s" % (max(counts), min(counts), " ".join(sorted(words))))
