# What modules are told once they have been imported, so that their own ways to show things lead here.

import atexit
import functools

MOST_SCREENSHOTS = 8  # shown without being asked for
screenshots = 0


def watch_pyplot(pyplot):
    """`plt.show()` shows the open figures, and so does the end of the program, which Matplotlib closes them behind."""
    usual_show, kind = pyplot.show, pyplot.Figure

    @functools.wraps(usual_show)
    def show(*arguments, **options):
        if pyplot.get_backend().lower() not in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"):
            return usual_show(*arguments, **options)
        show_figures()
        if options.get("block", arguments[0] if arguments else None) is not False:
            pyplot.close("all")  # As when a person closes the windows: what is drawn next begins anew.

    pyplot.show = show
    kind.show = lambda fig, warn=True: put(figure("figure", fig))
    usual_save = kind.savefig

    @functools.wraps(usual_save)
    def savefig(fig, fname, *arguments, **options):
        saved = usual_save(fig, fname, *arguments, **options)
        if is_returned(fname):
            drawn[id(fig)] = True
            fig.stale = False
        return saved

    savefig._displays_usual = usual_save
    kind.savefig = savefig
    atexit.register(show_figures_at_the_end)


def show_figures_at_the_end():
    try:
        show_figures()
    except Exception as error:
        sys.stderr.write("the open figures could not be shown: %s: %s\n" % (type(error).__name__, error))


def is_returned(place):
    """Whether a file of this name is a picture that goes back with the result, and can be looked at as it is."""
    try:
        path = os.path.abspath(os.fspath(place))
        if os.path.commonpath([path, SETTINGS["cwd"]]) != SETTINGS["cwd"] or "/." in path:
            return False
        if os.path.getsize(path) > SETTINGS["picture_bytes"]:
            return False
        with open(path, "rb") as file:
            data = file.read()
        return picture_kind(data) is not None and fits(data, picture_size(data))
    except (OSError, TypeError, ValueError):
        return False


def watch_pillow(module):
    module.Image.show = lambda image, title=None, **options: put(form("display", image))


def watch_plotly(module):
    module.BaseFigure.show = lambda fig, *arguments, **options: put(form("display", fig))


def watch_ipython(module):
    module.display = lambda *things, **options: display(things, options)


def watch_playwright(module):
    """Screenshots that the program takes are shown, unless they go into files that are returned anyway."""
    for name in ("Page", "Locator", "ElementHandle"):
        kind = getattr(module, name)
        usual = kind.screenshot
        if module.__name__.startswith("playwright.sync_api"):
            kind.screenshot = sync_screenshot(usual)
        else:
            kind.screenshot = async_screenshot(usual)


def sync_screenshot(usual):
    @functools.wraps(usual)
    def screenshot(self, *arguments, **options):
        return taken(usual(self, *arguments, **options), options)

    return screenshot


def async_screenshot(usual):
    @functools.wraps(usual)
    async def screenshot(self, *arguments, **options):
        return taken(await usual(self, *arguments, **options), options)

    return screenshot


def taken(data, options):
    global screenshots
    if screenshots < MOST_SCREENSHOTS and not is_returned(options.get("path")):
        screenshots += 1
        try:
            put(picture_bytes("screenshot", data, "screenshot"))
        except Exception:
            pass  # The program has its picture all the same.
    return data
