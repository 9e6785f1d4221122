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
use executor_core::{ErrorKind, ExtraCertificates, SandboxError};
use thiserror::Error;

/// The most certificates that are handed in: each costs every sandbox some start time.
pub(crate) const MAX_CERTIFICATES: usize = 100;
/// The most bytes of PEM that are handed in: 256 KiB.
pub(crate) const MAX_PEM_BYTES: usize = 256 * 1024;

/// Where the certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin<'a> {
    /// A file that the operator named by the setting.
    Setting(&'a Path),
    /// The file of `SSL_CERT_FILE`.
    Variable(&'a Path),
    /// The host's trust store.
    Host,
}

/// Certificates beyond the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundCertificates {
    /// They, as PEM, one after the other; empty if there are none.
    pub pem: String,
    /// How many there are.
    pub count: usize,
    /// Where they were found, for people.
    pub origin: String,
    /// What was left out, and why, if something was.
    pub warning: Option<String>,
}

/// What sandboxes are to trust beyond the usual authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustedCertificates {
    /// Those of a file that the operator named. It is read with the settings, so that a mistake is told at the start.
    Named(FoundCertificates),
    /// Those of this file, which `SSL_CERT_FILE` names to all programs of the host, or of the host's trust store. To
    /// read some hundred takes longer than all else in a server's start: it is done when the first sandbox is started.
    OfHost(Option<PathBuf>),
}

impl TrustedCertificates {
    /// By the first of the setting, the variable and the host's store.
    pub(crate) fn choose(
        setting: Option<&Path>,
        variable: Option<OsString>,
    ) -> Result<Self, TrustError> {
        if let Some(path) = setting {
            return extra_certificates(&Origin::Setting(path)).map(Self::Named);
        }
        let variable = variable.filter(|path| !path.is_empty());
        Ok(Self::OfHost(variable.map(PathBuf::from)))
    }

    /// The certificates. Blocks to read those of the host.
    pub(crate) fn find(&self) -> Result<FoundCertificates, TrustError> {
        let path = match self {
            Self::Named(found) => return Ok(found.clone()),
            Self::OfHost(None) => return extra_certificates(&Origin::Host),
            Self::OfHost(Some(path)) => path,
        };
        match extra_certificates(&Origin::Variable(path)) {
            // A stray variable of somebody else's is no reason not to serve.
            Err(error @ TrustError::Unreadable { .. }) => Ok(FoundCertificates {
                origin: path.display().to_string(),
                warning: Some(format!("SSL_CERT_FILE is left out: {error}")),
                ..FoundCertificates::default()
            }),
            found => found,
        }
    }

    /// As an executor has them.
    pub(crate) fn for_sandboxes(&self) -> ExtraCertificates {
        let of_host = match self.clone() {
            Self::Named(found) => return ExtraCertificates::from_pem(found.pem),
            of_host @ Self::OfHost(_) => of_host,
        };
        ExtraCertificates::read_by(move || match of_host.find() {
            Ok(found) => {
                if let Some(warning) = found.warning {
                    tracing::warn!("{warning}");
                }
                Ok(found.pem)
            }
            Err(error) => {
                let failed =
                    SandboxError::new(ErrorKind::StartFailed, "read what this host trusts");
                Err(failed.with_source(error).with_hint(FEW))
            }
        })
    }
}

/// The way out for a host that trusts too much.
pub(crate) const FEW: &str = "name a file with the few that matter by `--ca-bundle FILE`";

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

/// Reads the certificates of `origin` and leaves out the usual ones.
fn extra_certificates(origin: &Origin<'_>) -> Result<FoundCertificates, TrustError> {
    let (found, shown) = match origin {
        Origin::Setting(path) | Origin::Variable(path) => {
            let found = rustls_native_certs::load_certs_from_paths(Some(path), None);
            if found.certs.is_empty() {
                let source = found.errors.into_iter().next();
                return Err(TrustError::Unreadable {
                    path: path.to_path_buf(),
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
    Ok(FoundCertificates {
        pem,
        count: extra.len(),
        origin: shown,
        warning: None,
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
        let extra = extra_certificates(&Origin::Setting(file.path())).unwrap();
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
        for path in [empty.path(), Path::new("/nonexistent/ca.pem")] {
            let error = TrustedCertificates::choose(Some(path), None).unwrap_err();
            assert!(matches!(error, TrustError::Unreadable { .. }), "{error}");
            let named = format!("`{}`", path.display());
            assert!(error.to_string().contains(&named), "{error}");
        }
    }

    #[test]
    fn a_stray_variable_is_left_out_and_said_so() {
        let of_host = TrustedCertificates::choose(None, Some("/nonexistent/ca.pem".into()));
        let found = of_host.unwrap().find().unwrap();
        assert_eq!((found.count, found.pem.as_str()), (0, ""));
        let warning = found.warning.unwrap();
        let says =
            "SSL_CERT_FILE is left out: no certificate could be read from `/nonexistent/ca.pem`";
        assert!(warning.starts_with(says), "{warning}");
    }

    #[test]
    fn too_many_are_refused_by_their_number() {
        let many: Vec<Vec<u8>> = (0..=100_u8)
            .map(|n| vec![0x30, 0x03, 0x02, 0x01, n])
            .collect();
        let refs: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
        let file = file(&refs);
        let error = extra_certificates(&Origin::Setting(file.path())).unwrap_err();
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
    fn the_setting_wins_and_what_the_host_has_is_read_later() {
        let file = file(&[COMPANY]);
        let named = TrustedCertificates::choose(Some(file.path()), Some("b".into())).unwrap();
        assert!(matches!(named, TrustedCertificates::Named(_)), "{named:?}");
        assert_eq!(named.find().unwrap().pem, to_pem(COMPANY));

        let variable = Some(file.path().as_os_str().to_owned());
        let of_host = TrustedCertificates::choose(None, variable).unwrap();
        let path = Some(file.path().to_owned());
        assert_eq!(of_host, TrustedCertificates::OfHost(path));
        assert_eq!(of_host.find().unwrap().pem, to_pem(COMPANY));

        let of_host = TrustedCertificates::choose(None, Some("".into())).unwrap();
        assert_eq!(of_host, TrustedCertificates::OfHost(None));
        assert_eq!(of_host.find().unwrap().origin, "the host's trust store");
    }
}
