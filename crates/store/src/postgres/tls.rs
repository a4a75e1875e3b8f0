//! How a connection to PostgreSQL is encrypted, as `sslmode` and `sslrootcert` in its URL say, with the meanings they have
//! for PostgreSQL's own clients.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// A server's address with the way in which connections to it are encrypted.
pub(super) struct Server {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

/// What the URL says of encryption, and the rest of it.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    url: String,
    mode: String,
    root: Option<String>,
}

impl Wish {
    fn of(url: &str) -> Wish {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root, mut rest) = (String::from("prefer"), None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "sslmode" => mode = value.into_owned(),
                "sslrootcert" => root = Some(value.into_owned()),
                _ => rest.push(parameter),
            }
        }
        let url = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
        Wish { url, mode, root }
    }
}

impl Server {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Open`] where the URL is wrong, `sslmode` is unknown, or the root certificates cannot be read.
    pub(super) fn parse(url: &str) -> Result<Server> {
        let Wish { url, mode, root } = Wish::of(url);
        let mut config: Config = url.parse().map_err(|e: postgres::Error| Error::Open(super::message(&e)))?;
        let (mode, verified) = match mode.as_str() {
            "disable" => (SslMode::Disable, false),
            "prefer" => (SslMode::Prefer, root.is_some()),
            "require" => (SslMode::Require, root.is_some()),
            "verify-full" => (SslMode::Require, true),
            other => {
                let detail = format!("sslmode={other}: write disable, prefer, require or verify-full");
                return Err(Error::Open(detail));
            }
        };
        config.ssl_mode(mode);
        let sockets = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let tls = if mode == SslMode::Disable || sockets { None } else { Some(tls(verified, root.as_deref())?) };
        Ok(Server { config, tls })
    }

    /// What may be set beside the URL.
    pub(super) fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    /// A new connection.
    ///
    /// # Errors
    /// What the server, the network or the encryption says.
    pub(super) fn connect(&self) -> std::result::Result<Client, postgres::Error> {
        match &self.tls {
            None => self.config.connect(NoTls),
            Some(tls) => self.config.connect(tls.clone()),
        }
    }
}

fn tls(verified: bool, root: Option<&str>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Open(error.to_string()))?;
    let config = if verified {
        builder.with_root_certificates(roots(root)?).with_no_client_auth()
    } else {
        let unverified = Arc::new(Unverified(provider));
        builder.dangerous().with_custom_certificate_verifier(unverified).with_no_client_auth()
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The authorities that may vouch for the server: those of one file, else the system's.
fn roots(file: Option<&str>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match file.filter(|file| *file != "system") {
        Some(file) => {
            let failed = |reason: String| Error::Open(format!("sslrootcert={file}: {reason}"));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|e| failed(e.to_string()))? {
                let certificate = certificate.map_err(|e| failed(e.to_string()))?;
                roots.add(certificate).map_err(|e| failed(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(failed("the file has no certificate".into()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

/// Takes any certificate, as `sslmode=require` means: it keeps listeners out, not impostors.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_encryption_is_taken_out_of_the_url() {
        let wish =
            Wish::of("postgres://u:p@h/d?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fetc%2Fmy%20ca.pem");
        let url = "postgres://u:p@h/d?connect_timeout=3".to_owned();
        assert_eq!(wish, Wish { url, mode: "verify-full".into(), root: Some("/etc/my ca.pem".into()) });
        let wish = Wish::of("postgres://h/d");
        assert_eq!(wish, Wish { url: "postgres://h/d".into(), mode: "prefer".into(), root: None });
    }

    #[test]
    fn a_wish_that_cannot_be_met_is_refused() {
        let refused = |url: &str| Server::parse(url).err().unwrap().to_string();
        assert!(refused("postgres://h/d?sslmode=yes").contains("write disable, prefer, require or verify-full"));
        assert!(refused("postgres://h/d?sslmode=require&sslrootcert=/no/such.pem").contains("/no/such.pem"));
    }
}
