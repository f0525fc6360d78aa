//! A WebSocket client that is as strict as a client can be: one task, no threads, every wait with a deadline, every
//! frame held against its schema.
//!
//! It reads only while somebody waits for something, so a test that stops calling it is a client that stops reading.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    time::Duration,
};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

pub use room_view::{Event, RoomView};
pub use voxlog_gateway::protocol::Encoding;

mod fits;
mod room_view;

/// How long a client waits for an answer: longer than the log may take to elect a leader.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    encoding: Encoding,
    last_id: u64,
    answers: HashMap<u64, Value>,
    unasked: VecDeque<Value>,
}

/// What a client asked for was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorFrame {
    /// Which kind.
    pub code: String,
    /// One sentence.
    pub detail: String,
    /// When to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The names of the fields that are wrong.
    pub fields: Vec<String>,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It was refused.
    #[error("{0}")]
    Refused(ErrorFrame),
    /// The connection is gone, so nobody knows.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// The connection has ended or nothing came in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// The server said why: a close code and its reason.
    #[error("closed with {0} {1}")]
    Closed(u16, String),
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Nothing came in time; the connection may be well.
    #[error("nothing came in time")]
    TooLate,
}

impl CallError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => Some(&error.code),
            Self::Gone(_) => None,
        }
    }
}

impl fmt::Display for ErrorFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl Client {
    /// Connects to `ws://host:port/ws` and says hello.
    pub async fn connect(url: &str, token: &str, encoding: Encoding) -> Result<Self> {
        let mut client = Self::open(url, encoding, None).await?;
        client.call("hello", json!({"token": token})).await?;
        Ok(client)
    }

