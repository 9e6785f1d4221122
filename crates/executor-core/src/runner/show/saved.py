# Pictures that a program saves where they come back as files. Those that are too large to be looked at as they are get a
# smaller view, in the program's own process, and only there where it has imported something that makes pictures.

import atexit

MOST_VIEWS = 4  # of files that are too large to be looked at as they are
VIEW_PIXELS = 16_000_000  # of one of them
LOOKED_AT = 1000  # entries of the working directory
viewed = set()  # paths of those that have been shown
promised = set()  # and of those that will be
looking = None  # the process that shows them at its end


def returned_picture(place):
    """The path of a picture that goes back with the result, if there is one at this place."""
    try:
        path = os.path.abspath(os.fspath(place))
        if os.path.commonpath([path, SETTINGS["cwd"]]) != SETTINGS["cwd"] or "/." in path:
            return None
        if os.path.getsize(path) > SETTINGS["item_bytes"] or picture_kind(beginning_of(path)) is None:
            return None
        return path
    except (OSError, TypeError, ValueError):
        return None


def beginning_of(path):
    """Enough to know what it is, and how large."""
    with open(path, "rb", opener=open_at_once) as file:
        return file.read(64 * 1024)


def is_small(path):
    """Whether a picture can be looked at as it is."""
    return os.path.getsize(path) <= SETTINGS["picture_bytes"] and fits(b"", picture_size(beginning_of(path)))


def will_be_seen(path):
    """Whether a picture that goes back is seen there, or made smaller at the end."""
    if is_small(path) or path in promised:
        return True
    size = picture_size(beginning_of(path))
    if looking != os.getpid() or len(promised) == MOST_VIEWS or size is None or size[0] * size[1] > VIEW_PIXELS:
        return False
    promised.add(path)
    return True


def look_at_the_end():
    """At the files that are there then: for programs that have imported what makes pictures, as only they pay for it."""
    global looking
    if looking is None:
        looking = os.getpid()
        atexit.register(show_files_at_the_end, getattr(sys.modules.get("__main__"), "__file__", None))


def show_files_at_the_end(program):
    if os.getpid() != looking or program is None:
        return  # The end of a fork is not the program's.
    try:
        show_files(program)
    except Exception:
        pass  # They go back all the same.


def show_files(program):
    """Those pictures among the files that are too large to be looked at as they are, made smaller."""
    large = [path for path in new_pictures(program) if path not in viewed and not is_small(path)]
    large.sort(key=lambda path: path not in promised)
    for path in large[:MOST_VIEWS]:
        made = file_view("display", path)
        if made is not None and made.parts:
            put(made)


def new_pictures(program):
    """Paths of pictures below the working directory that are younger than the text of the program, the oldest first."""
    begun, found, left = os.stat(program).st_ctime_ns, [], LOOKED_AT
    directories = [SETTINGS["cwd"]]
    for directory in directories:
        with os.scandir(directory) as entries:
            for entry in itertools.islice(entries, left):
                left -= 1
                if entry.name.startswith(".") or entry.name == "__pycache__" or entry.is_symlink():
                    continue
                if entry.is_dir():
                    directories.append(entry.path)
                elif entry.name.lower().endswith((".png", ".jpg", ".jpeg")) and entry.is_file():
                    made = entry.stat().st_ctime_ns
                    if made > begun and returned_picture(entry.path) is not None:
                        found.append((made, entry.path))
    return [path for _, path in sorted(found)]


def file_view(kind, path):
    """A smaller view of a picture that goes back with the result; None if there can be none."""
    import warnings

    with open(path, "rb", opener=open_at_once) as file:
        data = file.read(SETTINGS["item_bytes"])
    size = picture_size(data)
    if size is None or size[0] * size[1] > VIEW_PIXELS:
        return None
    made = Shown(kind, "%s, %d × %d pixels" % (os.path.relpath(path, SETTINGS["cwd"]), size[0], size[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        add_view_of(made, data, size, os.path.basename(path))
    viewed.add(path)
    return made
