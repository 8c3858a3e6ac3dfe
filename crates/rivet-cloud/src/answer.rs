//! What stands in the answer of a server that refuses.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The longest message that is passed on.
const MESSAGE_CHARACTERS: usize = 300;

/// What S3, Google and Azure say of a request that was harmed on its way.
const OF_NETWORK: [&str; 5] =
    ["RequestTimeout", "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "Md5Mismatch"];

/// What an answer says of why. Nothing else of it is kept: some servers quote the signed request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The server's word for the reason.
    pub(crate) code: Option<String>,
    /// The first line of its explanation.
    pub(crate) message: Option<String>,
    /// Where the bucket is, where the server tells.
    pub(crate) region: Option<String>,
    /// How far this machine's clock is before the server's.
    pub(crate) ahead: Option<SignedDuration>,
}

impl Answer {
    /// Reads the body of an answer: XML, JSON, or neither.
    pub(crate) fn read(status: u16, body: &str) -> Self {
        let (code, message) = match serde_json::from_str::<Value>(body) {
            Ok(json) => of_json(&json),
            Err(_) => (element(body, "Code"), element(body, "Message")),
        };
        let region = element(body, "Region");
        Self { status, code, message: message.as_deref().and_then(first_line), region, ahead: None }
    }

    /// Compares the clocks by what the server says of its own.
    pub(crate) fn with_date(self, date: Option<&str>, now: Timestamp) -> Self {
        let theirs = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        Self { ahead: theirs.map(|theirs| now.duration_since(theirs.timestamp())), ..self }
    }

    /// Whether the request arrived too slowly, or with another body than its checksum is of. The next attempt may do
    /// better.
    pub(crate) fn is_about_the_network(&self) -> bool {
        // Azure's emulator has no code for it.
        let is_emulator = self.message.as_deref().is_some_and(|message| message.contains("contentMD5 doesn't match"));
        is_emulator || self.code.as_deref().is_some_and(|code| OF_NETWORK.contains(&code))
    }

    /// Says it in one line.
    pub(crate) fn text(&self) -> String {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(text), None) | (None, Some(text)) => text.clone(),
            (None, None) => format!("status {}", self.status),
        }
    }
}

/// Google writes `{"error": {"status": "...", "message": "..."}}`, token services
/// `{"error": "...", "error_description": "..."}`.
fn of_json(json: &Value) -> (Option<String>, Option<String>) {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let error = &json["error"];
    let code = text(error).or_else(|| text(&error["status"])).or_else(|| text(&json["Code"]));
    let message = [&json["error_description"], &error["message"], &json["Message"], &json["message"]];
    (code, message.into_iter().find_map(text))
}

fn element(xml: &str, name: &str) -> Option<String> {
    let text = elements(xml, name).next()?.trim();
    (!text.is_empty()).then(|| unescape(text))
}

/// Returns what stands in the elements of a name that have no attributes, one after the other.
pub(crate) fn elements<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = &'x str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&begin)?;
        let (text, after) = after.split_once(&end)?;
        rest = after;
        Some(text)
    })
}

/// Takes the escapes of XML out of a text.
pub(crate) fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&#39;", "'").replace("&#34;", "\"").replace("&amp;", "&")
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().next()?.trim().trim_end_matches('.');
    let shown: String = line.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARACTERS).collect();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_all_kinds_are_read() {
        let check = |body: &str, expected: &str, region: Option<&str>| {
            let answer = Answer::read(403, body);
            assert_eq!(answer.text(), expected);
            assert_eq!(answer.region.as_deref(), region);
        };
        let s3 = "<?xml version=\"1.0\"?><Error><Code>AuthorizationHeaderMalformed</Code><Message>The region \
                  &apos;us-east-1&apos; is wrong.</Message><Region>eu-west-1</Region>\
                  <CanonicalRequest>x-amz-security-token:secret</CanonicalRequest></Error>";
        check(s3, "AuthorizationHeaderMalformed: The region 'us-east-1' is wrong", Some("eu-west-1"));
        let azure = "\u{feff}<Error><Code>AuthenticationFailed</Code><Message>Server failed.\nRequestId:1</Message>\
                     <AuthenticationErrorDetail>the string to sign</AuthenticationErrorDetail></Error>";
        check(azure, "AuthenticationFailed: Server failed", None);
        check(r#"{"error":"invalid_grant","error_description":"Invalid JWT"}"#, "invalid_grant: Invalid JWT", None);
        check(r#"{"error":{"code":403,"message":"no","status":"DENIED"}}"#, "DENIED: no", None);
        check("<html>gateway</html>", "status 403", None);
        check("", "status 403", None);
    }

    #[test]
    fn what_the_network_did_is_told_from_what_was_asked() {
        let check = |code: &str, message: &str, expected: bool| {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            assert_eq!(Answer::read(400, &body).is_about_the_network(), expected, "{code}");
        };
        check("RequestTimeout", "Idle.", true);
        check("BadDigest", "The SHA256 you specified did not match.", true);
        check("Md5Mismatch", "", true);
        check("InvalidOperation", "Provided contentMD5 doesn't match.", true);
        check("InvalidOperation", "No.", false);
        check("InvalidDigest", "The Content-MD5 is not valid.", false);
    }

    #[test]
    fn clocks_are_compared() {
        let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let answer = Answer::read(403, "").with_date(Some("Thu, 01 Jan 2026 00:00:00 GMT"), now);
        assert_eq!(answer.ahead, Some(SignedDuration::from_hours(1)));
        assert_eq!(Answer::read(403, "").with_date(Some("today"), now).ahead, None);
    }
}
