# What a program finds of displays: `display` among the builtins, and a look at what it imports. The machinery behind
# them is `SHOW`, the files in the directory `show`, whose code is unpacked when something is shown for the first time.

# Modules that are told of what the machinery can show, once they have been imported.
WATCHED = {
    "matplotlib.pyplot": "watch_pyplot",
    "PIL.Image": "watch_pillow",
    "plotly.basedatatypes": "watch_plotly",
    "IPython.display": "watch_ipython",
    "playwright.sync_api._generated": "watch_playwright",
    "playwright.async_api._generated": "watch_playwright",
}


def packed_show():
    """The code of the machinery, in marshal's form: most programs show nothing, and never unpack it."""
    global SHOW
    if isinstance(SHOW, str):
        SHOW = marshal.dumps(compile(SHOW, "<displays>", "exec"))
    return SHOW


def compiled_runner(code):
    """What spares the next sandboxes the compiling of all this: what the boot code does with it stands in boot.py."""
    return EXTERNAL.MAGIC_NUMBER + marshal.dumps((code, packed_show()))


class Machinery:
    """Calls functions of `SHOW` by name."""

    def __init__(self, settings, packed):
        self.settings, self.packed, self.scope = settings, packed, None

    def call(self, name, *arguments):
        if self.scope is None:
            scope = {"__name__": "displays", "SETTINGS": self.settings}
            exec(marshal.loads(self.packed), scope)
            self.scope = scope
        return self.scope[name](*arguments)


class Watcher:
    """The first of the finders: knows a few names, and leaves the finding to the others."""

    def __init__(self, machinery, watched, modules, environment):
        self.machinery, self.watched = machinery, watched
        self.finders, self.environment = modules, environment

    def find_spec(self, name, path=None, target=None):
        if name == "matplotlib":
            # Nothing else can draw here, and looking for it takes long. The program may still choose.
            self.environment.setdefault("MPLBACKEND", "agg")
        what = self.watched.get(name)
        if what is None:
            return None
        for finder in self.finders:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None and finder is not self else None
            if spec is not None:
                break
        else:
            return None
        loader, usual = spec.loader, getattr(spec.loader, "exec_module", None)
        if usual is None:
            return spec

        def execute(module):
            loader.__dict__.pop("exec_module", None)
            usual(module)
            try:
                self.machinery.call(what, module)
            except Exception:
                pass  # A newer version that we do not know is shown less well.

        # As importlib's own, so that tracebacks leave it out.
        frozen = {"co_filename": "<frozen importlib._bootstrap>", "co_name": "_call_with_frames_removed"}
        execute.__code__ = execute.__code__.replace(**frozen)
        try:
            loader.exec_module = execute
        except AttributeError:
            pass
        return spec


def offer_displays(order):
    """Puts `display` where programs find it; gives the machinery for the last value."""
    results = order["results"]
    settings = {key: results[key] for key in ("displays", "item_bytes", "picture_side", "picture_bytes")}
    settings["spool"], settings["cwd"], settings["told_at"] = spool_of(order), os.getcwd(), ANNOUNCED_AT
    machinery = Machinery(settings, packed_show())

    def display(*things, **options):
        """Shows things beside the program's output: text, tables, pictures, figures, whatever `_repr_*_` offers."""
        machinery.call("display", things, options)

    display.__module__, display.__qualname__ = "builtins", "display"
    builtins.display = display
    sys.meta_path.insert(0, Watcher(machinery, WATCHED, sys.meta_path, os.environ))
    return machinery


def offer_last_value(machinery):
    """Puts the hook of the last line among the builtins, until it is called."""

    def show(value):
        vars(builtins).pop(HOOK, None)
        if value is not None:
            try:
                machinery.call("show_value", value)
            except BaseException:
                pass

    # Called through C, so that the value is let go of in the program's frame, as it would be without us.
    vars(builtins)[HOOK] = functools.partial(show)
