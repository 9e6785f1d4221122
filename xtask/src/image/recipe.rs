//! What the stand-in image is made of. A change here, or in the script, changes its hash.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::IMAGE;

/// The Debian release whose packages are taken.
pub(super) const RELEASE: &str = "bookworm";
/// The Playwright whose browsers the image carries, as the official image's tag says.
const PLAYWRIGHT_VERSION: &str = "1.53.0";
/// The revision of Chromium that this Playwright asks for, from `browsers.json` in its wheel.
const CHROMIUM_REVISION: &str = "1179";
/// The script that turns a Debian into the stand-in.
const HOOK: &str = include_str!("../../image/customise.sh");

const PACKAGES: &[&str] = &[
    "ca-certificates",
    "chromium",
    "chromium-headless-shell",
    "fonts-dejavu-core",
    "fonts-liberation",
    "fonts-noto-color-emoji",
    "libnss3-tools",
    "python3",
    "python3-pip",
    "python3-venv",
];

/// What is left out of every package: nobody reads manuals in a sandbox.
const LEFT_OUT: &[&str] = &[
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    // Licences stay with what they license.
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/lib/chromium/locales/*",
    "path-include=/usr/lib/chromium/locales/en-US.pak",
];

const APT_OPTIONS: &[&str] = &[
    "APT::Install-Recommends \"false\"",
    "Acquire::Languages \"none\"",
];

/// The image's configuration, as `docker import --change` takes it.
const CHANGES: &[&str] = &[
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    "ENV LC_ALL=C.UTF-8",
    "ENV PLAYWRIGHT_BROWSERS_PATH=/ms-playwright",
    "CMD [\"/bin/bash\"]",
];

/// The recipe as it stands in this source tree.
#[derive(Debug)]
pub(super) struct Recipe {
    hook: String,
    hash: String,
}

impl Recipe {
    pub(super) fn new() -> Self {
        let hook = HOOK
            .replace("@CHROMIUM_REVISION@", CHROMIUM_REVISION)
            .replace("@PLAYWRIGHT_VERSION@", PLAYWRIGHT_VERSION)
            .replace("@IMAGE@", IMAGE);
        let mut hasher = Sha256::new();
        hasher.update(RELEASE);
        hasher.update(&hook);
        for part in [PACKAGES, LEFT_OUT, APT_OPTIONS, CHANGES].concat() {
            hasher.update(part);
            hasher.update([0]);
        }
        let hash = hex::encode(hasher.finalize());
        Self { hook, hash }
    }

    /// The hash of everything that decides what the image holds, package versions excepted.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// Writes the script that the builder runs in the new root.
    pub(super) fn write_hook(&self, path: &Path) -> Result<()> {
        std::fs::write(path, &self.hook)
            .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Gives the builder the recipe.
    pub(super) fn describe(&self, command: &mut Command, hook: &Path) {
        command
            .args(["--variant=minbase", "--format=tar"])
            .arg("--keyring=/usr/share/keyrings/debian-archive-keyring.gpg")
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(format!("--customize-hook={}", hook.display()));
        for option in APT_OPTIONS {
            command.arg(format!("--aptopt={option}"));
        }
        for option in LEFT_OUT {
            command.arg(format!("--dpkgopt={option}"));
        }
    }
}

/// The image's configuration, the version of Playwright as a label included.
pub(super) fn changes() -> impl Iterator<Item = String> {
    CHANGES
        .iter()
        .map(|&change| change.to_owned())
        .chain([format!("LABEL playwright.version={PLAYWRIGHT_VERSION}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_all_its_values() {
        let recipe = Recipe::new();
        assert!(!recipe.hook.contains('@'), "{}", recipe.hook);
        assert!(recipe.hook.contains("/$1-1179"));
        assert_eq!(recipe.hash().len(), 64);
    }

    #[test]
    fn the_stand_in_names_the_official_images_playwright() {
        assert!(super::super::OFFICIAL_IMAGE.contains(&format!("v{PLAYWRIGHT_VERSION}-")));
    }
}
