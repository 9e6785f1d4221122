//! The certificate authorities that this host trusts beyond the usual ones, such as a company's:
//! they are handed to every sandbox, so that its way out works there too.
//!
//! "The usual ones" are Mozilla's, which the image has, and those that the host's distribution
//! ships: an older copy of Mozilla's list holds roots that were withdrawn since, and nobody here
//! decided to trust those.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// The most certificates that are handed in: each costs every sandbox some start time.
pub(crate) const MAX_CERTIFICATES: usize = 100;
/// The most bytes of PEM that are handed in: 256 KiB.
pub(crate) const MAX_PEM_BYTES: usize = 256 * 1024;

/// Where the certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file that the operator named by the setting.
    Setting(PathBuf),
    /// The file of `SSL_CERT_FILE`.
    Variable(PathBuf),
    /// The host's trust store.
    Host,
}

/// What is handed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtraCertificates {
    /// The certificates as PEM, one after the other; empty if there are none.
    pub pem: String,
    /// How many there are.
    pub count: usize,
    /// Where they were found, for people.
    pub origin: String,
}

/// Why the certificates cannot be handed in.
#[derive(Debug, Error)]
pub(crate) enum TrustError {
    /// A named file has no certificate that could be read.
    #[error("no certificate could be read from `{path}`{}", cause(.source.as_ref()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong first, if anything did.
        source: Option<rustls_native_certs::Error>,
    },
    /// More than fit.
    #[error(
        "{count} certificates of {bytes} bytes are not in Mozilla's list; at most \
         {MAX_CERTIFICATES} of {MAX_PEM_BYTES} bytes are handed to a sandbox"
    )]
    TooMany {
        /// How many there are.
        count: usize,
        /// How long they are as PEM.
        bytes: usize,
    },
}

fn cause(error: Option<&rustls_native_certs::Error>) -> String {
    error.map(|error| format!(": {error}")).unwrap_or_default()
}

impl Origin {
    /// The first of the setting, the variable and the host's store.
    pub(crate) fn choose(setting: Option<PathBuf>, variable: Option<OsString>) -> Self {
        match (setting, variable.filter(|path| !path.is_empty())) {
            (Some(path), _) => Self::Setting(path),
            (None, Some(path)) => Self::Variable(path.into()),
            (None, None) => Self::Host,
        }
    }
}

/// Reads the certificates of `origin` and leaves out the usual ones.
pub(crate) fn extra_certificates(origin: &Origin) -> Result<ExtraCertificates, TrustError> {
    let (found, shown) = match origin {
        Origin::Setting(path) | Origin::Variable(path) => {
            let found = rustls_native_certs::load_certs_from_paths(Some(path), None);
            if found.certs.is_empty() {
                let source = found.errors.into_iter().next();
                return Err(TrustError::Unreadable {
                    path: path.clone(),
                    source,
                });
            }
            (found, path.display().to_string())
        }
        // A host without a store, or with one damaged file in it, has no extra certificates to
        // speak of: that is no reason not to serve.
        Origin::Host => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "a part of the host's trust store was not read");
            }
            (found, "the host's trust store".to_owned())
        }
    };
    // Ordered, not hashed: two differ in their first bytes, and a hash would read all of each.
    let mozillas: BTreeSet<&[u8]> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(AsRef::as_ref)
        .collect();
    let mut extra: BTreeSet<&[u8]> = found
        .certs
        .iter()
        .map(AsRef::as_ref)
        .filter(|cert| !mozillas.contains(cert))
        .collect();
    // What the operator names by our own setting is meant, withdrawn or not.
    if !matches!(origin, Origin::Setting(_)) {
        let shipped = shipped_among(&extra, Path::new(DISTRIBUTION_DIRECTORY));
        extra.retain(|cert| !shipped.contains(*cert));
    }
    let pem: String = extra.iter().map(|cert| to_pem(cert)).collect();
    if extra.len() > MAX_CERTIFICATES || pem.len() > MAX_PEM_BYTES {
        return Err(TrustError::TooMany {
            count: extra.len(),
            bytes: pem.len(),
        });
    }
    Ok(ExtraCertificates {
        pem,
        count: extra.len(),
        origin: shown,
    })
}

