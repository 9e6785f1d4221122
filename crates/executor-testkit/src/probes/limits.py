import json, os, resource


def number(*paths):
    for path in paths:
        try:
            with open(path) as file:
                word = file.read().split()[0]
        except (OSError, IndexError):
            continue
        return None if word == "max" else int(word)
    return None


def cpus():
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()[:2]
    except OSError:
        quota = number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        period = number("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    if quota in (None, "max", -1) or not period:
        return None
    return int(quota) * 1000 // int(period)


def disk(path):
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_blocks * found.f_frsize


print(json.dumps({
    "memory": number("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    "processes": number("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"),
    "cpu_millis": cpus(),
    "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
    "tmp": disk("/tmp"),
    "shm": disk("/dev/shm"),
    "modules": disk("/modules"),
}))
