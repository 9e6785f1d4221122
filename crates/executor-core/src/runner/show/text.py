# Things as text, within bounds: what is too large is shown in part, and what cannot show itself is named.

MOST_ITEMS = 1000  # elements of containers that are shown in all
BRACKETS = {list: "[]", tuple: "()", set: "{}", frozenset: ("frozenset({", "})"), dict: "{}"}


def text_of(thing):
    """`repr`, or what says that there is none."""
    try:
        text = brief(thing) if is_large(thing, [MOST_ITEMS], 0) else repr(thing)
        return str.__str__(text)
    except BaseException as error:
        kind = type(thing)
        return "<%s.%s object, whose __repr__ raised %s: %s>" % (
            kind.__module__, kind.__qualname__, type(error).__name__, message_of(error),
        )  # fmt: skip


def message_of(error):
    try:
        return str(error)[:200]
    except BaseException:
        return ""


def is_large(thing, left, depth):
    """Whether its `repr` would be long; only of Python's own containers and texts this is known beforehand."""
    kind = type(thing)
    if kind in (str, bytes, bytearray):
        return len(thing) > MAX_TEXT
    if kind not in BRACKETS or depth > 20:
        return False
    left[0] -= len(thing)
    if left[0] < 0:
        return True
    inner = thing.values() if kind is dict else thing
    return any(is_large(one, left, depth + 1) for one in inner)


def brief(thing):
    return part_of(thing, [MOST_ITEMS], frozenset())


def part_of(thing, left, around):
    kind = type(thing)
    if kind in (str, bytes, bytearray) and len(thing) > MAX_TEXT:
        return "%r… (%d in all)" % (thing[: MAX_TEXT // 4], len(thing))
    if kind not in BRACKETS:
        return repr(thing)
    before, after = BRACKETS[kind]
    if id(thing) in around or len(around) > 20:
        return before + "..." + after
    around |= {id(thing)}
    parts = []
    for one in thing.items() if kind is dict else thing:
        if left[0] <= 0:
            parts.append("… (%d more)" % (len(thing) - len(parts)))
            break
        left[0] -= 1
        if kind is dict:
            parts.append("%r: %s" % (one[0], part_of(one[1], left, around)))
        else:
            parts.append(part_of(one, left, around))
    return before + ", ".join(parts) + after


def is_bare(text):
    """Whether it says nothing but the type's name, as `object`'s own `repr` does."""
    return text.startswith("<") and (text.endswith(" object>") or " object at 0x" in text) and text.count("<") == 1


def without_tags(text):
    """What a page says, roughly: enough for whoever has the page itself beside it."""
    import html
    import re

    text = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", text[: 4 * MAX_TEXT])
    text = re.sub(r"(?i)<(br|/p|/div|/tr|/li|/h\d)[^>]*>", "\n", text)
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    return re.sub(r"\n\s*\n+", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def in_json(thing):
    try:
        return json.dumps(thing, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return text_of(thing)
