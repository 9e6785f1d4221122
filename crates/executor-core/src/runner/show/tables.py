# Tables: head and tail as Markdown, the first rows as data, and all of it as a file where that is not too much, or was
# asked for.

SHOWN_WHOLE = 20  # rows
HEAD, TAIL = 10, 5  # of longer ones
SHOWN_COLUMNS = 20
DATA_ROWS, DATA_COLUMNS, DATA_BYTES = 100, 50, 32 * 1024
FILE_CELLS = 500_000  # more take too long to write for what nobody may ask for
ASKED_CELLS = 20_000_000  # some 10 s of writing, for who has asked
FORMATS = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
MAX_CELL = 60  # characters
SHORT_NUMBER = 12  # characters of a number that is shown to its last digit


def pandas_table(kind, thing, wanted):
    if not hasattr(type(thing), "columns"):
        thing = thing.to_frame()
    rows, columns = thing.shape
    names = [text_cell(one) for one in thing.columns[:DATA_COLUMNS]]
    types = [str(one) for one in thing.dtypes.iloc[:DATA_COLUMNS]]

    def take(start, end):
        part = thing.iloc[start:end, :DATA_COLUMNS]
        return [(text_cell(one), list(row)) for one, row in zip(part.index, part.itertuples(False, None))]

    writers = {
        "csv": lambda path: thing.to_csv(path, errors="replace"),
        "parquet": lambda path: thing.to_parquet(path),
    }
    return table(kind, (rows, columns), names, types, take, writers, wanted, True)


def polars_table(kind, thing, wanted):
    if not hasattr(type(thing), "columns"):
        thing = thing.to_frame()
    rows, columns = thing.shape
    part = thing[:, :DATA_COLUMNS]
    names, types = [text_cell(one) for one in part.columns], [str(one) for one in part.dtypes]

    def take(start, end):
        return [("", list(row)) for row in part[start:end].rows()]

    writers = {"csv": thing.write_csv, "parquet": thing.write_parquet}
    return table(kind, (rows, columns), names, types, take, writers, wanted, False)


def table(kind, shape, names, types, take, writers, wanted, has_index):
    made = Shown(kind)
    rows, columns = shape
    if rows <= SHOWN_WHOLE:
        parts = [take(0, rows)]
    else:
        parts = [take(0, HEAD), take(rows - TAIL, rows)]
    width = min(len(names), SHOWN_COLUMNS)
    lead = [""] if has_index else []
    lines = ["%d rows × %d columns" % (rows, columns)]
    lines.append(line(lead + ["%s (%s)" % pair for pair in zip(names[:width], types)]))
    lines.append(line(["---"] * (len(lead) + width)))
    for number, part in enumerate(parts):
        if number:
            lines.append(line(["…"] * (len(lead) + width)))
        for index, cells in part:
            lines.append(line(([index] if has_index else []) + [text_cell(one) for one in cells[:width]]))
    if columns > width:
        lines.append("… and %d more columns: %s" % (columns - width, ", ".join(names[width:])))
    made.text = "\n".join(lines)
    made.table = data(rows, columns, names, types, take(0, min(rows, DATA_ROWS)), has_index)
    if wanted is not None or rows > SHOWN_WHOLE or columns > width:
        add_whole(made, rows * columns, writers, wanted)
    return made


def add_whole(made, cells, writers, wanted):
    """All of it as a file, in the format that was asked for, else as CSV."""
    if wanted is not None and (type(wanted) is not str or wanted not in FORMATS):
        made.notes.append("there is no format %s of tables; there are 'csv' and 'parquet'" % text_of(wanted)[:40])
        wanted = None
    if cells > (FILE_CELLS if wanted is None else ASKED_CELLS):
        ask = "ask for it by `display(…, format='csv')` or `format='parquet'`"
        ask = ask if wanted is None else "write it to a file in the working directory"
        made.notes.append("the whole table of %d cells was not returned: %s" % (cells, ask))
        return
    for way in [wanted, "csv"] if wanted == "parquet" else ["csv"]:
        try:
            add_file(made, way, writers[way])
            return
        except ImportError:
            why = "Parquet needs `pyarrow` or `fastparquet` in `modules`"
        except MemoryError:
            raise
        except Exception as error:
            why = "writing %s failed: %s: %s" % (way, type(error).__name__, message_of(error))
        made.notes.append("the table is linked to as CSV: %s" % why if way != "csv" else "the whole table was not returned: %s" % why)


def add_file(made, way, write):
    """Through a file, so that the table is not in memory three times."""
    os.makedirs(SETTINGS["spool"], exist_ok=True)
    path = os.path.join(SETTINGS["spool"], ".table-%d" % os.getpid())
    try:
        write(path)
        size = os.path.getsize(path)
        if made.has_room("table." + way, size):
            with open(path, "rb") as file:
                made.part("table." + way, FORMATS[way], file.read())
    finally:
        if os.path.exists(path):
            os.unlink(path)


def data(rows, columns, names, types, taken, has_index):
    """The first rows as JSON, as many as are within bounds."""
    kept, left = [], DATA_BYTES
    for index, cells in taken:
        row = ([index] if has_index else []) + [plain(one) for one in cells]
        left -= len(json.dumps(row))
        if left < 0:
            break
        kept.append(row)
    heads = [{"name": name, "type": kind} for name, kind in zip(names, types)]
    if has_index:
        heads.insert(0, {"name": "", "type": "index"})
    return {"columns": heads, "rows": kept, "row_count": rows, "column_count": columns}


def plain(value):
    if hasattr(type(value), "item") and type(value).__module__ == "numpy":
        value = value.item()
    if value is None or type(value) in (bool, str):
        return value if type(value) is not str or len(value) <= 1000 else value[:1000] + "…"
    if type(value) is int:
        return value if abs(value) < 2**53 else str(value)
    if type(value) is float:
        # JSON has no such numbers: what is missing is null, and what is endless is said in words.
        return value if abs(value) < float("inf") else None if value != value else str(value)
    return text_cell(value)


def text_cell(value):
    if hasattr(type(value), "item") and type(value).__module__ == "numpy":
        value = value.item()
    if value is None:
        return ""
    text = number_cell(value) if type(value) is float else str(value)
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"


def number_cell(value):
    """All digits, if they are few; else as pandas rounds."""
    if value != value:
        return "NaN"
    text = repr(value)
    if len(text) <= SHORT_NUMBER:
        return text
    return ("%.6f" if 1 <= abs(value) < 1e15 else "%#.7g") % value


def line(cells):
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
