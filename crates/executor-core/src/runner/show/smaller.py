# A smaller view of a PNG where Pillow is not: of 8 bits a channel and not interlaced, as browsers write it.
#
# A row of pixels is one number here, with 16 bits for each channel of each pixel: sums of rows, and of pixels beside each
# other, are sums of such numbers, so that the interpreter has a few steps a row to take and not a few a pixel.

import itertools

VIEW_SECONDS = 4.0  # of processor time; a page of 1920 × 1080 pixels takes 0.3 to 1.5
WIDEST = 1 << 17  # pixels: a row of them is a few megabytes as a number
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
SCALES = ((4, 5), (3, 4), (2, 3), (1, 2), (2, 5))  # and then a third, a quarter, a fifth, …
SHARES = 16  # into which a pixel is divided either way: 16 * 16 * 255 is less than 16 bits
ZEROS = rb"\0{48,}"
LOWEST = 0 if sys.byteorder == "little" else 3  # byte of a number in an array


def smaller_png(data, size):
    """A PNG that fits, and its size; raises if none can be made of this one, or not in time."""
    until = time.thread_time() + VIEW_SECONDS
    colour, rows = decoded(data, size)
    length = len(data)
    for _ in range(6):
        into, of = scale_of(size, (SETTINGS["picture_bytes"] / length) ** 0.5)
        rows = list(averaged(rows, size[0], CHANNELS[colour], into, of, until))
        size = len(rows[0]) // CHANNELS[colour], len(rows)
        made = encoded_png(rows, size, colour)
        if fits(made, size):
            return made, size
        length = len(made)
    raise ValueError("no smaller picture was small enough")


