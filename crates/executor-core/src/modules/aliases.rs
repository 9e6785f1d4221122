//! Import names that are not project names: `cv2` comes from `opencv-python-headless`. Whoever fetches the literal name
//! gets nothing, an abandoned stub, or something that waits for this mistake.
//!
//! A name is in the table only where the project of that literal name is not what people mean by it.

/// The project behind an import name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alias {
    pub(super) project: &'static str,
    pub(super) note: String,
}

/// The project that `written` means, when that is another one than its literal name says.
///
/// `written` may also be a module inside a well-known package, such as `matplotlib.pyplot`.
pub(super) fn find(written: &str) -> Option<Alias> {
    let name = written.to_ascii_lowercase().replace('_', "-");
    let (root, inner) = name
        .split_once('.')
        .map_or((name.as_str(), None), |(root, inner)| (root, Some(inner)));
    let known = || {
        PROJECTS
            .binary_search_by_key(&root, |(name, _)| name)
            .ok()
            .and_then(|at| PROJECTS.get(at))
    };
    let project = match (known(), inner) {
        (Some((_, project)), _) => project,
        (None, Some(_)) => PACKAGES.get(PACKAGES.binary_search(&root).ok()?)?,
        (None, None) => return None,
    };
    (*project != name).then(|| Alias {
        project,
        note: format!("`{written}` is an import name: the project `{project}` was taken"),
    })
}

/// Import name and project, both normalised; sorted.
const PROJECTS: &[(&str, &str)] = &[
    ("apiclient", "google-api-python-client"),
    ("attr", "attrs"),
    ("barcode", "python-barcode"),
    ("bs4", "beautifulsoup4"),
    ("bson", "pymongo"),
    ("cairo", "pycairo"),
    ("crypto", "pycryptodome"),
    ("cv2", "opencv-python-headless"),
    ("dateutil", "python-dateutil"),
    ("dns", "dnspython"),
    ("docx", "python-docx"),
    ("dotenv", "python-dotenv"),
    ("faiss", "faiss-cpu"),
    ("ffmpeg", "ffmpeg-python"),
    ("fitz", "pymupdf"),
    ("git", "gitpython"),
    ("github", "pygithub"),
    ("gitlab", "python-gitlab"),
    ("imblearn", "imbalanced-learn"),
    ("jose", "python-jose"),
    ("kafka", "kafka-python"),
    ("ldap", "python-ldap"),
    ("magic", "python-magic"),
    ("mpl-toolkits", "matplotlib"),
    ("mysqldb", "mysqlclient"),
    ("nacl", "pynacl"),
    ("nmap", "python-nmap"),
    ("opengl", "pyopengl"),
    ("openssl", "pyopenssl"),
    ("osgeo", "gdal"),
    ("pil", "pillow"),
    ("pkg-resources", "setuptools"),
    ("pptx", "python-pptx"),
    ("pylab", "matplotlib"),
    ("pywt", "pywavelets"),
    ("rest-framework", "djangorestframework"),
    ("serial", "pyserial"),
    ("shapefile", "pyshp"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("skopt", "scikit-optimize"),
    ("slugify", "python-slugify"),
    ("snappy", "python-snappy"),
    ("socketio", "python-socketio"),
    ("socks", "pysocks"),
    ("speech-recognition", "speechrecognition"),
    ("tabula", "tabula-py"),
    ("telegram", "python-telegram-bot"),
    ("umap", "umap-learn"),
    ("usb", "pyusb"),
    ("websocket", "websocket-client"),
    ("wx", "wxpython"),
    ("xlib", "python-xlib"),
    ("yaml", "pyyaml"),
    ("zmq", "pyzmq"),
];

/// Projects whose inner modules people import by their dotted names, so that `matplotlib.pyplot` is not looked up as a
/// project of its own; sorted.
const PACKAGES: &[&str] = &[
    "bokeh",
    "django",
    "flask",
    "keras",
    "lxml",
    "matplotlib",
    "networkx",
    "nltk",
    "numpy",
    "openpyxl",
    "pandas",
    "playwright",
    "plotly",
    "requests",
    "scipy",
    "selenium",
    "sqlalchemy",
    "statsmodels",
    "sympy",
    "tensorflow",
    "torch",
    "urllib3",
];

#[cfg(test)]
mod tests {
    use super::{PACKAGES, PROJECTS, find};

    #[track_caller]
    fn check(written: &str, project: Option<&str>) {
        assert_eq!(
            find(written).map(|alias| alias.project),
            project,
            "{written}"
        );
    }

    #[test]
    fn the_tables_are_sorted() {
        assert!(PROJECTS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(PACKAGES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn names() {
        check("PIL", Some("pillow"));
        check("PIL.Image", Some("pillow"));
        check("sklearn.linear_model", Some("scikit-learn"));
        check("pkg_resources", Some("setuptools"));
        check("matplotlib.pyplot", Some("matplotlib"));
        check("matplotlib", None);
        check("ruamel.yaml", None);
        check("pillow", None);
    }
}
