# What is shown of a thing, and how it is laid down for process 1: one file a display, under a name that orders them.
#
# The files of this directory share one namespace, in the order forms, text, pictures, smaller, figures, tables, saved,
# watching. They run in the program's own process, as the program, and what they say is as little trusted as what it
# prints.

import _socket
import base64
import io
import json
import os
import stat
import sys
import threading
import time

MAX_TEXT = 64 * 1024  # characters of one display
MAX_SAID = 256  # bytes that are said of one while the program runs
shown = 0


def display(things, options):
    """What the builtin of this name does; it takes what IPython's takes, and heeds `raw`, and `format` for tables."""
    for thing in things:
        if options.get("raw") and type(thing) is dict:
            put(from_bundle("display", thing, lambda: ""))
        else:
            put(form("display", thing, options.get("format")))


def show_value(value):
    """Shows the value of the last line. What it prints while it is looked at is no part of the program's output."""
    if is_by_the_way(value):
        return
    alone = threading.active_count() == 1
    streams = sys.stdout, sys.stderr
    if alone:
        sys.stdout = sys.stderr = io.StringIO()
    try:
        put(form("value", value))
    finally:
        if alone:
            sys.stdout, sys.stderr = streams


class Shown:
    """One display: its text, a table, and parts of bytes."""

    def __init__(self, kind, text=""):
        self.kind, self.text, self.table = kind, text, None
        self.parts, self.notes = [], []

    def part(self, name, kind, data, role="full", size=None):
        """`full` is for who asks for it, `view` for everybody who looks at the result."""
        if not self.has_room(name, len(data)):
            return
        head = {"name": name, "type": kind, "role": role, "bytes": len(data)}
        if size is not None:
            head["width"], head["height"] = size
        self.parts.append((head, data))

    def has_room(self, name, size):
        """Whether so much more can go with it; if not, that is noted."""
        left = SETTINGS["item_bytes"] - sum(len(part[1]) for part in self.parts) - 256 * 1024
        if size > left:
            self.notes.append("%s of %d bytes is too large to be returned; at most %d are" % (name, size, left))
        return size <= left


def form(kind, thing, wanted=None):
    """How a thing is shown: by what we know of its type, by what it offers itself, or as its `repr`. A table may be `wanted`
    in a certain format."""
    if kind == "display" and isinstance(thing, os.PathLike):
        made = file_at(kind, thing)
        if made is not None:
            return made
    roots = {part.__module__.partition(".")[0] for part in type(thing).__mro__ if type(part.__module__) is str}
    for root, can, make in (
        ("matplotlib", "savefig", figure),
        ("pandas", "to_csv", pandas_table),
        ("polars", "write_csv", polars_table),
        ("polars", "to_frame", polars_table),
        ("PIL", "thumbnail", pillow_image),
        ("plotly", "to_image", plotly_figure),
    ):
        if root in roots and hasattr(type(thing), can):
            try:
                return make(kind, thing, wanted) if root in ("pandas", "polars") else make(kind, thing)
            except Exception as error:
                if isinstance(error, MemoryError):
                    raise
    if type(thing) in (bytes, bytearray) and picture_kind(thing):
        return picture_bytes(kind, bytes(thing))
    return offered(kind, thing)


