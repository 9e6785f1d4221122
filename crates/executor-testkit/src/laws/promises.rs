//! Laws of what a sandbox keeps in and out: 1, 3, 23 and 24.

use std::net::SocketAddr;
use std::time::Duration;

use executor_core::capabilities::{Capabilities, Capability};
use executor_core::gateway::NetworkPolicy;
use executor_core::limits::{ByteSize, SandboxLimits};
use executor_core::{Ending, ErrorKind, Event, ExecutionRequest};
use tokio::net::TcpListener;

use super::ground::{Breach, Ground, hold, marker, nothing, run_in};
use crate::probes::{IDENTITY, LIMITS, Limits, SURROUNDINGS, SYSCALLS};
use crate::witness::HostLimits;

/// What a backend does not declare is refused when it is required; what it declares shows from
/// inside.
pub(super) async fn law_01_what_is_declared_is_enforced(ground: &Ground) -> Result<(), Breach> {
    let declared = ground.backend().capabilities();
    let lacking = declared.missing(&Capabilities::all());
    if !lacking.is_empty() {
        let executor = ground.executor(|settings| settings.required = Capabilities::all())?;
        let outcome = run_in(&executor, "print('ran')").await?;
        let refused = matches!(
            &outcome.ending,
            Ending::Failed(error) if error.kind() == ErrorKind::Unsupported
        );
        hold!(
            refused,
            "a run that requires {lacking:?} ended as `{}`",
            outcome.ending
        );
        hold!(
            outcome.stdout.is_empty(),
            "a program ran that should have been refused"
        );
        executor.shutdown().await;
    }
    for capability in Capability::ALL {
        if declared.has(capability) {
            check_declared(ground, capability).await?;
        }
    }
    Ok(())
}

async fn check_declared(ground: &Ground, capability: Capability) -> Result<(), Breach> {
    let mut limits = SandboxLimits::default();
    limits.memory = ByteSize::mib(256);
    limits.processes = 64;
    limits.open_files = 200;
    limits.cpu_millis = 500;
    limits.tmp = ByteSize::mib(32);
    limits.shm = ByteSize::mib(16);
    limits.modules = ByteSize::mib(24);
    let executor = ground.executor(|settings| {
        settings.required = nothing();
        settings.limits = limits.clone();
    })?;
    let name = capability.as_str();
    match capability {
        Capability::Isolation => {
            let seen = run_in(&executor, SURROUNDINGS.program()).await?;
            let seen = SURROUNDINGS.read(&seen.stdout.to_bytes())?;
            let own = std::process::id();
            hold!(
                seen.processes.len() <= 8,
                "`{name}`: {} processes can be seen, of which this one is {own}",
                seen.processes.len()
            );
        }
        Capability::NoNetwork => {
            let seen = run_in(&executor, SURROUNDINGS.program()).await?;
            let seen = SURROUNDINGS.read(&seen.stdout.to_bytes())?;
            hold!(
                seen.interfaces == ["lo"],
                "`{name}`: devices are {:?}",
                seen.interfaces
            );
            hold!(
                seen.routes == 0,
                "`{name}`: there are {} routes",
                seen.routes
            );
        }
        Capability::MemoryLimit
        | Capability::CpuLimit
        | Capability::ProcessLimit
        | Capability::OpenFilesLimit
        | Capability::DiskLimit => {
            let seen = run_in(&executor, LIMITS.program()).await?;
            let seen = LIMITS.read(&seen.stdout.to_bytes())?;
            let groups = control_groups(ground, &limits, &seen).await?;
            let kept = match capability {
                Capability::MemoryLimit => groups.memory == Some(limits.memory.get()),
                Capability::CpuLimit => groups.cpu_millis == Some(limits.cpu_millis.into()),
                Capability::ProcessLimit => groups.processes == Some(limits.processes.into()),
                Capability::OpenFilesLimit => seen.open_files == i64::from(limits.open_files),
                _ => {
                    seen.tmp == Some(limits.tmp.get())
                        && seen.shm == Some(limits.shm.get())
                        && seen.modules == Some(limits.modules.get())
                }
            };
            hold!(
                kept,
                "`{name}`: inside there is {seen:?}, and in the control groups {groups:?}"
            );
        }
        Capability::SyscallFilter => {
            let seen = run_in(&executor, SYSCALLS.program()).await?;
            let seen = SYSCALLS.read(&seen.stdout.to_bytes())?;
            let allowed: Vec<_> = seen
                .calls
                .iter()
                .chain(&seen.families)
                .filter(|(_, answer)| answer.as_str() == "allowed")
                .map(|(call, _)| call)
                .collect();
            hold!(allowed.is_empty(), "`{name}`: {allowed:?} are allowed");
            let identity = run_in(&executor, IDENTITY.program()).await?;
            let identity = IDENTITY.read(&identity.stdout.to_bytes())?;
            hold!(
                identity.program.seccomp == 2,
                "`{name}`: there is no filter"
            );
        }
        Capability::SeparateUsers => {
            let seen = run_in(&executor, IDENTITY.program()).await?;
            let seen = IDENTITY.read(&seen.stdout.to_bytes())?;
            let first = seen.first.as_ref().map(|first| first.uids);
            hold!(
                !seen.program.uids.contains(&0) && first != Some(seen.program.uids),
                "`{name}`: the program is {:?}, process 1 is {first:?}",
                seen.program.uids
            );
            hold!(
                seen.program.capabilities.are_empty() && seen.program.no_new_privs == 1,
                "`{name}`: the program has privileges: {:?}",
                seen.program
            );
        }
        _ => {
            return Err(Breach::new(format!(
                "`{name}` is declared, and no probe looks for it"
            )));
        }
    }
    executor.shutdown().await;
    Ok(())
}

