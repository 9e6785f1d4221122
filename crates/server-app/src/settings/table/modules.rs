//! The keys about modules: where they come from, what binds every install, and the sets that are kept.

use crate::settings::key::{Form, Group, Key};

/// All of both groups.
pub(super) const MODULES: &[Key] = &[
    Key {
        name: "index-url",
        group: Group::Modules,
        form: Form::Url,
        value: "URL",
        default: "https://pypi.org/simple",
        help: "The package index. Credentials in it are used and never shown.",
    },
    Key {
        name: "extra-index-url",
        group: Group::Modules,
        form: Form::Urls,
        value: "URL",
        default: "(nothing)",
        help: "A further package index. The installer takes the best version of all of them, so \
               a public one may shadow a private name.",
    },
    Key {
        name: "index-file-url",
        group: Group::Modules,
        form: Form::Urls,
        value: "URL",
        default: "(nothing)",
        help: "Where an index keeps its files, if that is another host than its own, such as \
               https://files.corp.example.",
    },
    Key {
        name: "allow-source-packages",
        group: Group::Modules,
        form: Form::Switch,
        value: "",
        default: "false",
        help: "Also install packages that have no wheel: their build scripts run in the sandbox.",
    },
    Key {
        name: "install-timeout",
        group: Group::Modules,
        form: Form::One,
        value: "TIME",
        default: "120s",
        help: "How long installing the modules of one call may take. At most 600s.",
    },
    Key {
        name: "allow-package",
        group: Group::Modules,
        form: Form::Many,
        value: "NAME",
        default: "(all)",
        help: "A project that calls may name. Once one is listed, no other may be; what those \
               depend on comes with them.",
    },
    Key {
        name: "deny-package",
        group: Group::Modules,
        form: Form::Many,
        value: "NAME",
        default: "(nothing)",
        help: "A project that is never installed, not even because another depends on it.",
    },
    Key {
        name: "constraints",
        group: Group::Modules,
        form: Form::One,
        value: "FILE",
        default: "(none)",
        help: "File of requirements, one a line, that bind every install without asking for \
               anything, as pip's constraints file.",
    },
    Key {
        name: "environments",
        group: Group::Environments,
        form: Form::One,
        value: "VOLUME",
        default: "mcp-python-environments",
        help: "The engine's volume in which installed sets of modules are kept, so that the next \
               call with the same set starts at once. `off` for none: each call installs its own.",
    },
    Key {
        name: "environments-size",
        group: Group::Environments,
        form: Form::One,
        value: "SIZE",
        default: "10GiB",
        help: "What all sets may take together; those that were not used for longest go first, \
               and never one in use. From 64MiB to 1TiB.",
    },
    Key {
        name: "environments-age",
        group: Group::Environments,
        form: Form::One,
        value: "TIME",
        default: "24h",
        help: "After so long the index is asked again for newer versions. From 1m to 8760h.",
    },
    Key {
        name: "builder-memory",
        group: Group::Environments,
        form: Form::One,
        value: "SIZE",
        default: "2GiB",
        help: "Memory of a sandbox that builds a set, unless `memory` is more. From 256MiB to 16GiB.",
    },
    Key {
        name: "prebuild",
        group: Group::Environments,
        form: Form::Lists,
        value: "MODULES",
        default: "(nothing)",
        help: "A set of modules to be built when the server has started, as a call would name it, \
               such as `numpy,pandas>=2`.",
    },
    Key {
        name: "hot",
        group: Group::Environments,
        form: Form::Lists,
        value: "MODULES",
        default: "(nothing)",
        help: "A set of modules that sandboxes have imported while they wait, such as \
               `numpy,pandas`: a call that names nothing else in `modules` takes one. \
               `matplotlib=matplotlib.pyplot` says what to import.",
    },
    Key {
        name: "hot-waiting",
        group: Group::Environments,
        form: Form::One,
        value: "NUMBER",
        default: "1",
        help: "Sandboxes that wait with each set of `hot`. From 0 to 64.",
    },
    Key {
        name: "browsers",
        group: Group::Environments,
        form: Form::One,
        value: "NUMBER",
        default: "0",
        help: "Sandboxes that wait with a browser started, for programs that use Playwright. From \
               0 to 64.",
    },
    Key {
        name: "playwright",
        group: Group::Environments,
        form: Form::One,
        value: "WHEN",
        default: "on",
        help: "Whether the Playwright whose browsers the image carries is built once and lies on \
               every program's path, behind everything else: `on` or `off`.",
    },
    Key {
        name: "offline",
        group: Group::Environments,
        form: Form::Switch,
        value: "",
        default: "false",
        help: "Fetch nothing: only sets that are kept are served, however old.",
    },
];
