# The value of a program's last line, for those programs that end in an expression.
#
# The text stays as it is, on disk and for whoever asks for its source. Only its code is another: the last expression
# is handed to a function, which shows it, instead of being dropped. CPython runs such code as it runs a .pyc file, by
# the same call as the text, so that there is no frame of ours around the program here, either.

import _ast as ast  # The part of `ast` that costs nothing to import.
import marshal
import warnings

EXTERNAL = importlib._bootstrap_external  # with what CPython puts before compiled code, and what loads it

LONGEST_SHOWN = 128 * 1024  # bytes of program text: beyond that, parsing it twice would be felt
HOOK = "<last value>"  # among the builtins, under a name that no program can spell
ONLY_AST = 0x400
STATEMENTS = (
    b"def class if for while with try except finally else elif return import from raise assert del pass global nonlocal async"
).split()
LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


def code_with_value(text, path):
    """The program's code if its last line is an expression whose value is to be shown; else None."""
    if len(text) > LONGEST_SHOWN or not may_have_value(text):
        return None
    try:
        with warnings.catch_warnings(record=True) as told:
            tree = compile(text, path, "exec", ONLY_AST, True)
            last = tree.body[-1] if tree.body else None
            if not is_shown(last, len(tree.body)):
                return None
            place = {name: getattr(last.value, name) for name in POSITION}
            hook = ast.Name(HOOK, ast.Load(), **place)
            last.value = ast.Call(hook, [last.value], [], **place)
            code = compile(tree, path, "exec", 0, True)
    except BaseException:
        return None  # The text itself is run, and says what is wrong with it.
    for warning in told:
        warnings._showwarnmsg(warning)
    return code


NO_START = (b"", b" ", b"\t", b"\r", b"\n", b"\f", b"#", b")", b"]", b"}", b"'", b'"', b"\\")
QUOTES = (b"'", b'"')
POSITION = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def may_have_value(text):
    """A quick look at the last line that is not indented; most programs end here."""
    text = text.rstrip()
    if text.endswith(b";"):
        return False  # As in a notebook.
    end, quoted = len(text), False
    while end > 0:
        start = text.rfind(b"\n", 0, end) + 1
        first = text[start : start + 1]
        if first not in NO_START or (first in QUOTES and start == 0):
            break
        quoted |= first in QUOTES  # A text of its own, or the end of one.
        end = start - 1
    else:
        return False
    line = text[start:]
    # No pattern of `re`: to compile it would take longer than all else here.
    word = line[: len(line) - len(line.lstrip(LETTERS))]
    if not quoted and (word in STATEMENTS or line.startswith((b"print(", b"@"))):
        return False
    if b"\\" in line:
        return True
    try:
        tail = compile(line, "tail", "exec", ONLY_AST, True)
    except BaseException:
        return True  # Part of something longer.
    return not tail.body or is_shown(tail.body[-1], 2)


def is_shown(last, statements):
    if not isinstance(last, ast.Expr):
        return False
    value = last.value
    if isinstance(value, ast.Constant):
        # A text alone is the module's documentation.
        return value.value is not None and not (statements == 1 and isinstance(value.value, str))
    return not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print")


def code_runner(code, main, path):
    """What runs `code` in `main`, and what is to be called behind it, as the two would be for the text at `path`."""
    compiled = EXTERNAL.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)
    fd = os.memfd_create("main")
    with open(fd, "wb", closefd=False) as file:
        file.write(compiled)
    place = "/proc/self/fd/%d" % fd
    opened = open_file(place)
    usual = EXTERNAL.SourcelessFileLoader

    def loader(name, _place):
        # CPython asks for the loader once, between opening the code and running it.
        EXTERNAL.SourcelessFileLoader = usual
        os.close(fd)
        return EXTERNAL.SourceFileLoader(name, path)

    EXTERNAL.SourcelessFileLoader = loader
    main.__file__, main.__cached__ = path, None
    return functools.partial(file_runner(), opened, os.fsencode(place), 1, None)


def leave_value(main, usual, failed):
    """Ends as a text ends: behind it CPython takes these names away."""
    main.__dict__.pop("__file__", None)
    main.__dict__.pop("__cached__", None)
    vars(builtins).pop(HOOK, None)
    usual(failed)
