# An installer that does what callers say: the modules stand in a shell's line as they were given.

import shutil
import subprocess

COMMAND = ("python3 -m pip install --quiet --disable-pip-version-check --no-build-isolation --retries 0 --timeout 60 "
           "--target /tmp/modules --trusted-host %s --index-url http://%s/simple/ " % (P["public"], P["public"]))
ENVIRONMENT = dict(os.environ, PIP_ROOT_USER_ACTION="ignore", PYTHONPATH="/tmp/modules")

for modules, code in P["attacks"]:
    subprocess.run(["sh", "-c", COMMAND + modules], stdout=2)
    if code:
        program = "import site; site.addsitedir('/tmp/modules')\n" + code
        subprocess.run(["python3", "-c", program], env=ENVIRONMENT)
    shutil.rmtree("/tmp/modules", ignore_errors=True)
