//! How events are written.

use std::io::{self, BufWriter, Write};

use voxlog_core::{envelope::Header, log::Stored, position::Partition};

/// Written at once: large enough that system calls don't count.
const BUFFER: usize = 256 * 1024;

/// Characters of an event's data in a table.
const DATA_CHARS: usize = 80;

/// Where events are written to.
pub(super) trait Output: Write {}
impl<W: Write> Output for W {}

#[derive(Debug)]
pub(super) struct Writer<W: Write> {
    out: BufWriter<W>,
    table: bool,
}

impl<W: Output> Writer<W> {
    pub(super) fn ndjson(out: W) -> Self {
        Self { out: BufWriter::with_capacity(BUFFER, out), table: false }
    }

    pub(super) fn table(out: W) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER, out);
        writeln!(out, "{:>9} {:>9}  {:<24} {:<24} {:<36}  DATA", "PARTITION", "SEQ", "TIME", "TYPE", "SUBJECT")?;
        Ok(Self { out, table: true })
    }

    pub(super) fn write(&mut self, partition: Partition, stored: &Stored) -> io::Result<()> {
        if self.table { self.row(partition, stored) } else { self.line(partition, stored) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The event's bytes as they are, but for line breaks between its tokens, which would break the line: within a JSON
    /// text they mean no more than a blank.
    fn line(&mut self, partition: Partition, stored: &Stored) -> io::Result<()> {
        write!(self.out, "{{\"partition\":{partition},\"seq\":{},\"event\":", stored.seq)?;
        if stored.payload.contains(&b'\n') || stored.payload.contains(&b'\r') {
            let blank = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
            self.out.write_all(&stored.payload.iter().map(blank).collect::<Vec<_>>())?;
        } else {
            self.out.write_all(&stored.payload)?;
        }
        self.out.write_all(b"}\n")
    }

    fn row(&mut self, partition: Partition, stored: &Stored) -> io::Result<()> {
        let time = stored.time.format("%Y-%m-%dT%H:%M:%S%.3fZ");
        let (kind, subject, data) = match Header::read(&stored.payload) {
            Ok(header) => (header.kind, header.subject, header.data.get()),
            Err(_) => ("(unreadable)".into(), "".into(), ""),
        };
        let kind = kind.strip_prefix("voxlog.").unwrap_or(&kind);
        let data: String = data.chars().filter(|char| !char.is_control()).take(DATA_CHARS).collect();
        writeln!(self.out, "{partition:>9} {:>9}  {time:<24} {kind:<24} {subject:<36}  {data}", stored.seq.0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use voxlog_core::{
        log::Subject,
        position::{Chain, Class, Seq},
    };

    use super::*;

    fn stored(seq: u64, payload: &'static str) -> Stored {
        let room = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        Stored {
            seq: Seq(seq),
            subject: Subject::Chain(Chain::Room(room, Class::Msg)),
            payload: Bytes::from_static(payload.as_bytes()),
            time: "2026-11-20T08:00:00.25Z".parse().unwrap(),
        }
    }

    const POSTED: &str = r#"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","source":"/voxlog","subject":"01890a5d-ac96-774b-bcce-b302099a8057","time":"2026-11-20T08:00:00Z","actor":"01890a5d-ac96-774b-bcce-b302099a8057","correlationid":"01890a5d-ac96-774b-bcce-b302099a8057","type":"voxlog.message.posted.v1","data":{"content":"Grüße, 你好"}}"#;

    fn written(mut writer: Writer<&mut Vec<u8>>, events: &[Stored]) {
        for event in events {
            writer.write(Partition(3), event).unwrap();
        }
        writer.flush().unwrap();
    }

    #[test]
    fn a_line_holds_the_event_byte_by_byte() {
        let mut out = Vec::new();
        written(Writer::ndjson(&mut out), &[stored(17, POSTED), stored(18, "{\"a\":\r\n1}")]);
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        {"partition":3,"seq":17,"event":{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","source":"/voxlog","subject":"01890a5d-ac96-774b-bcce-b302099a8057","time":"2026-11-20T08:00:00Z","actor":"01890a5d-ac96-774b-bcce-b302099a8057","correlationid":"01890a5d-ac96-774b-bcce-b302099a8057","type":"voxlog.message.posted.v1","data":{"content":"Grüße, 你好"}}}
        {"partition":3,"seq":18,"event":{"a":  1}}
        "#);
    }

    #[test]
    fn a_row_is_for_people_and_shows_nothing_that_moves_their_cursor() {
        let mut out = Vec::new();
        written(Writer::table(&mut out).unwrap(), &[stored(17, POSTED), stored(18, "\u{1b}[2J")]);
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        PARTITION       SEQ  TIME                     TYPE                     SUBJECT                               DATA
                3        17  2026-11-20T08:00:00.250Z message.posted.v1        01890a5d-ac96-774b-bcce-b302099a8057  {"content":"Grüße, 你好"}
                3        18  2026-11-20T08:00:00.250Z (unreadable)
        "#);
    }
}
