//! The way to a server, made bad in each of its ways.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and its helpers are no tests themselves for the lint"
)]

use std::io::ErrorKind;
use std::time::Duration;

use clusterkeep_testkit::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets, and closes when its client has.
async fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                // A broken connection is what is tested.
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    port
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

/// What comes back for `word`, or how that fails; `None` where nothing happens.
async fn say(stream: &mut TcpStream, word: &[u8]) -> Option<Result<Vec<u8>, ErrorKind>> {
    let talk = async {
        stream.write_all(word).await?;
        let mut answer = vec![0; word.len()];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_millis(300), talk).await.ok()?;
    Some(answer.map_err(|error| error.kind()))
}

#[tokio::test]
async fn a_good_way_carries_everything_and_the_end() {
    let proxy = Proxy::to(echo().await).await.unwrap();
    let stream = connect(&proxy).await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let (mut from, mut to) = stream.into_split();
    let copy = sent.clone();
    let sending = tokio::spawn(async move {
        to.write_all(&copy).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    from.read_to_end(&mut received).await.unwrap();
    sending.await.unwrap();
    assert_eq!(received.len(), sent.len());
    assert!(received == sent && proxy.accepted() == 1);
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_lets_in_what_comes() {
    let proxy = Proxy::to(echo().await).await.unwrap();
    let mut old = connect(&proxy).await;
    assert_eq!(say(&mut old, b"one").await, Some(Ok(b"one".to_vec())));
    proxy.cut();
    let broken = old.read(&mut [0; 1]).await.map_err(|error| error.kind());
    assert_eq!(broken, Err(ErrorKind::ConnectionReset));
    assert_eq!(say(&mut connect(&proxy).await, b"two").await, Some(Ok(b"two".to_vec())));
}

#[tokio::test]
async fn a_stall_keeps_what_is_said_until_it_ends() {
    let proxy = Proxy::to(echo().await).await.unwrap();
    let mut stream = connect(&proxy).await;
    proxy.stall();
    assert_eq!(say(&mut stream, b"hello").await, None);
    assert_eq!(say(&mut connect(&proxy).await, b"anybody").await, None, "a new one waits as well");
    proxy.restore().await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}

#[tokio::test]
async fn a_closed_way_refuses_until_it_is_restored() {
    let proxy = Proxy::to(echo().await).await.unwrap();
    let mut old = connect(&proxy).await;
    proxy.refuse().await;
    assert!(matches!(say(&mut old, b"one").await, Some(Err(_))));
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.map(drop).map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
    proxy.restore().await.unwrap();
    assert_eq!(say(&mut connect(&proxy).await, b"two").await, Some(Ok(b"two".to_vec())));
}

#[tokio::test]
async fn it_ends_with_its_value() {
    let proxy = Proxy::to(echo().await).await.unwrap();
    let (port, mut open) = (proxy.port(), connect(&proxy).await);
    assert!(say(&mut open, b"one").await.is_some());
    drop(proxy);
    assert!(matches!(say(&mut open, b"two").await, Some(Err(_))));
    tokio::task::yield_now().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn addresses_are_rerouted_by_their_port_alone() {
    let target = echo().await;
    let proxy = Proxy::to(target).await.unwrap();
    let rerouted = proxy.reroute(&format!("postgres://me:{target}@127.0.0.1:{target}/weather"));
    assert_eq!(rerouted, format!("postgres://me:{target}@127.0.0.1:{}/weather", proxy.port()));
}
