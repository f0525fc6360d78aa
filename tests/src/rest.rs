//! A client of the REST surface.

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Somebody at a gateway, signed in or not.
#[derive(Debug, Clone)]
pub struct Rest {
    http: Client,
    url: String,
    /// The access token that goes with every request.
    pub token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body; a text that is no JSON stands as a JSON string.
    pub body: Value,
}

impl Rest {
    /// A client of the node at `url` without a token.
    pub fn to(url: &str) -> Self {
        Self { http: Client::new(), url: url.to_owned(), token: None }
    }

    /// The same node, with a token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Registers somebody new and signs them in. Returns their client and what the registration answered.
    pub async fn register(&self, username: &str) -> (Self, Value) {
        let email = format!("{username}@example.org");
        let form = json!({"username": username, "email": email, "password": PASSWORD, "confirmPassword": PASSWORD});
        let grant = self.post("/api/v1/auth/register", form).await.expect(StatusCode::CREATED);
        let token = grant["token"].as_str().expect("a registration answers a token");
        (self.with_token(token), grant)
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// GET, from read models that are at least at `position`.
    pub async fn get_at(&self, path: &str, position: &Value) -> Answer {
        let position = position.as_str().expect("a position is a text");
        send(self.request(Method::GET, path).header("X-Voxlog-Min-Position", position)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// Any method with a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        send(self.request(method, path).json(&body)).await
    }

    /// A request to be changed further; [`send`] sends it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// The password of everybody who registers here.
pub const PASSWORD: &str = "correct horse";

/// Sends a request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the gateway answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.expect("the answer has a readable body");
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, headers, body }
}

impl Answer {
    /// The body, if the status is this one; otherwise the test fails and shows the answer.
    pub fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// The body of a 200.
    pub fn ok(self) -> Value {
        self.expect(StatusCode::OK)
    }

    /// The code of a refusal, which must be a whole problem document.
    pub fn code(self) -> String {
        let body = &self.body;
        assert!(self.status.is_client_error() || self.status.is_server_error(), "{} {body:#}", self.status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["requestId"].as_str(), self.headers["x-request-id"].to_str().ok());
        for field in ["type", "title", "detail"] {
            assert!(body[field].is_string(), "{body:#}");
        }
        body["code"].as_str().expect("a problem has a code").to_owned()
    }
}
