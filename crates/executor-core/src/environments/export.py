"""Compiles what was installed and writes it to standard output, entry by entry.

Started as `python3 -I -c <this text> <JSON settings>` in a builder, by the user who installed. Each entry is a length
(four bytes, big endian), so many bytes of JSON, and for a file its content.
"""
import compileall
import json
import os
import py_compile
import re
import stat
import struct
import sys

# Nobody imports these but their authors, and they are a third of some packages; Python compiles them as it goes.
NOT_COMPILED = re.compile(r"/(tests|testing/tests|test)/")


def main():
    settings = json.loads(sys.argv[1])
    root = settings["target"]
    compile_all(root, settings["place"])
    entries = list(found(root, settings["except"]))
    total = sum(entry["s"] for _, entry in entries if entry["k"] == "file")
    out = sys.stdout.buffer
    write(out, {"k": "begin", "bytes": total, "entries": len(entries)})
    for path, entry in entries:
        write(out, entry)
        if entry["k"] == "file":
            copy(path, entry["s"], out)
    write(out, {"k": "end"})
    out.flush()


def compile_all(root, place):
    """Without times in it, so that it is valid wherever and whenever the set is read."""
    compileall.compile_dir(
        root, maxlevels=64, quiet=2, rx=NOT_COMPILED, stripdir=root, prependdir=place,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip


def found(root, excepted):
    """Directories before what is in them."""
    for directory, names, files in os.walk(root):
        names.sort()
        if directory == root:
            names[:] = [name for name in names if name not in excepted]
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            entry = {"p": os.path.relpath(path, root)}
            state = os.lstat(path)
            if stat.S_ISLNK(state.st_mode):
                entry.update(k="link", t=os.readlink(path))
            elif stat.S_ISDIR(state.st_mode):
                entry.update(k="dir")
            elif stat.S_ISREG(state.st_mode):
                entry.update(k="file", s=state.st_size, x=bool(state.st_mode & 0o100))
            else:
                sys.exit("`%s` is neither file nor directory" % entry["p"])
            yield path, entry


def write(out, entry):
    data = json.dumps(entry).encode()
    out.write(struct.pack(">I", len(data)) + data)


def copy(path, size, out):
    with open(path, "rb") as file:
        left = size
        while left:
            piece = file.read(min(left, 1 << 20))
            if not piece:
                sys.exit("`%s` became shorter" % path)
            out.write(piece)
            left -= len(piece)


main()
