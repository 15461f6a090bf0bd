//! Whether a daemon really works: what it tells those who would start it anew.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::pipeline::Pipeline;
use crate::store::StoreError;

/// Looks at a daemon from within its process.
#[derive(Clone, Debug)]
pub struct Health {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) address: SocketAddr,
}

impl Health {
    /// Whether the store's writing thread and the listener do something within so much time. A disk that refuses is no reason to
    /// start anew: that mends nothing, and the daemon goes on by itself. A thread that hangs or is gone is one.
    pub async fn works(&self, patience: Duration) -> bool {
        let (writes, listens) =
            tokio::join!(timeout(patience, self.writes()), timeout(patience, is_served(self.address)));
        writes.unwrap_or(false) && listens.unwrap_or(false)
    }

    /// Has the writing thread do nothing in a transaction of its own.
    async fn writes(&self) -> bool {
        !matches!(self.pipeline.store.forget("health", "nothing").await, Err(StoreError::Closed))
    }
}

/// Whether a connection is accepted and, since nothing is said on it, ended. Not by the kernel alone: by the daemon.
async fn is_served(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(reachable(address)).await else { return false };
    let _ = stream.shutdown().await;
    let mut some = [0; 512];
    while let Ok(1..) = stream.read(&mut some).await {}
    true
}

/// Where an address that stands for all is reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_at_which_nobody_accepts_is_not_served() {
        let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = deaf.local_addr().unwrap();
        assert!(
            timeout(Duration::from_millis(300), is_served(address)).await.is_err(),
            "the kernel took it, nobody else"
        );
        // The connection given up above is still queued before the next one.
        std::thread::spawn(move || deaf.incoming().for_each(drop));
        assert!(
            timeout(Duration::from_secs(60), is_served(SocketAddr::new([0, 0, 0, 0].into(), address.port())))
                .await
                .unwrap()
        );
    }
}
