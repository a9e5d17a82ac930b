//! A real SMTP server that keeps what it is given.

use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::Duration;

use mailin::{Action, Handler, Response, SessionBuilder, response};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Debug, Clone, Default)]
pub struct Message {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
}

/// Where the server listens.
pub struct Sink {
    pub url: String,
}

/// What it was given.
pub struct Mailbox(Mutex<UnboundedReceiver<Message>>);

#[derive(Clone)]
struct Keeper {
    message: Message,
    kept: UnboundedSender<Message>,
}

impl Handler for Keeper {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        self.message = Message { from: from.to_owned(), ..Message::default() };
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.message.to.push(to.to_owned());
        response::OK
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        // Soft line breaks of quoted-printable are undone, so that a link is in one piece.
        let line = String::from_utf8_lossy(line).replace("\r\n", "\n");
        self.message.text += &line;
        self.message.text = self.message.text.replace("=\n", "");
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.kept.send(self.message.clone()).unwrap();
        response::OK
    }
}

impl Sink {
    pub fn start() -> (Self, Mailbox) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (kept, given) = unbounded_channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = kept.clone();
                std::thread::spawn(move || converse(stream.unwrap(), kept));
            }
        });
        (Self { url }, Mailbox(Mutex::new(given)))
    }
}

fn converse(mut stream: TcpStream, kept: UnboundedSender<Message>) {
    let peer = stream.peer_addr().unwrap().ip();
    let mut session = SessionBuilder::new("sink.example").build(peer, Keeper { message: Message::default(), kept });
    session.greeting().write_to(&mut stream).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = Vec::new();
        // Whoever hangs up has nothing more to say.
        if lines.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return;
        }
        let answer = session.process(&line);
        match answer.action {
            Action::NoReply => {}
            Action::Reply | Action::UpgradeTls => answer.write_to(&mut stream).unwrap(),
            Action::Close => return answer.write_to(&mut stream).unwrap(),
        }
    }
}

impl Mailbox {
    pub async fn next(&self) -> Message {
        let mut given = self.0.lock().await;
        tokio::time::timeout(Duration::from_secs(10), given.recv()).await.expect("mail arrives").unwrap()
    }

    pub fn is_empty(&self) -> bool {
        self.0.try_lock().unwrap().try_recv().is_err()
    }
}