/// The threads that a runtime with a kernel of its own may have beside the program's.
const OWN_THREADS: u64 = 1024;

/// What binds the sandbox as a whole: as a program sees it, or, where the kernel inside is its own and
/// shows no control groups, as the host has it for a sandbox of these limits.
async fn control_groups(
    ground: &Ground,
    limits: &SandboxLimits,
    seen: &Limits,
) -> Result<HostLimits, Breach> {
    let groups = HostLimits {
        memory: seen.memory,
        processes: seen.processes,
        cpu_millis: seen.cpu_millis,
    };
    if !ground.has_own_kernel() {
        return Ok(groups);
    }
    let sandbox = ground.start_within(limits.clone()).await?;
    let found = ground.witness().limits(sandbox.id().as_str()).await;
    sandbox.destroy().await?;
    let mut groups = found?.unwrap_or_default();
    let least = u64::from(limits.processes);
    groups.processes = groups
        .processes
        .filter(|most| (least..=least.saturating_add(OWN_THREADS)).contains(most))
        .map(|_| least);
    Ok(groups)
}

pub(super) async fn law_03_sandboxes_cannot_see_one_another(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    let executor = ground.executor(|settings| settings.concurrency = 2)?;
    let port = 20_000 + u16::from_str_radix(marker.get(5..8).unwrap_or("0"), 16).unwrap_or(0);
    let first = format!(
        "import os, socket, subprocess, sys, time
open('/tmp/{marker}', 'w').close()
open('/dev/shm/{marker}', 'w').close()
tcp = socket.create_server(('127.0.0.1', {port}))
local = socket.socket(socket.AF_UNIX); local.bind('\\0{marker}'); local.listen()
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])
print('up', flush=True)
time.sleep(600)"
    );
    let second = format!(
        "import os, socket
seen = [p for p in ('/tmp/{marker}', '/dev/shm/{marker}', 'main.py.{marker}') if os.path.exists(p)]
for name in os.listdir('/proc'):
    if name.isdigit() and int(name) != os.getpid():
        try:
            with open('/proc/%s/cmdline' % name, 'rb') as file:
                if b'{marker}' in file.read():
                    seen.append('process ' + name)
        except OSError:
            pass
for family, address in ((socket.AF_INET, ('127.0.0.1', {port})), (socket.AF_UNIX, '\\0{marker}')):
    try:
        with socket.socket(family) as sock:
            sock.connect(address)
            seen.append('socket %s' % (address,))
    except OSError:
        pass
print('\\n'.join(map(repr, seen)), end='')"
    );
    let mut holder = executor.execute(ExecutionRequest::new(first))?;
    loop {
        match holder.next().await {
            Some(Event::Output { .. }) => break,
            Some(Event::Ended(outcome)) => {
                let stderr = String::from_utf8_lossy(&outcome.stderr.to_bytes()).into_owned();
                return Err(Breach::new(format!("the first run ended early: {stderr}")));
            }
            Some(_) => {}
            None => return Err(Breach::new("the first run ended without an outcome")),
        }
    }
    let outcome = run_in(&executor, &second).await?;
    let seen = String::from_utf8_lossy(&outcome.stdout.to_bytes()).into_owned();
    hold!(
        outcome.ending.is_success(),
        "the second run ended as `{}`",
        outcome.ending
    );
    hold!(seen.is_empty(), "a sandbox sees of another: {seen}");
    drop(holder);
    executor.shutdown().await;
    Ok(())
}

