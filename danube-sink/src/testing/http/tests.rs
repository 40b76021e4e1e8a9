use std::{io::ErrorKind, net::TcpListener};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{HttpReply, HttpServer};

fn server() -> HttpServer {
    HttpServer::start(|_| HttpReply::status(204, "")).unwrap()
}

async fn request(server: &HttpServer) -> TcpStream {
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    connection
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    connection
}

async fn answer(mut connection: TcpStream) -> String {
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_request_is_in_progress_until_its_reply_or_the_end_of_its_client() {
    let server = server();
    server.script([HttpReply::never(), HttpReply::never()]);
    let (first, second) = (request(&server).await, request(&server).await);
    server.received(2).await;
    assert_eq!(server.most_at_once(), 2);
    drop((first, second));
    server.shared.until(|state| state.in_progress == 0).await;
    for _ in 0..3 {
        assert!(answer(request(&server).await).await.starts_with("HTTP/1.1 204"));
    }
    assert_eq!(server.most_at_once(), 2);
}

#[tokio::test]
async fn a_server_that_runs_restarts() {
    let server = server();
    server.restart().await.unwrap();
    assert!(answer(request(&server).await).await.starts_with("HTTP/1.1 204"));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_another_program_keeps_is_an_error() {
    let server = server();
    server.stop();
    server.closed().await;
    let _taken = TcpListener::bind(server.address()).unwrap();
    assert_eq!(server.restart().await.unwrap_err().kind(), ErrorKind::AddrInUse);
    assert!(server.is_stopped());
}
