"""Runs pip with a constraints file, and asks the index about what pip could not find.

Started as `python3 -I -c <this text> <JSON settings> <pip arguments...>`. It is the installer's only companion in the
sandbox: no shell, and no file of constraints that somebody else would have to write.
"""
import json
import os
import re
import shutil
import subprocess
import sys


def main():
    settings = json.loads(sys.argv[1])
    scratch = settings["scratch"]
    os.makedirs(scratch, mode=0o700, exist_ok=True)
    with open(os.path.join(scratch, "constraints.txt"), "w", encoding="ascii") as file:
        file.write(settings["constraints"])
    if try_uv(settings):
        shutil.rmtree(scratch, ignore_errors=True)
        return 0
    command = [sys.executable, "-I", "-u", "-m", "pip", *sys.argv[2:]]
    missing = None
    # One pipe for both, because pip's warnings explain the lines around them.
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as pip:
        for line in pip.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            found = re.match(rb"ERROR: No matching distribution found for ([A-Za-z0-9._-]{1,128})", line)
            missing = found.group(1).decode("ascii") if found else missing
    if pip.returncode and missing:
        print(settings["marker"] + json.dumps(look_up(settings["indexes"], missing)), flush=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return pip.returncode if pip.returncode >= 0 else 128 - pip.returncode


def try_uv(settings):
    """Installs by uv where there is one. What it left when it failed goes: pip begins anew, and says why."""
    uv = shutil.which("uv")
    if uv is None:
        return False
    at = settings["uv"].index("--")
    command = [uv, *settings["uv"][:at], "--python", sys.executable, *settings["uv"][at:]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    target = settings["target"]
    names = sorted(os.listdir(target))
    if done.returncode:
        for name in names:
            path = os.path.join(target, name)
            if path != settings["scratch"]:
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        return False
    found = [name[: -len(".dist-info")].rpartition("-") for name in names if name.endswith(".dist-info")]
    print("Successfully installed " + " ".join(name.replace("_", "-") + "-" + version for name, _, version in found))
    return True


def look_up(indexes, name):
    """What the indexes offer under this name: pip says the same of a name that does not exist and of one without wheels."""
    # Only a failed install pays for these imports.
    import base64
    import urllib.error
    import urllib.parse
    import urllib.request

    answer = {"name": name, "known": False, "wheels": 0, "sources": 0, "error": None}
    project = re.sub(r"[-_.]+", "-", name).lower()
    for index in indexes:
        parts = urllib.parse.urlsplit(index)
        headers = {"Accept": "text/html"}
        if parts.username:
            login = urllib.parse.unquote(parts.username) + ":" + urllib.parse.unquote(parts.password or "")
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode("ascii")
        url = urllib.parse.urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/") + "/" + project + "/", "", "")
        )
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as page:
                links = re.findall(rb"<a\s[^>]*>([^<]{1,300})</a>", page.read(32 << 20))
        except urllib.error.HTTPError as error:
            if error.code not in (404, 410):
                answer["error"] = "HTTP status %d" % error.code
            continue
        except OSError as error:
            answer["error"] = str(getattr(error, "reason", error))[:200]
            continue
        answer["known"] = True
        answer["wheels"] += sum(link.strip().endswith(b".whl") for link in links)
        answer["sources"] += sum(link.strip().endswith((b".tar.gz", b".zip", b".tar.bz2")) for link in links)
    return answer


sys.exit(main())
