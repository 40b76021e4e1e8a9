//! TCP and TLS proxies in front of a server.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::Ca;

/// TCP proxy that counts its connections.
#[derive(Debug)]
pub struct Relay {
    /// Listening address.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Relay {
    /// Starts a proxy to this address.
    pub async fn to(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut broker = TcpStream::connect(broker).await?;
                    copy_bidirectional(&mut client, &mut broker).await
                });
            }
        });
        Self { address, connections }
    }

    /// Number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// TLS proxy in front of a server without TLS.
#[derive(Debug)]
pub struct TlsProxy {
    /// URL of the proxy.
    pub url: String,
}

impl TlsProxy {
    /// Starts a proxy to this address with a certificate of the CA. With `client_certificates` it requires client
    /// certificates of the same CA.
    pub async fn to(server: SocketAddr, ca: &Ca, client_certificates: bool) -> Self {
        let identity = ca.issue(&["127.0.0.1", "localhost"]);
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let builder = if client_certificates {
            let mut trusted = RootCertStore::empty();
            trusted.add(certificate(ca.certificate())).expect("a certificate");
            let verifier = WebPkiClientVerifier::builder_with_provider(trusted.into(), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a CA"))
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(vec![certificate(&identity.certificate)], key).expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { url }
    }
}
