//! From the name that a program imports to what it has to be given.

use super::{aliases, stdlib};

/// Where a module comes from that a program could not import.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provider {
    /// A project of the index, to be named among the modules of a run.
    Project(String),
    /// Python itself, so that it cannot be installed: the image lacks it, or its Python is newer than the module.
    Python,
}

/// The longest name that is looked at.
const MAX_NAME: usize = 100;

/// Names that many projects share: none of them is meant by the name alone.
const NAMESPACES: &[&str] = &["azure", "google", "jaraco", "zope"];

impl Provider {
    /// What brings the module `name`, as in `import name`. `None` if that is no name of a module, or one that says
    /// nothing of its project.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let is_part = |part: &str| {
            let mut letters = part.chars();
            letters.next().is_some_and(|c| c.is_ascii_alphabetic())
                && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if name.len() > MAX_NAME || !name.split('.').all(is_part) {
            return None;
        }
        let root = name.split('.').next().unwrap_or(name);
        if stdlib::note(root).is_some() {
            return Some(Self::Python);
        }
        if let Some(alias) = aliases::find(root) {
            return Some(Self::Project(alias.project.to_owned()));
        }
        (!NAMESPACES.contains(&root)).then(|| Self::Project(root.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Provider;

    #[track_caller]
    fn check(name: &str, project: Option<&str>) {
        let found = Provider::of(name);
        assert_eq!(found, project.map(|p| Provider::Project(p.to_owned())));
    }

    #[test]
    fn the_project_behind_an_import() {
        check("requests", Some("requests"));
        check("cv2", Some("opencv-python-headless"));
        check("PIL", Some("pillow"));
        check("sklearn", Some("scikit-learn"));
        check("bs4", Some("beautifulsoup4"));
        check("yaml", Some("pyyaml"));
        check("mpl_toolkits.mplot3d", Some("matplotlib"));
        check("pandas.plotting", Some("pandas"));
        check("my_module", Some("my_module"));
        check("google.cloud", None);
        assert_eq!(Provider::of("tkinter"), Some(Provider::Python));
        assert_eq!(Provider::of("distutils.core"), Some(Provider::Python));
    }

    #[test]
    fn what_is_no_name_of_a_module() {
        for name in [
            "",
            ".",
            "a..b",
            "_private",
            "1st",
            "a b",
            "a;b",
            "ä",
            &"a".repeat(101),
        ] {
            check(name, None);
        }
    }
}
