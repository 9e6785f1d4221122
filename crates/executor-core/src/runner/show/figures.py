# Figures: Matplotlib's are drawn again in the size that fits, plotly's where it can draw.

SMALLEST_DPI = 20
drawn = {}  # figures by number, and whether they have been shown or saved since they last changed


def figure(kind, fig):
    made = Shown(kind)
    side, dpi = SETTINGS["picture_side"], fig.get_dpi()
    width, height = (inches * dpi for inches in fig.get_size_inches())
    fitting = dpi * min(1.0, side / max(width, height))
    for _ in range(8):
        data = drawing(fig, fitting)
        size = picture_size(data)
        if fits(data, size) or fitting <= SMALLEST_DPI / 4:
            break
        fitting *= min(0.98, side / max(size)) if max(size) > side else 0.7
    made.part("figure.png", "image/png", data, "view" if fits(data, size) else "full", size)
    if width * height > MOST_PIXELS:
        made.notes.append(
            "the figure has %d x %d pixels; it is shown smaller, save it to a file for the whole" % (width, height)
        )
    elif fitting < dpi:
        whole = drawing(fig, dpi)
        made.part("figure-full.png", "image/png", whole, "full", picture_size(whole))
    return made


def drawing(fig, dpi):
    buffer = io.BytesIO()
    save = getattr(type(fig).savefig, "_displays_usual", type(fig).savefig)
    save(fig, buffer, format="png", dpi=dpi, bbox_inches="tight")
    return buffer.getvalue()


def show_figures():
    """Those that pyplot holds and that nobody has seen as they are now."""
    for fig in open_figures():
        if drawn.get(id(fig)) and not fig.stale:
            continue
        if not fig.axes and not fig.texts and not fig.images:
            continue
        put(figure("figure", fig))
        drawn[id(fig)] = True
        fig.stale = False


def open_figures():
    managers = sys.modules["matplotlib._pylab_helpers"].Gcf.get_all_fig_managers()
    return [manager.canvas.figure for manager in managers]


def is_by_the_way(value):
    """What Matplotlib's functions return while the figure itself will be shown."""
    if "matplotlib.pyplot" not in sys.modules:
        return False
    if type(value) in (list, tuple):
        return 0 < len(value) <= 100 and all(is_by_the_way(one) for one in value)
    modules = {part.__module__ for part in type(value).__mro__ if type(part.__module__) is str}
    if type(value).__module__ == "numpy":
        return str(getattr(value, "dtype", "")) == "object" and 0 < value.size <= 100 and all(map(is_by_the_way, value.flat))
    if "matplotlib.figure" in modules:
        return any(value is fig for fig in open_figures())
    return bool(modules & {"matplotlib.artist", "matplotlib.container"})


def plotly_figure(kind, fig):
    made = Shown(kind)
    try:
        data = fig.to_image(format="png")
    except Exception as error:
        why = "%s: %s" % (type(error).__name__, message_of(error))
        if not can_be_found("kaleido"):
            why = "for that it needs `kaleido` among the `modules`"
        made.notes.append("plotly could not draw the figure, its page is beside: %s" % why)
    else:
        made = picture_bytes(kind, data, "figure")
    traces = ", ".join("%s of %d points" % (one.type, points(one)) for one in fig.data[:10])
    title = fig.layout.title.text
    made.text = "plotly figure%s: %s" % (" “%s”" % title if title else "", traces or "nothing")
    made.part("figure.html", "text/html", fig.to_html(include_plotlyjs="cdn").encode("utf-8", "replace"))
    return made


def can_be_found(module):
    import importlib.util

    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def points(trace):
    for name in ("x", "y", "z", "values", "lat"):
        found = getattr(trace, name, None)
        if found is not None:
            return len(found)
    return 0
