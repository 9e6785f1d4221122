"""An index of our own, with wheels that no honest one has. Says its address, then serves.

That is by this machine's name: `localhost` would be the sandbox itself.

Started as `python3 -I -c <this text> DIRECTORY`.
"""
import http.server
import os
import socket
import stat
import sys
import zipfile

WHEELS = {
    # The second entry's name leads out of the directory that wheels are unpacked into.
    "traversal": [("traversal.py", "X = 1", 0o644), ("../../../tmp/escaped.py", "X = 2", 0o644)],
    "absolute": [("absolute.py", "X = 1", 0o644), ("/tmp/escaped.py", "X = 2", 0o644)],
    # A link in a zip file: whoever made it one would let a set point to what is not its own.
    "linked": [("linked.py", "X = 1", 0o644), ("leak", "/etc/passwd", stat.S_IFLNK | 0o777)],
    "special": [("special.py", "X = 1", stat.S_IFREG | 0o6777)],
    "honest": [("honest.py", "X = 1", 0o644)],
    # Its module is called otherwise than the project.
    "Other_Name": [("another/__init__.py", "Y = []", 0o644), ("another/tests/__init__.py", "", 0o644)],
    "crashing": [("crashing.py", "import os\nos.kill(os.getpid(), 11)", 0o644)],
    "failing": [("failing.py", "print('loud')\nraise RuntimeError('no luck')", 0o644)],
}


def main():
    os.chdir(sys.argv[1])
    for name, entries in WHEELS.items():
        place = "simple/" + name.lower().replace("_", "-")
        os.makedirs(place)
        wheel = name + "-1.0-py3-none-any.whl"
        with open(place + "/index.html", "w") as page:
            page.write('<a href="%s">%s</a>' % (wheel, wheel))
        info = name + "-1.0.dist-info/"
        metadata = [
            (info + "METADATA", "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n" % name, 0o644),
            (info + "WHEEL", "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n", 0o644),
        ]
        files = entries + metadata
        record = "".join("%s,,\n" % path for path, _, _ in files) + info + "RECORD,,\n"
        with zipfile.ZipFile(place + "/" + wheel, "w") as archive:
            for path, text, mode in files + [(info + "RECORD", record, 0o644)]:
                entry = zipfile.ZipInfo(path)
                entry.external_attr = mode << 16
                archive.writestr(entry, text)
    name = socket.gethostname()
    server = http.server.ThreadingHTTPServer((name, 0), http.server.SimpleHTTPRequestHandler)
    print("%s:%d" % (name, server.server_port), flush=True)
    server.serve_forever()


main()