pub(super) async fn law_23_no_network_under_the_strict_policy(
    ground: &Ground,
) -> Result<(), Breach> {
    let listener = TcpListener::bind("0.0.0.0:0").await.map_err(Breach::new)?;
    let port = listener
        .local_addr()
        .as_ref()
        .map(SocketAddr::port)
        .map_err(Breach::new)?;
    let executor = ground.executor(|settings| settings.network = NetworkPolicy::None)?;
    let outcome = run_in(
        &executor,
        &format!(
            "import os, socket
reached = [name for name in os.environ if name.lower().endswith('_proxy') and name.lower() != 'no_proxy']
for address in (('127.0.0.1', {port}), ('::1', {port}), ('169.254.169.254', 80), ('1.1.1.1', 443),
                ('172.17.0.1', {port}), ('10.0.0.1', 80)):
    try:
        socket.create_connection(address, timeout=1).close()
        reached.append(address)
    except OSError:
        pass
try:
    reached.append(socket.getaddrinfo('example.com', 80))
except OSError:
    pass
print(reached)"
        ),
    )
    .await?;
    let said = String::from_utf8_lossy(&outcome.stdout.to_bytes()).into_owned();
    hold!(
        said.trim() == "[]",
        "the program reached {said}, ending as `{}`",
        outcome.ending
    );
    let knock = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    hold!(knock.is_err(), "somebody knocked at a listener of the host");
    executor.shutdown().await;
    Ok(())
}

/// Names that process 1 may have besides those: the engine's, and what CPython adds.
const OF_PROCESS_1: [&str; 2] = ["HOSTNAME", "LC_ALL"];

/// Whether a variable of process 1 is one that the image or the engine gave it; a kernel of its own
/// may show those, and nothing else.
fn is_given(variable: &str) -> bool {
    let name = variable.split('=').next().unwrap_or_default();
    name.is_empty() || OF_PROCESS_1.contains(&name) || EXPECTED.contains(&name)
}

/// Names that a program may find in its environment besides those of the proxy.
const EXPECTED: [&str; 14] = [
    "CURL_CA_BUNDLE",
    "HOME",
    "LANG",
    "LC_CTYPE",
    "NODE_EXTRA_CA_CERTS",
    "NODE_USE_ENV_PROXY",
    "PATH",
    "PIP_CERT",
    "PLAYWRIGHT_BROWSERS_PATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "TMPDIR",
];

pub(super) async fn law_24_nothing_of_the_host_leaks(ground: &Ground) -> Result<(), Breach> {
    let outcome = ground.run(SURROUNDINGS.program()).await?;
    let seen = SURROUNDINGS.read(&outcome.stdout.to_bytes())?;
    for (name, value) in &seen.environment {
        let proxy = name.to_ascii_lowercase().ends_with("_proxy");
        hold!(
            proxy || EXPECTED.contains(&name.as_str()),
            "the program finds `{name}={value}` in its environment"
        );
    }
    let open: Vec<_> = seen
        .descriptors
        .iter()
        // The probe has its own listing open while it lists.
        .filter(|descriptor| descriptor.number > 2 && !descriptor.target.starts_with("/proc/"))
        // CPython reads the program itself through a descriptor, as `python3 main.py` does.
        .filter(|descriptor| !descriptor.target.ends_with("/main.py"))
        .collect();
    hold!(open.is_empty(), "the program was given {open:?}");
    if ground.backend().capabilities().has(Capability::Isolation) {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        hold!(
            seen.hostname != host.trim(),
            "the program knows the host's name `{}`",
            host.trim()
        );
        let readable: Vec<_> = seen
            .first_environment
            .iter()
            .flat_map(|line| line.split('\0'))
            .filter(|variable| !(ground.has_own_kernel() && is_given(variable)))
            .collect();
        hold!(
            readable.is_empty(),
            "process 1's environment can be read: {readable:?}"
        );
        let named = seen
            .cgroups
            .iter()
            .any(|line| line.contains("docker") || line.len() > 60);
        hold!(
            !named,
            "control groups name their container: {:?}",
            seen.cgroups
        );
    }
    Ok(())
}
