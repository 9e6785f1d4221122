# What modules are told once they have been imported, so that their own ways to show things lead here.

import atexit
import functools

MOST_SCREENSHOTS = 8  # shown without being asked for
screenshots = 0
counted_at = None  # the display that says how many more there were


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
        was_seen = drawn.get(id(fig)) and not fig.stale
        saved = usual_save(fig, fname, *arguments, **options)
        path = returned_picture(fname)
        if path is not None and was_seen:
            viewed.add(path)
        elif path is not None and will_be_seen(path):
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


def watch_pillow(module):
    look_at_the_end()
    module.Image.show = lambda image, title=None, **options: put(form("display", image))


def watch_plotly(module):
    look_at_the_end()
    kind = module.BaseFigure
    kind.show = lambda fig, *arguments, **options: put(form("display", fig))
    if "BROWSER_PATH" not in os.environ:
        path = browser_of_image()
        if path is not None:
            # What draws for plotly looks for browsers that are installed for people, and here.
            os.environ["BROWSER_PATH"] = path


def browser_of_image():
    """Playwright's Chromium, the one without a window first; None if there is none."""
    import glob

    place = glob.escape(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", ""))
    for pattern in ("chromium_headless_shell-*/*/*headless[_-]shell", "chromium-*/*/chrome"):
        for path in sorted(glob.glob(os.path.join(place, pattern))) if place else ():
            if os.access(path, os.X_OK):
                return path
    return None


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
    try:
        path = returned_picture(options.get("path"))
        if path is None or not is_small(path):
            screenshots += 1
            if screenshots <= MOST_SCREENSHOTS:
                made = None if path is None else file_view("screenshot", path)
                put(made or picture_bytes("screenshot", data, "screenshot"))
            else:
                count_screenshots(screenshots - MOST_SCREENSHOTS)
    except Exception:
        pass  # The program has its picture all the same.
    return data


def count_screenshots(more):
    """Anew each time, for a program may end in a way that leaves no time for sums."""
    global counted_at
    text = "screenshots that are not shown: %d; the first %d are, and all that are given to `display(…)`"
    made = Shown("screenshot", text % (more, MOST_SCREENSHOTS))
    if more == 1:
        counted_at = put(made)
    elif counted_at is not None:
        lay_down(made, counted_at)