/// Where Debian and its kin keep the certificates that their own package brought, one file each;
/// what an administrator adds lies elsewhere.
const DISTRIBUTION_DIRECTORY: &str = "/usr/share/ca-certificates/mozilla";

/// Which of `certificates` lie in `directory`. Only files that are as long as one of them would be are read: there are
/// some hundred and fifty, and every start of a server would wait for them.
fn shipped_among(certificates: &BTreeSet<&[u8]>, directory: &Path) -> HashSet<Vec<u8>> {
    let lengths: HashSet<u64> = certificates
        .iter()
        .filter_map(|cert| u64::try_from(to_pem(cert).len()).ok())
        .collect();
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    files
        .filter(|file| {
            file.metadata()
                .is_ok_and(|metadata| lengths.contains(&metadata.len()))
        })
        .flat_map(|file| rustls_native_certs::load_certs_from_paths(Some(&file.path()), None).certs)
        .map(|cert| cert.to_vec())
        .collect()
}

/// RFC 7468, section 5: base64 in lines of 64 characters between two labels.
fn to_pem(certificate: &[u8]) -> String {
    let encoded = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(certificates: &[&[u8]]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pem: String = certificates.iter().map(|cert| to_pem(cert)).collect();
        std::fs::write(file.path(), pem).unwrap();
        file
    }

    /// Whether a certificate is well formed is for whoever uses it; here it is bytes.
    const COMPANY: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x07];

    #[test]
    fn only_what_is_not_in_mozillas_list_is_handed_in() {
        let usual = webpki_root_certs::TLS_SERVER_ROOT_CERTS[0].as_ref();
        let file = file(&[usual, COMPANY, COMPANY]);
        let extra = extra_certificates(&Origin::Setting(file.path().to_owned())).unwrap();
        assert_eq!((extra.count, extra.pem), (1, to_pem(COMPANY)));
    }

    #[test]
    fn what_the_distribution_ships_is_found_among_others() {
        let directory = tempfile::tempdir().unwrap();
        // As long as the first; what is shipped is told by its bytes.
        const OTHER: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x08];
        std::fs::write(directory.path().join("a.crt"), to_pem(COMPANY)).unwrap();
        std::fs::write(directory.path().join("b.crt"), to_pem(&[9; 30])).unwrap();
        let shipped = shipped_among(&BTreeSet::from([COMPANY, OTHER]), directory.path());
        assert_eq!(shipped, HashSet::from([COMPANY.to_vec()]));
        let absent = directory.path().join("absent");
        assert_eq!(shipped_among(&BTreeSet::from([COMPANY]), &absent).len(), 0);
    }

    #[test]
    fn a_named_file_without_certificates_is_an_error() {
        let empty = file(&[]);
        let path = empty.path().to_owned();
        let error = extra_certificates(&Origin::Variable(path)).unwrap_err();
        assert!(matches!(error, TrustError::Unreadable { .. }), "{error}");
        let absent = extra_certificates(&Origin::Setting("/nonexistent/ca.pem".into()));
        assert!(
            absent
                .unwrap_err()
                .to_string()
                .contains("`/nonexistent/ca.pem`")
        );
    }

    #[test]
    fn too_many_are_refused_by_their_number() {
        let many: Vec<Vec<u8>> = (0..=100_u8)
            .map(|n| vec![0x30, 0x03, 0x02, 0x01, n])
            .collect();
        let refs: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
        let file = file(&refs);
        let error = extra_certificates(&Origin::Setting(file.path().to_owned())).unwrap_err();
        assert!(
            matches!(error, TrustError::TooMany { count: 101, .. }),
            "{error}"
        );
    }

    #[test]
    fn pem_lines_are_64_long() {
        let pem = to_pem(&[7; 100]);
        let lengths: Vec<_> = pem.lines().map(str::len).collect();
        assert_eq!(lengths, [27, 64, 64, 8, 25]);
    }

    #[test]
    fn the_setting_wins_over_the_variable() {
        let chosen = Origin::choose(Some("a".into()), Some("b".into()));
        assert_eq!(chosen, Origin::Setting("a".into()));
        assert_eq!(
            Origin::choose(None, Some("b".into())),
            Origin::Variable("b".into())
        );
        assert_eq!(Origin::choose(None, Some("".into())), Origin::Host);
    }
}
