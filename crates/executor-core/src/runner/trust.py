# The authorities that programs are to trust besides the image's own: in a bundle for all who read one, and in the
# database that Chromium reads instead.

TRUST_PATIENCE = 5.0  # seconds for making both


class Trust:
    """What the host has told of it, and what was made of that, once, ahead of the first run where there is time."""

    def __init__(self, may_switch):
        self.may_switch = may_switch
        self.told = None  # and not made yet
        self.bundle = None
        self.notes = []

    def environment(self):
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return {name: self.bundle for name in names if self.bundle}

    def make(self):
        """In a process of its own: what it imports does not stay here, and the database is the program's."""
        told, self.told = self.told, None
        if not told["ca_pem"]:
            return
        path = os.path.join(told["state_dir"], "ca.pem")
        try:
            reader, writer = os.pipe()
            helper = os.fork()
        except OSError as error:
            self.notes.append("the extra certificates could not be handed in: %s" % error)
            return
        if helper == 0:
            problems = [attempt(write_bundle, path, told["ca_pem"])]
            problems.append(attempt(trust_in_browser, told, self.may_switch))
            os.write(writer, json.dumps(problems).encode())
            os._exit(0)
        os.close(writer)
        waited = select.poll()
        waited.register(reader, select.POLLIN)
        heard = os.read(reader, 4096) if waited.poll(int(TRUST_PATIENCE * 1000)) else b""
        os.close(reader)
        if not heard:
            os.kill(helper, signal.SIGKILL)
        os.waitpid(helper, 0)
        problems = json.loads(heard) if heard else ["the helper did not end well in %d s" % TRUST_PATIENCE] * 2
        if problems[0]:
            self.notes.append("the extra certificates could not be written: " + problems[0])
        else:
            self.bundle = path
        if problems[1]:
            self.notes.append("Chromium will not know the extra certificates: " + problems[1])


def attempt(step, *arguments):
    """What went wrong, in a sentence; None if nothing did."""
    try:
        return step(*arguments)
    except BaseException as error:
        return ("%s: %s" % (type(error).__name__, error))[:1000]


def write_bundle(path, extra):
    """The image's own authorities and the extra ones, in one file."""
    known = [default_bundle(), "/etc/ssl/certs/ca-certificates.crt"]
    known += ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o644), "w") as bundle:
        for source in known:
            if source and os.path.isfile(source):
                with open(source) as file:
                    bundle.write(file.read() + "\n")
                break
        bundle.write(extra)


def default_bundle():
    """The file that the image's OpenSSL reads, if it has one. Asked of `_ssl`: `ssl` itself takes 8 ms more to import."""
    try:
        import _ssl
    except ImportError:
        return None
    variable, path = _ssl.get_default_verify_paths()[:2]
    return os.environ.get(variable, path)


def trust_in_browser(told, may_switch):
    if may_switch:
        switch_identity(told["uid"], told["uid"])
    return make_nss_database(told["ca_pem"], os.path.join(told["home"], ".pki", "nssdb"))


def certificates(pem):
    """The DER forms in a PEM text."""
    import base64  # Late, as it is wanted by the helper only.

    for part in pem.split("-----BEGIN CERTIFICATE-----")[1:]:
        yield base64.b64decode(part.split("-----END CERTIFICATE-----")[0])


class SecItem(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("data", ctypes.c_char_p), ("length", ctypes.c_uint)]


def make_nss_database(pem, directory):
    """Trusts each certificate as an authority for servers ("C,," in certutil's words)."""
    try:
        nss = ctypes.CDLL("libnss3.so")
    except OSError:
        return "libnss3.so is not in the image"
    pointer = ctypes.c_void_p
    for name, arguments in (
        ("CERT_GetDefaultCertDB", []),
        ("PK11_GetInternalKeySlot", []),
        ("CERT_NewTempCertificate", [pointer, pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
    ):
        getattr(nss, name).restype = pointer
        getattr(nss, name).argtypes = arguments
    nss.PK11_NeedUserInit.argtypes = [pointer]
    nss.PK11_InitPin.argtypes = [pointer, ctypes.c_char_p, ctypes.c_char_p]
    nss.PK11_ImportCert.argtypes = [pointer, pointer, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int]
    nss.CERT_ChangeCertTrust.argtypes = [pointer, pointer, pointer]
    os.makedirs(directory, 0o700, exist_ok=True)
    # Else it opens files that do not exist for 30 ms, to see whether the directory is on a slow network.
    os.environ["NSS_SDB_USE_CACHE"] = "no"
    if nss.NSS_InitReadWrite(b"sql:" + os.fsencode(directory)) != 0:
        return "the database could not be opened"
    slot = nss.PK11_GetInternalKeySlot()
    if nss.PK11_NeedUserInit(slot):
        nss.PK11_InitPin(slot, None, b"")
    handle = nss.CERT_GetDefaultCertDB()
    trusted = (ctypes.c_uint * 3)((1 << 3) | (1 << 4), 0, 0)  # valid CA, trusted CA; servers only
    refused = 0
    for number, der in enumerate(certificates(pem)):
        item = SecItem(0, der, len(der))
        certificate = nss.CERT_NewTempCertificate(handle, ctypes.byref(item), None, 0, 1)
        nickname = b"extra-%d" % number
        if not certificate or nss.PK11_ImportCert(slot, certificate, 0, nickname, 0) != 0:
            refused += 1
        elif nss.CERT_ChangeCertTrust(handle, certificate, ctypes.byref(trusted)) != 0:
            refused += 1
    return "%d of the certificates were refused" % refused if refused else None
