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
        """Gives what another sandbox of this image can lay down instead of making it, if that was made here."""
        told, self.told = self.told, None
        if not told["ca_pem"]:
            return None
        path = os.path.join(told["state_dir"], "ca.pem")
        made = told.get("made")
        if made and made["source"] and not os.path.isfile(made["source"]):
            made = None  # Another image has come under the same name.
        found = made or self.find(told)
        problem = found.get("lost") or attempt(write_bundle, path, found["source"], told["ca_pem"])
        if problem:
            self.notes.append("the extra certificates could not be handed in: " + problem)
        else:
            self.bundle = path
        problem = found.get("problem")
        if made and not problem:
            problem = attempt(lay_down, made["database"], database_of(told), told["uid"] if self.may_switch else None)
        if problem:
            self.notes.append("Chromium will not know the extra certificates: " + problem)
        return None if told.get("made") else found

    def find(self, told):
        """In a process of its own: what it imports does not stay here, and the database is the program's."""
        try:
            reader, writer = os.pipe()
            helper = os.fork()
        except OSError as error:
            return {"lost": str(error), "problem": str(error)}
        if helper == 0:
            try:
                with os.fdopen(writer, "w") as telling:
                    json.dump(found_by_helper(told, self.may_switch), telling)
            finally:
                os._exit(0)
        os.close(writer)
        waited = select.poll()
        waited.register(reader, select.POLLIN)
        give_up = time.monotonic() + TRUST_PATIENCE
        heard, chunk = b"", None
        while chunk != b"" and waited.poll(max(0, int((give_up - time.monotonic()) * 1000))):
            chunk = os.read(reader, MAX_CONTROL)
            heard += chunk
        os.close(reader)
        if chunk != b"":
            os.kill(helper, signal.SIGKILL)
        os.waitpid(helper, 0)
        try:
            return json.loads(heard)
        except ValueError:
            why = "the helper did not end well in %d s" % TRUST_PATIENCE
            return {"lost": why, "problem": why}


def found_by_helper(told, may_switch):
    """Where the image's own authorities are, and the database."""
    source = default_bundle()
    sources = [source, "/etc/ssl/certs/ca-certificates.crt"]
    sources += ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]
    source = next((path for path in sources if path and os.path.isfile(path)), None)
    problem = attempt(trust_in_browser, told, may_switch)
    try:
        database = {} if problem else read_all(database_of(told))
    except OSError as error:
        database, problem = {}, str(error)
    return {"source": source, "database": database, "problem": problem}


def attempt(step, *arguments):
    """What went wrong, in a sentence; None if nothing did."""
    try:
        return step(*arguments)
    except BaseException as error:
        return ("%s: %s" % (type(error).__name__, error))[:1000]


def write_bundle(path, source, extra):
    """The image's own authorities and the extra ones, in one file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o644), "wb", buffering=0) as bundle:
        if source:
            with open(source, "rb", buffering=0) as own:
                bundle.write(own.read() + b"\n")
        bundle.write(extra.encode())


def default_bundle():
    """The file that the image's OpenSSL reads, if it has one. Asked of `_ssl`: `ssl` itself takes 8 ms more to import."""
    try:
        import _ssl
    except ImportError:
        return None
    variable, path = _ssl.get_default_verify_paths()[:2]
    return os.environ.get(variable, path)


def database_of(told):
    return os.path.join(told["home"], ".pki", "nssdb")


def read_all(directory):
    """The files of a directory, packed, by name."""
    import base64
    import zlib

    found = {}
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            found[name] = base64.b64encode(zlib.compress(file.read())).decode()
    return found


def lay_down(files, directory, user):
    """Writes what `read_all` gave elsewhere, as this user."""
    import binascii
    import zlib

    with Acting(user):
        os.makedirs(directory, 0o700, exist_ok=True)
        for name, packed in files.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(os.path.join(directory, name), flags, 0o600), "wb", buffering=0) as file:
                file.write(zlib.decompress(binascii.a2b_base64(packed)))


def trust_in_browser(told, may_switch):
    if may_switch:
        switch_identity(told["uid"], told["uid"])
    return make_nss_database(told["ca_pem"], database_of(told))


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
