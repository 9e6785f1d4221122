"""Writes what this interpreter needs, as an archive, to standard output: the root of a small image."""

import os
import subprocess
import sys
import tarfile

stdlib = os.path.dirname(os.__file__)
binary = os.path.realpath(sys.executable)
wanted = {"/bin", "/lib", "/lib64", "/sbin", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/tmp"}
wanted |= {"/usr/bin/python3", binary, "/usr/bin/env", "/usr/bin/sh", os.path.realpath("/bin/sh"), "/usr/bin/sleep"}

linked = [binary, "/usr/bin/env", os.path.realpath("/bin/sh"), "/usr/bin/sleep"]
for directory, names, files in os.walk(stdlib):
    names[:] = [name for name in names if name not in ("test", "idlelib", "tkinter", "ensurepip", "lib2to3")]
    for name in files:
        path = os.path.join(directory, name)
        wanted.add(path)
        if ".so" in name:
            linked.append(path)
for line in subprocess.run(["ldd", *linked], capture_output=True, text=True).stdout.splitlines():
    for word in line.split():
        if word.startswith("/") and not word.endswith(":"):
            library = os.path.join(os.path.realpath(os.path.dirname(word)), os.path.basename(word))
            wanted |= {library, os.path.realpath(library)}

with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
    for path in sorted(wanted):
        # The directories that hold everything are links into /usr, and are taken as such.
        if os.path.lexists(path):
            archive.add(path, recursive=False)