def file_at(kind, path):
    """A file that the program names, as it is now; None if there is none. Those that come back anyway come once."""
    try:
        path = os.path.abspath(os.fspath(path))
        with open(path, "rb", opener=open_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return None
            name = os.path.basename(path)
            made = Shown(kind, "%s, %d bytes" % (name, found.st_size))
            below = os.path.relpath(path, SETTINGS["cwd"])
            if not below.startswith(".") and "/." not in below:
                if returned_picture(path) is not None and not is_small(path):
                    return file_view(kind, path)
                made.text = "%s, %d bytes, is among the files of the result" % (below, found.st_size)
            elif made.has_room(name, found.st_size):
                data = file.read(found.st_size)
                if picture_kind(data):
                    return picture_bytes(kind, data, os.path.splitext(name)[0])
                made.part(name, "", data)
            return made
    except (OSError, TypeError, ValueError):
        return None


def open_at_once(path, flags):
    """A pipe is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def offered(kind, thing):
    """By the methods that IPython has made common; looked up as special methods are, for some things answer to any name."""
    bundle = {}
    method = getattr(type(thing), "_repr_mimebundle_", None)
    if method is not None:
        try:
            made = method(thing, include=None, exclude=None)
            made = made[0] if type(made) is tuple else made
            bundle.update({key: made[key] for key in made if type(key) is str})
        except Exception:
            bundle = {}
    for name, mime in (
        ("_repr_png_", "image/png"),
        ("_repr_jpeg_", "image/jpeg"),
        ("_repr_svg_", "image/svg+xml"),
        ("_repr_markdown_", "text/markdown"),
        ("_repr_html_", "text/html"),
        ("_repr_json_", "application/json"),
    ):
        method = getattr(type(thing), name, None)
        if method is not None and mime not in bundle:
            try:
                made = method(thing)
                made = made[0] if type(made) is tuple else made
            except Exception:
                made = None
            if made is not None:
                bundle[mime] = made
    return from_bundle(kind, bundle, lambda: text_of(thing))


def from_bundle(kind, bundle, itself):
    """By media types; `itself` gives the text where there is none."""
    made = Shown(kind)
    for mime in ("image/png", "image/jpeg"):
        data = as_bytes(bundle.get(mime))
        if data and picture_kind(data):
            made = picture_bytes(kind, data)
            break
    plain = bundle.get("text/plain")
    html, markdown = bundle.get("text/html"), bundle.get("text/markdown")
    if type(markdown) is str:
        set_text(made, markdown, "text/markdown", "display.md")
    elif "application/json" in bundle and not isinstance(bundle["application/json"], (bytes, str)):
        set_text(made, in_json(bundle["application/json"]), "application/json", "display.json")
    elif not made.parts:
        text = plain if type(plain) is str else itself()
        if type(html) is str and is_bare(text):
            text = without_tags(html)
        set_text(made, text, "text/plain", "value.txt")
    if type(html) is str:
        made.part("display.html", "text/html", html.encode("utf-8", "replace"))
    svg = bundle.get("image/svg+xml")
    if type(svg) is str:
        made.part("display.svg", "image/svg+xml", svg.encode("utf-8", "replace"))
    return made


def as_bytes(data):
    if type(data) is str:
        try:
            return base64.b64decode(data)
        except ValueError:
            return None
    return bytes(data) if isinstance(data, (bytes, bytearray, memoryview)) else None


def set_text(made, text, kind, name):
    """The text, both of its ends if it is long, with the whole beside it."""
    if len(text) <= MAX_TEXT:
        made.text = text
        return
    half = MAX_TEXT // 2
    left_out = len(text) - 2 * half
    made.text = "%s\n… %d characters left out …\n%s" % (text[:half], left_out, text[-half:])
    made.notes.append("the text has %d characters, of which a part is shown" % len(text))
    made.part(name, kind, text.encode("utf-8", "replace"))


def put(made):
    """Lays it down, if there are not too many; gives the name under which it lies."""
    global shown
    shown += 1
    if shown > SETTINGS["displays"] + 1:
        return None
    if shown > SETTINGS["displays"]:
        made = Shown(made.kind)  # Only to be counted.
    name = "%020d-%d" % (time.monotonic_ns(), os.getpid())
    if not lay_down(made, name) or shown > SETTINGS["displays"]:
        return None
    announce(made)
    return name


def lay_down(made, name):
    """Whole or not at all; whether it could be done. What had the name is gone then."""
    head = {"kind": made.kind, "text": made.text, "table": made.table, "notes": made.notes}
    head["parts"] = [part[0] for part in made.parts]
    head = json.dumps(head, default=str, ensure_ascii=False).encode("utf-8", "replace")
    hidden = os.path.join(SETTINGS["spool"], "." + name)
    try:
        os.makedirs(SETTINGS["spool"], exist_ok=True)
        with open(hidden, "xb") as file:
            file.write(len(head).to_bytes(4, "big"))
            file.write(head)
            for part in made.parts:
                file.write(part[1])
        os.rename(hidden, os.path.join(SETTINGS["spool"], name))
    except OSError as error:
        try:
            os.unlink(hidden)
        except OSError:
            pass
        sys.stderr.write("a display could not be kept: %s\n" % error)
        return False
    return True


def announce(made):
    """Says at once that something was shown, to whoever follows the run; the thing itself comes at its end."""
    if made.kind == "value":
        return  # That is the end.
    what = [line.strip() for line in made.text.split("\n", 20)[:20] if line.strip()][:1]
    for head in (part[0] for part in made.parts):
        if head["role"] == "view":
            what.append("%s, %d × %d pixels" % (head["name"], head["width"], head["height"]))
        elif not head["type"].startswith("image/"):
            what.append(head["name"])
    said = "%s: %s" % (made.kind, "; ".join(what[:3]) or "a picture")
    try:
        # Not by way of the module that programs know, for they may have changed it.
        teller = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            teller.setblocking(False)
            teller.sendto(said.encode("utf-8", "replace")[:MAX_SAID], SETTINGS["told_at"])
        finally:
            teller.close()
    except OSError:
        pass  # Nobody listens, or too much was said.
