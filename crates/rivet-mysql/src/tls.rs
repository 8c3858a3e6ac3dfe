//! TLS by rustls, with the certificate checked as far as the mode says.

use std::path::Path;
use std::sync::Arc;

use mysql_async::{Error, IoError, SslOpts};
use rivet_model::{TlsMode, TlsSettings};
use rivet_source::{SourceError, SourceErrorKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

fn unusable(message: String) -> SourceError {
    SourceError::new(SourceErrorKind::Config, message)
}

/// The client's side of TLS: for the library, and for connections of our own.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) options: SslOpts,
    pub(crate) config: Arc<ClientConfig>,
}

impl Tls {
    /// Makes it, or returns `None` where the mode is `disable`.
    pub(crate) fn new(settings: &TlsSettings) -> Result<Option<Self>, SourceError> {
        let options = SslOpts::default();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (options, checks) = match settings.mode {
            TlsMode::Disable => return Ok(None),
            // The authorities that come with the options are none that they ask.
            TlsMode::Prefer | TlsMode::Require => {
                (options.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true), None)
            }
            TlsMode::VerifyCa | TlsMode::VerifyFull => {
                let certificates = authorities(settings)?;
                let checks = chain_verifier(&certificates, &provider)?;
                (trusting(options, certificates), Some(checks))
            }
        };
        let verifier: Arc<dyn ServerCertVerifier> = match (settings.mode, checks) {
            (TlsMode::VerifyFull, Some(checks)) => checks,
            (_, chain) => Arc::new(Lenient { chain, provider: Arc::clone(&provider) }),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(format!("TLS can't be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Some(Self { options, config: Arc::new(config) }))
    }
}

/// Returns the authorities of the file, or else those that the machine trusts.
fn authorities(settings: &TlsSettings) -> Result<Vec<CertificateDer<'static>>, SourceError> {
    match &settings.ca_file {
        Some(file) => of_file(file),
        None => Ok(usable(rustls_native_certs::load_native_certs().certs)),
    }
}

/// Adds authorities; where there are none, those that browsers trust stay, which the library brings.
fn trusting(options: SslOpts, certificates: Vec<CertificateDer<'static>>) -> SslOpts {
    if certificates.is_empty() {
        return options;
    }
    let roots = certificates.into_iter().map(|certificate| certificate.to_vec().into()).collect();
    options.with_root_certs(roots).with_disable_built_in_roots(true)
}

/// Makes what checks a certificate against authorities, or against those that browsers trust.
fn chain_verifier(
    certificates: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, SourceError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unusable(format!("the certificate authorities can't be used: {error}")))
}

/// Checks less than `verify-full`: the chain but not the name, or nothing at all.
#[derive(Debug)]
struct Lenient {
    /// Checks the chain; absent where encryption to whomever is enough.
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: whoever gets here has a good chain.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
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
