# Pictures: those that are bytes already, and Pillow's. What is too large to be looked at is made smaller, by Pillow where
# it is there; the full one is kept beside it.

MOST_PIXELS = 30_000_000  # of a picture that is still encoded whole


def picture_kind(data):
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    return None


def picture_size(data):
    """Width and height by the file's own word; None if it does not say."""
    if picture_kind(data) == "image/png":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at = 2
    while 0 < at < len(data) - 9 and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    return None


def fits(data, size):
    return len(data) <= SETTINGS["picture_bytes"] and size is not None and max(size) <= SETTINGS["picture_side"]


def picture_bytes(kind, data, name="picture"):
    made = Shown(kind)
    mime, size = picture_kind(data), picture_size(data)
    name += ".png" if mime == "image/png" else ".jpg"
    if fits(data, size):
        made.part(name, mime, data, "view", size)
        return made
    made.part(name, mime, data, "full", size)
    add_view_of(made, data, size, name)
    return made


def add_view_of(made, data, size, name):
    """A smaller picture of one that is bytes, or a note why there is none."""
    if size is None:
        return
    try:
        from PIL import Image
    except ImportError:
        Image = None
    try:
        if size[0] * size[1] > 2 * MOST_PIXELS:
            why = "these are too many"
        elif Image is not None:
            why = add_view(made, Image.open(io.BytesIO(data)), name)
        else:
            why = "Pillow is not installed"
            view, size_of_view = smaller_png(data, size)
            made.part("view-of-" + name, "image/png", view, "view", size_of_view)
            why = None
    except Exception as error:
        why = why if Image is None else type(error).__name__
    if why is not None:
        made.notes.append("the picture of %d x %d pixels could not be made smaller: %s" % (size + (why,)))


def pillow_image(kind, image):
    made = Shown(kind)
    width, height = image.size
    if max(width, height) <= SETTINGS["picture_side"]:
        data = encoded(image, "PNG")
        if len(data) <= SETTINGS["picture_bytes"]:
            made.part("picture.png", "image/png", data, "view", image.size)
            return made
    add_view(made, image, "picture.png")
    if width * height > MOST_PIXELS:
        made.notes.append("the picture has %d x %d pixels; only a smaller one was made of it" % (width, height))
    else:
        made.part("picture.png", "image/png", encoded(image, "PNG"), "full", image.size)
    return made


def add_view(made, image, name):
    """A smaller picture, as large as may be."""
    width, height = image.size
    factor = min(1.0, SETTINGS["picture_side"] / max(width, height))
    for _ in range(6):
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = image if size == image.size else image.resize(size, 3, reducing_gap=2.0)
        for way in ("PNG", "JPEG"):
            data = encoded(small, way)
            if len(data) <= SETTINGS["picture_bytes"]:
                made.part("view-of-" + name, "image/" + way.lower(), data, "view", size)
                return
        factor *= 0.6
    made.notes.append("no smaller picture was small enough")


def encoded(image, way):
    buffer = io.BytesIO()
    if way == "JPEG":
        image.convert("RGB").save(buffer, "JPEG", quality=85)
    else:
        plain = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")
        (image if image.mode in plain else image.convert("RGB")).save(buffer, "PNG")
    return buffer.getvalue()