def scale_of(size, most):
    """How many pixels come of how many: of the scales up to `most` the largest that makes the side fit."""
    side = SETTINGS["picture_side"]
    for into, of in itertools.chain(SCALES, ((1, of) for of in itertools.count(3))):
        if into <= most * of and -(-max(size) // of) * into <= side:
            return into, of


def averaged(rows, width, channels, into, of, until):
    """The rows of a smaller picture. At the edges the last pixels stand for those that are missing."""
    shares, groups, at = shares_of(into, of), -(-width // of), 0
    length = groups * of * channels
    sums = [0] * into
    for row in itertools.chain(rows, itertools.repeat(None)):
        if time.thread_time() > until:
            raise TimeoutError("it takes too long")
        if row is None and at == 0:
            return
        if row is not None:
            wide = bytearray(2 * length)
            wide[: 2 * len(row) : 2] = row
            wide[2 * len(row) :: 2] = row[-channels:] * (groups * of - width)
        if shares[at]:
            number = int.from_bytes(wide, "little")
            for which, share in shares[at]:
                sums[which] += number * share
        at += 1
        if at == of:
            for number in sums:
                yield narrowed(number, length, channels, into, of, shares)
            sums, at = [0] * into, 0


def narrowed(number, length, channels, into, of, shares):
    sums = [0] * into
    for at, some in enumerate(shares):
        if some:
            beside = number >> 16 * channels * at
            for which, share in some:
                sums[which] += beside * share
    row = bytearray(length // of * into)
    for which, number in enumerate(sums):
        wide = number.to_bytes(2 * length, "little")
        for n in range(channels):
            # The upper byte is the sum divided by all shares.
            row[which * channels + n :: into * channels] = wide[2 * n + 1 :: 2 * channels * of]
    return bytes(row)


def shares_of(into, of):
    """For each of so many pixels beside each other: in which of the new ones it has how large a share."""
    shares = [[] for _ in range(of)]
    for which in range(into):
        # In units of which an old pixel has `into`, a new one `of`.
        given = 0
        for at in range(of):
            covered = min(max((at + 1) * into - which * of, 0), of)
            until = round(covered * SHARES / of)
            if until > given:
                shares[at].append((which, until - given))
            given = max(given, until)
    return shares


def decoded(data, size):
    """The colour type of what comes of it, and its rows. A palette is resolved."""
    depth, colour, interlaced = data[24], data[25], data[28]
    if picture_kind(data) != "image/png" or size[0] > WIDEST or depth != 8 or colour not in CHANNELS or interlaced:
        raise ValueError("it is of another kind")
    palette, alpha, at, packed = b"", b"", 8, []
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            packed.append(body)
        elif kind == b"PLTE":
            palette = body.ljust(768, b"\0")[:768]
        elif kind == b"tRNS":
            alpha = body.ljust(256, b"\xff")[:256]
        at += length + 12
    rows = unfiltered(inflated(packed), size, CHANNELS[colour])
    if colour != 3:
        return colour, rows
    tables = [palette[n::3] for n in range(3)] + ([alpha] if alpha else [])
    return 6 if alpha else 2, (interleaved([row.translate(table) for table in tables]) for row in rows)


def interleaved(planes):
    row = bytearray(sum(map(len, planes)))
    for number, plane in enumerate(planes):
        row[number :: len(planes)] = plane
    return bytes(row)


def inflated(packed):
    """In pieces, so that what is small when it is packed is never large in memory."""
    import zlib

    inflate = zlib.decompressobj()
    for left in packed:
        while left:
            yield inflate.decompress(left, 256 * 1024)
            left = inflate.unconsumed_tail


def unfiltered(pieces, size, channels):
    """The rows as they were before a filter made each of them easy to pack."""
    import array

    length = size[0] * channels
    masks = [int.from_bytes(one * length, "little") for one in (b"\x7f", b"\x80")]
    above, waiting, at = bytes(length), b"", 0
    for _ in range(size[1]):
        while len(waiting) - at <= length:
            waiting, at = waiting[at:] + next(pieces), 0
        way, row = waiting[at], waiting[at + 1 : at + 1 + length]
        at += 1 + length
        if way == 1:
            sums = (array.array("I", itertools.accumulate(row[n::channels])) for n in range(channels))
            row = interleaved([one.tobytes()[LOWEST::4] for one in sums])
        elif way == 2:
            row = sum_of(row, above, *masks)
        elif way:
            row = predicted(row, above, channels, (average, paeth)[way - 3])
        yield row
        above = row


def sum_of(row, above, low, high):
    """Byte by byte; nothing is carried from one to the next."""
    one, two = int.from_bytes(row, "little"), int.from_bytes(above, "little")
    return ((one & low) + (two & low) ^ (one ^ two) & high).to_bytes(len(row), "little")


def difference_of(row, above, low, high):
    one, two = int.from_bytes(row, "little"), int.from_bytes(above, "little")
    return ((one | high) - (two & low) ^ (one ^ two ^ high) & high).to_bytes(len(row), "little")


def predicted(row, above, channels, way):
    """For the two filters whose rows have to be gone through pixel by pixel, except where nothing changes."""
    import re

    made, above, at = bytearray(channels) + row, bytes(channels) + above, channels

    def go(start, end):
        for n in range(start, end)[:channels]:
            before = n - channels
            made[n:end:channels] = bytes(way(made[n:end:channels], above[n:end:channels], made[before], above[before]))

    for found in re.finditer(ZEROS, row):
        start, end = (-(-found.start() // channels) + 1) * channels, (found.end() // channels + 1) * channels
        go(at, start)
        at = start
        while at < end:
            left = made[at - channels : at]
            same, flat = left == above[at - channels : at], above[at - channels : end - channels] == above[at:end]
            if same and flat or (same or flat) and way is paeth:
                made[at:end] = above[at:end] if same else left * ((end - at) // channels)
                at = end
            else:
                some = min(at + 32 * channels, end)
                go(at, some)
                at = some
    go(at, len(made))
    return bytes(made[channels:])


def average(values, above, left, _):
    made = []
    for value, up in zip(values, above):
        left = value + (left + up >> 1) & 255
        made.append(left)
    return made


def paeth(values, above, left, corner):
    """Adds that of the three neighbours which is nearest to `left + up - corner`."""
    made = []
    for value, up in zip(values, above):
        low, high = (left, up) if left < up else (up, left)
        if corner >= high:
            left = low
        elif corner <= low:
            left = high
        else:
            to_left, to_up = abs(up - corner), abs(left - corner)
            if 2 * to_left > to_up:
                left = up if 2 * to_up <= to_left else corner
        left = left + value & 255
        made.append(left)
        corner = up
    return made


def encoded_png(rows, size, colour):
    """Rows are packed as what differs from the one above."""
    import zlib

    pack, above = zlib.compressobj(6), bytes(len(rows[0]))
    masks = [int.from_bytes(one * len(above), "little") for one in (b"\x7f", b"\x80")]
    packed = []
    for row in rows:
        packed.append(pack.compress(b"\2" + difference_of(row, above, *masks)))
        above = row
    packed.append(pack.flush())
    head = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + bytes((8, colour, 0, 0, 0))
    made = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", head), (b"IDAT", b"".join(packed)), (b"IEND", b"")):
        made += len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
    return made
