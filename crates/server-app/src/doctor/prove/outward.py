# Tries every way to the addresses it is given, past the proxy and through it.
import json, os, socket, sys
from urllib.parse import urlsplit

proxy = urlsplit(os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or "")


def direct(host, port):
    try:
        socket.create_connection((host, port), 2).close()
        return "connected"
    except OSError as error:
        return "refused: " + str(error)


def proxied(host, port):
    if not proxy.hostname:
        return "refused: there is no proxy"
    name = "[%s]" % host if ":" in host else host
    try:
        with socket.create_connection((proxy.hostname, proxy.port), 5) as stream:
            stream.settimeout(10)
            stream.sendall(("CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (name, port, name, port)).encode())
            answer = stream.recv(1000).split(b"\r\n")[0].decode(errors="replace")
    except OSError as error:
        return "refused: " + str(error)
    return "connected" if " 200" in answer else "refused: " + answer


told = {}
for target in sys.argv[1:]:
    host, _, port = target.rpartition("|")
    told["direct|" + host] = direct(host, int(port))
    told["proxied|" + host] = proxied(host, int(port))
print(json.dumps(told))