    /// Connects and says nothing yet. A small receive buffer, in bytes, lets the server soon feel a client that does
    /// not read.
    pub async fn open(url: &str, encoding: Encoding, receive_buffer: Option<u32>) -> Result<Self> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", encoding.subprotocol().parse()?);
        let (host, port) = (request.uri().host().context("a host")?, request.uri().port_u16().unwrap_or(80));
        let address = lookup_host((host, port)).await?.next().context("an address")?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _response) = client_async(request, stream).await?;
        Ok(Self { socket, encoding, last_id: 0, answers: HashMap::new(), unasked: VecDeque::new() })
    }

    /// Sends a frame with these fields and does not wait. Gives its id.
    pub async fn send(&mut self, op: &str, fields: Value) -> Result<u64, Gone> {
        self.last_id += 1;
        let mut frame = json!({"op": op, "id": self.last_id});
        if let (Some(frame), Value::Object(fields)) = (frame.as_object_mut(), fields) {
            frame.extend(fields);
        }
        let message = match self.encoding {
            Encoding::Json => Message::text(frame.to_string()),
            Encoding::Msgpack => Message::binary(rmp_serde::to_vec_named(&frame).map_err(Gone::broken)?),
        };
        self.send_raw(message).await?;
        Ok(self.last_id)
    }

    /// Sends whatever it is.
    pub async fn send_raw(&mut self, message: Message) -> Result<(), Gone> {
        self.socket.send(message).await.map_err(Gone::broken)
    }

    /// Waits for the answer to a frame that was sent.
    pub async fn answer(&mut self, id: u64) -> Result<Value, CallError> {
        let answer = self.answering_frame(id).await?;
        if answer["op"] == "error" { Err(CallError::Refused(error_of(&answer))) } else { Ok(answer) }
    }

    /// Waits for the frame that answers one that was sent, be it an error.
    async fn answering_frame(&mut self, id: u64) -> Result<Value, Gone> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Ok(answer);
            }
            self.read(deadline).await?;
        }
    }

    /// Sends a frame and waits for its answer.
    pub async fn call(&mut self, op: &str, fields: Value) -> Result<Value, CallError> {
        let answer = self.ask(op, fields).await?;
        if answer["op"] == "error" { Err(CallError::Refused(error_of(&answer))) } else { Ok(answer) }
    }

    /// Sends a frame and waits for the frame that answers it, be it an error.
    pub async fn ask(&mut self, op: &str, fields: Value) -> Result<Value, Gone> {
        let id = self.send(op, fields.clone()).await?;
        let answer = self.answering_frame(id).await?;
        if answer["op"] != "error" {
            fits::check_taken(op, &fields);
        }
        Ok(answer)
    }

    /// The next frame of any kind, answers included.
    pub async fn next_frame(&mut self, within: Duration) -> Result<Value, Gone> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(frame) = self.unasked.pop_front() {
                return Ok(frame);
            }
            if let Some(id) = self.answers.keys().next().copied() {
                return Ok(self.answers.remove(&id).unwrap_or_default());
            }
            self.read(deadline).await?;
        }
    }

    /// The next frame that answers nothing: an event, heads, news of the socket itself.
    pub async fn next_unasked(&mut self, within: Duration) -> Result<Value, Gone> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(frame) = self.unasked.pop_front() {
                return Ok(frame);
            }
            self.read(deadline).await?;
        }
    }

    /// The next frame of one op that answers nothing; others before it are dropped.
    pub async fn next_of(&mut self, op: &str, within: Duration) -> Result<Value, Gone> {
        let deadline = Instant::now() + within;
        loop {
            let frame = self.next_unasked(deadline.saturating_duration_since(Instant::now())).await?;
            if frame["op"] == op {
                return Ok(frame);
            }
        }
    }

    /// The next event of any room.
    pub async fn next_event(&mut self, within: Duration) -> Result<Event> {
        Event::of(&self.next_of("event", within).await?)
    }

    /// Subscribes from where a view is.
    pub async fn subscribe(&mut self, view: &mut RoomView) -> Result<()> {
        let subscribed = self.call("subscribe", json!({"room": view.room(), "cursor": view.cursor()})).await?;
        view.begin(&subscribed)
    }

    /// Reads until the view has come to `seq`, checking every event and every `heads` on the way.
    pub async fn read_to(&mut self, view: &mut RoomView, seq: u64, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        while view.last() < seq {
            let left = deadline.saturating_duration_since(Instant::now());
            let frame = self.next_unasked(left).await.with_context(|| format!("{view} on its way to {seq}"))?;
            view.look_at(&frame)?;
        }
        Ok(())
    }

    /// Waits until the server has closed the connection, and tells how.
    pub async fn closed(&mut self, within: Duration) -> Gone {
        let deadline = Instant::now() + within;
        loop {
            if let Err(gone) = self.read(deadline).await {
                return gone;
            }
        }
    }

    /// Takes one frame off the wire and puts it where it belongs.
    async fn read(&mut self, deadline: Instant) -> Result<(), Gone> {
        let message = timeout_at(deadline, self.socket.next()).await.map_err(|_| Gone::TooLate)?;
        let frame: Value = match message {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).map_err(Gone::broken)?,
            Some(Ok(Message::Binary(bytes))) => rmp_serde::from_slice(&bytes).map_err(Gone::broken)?,
            Some(Ok(Message::Close(Some(close)))) => {
                return Err(Gone::Closed(close.code.into(), close.reason.to_string()));
            }
            Some(Ok(Message::Close(None))) | None => return Err(Gone::broken("no reason given")),
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(Gone::broken(error)),
        };
        fits::check(&frame);
        match frame["id"].as_u64() {
            Some(id) => {
                self.answers.insert(id, frame);
            }
            None => self.unasked.push_back(frame),
        }
        Ok(())
    }
}

impl Gone {
    fn broken(error: impl fmt::Display) -> Self {
        Self::Broken(error.to_string())
    }
}

fn error_of(frame: &Value) -> ErrorFrame {
    let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
    let errors = frame["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    ErrorFrame {
        code: text("code"),
        detail: text("detail"),
        retry_after_ms: frame["retryAfterMs"].as_u64(),
        fields: errors.iter().filter_map(|error| error["field"].as_str()).map(str::to_owned).collect(),
    }
}
