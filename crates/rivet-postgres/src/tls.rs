//! TLS by rustls, with the certificate checked as far as the mode says.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use rivet_model::{TlsMode, TlsSettings};
use rivet_source::{SourceError, SourceErrorKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::socket::Socket;
use crate::tap::{Tap, TapHandle};

fn unusable(message: String) -> SourceError {
    SourceError::new(SourceErrorKind::Config, message)
}

/// Makes the client's side of TLS, or `None` where the mode is `disable`.
pub(crate) fn client_config(settings: &TlsSettings) -> Result<Option<Arc<ClientConfig>>, SourceError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match settings.mode {
        TlsMode::Disable => return Ok(None),
        TlsMode::Prefer | TlsMode::Require => Arc::new(Lenient { chain: None, provider: Arc::clone(&provider) }),
        TlsMode::VerifyCa => {
            let chain = Some(chain_verifier(settings, &provider)?);
            Arc::new(Lenient { chain, provider: Arc::clone(&provider) })
        }
        TlsMode::VerifyFull => chain_verifier(settings, &provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(format!("TLS can't be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}

fn chain_verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, SourceError> {
    let roots = Arc::new(match &settings.ca_file {
        Some(file) => file_roots(file)?,
        None => machine_roots(),
    });
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| unusable(format!("the certificate authorities can't be used: {error}")))
}

fn file_roots(file: &Path) -> Result<RootCertStore, SourceError> {
    let help = "Point `tls.ca_file` to a PEM file with the certificate of the authority that signed the server's.";
    let name = file.display();
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(format!("`{name}` can't be read as certificates: {error}")).with_help(help))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(unusable(format!("`{name}` holds no certificate")).with_help(help));
    }
    Ok(roots)
}

/// The authorities that the machine trusts; where it names none, those that browsers trust.
fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
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

/// A TLS connector whose stream is tapped inside of the encryption; channel binding is kept.
#[derive(Debug)]
pub(crate) struct TappedTls<C> {
    inner: C,
    handle: TapHandle,
}

/// The connector that `tokio-postgres-rustls` makes.
pub(crate) type RustlsConnector = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

/// Makes a connector that checks the certificate for `host`.
pub(crate) fn tapped_tls(
    config: &Arc<ClientConfig>,
    host: &str,
    handle: TapHandle,
) -> Result<TappedTls<RustlsConnector>, SourceError> {
    let mut make = MakeRustlsConnect::new((**config).clone());
    let inner = <MakeRustlsConnect as MakeTlsConnect<Socket>>::make_tls_connect(&mut make, host)
        .map_err(|error| unusable(format!("`{host}` can't be checked against a certificate: {error}")))?;
    Ok(TappedTls { inner, handle })
}

impl<S, C> TlsConnect<S> for TappedTls<C>
where
    C: TlsConnect<S>,
    C::Stream: Send,
    C::Future: Send + 'static,
    C::Error: 'static,
{
    type Stream = Tap<C::Stream>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.inner.connect(stream);
        let handle = self.handle;
        Box::pin(async move { connecting.await.map(|stream| Tap::new(stream, handle)) })
    }
}

/// Whether an error says that the server has no TLS to offer, after which `prefer` goes on without.
pub(crate) fn is_refusal(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error);
    // The library has no kind for it: its message is all there is.
    cause.is_some_and(|cause| {
        cause.downcast_ref::<io::Error>().is_none() && cause.to_string().contains("does not support TLS")
    })
}
