//! TLS by rustls, with the certificate checked as far as the mode says.

use std::path::Path;

use mysql_async::{Error, IoError, SslOpts};
use rivet_model::{TlsMode, TlsSettings};
use rivet_source::{SourceError, SourceErrorKind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, RootCertStore};

fn unusable(message: String) -> SourceError {
    SourceError::new(SourceErrorKind::Config, message)
}

/// Makes the client's side of TLS, or `None` where the mode is `disable`.
pub(crate) fn options(settings: &TlsSettings) -> Result<Option<SslOpts>, SourceError> {
    let options = SslOpts::default();
    Ok(match settings.mode {
        TlsMode::Disable => None,
        TlsMode::Prefer | TlsMode::Require => Some(
            // The authorities that come with it are none that it asks.
            options.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true),
        ),
        TlsMode::VerifyCa | TlsMode::VerifyFull => Some(trusting(options, settings)?),
    })
}

/// Adds the authorities: those of the file, or else those that the machine trusts; where it names none, those that
/// browsers trust, which the library brings.
fn trusting(options: SslOpts, settings: &TlsSettings) -> Result<SslOpts, SourceError> {
    let certificates = match &settings.ca_file {
        Some(file) => of_file(file)?,
        None => usable(rustls_native_certs::load_native_certs().certs),
    };
    if certificates.is_empty() {
        return Ok(options);
    }
    let roots = certificates.into_iter().map(|certificate| certificate.to_vec().into()).collect();
    Ok(options.with_root_certs(roots).with_disable_built_in_roots(true))
}

/// Returns a name that the server's certificate has, where its chain was found to be good and the name of the host is
/// none of its own.
///
/// The library has no way to leave names out of account that works with the errors of today's rustls: for `verify-ca`
/// the certificate is checked once more, against a name of its own.
pub(crate) fn name_of_certificate(error: &Error) -> Option<String> {
    let Error::Io(IoError::Io(io)) = error else { return None };
    let cause = io.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) = cause else {
        return None;
    };
    presented.iter().find_map(|name| plain_name(name))
}

/// Takes a name out of the form in which it is listed; `None` for one that no host can have.
fn plain_name(listed: &str) -> Option<String> {
    let dns = listed.strip_prefix("DnsName(\"").and_then(|name| name.strip_suffix("\")"));
    let address = listed.strip_prefix("IpAddress(").and_then(|name| name.strip_suffix(')'));
    // What stands for any name is met by any.
    dns.or(address).map(|name| name.replace('*', "any"))
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, SourceError> {
    let help = "Point `tls.ca_file` to a PEM file with the certificate of the authority that signed the server's.";
    let name = file.display();
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(format!("`{name}` can't be read as certificates: {error}")).with_help(help))?;
    let certificates = usable(certificates);
    if certificates.is_empty() {
        return Err(unusable(format!("`{name}` holds no certificate")).with_help(help));
    }
    Ok(certificates)
}

/// Leaves out what the library would stumble over.
fn usable(certificates: Vec<CertificateDer<'static>>) -> Vec<CertificateDer<'static>> {
    let is_usable = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
    certificates.into_iter().filter(is_usable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_of_a_list() {
        let check = |listed: &str, expected: Option<&str>| assert_eq!(plain_name(listed).as_deref(), expected);
        check("DnsName(\"db.example.org\")", Some("db.example.org"));
        check("DnsName(\"*.example.org\")", Some("any.example.org"));
        check("IpAddress(127.0.0.1)", Some("127.0.0.1"));
        check("DirectoryName", None);
    }
}
