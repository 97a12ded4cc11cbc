//! The client against answers on a socket.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Gives each connection one of the answers, and tells the heads of the requests in the end.
fn serve(listener: TcpListener, answers: Vec<String>) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let one = |answer: &String| {
            let (mut stream, _) = listener.accept().unwrap();
            let head = head(&stream);
            stream.write_all(answer.as_bytes()).unwrap();
            head
        };
        answers.iter().map(one).collect()
    })
}

fn head(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn answer(status: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{header}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn listening() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn client() -> Client {
    let pace = Arc::new(Pace::new("none".parse().unwrap(), 1));
    Client::new("Bearer hunter2".into(), pace, Stop::default())
}

fn get(client: &Client, url: String) -> Result<Vec<u8>, Failure> {
    let call = Call { method: "GET", url, body: None, timeout: ORDINARY };
    client.read(&call, |answer| Ok(answer.body.clone()))
}

#[test]
fn a_service_on_this_machine_is_never_looked_for_behind_a_proxy() {
    // Nobody listens there any more.
    let closed = listening().1;
    let (listener, url) = listening();
    let server = serve(listener, vec![answer("200 OK", "A: b", "ok")]);
    let mut client = client();
    let proxy = ureq::Proxy::new(&closed).unwrap();
    client.agent = ureq::Agent::config_builder().proxy(Some(proxy)).build().new_agent();
    assert_eq!(get(&client, url + "/").unwrap(), b"ok");
    assert!(server.join().unwrap()[0].starts_with("GET / HTTP/1.1"));
    assert!(is_loopback("http://[::1]:80/") && is_loopback("http://localhost/"));
    assert!(!is_loopback("https://app.nimble.com/api/v1"));
}

#[test]
fn a_redirect_is_followed_to_the_service_itself_and_to_nobody_else() {
    let (listener, url) = listening();
    let (other, elsewhere) = listening();
    other.set_nonblocking(true).unwrap();
    let answers = vec![
        answer("301 Moved", "Location: /a/", ""),
        answer("200 OK", "A: b", "ok"),
        answer("307 Moved", &format!("Location: {elsewhere}/a?hunter2"), "<html>"),
    ];
    let server = serve(listener, answers);
    let client = client();
    assert_eq!(get(&client, format!("{url}/a")).unwrap(), b"ok");
    let text = format!("it redirects to {elsewhere}");
    assert_eq!(get(&client, format!("{url}/b")), Err(Failure::Refused { status: 307, text }));
    let asked = server.join().unwrap();
    assert!(asked[1].starts_with("GET /a/ ") && asked[1].contains("Bearer hunter2"), "{asked:?}");
    assert_eq!(other.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "another port");
}

#[test]
fn a_page_in_place_of_a_refusal_is_asked_past_where_the_service_has_none() {
    let page = || answer("404 Not Found", "Content-Type: text/html", "<html><title>Gone</title>");
    let (listener, url) = listening();
    let server = serve(listener, vec![page(), page(), answer("404 Not Found", "A: b", "no such folder")]);
    let client = client();
    let ended = |client: &Client| match get(client, format!("{url}/a")) {
        Err(Failure::Refused { status: 404, text }) => text,
        other => panic!("{other:?}"),
    };
    assert!(ended(&client).starts_with("<html>"));
    assert_eq!(ended(&client.clone().doubting_pages()), "no such folder");
    server.join().unwrap();
}
