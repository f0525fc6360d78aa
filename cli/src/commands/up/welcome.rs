//! What `voxlog up` prints when everything runs: where it is, a token, and four lines to paste.

use std::{env, net::SocketAddr, path::Path};

use super::demo::{Shown, Stage};

/// The text. Its lines work as they stand, from any directory, as long as this instance runs.
pub(super) fn text(
    shown: &Shown,
    address: SocketAddr,
    nats_url: &str,
    nats_is_foreign: bool,
    data_dir: &Path,
) -> anyhow::Result<String> {
    let places = places(address);
    let Some(Stage { room, namespace, listener, speaker }) = &shown.stage else {
        return Ok(format!("{places}\n{}", alone(address)));
    };
    let people = shown.people.join(", ");
    let password = &shown.password;
    // An address of the environment's own may hold a password, which does not belong on a screen.
    let nats = if nats_is_foreign { "\"$NATS_URL\"" } else { nats_url };
    let voxlog = quoted(&env::current_exe()?.to_string_lossy());
    let (token, other) = (&listener.token, &speaker.token);
    let data_dir = quoted(&data_dir.to_string_lossy());
    Ok(format!(
        r#"{places}
The demo's people are {people}; their password is {password}
A token for {listener}, good for a day:

{token}

Listen to a room as {listener} (Node.js brings npx):
  npx -y wscat -c ws://{address}/ws -w-1 -x '{{"op":"hello","id":"1","token":"{token}"}}' -x '{{"op":"subscribe","id":"2","room":"{room}"}}'

Say something in it as {speaker}, in another terminal:
  curl -X POST http://{address}/api/v1/messages -H 'Authorization: Bearer {other}' -H 'Content-Type: application/json' -d '{{"roomId":"{room}","content":"Hello from a terminal"}}'

Get every committed event as it happens (the nats program: https://github.com/nats-io/natscli):
  nats --server {nats} sub '{namespace}.live.room.>'

Read the room again from the log:
  {voxlog} --data-dir {data_dir} replay --room {room}
"#,
        listener = listener.name,
        speaker = speaker.name,
    ))
}

fn places(address: SocketAddr) -> String {
    format!(
        "\nVoxlog is up. Ctrl-C stops it.\n\n  \
         rooms      http://{address}/\n  \
         console    http://{address}/console\n  \
         API        http://{address}/api/v1\n  \
         documents  http://{address}/docs\n  \
         WebSocket  ws://{address}/ws\n  \
         health     http://{address}/health\n  \
         metrics    http://{address}/metrics\n"
    )
}

/// Without a demo there is nobody to act as.
fn alone(address: SocketAddr) -> String {
    let body = r#"{"username":"ada","email":"ada@example.org","password":"a long enough secret"}"#;
    format!(
        "Nobody is here yet. Make an account:\n  curl -X POST http://{address}/api/v1/auth/register \
         -H 'Content-Type: application/json' -d '{body}'\n"
    )
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_itself_in_a_shell() {
        assert_eq!(quoted("/home/ada/.voxlog"), "/home/ada/.voxlog");
        assert_eq!(quoted("/my dir"), "'/my dir'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
