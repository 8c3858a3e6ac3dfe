//! What the refusals of the three protocols mean, and what to do about them.

use jiff::SignedDuration;
use rivet_writer::{RefusalKind, StoreRefusal};

use crate::answer::Answer;
use crate::place::{Kind, Place};

/// How far a clock may be off before it is what a refusal is about: S3 and Azure take a signature for fifteen minutes,
/// Google a token request for five.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The words of S3, of Google's XML interface, of token services and of Azure.
const CODES: &[(&str, RefusalKind)] = &[
    ("InvalidAccessKeyId", RefusalKind::Credentials),
    ("SignatureDoesNotMatch", RefusalKind::Credentials),
    ("InvalidToken", RefusalKind::Credentials),
    ("ExpiredToken", RefusalKind::Credentials),
    ("ExpiredTokenException", RefusalKind::Credentials),
    ("TokenRefreshRequired", RefusalKind::Credentials),
    ("InvalidClientTokenId", RefusalKind::Credentials),
    ("InvalidIdentityToken", RefusalKind::Credentials),
    ("InvalidSecurity", RefusalKind::Credentials),
    ("AuthenticationRequired", RefusalKind::Credentials),
    ("invalid_grant", RefusalKind::Credentials),
    ("invalid_client", RefusalKind::Credentials),
    ("unauthorized_client", RefusalKind::Credentials),
    ("AuthenticationFailed", RefusalKind::Credentials),
    ("InvalidAuthenticationInfo", RefusalKind::Credentials),
    ("NoAuthenticationInformation", RefusalKind::Credentials),
    ("AccessDenied", RefusalKind::Permission),
    ("AllAccessDisabled", RefusalKind::Permission),
    ("UserProjectMissing", RefusalKind::Permission),
    ("AuthorizationFailure", RefusalKind::Permission),
    ("AuthorizationPermissionMismatch", RefusalKind::Permission),
    ("AuthorizationProtocolMismatch", RefusalKind::Permission),
    ("AuthorizationResourceTypeMismatch", RefusalKind::Permission),
    ("AuthorizationServiceMismatch", RefusalKind::Permission),
    ("InsufficientAccountPermissions", RefusalKind::Permission),
    ("PublicAccessNotPermitted", RefusalKind::Permission),
    ("NoSuchBucket", RefusalKind::NoBucket),
    ("InvalidBucketName", RefusalKind::NoBucket),
    ("ContainerNotFound", RefusalKind::NoBucket),
    ("ContainerBeingDeleted", RefusalKind::NoBucket),
    ("PermanentRedirect", RefusalKind::Region),
    ("TemporaryRedirect", RefusalKind::Region),
    ("AuthorizationHeaderMalformed", RefusalKind::Region),
    ("IllegalLocationConstraintException", RefusalKind::Region),
    ("RequestTimeTooSkewed", RefusalKind::Clock),
    ("RequestExpired", RefusalKind::Clock),
    ("NotImplemented", RefusalKind::Unsupported),
];

/// Returns what an answer means; `None` for one that does not come from the place itself or that may pass.
pub(crate) fn refusal(place: &Place, server: Option<&str>, answer: &Answer) -> Option<StoreRefusal> {
    let known = answer.code.as_deref().and_then(|code| CODES.iter().find(|(known, _)| *known == code));
    let kind = match (known, answer.status) {
        (Some((_, kind)), _) => *kind,
        (None, 401) => RefusalKind::Credentials,
        (None, 403) => RefusalKind::Permission,
        (None, 501) => RefusalKind::Unsupported,
        (None, 301 | 302 | 307 | 308) => RefusalKind::Region,
        (None, 404 | 408 | 409 | 412 | 429 | 500..) => return None,
        (None, _) => RefusalKind::Other,
    };
    // Azure's emulator has one word for both; the sentence behind it tells.
    let is_unknown = answer.message.as_deref().is_some_and(|message| message.contains("failed to authenticate"));
    let kind = if kind == RefusalKind::Permission && is_unknown { RefusalKind::Credentials } else { kind };
    let ahead = answer.ahead.filter(|ahead| ahead.abs() > CLOCK_TOLERANCE);
    let kind = match (kind, ahead) {
        // A signature of another time is told from a wrong one by few servers.
        (RefusalKind::Credentials | RefusalKind::Permission, Some(_)) => RefusalKind::Clock,
        _ => kind,
    };
    let said = answer.text();
    let (message, help) = match kind {
        RefusalKind::Credentials => credentials(place, &said),
        RefusalKind::Permission => permission(place, &said),
        RefusalKind::NoBucket => no_bucket(place, &said),
        RefusalKind::Region => region(place, answer, &said),
        RefusalKind::Clock => clock(answer.ahead, &said),
        RefusalKind::Unsupported => (
            format!("the server does not know this kind of request ({said})"),
            "Use a server that speaks the whole protocol, multipart uploads included.".to_owned(),
        ),
        _ => (
            format!("{} answered: {said}", server.unwrap_or("the server")),
            "Check `bucket`, `prefix` and `endpoint` of the destination.".to_owned(),
        ),
    };
    Some(StoreRefusal { kind, message, help })
}

fn credentials(place: &Place, said: &str) -> (String, String) {
    (format!("the credentials are not accepted ({said})"), format!("Check {}.", place.credentials))
}

fn permission(place: &Place, said: &str) -> (String, String) {
    let bucket = &place.bucket;
    let message = format!("no permission for this in the {} `{bucket}` ({said})", place.kind.bucket());
    let help = match place.kind {
        Kind::S3 => format!(
            "Allow `s3:PutObject`, `s3:GetObject`, `s3:DeleteObject` and `s3:AbortMultipartUpload` on its objects and \
             `s3:ListBucket` on `{bucket}`, for {}.",
            place.credentials
        ),
        Kind::Gcs => format!("Give the role `Storage Object User` on `{bucket}` to {}.", place.credentials),
        Kind::Azure => format!(
            "Give the role `Storage Blob Data Contributor`, or a signature with read, add, create, write, delete and \
             list, on `{bucket}` to {}.",
            place.credentials
        ),
    };
    (message, help)
}

fn no_bucket(place: &Place, said: &str) -> (String, String) {
    let word = place.kind.bucket();
    let message = format!("there is no {word} `{}` ({said})", place.bucket);
    let others = match (place.kind, &place.endpoint) {
        (_, Some(_)) => "`bucket` and `endpoint`",
        (Kind::Azure, None) => "`bucket` and `account_name`",
        (Kind::S3 | Kind::Gcs, None) => "`bucket`",
    };
    (message, format!("Create the {word}, or correct {others}: Rivet creates none."))
}

fn region(place: &Place, answer: &Answer, said: &str) -> (String, String) {
    let ours = place.region.as_deref().unwrap_or("another one");
    match &answer.region {
        Some(theirs) => (
            format!("the bucket `{}` is in the region `{theirs}`, and the request was for `{ours}`", place.bucket),
            format!("Set `region: {theirs}`."),
        ),
        None => (
            format!("the bucket `{}` is not where it was looked for, in `{ours}` ({said})", place.bucket),
            "Set `region`, and `endpoint` where the bucket is not at the provider's own.".to_owned(),
        ),
    }
}

fn clock(ahead: Option<SignedDuration>, said: &str) -> (String, String) {
    let message = match ahead {
        Some(ahead) if !ahead.is_zero() => {
            let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
            let minutes = ahead.abs().as_mins();
            format!("this machine's clock is {minutes} minutes {direction} the server's ({said})")
        }
        _ => format!("this machine's clock is too far from the server's ({said})"),
    };
    (message, "Set the clock, or let the machine follow a time server: signed requests are refused.".to_owned())
}

/// Says that this machine has no role to take credentials from.
pub(crate) fn no_credentials(place: &Place, cause: &str) -> StoreRefusal {
    let keys = match place.kind {
        Kind::S3 => "`access_key_env` and `secret_key_env`, or `aws_profile`",
        Kind::Gcs => "`credentials_file`",
        Kind::Azure => "`account_key_env` or `sas_token_env`",
    };
    StoreRefusal {
        kind: RefusalKind::Credentials,
        message: format!("there are no credentials, and this machine has no role that gives them ({cause})"),
        help: format!("Set {keys} of the destination, or `allow_anonymous: true` where none are needed."),
    }
}

/// Says that no answer came.
pub(crate) fn unreachable(place: &Place, server: Option<&str>, cause: &str) -> StoreRefusal {
    let server = server.unwrap_or(&place.base);
    let keys = match (&place.endpoint, place.kind) {
        (Some(_), _) => "`endpoint`",
        (None, Kind::S3) => "`region`",
        (None, Kind::Gcs) => "`bucket`",
        (None, Kind::Azure) => "`account_name`",
    };
    StoreRefusal {
        kind: RefusalKind::Unreachable,
        message: format!("no answer from `{server}`: {cause}"),
        help: format!("Check {keys} of the destination, and that this machine reaches that server."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: Kind) -> Place {
        Place {
            kind,
            bucket: "lake".to_owned(),
            base: "s3://lake".to_owned(),
            endpoint: None,
            region: Some("us-east-1".to_owned()),
            credentials: "the keys in `KEY` and `SECRET`".to_owned(),
        }
    }

    fn answer(status: u16, code: &str) -> Answer {
        Answer { status, code: (!code.is_empty()).then(|| code.to_owned()), ..Answer::default() }
    }

    #[test]
    fn refusals_are_sorted() {
        let check = |kind, status, code, expected: Option<RefusalKind>| {
            let found = refusal(&place(kind), None, &answer(status, code)).map(|refusal| refusal.kind);
            assert_eq!(found, expected, "{status} {code}");
        };
        check(Kind::S3, 403, "InvalidAccessKeyId", Some(RefusalKind::Credentials));
        check(Kind::S3, 403, "AccessDenied", Some(RefusalKind::Permission));
        check(Kind::S3, 403, "", Some(RefusalKind::Permission));
        check(Kind::S3, 403, "RequestTimeTooSkewed", Some(RefusalKind::Clock));
        check(Kind::S3, 404, "NoSuchBucket", Some(RefusalKind::NoBucket));
        check(Kind::S3, 404, "NoSuchKey", None);
        check(Kind::S3, 404, "", None);
        check(Kind::S3, 301, "", Some(RefusalKind::Region));
        check(Kind::S3, 501, "", Some(RefusalKind::Unsupported));
        check(Kind::S3, 503, "SlowDown", None);
        check(Kind::S3, 429, "", None);
        check(Kind::S3, 412, "PreconditionFailed", None);
        check(Kind::S3, 409, "ConditionalRequestConflict", None);
        check(Kind::S3, 400, "InvalidRequest", Some(RefusalKind::Other));
        check(Kind::Gcs, 401, "", Some(RefusalKind::Credentials));
        check(Kind::Gcs, 400, "invalid_grant", Some(RefusalKind::Credentials));
        check(Kind::Azure, 404, "ContainerNotFound", Some(RefusalKind::NoBucket));
        check(Kind::Azure, 404, "BlobNotFound", None);
        check(Kind::Azure, 409, "BlobAlreadyExists", None);
        check(Kind::Azure, 403, "AuthorizationPermissionMismatch", Some(RefusalKind::Permission));
    }

    #[test]
    fn a_clock_that_is_off_is_what_a_signature_suffers_from() {
        let answer =
            |minutes| Answer { ahead: Some(SignedDuration::from_mins(minutes)), ..answer(403, "AuthenticationFailed") };
        let kind = |minutes| refusal(&place(Kind::Azure), None, &answer(minutes)).map(|refusal| refusal.kind);
        assert_eq!(kind(0), Some(RefusalKind::Credentials));
        assert_eq!(kind(4), Some(RefusalKind::Credentials));
        assert_eq!(kind(-20), Some(RefusalKind::Clock));
        let said = refusal(&place(Kind::Azure), None, &answer(-20)).unwrap().message;
        assert_eq!(said, "this machine's clock is 20 minutes behind the server's (AuthenticationFailed)");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let check = |answer: &Answer, message: &str, help: &str| {
            let refusal = refusal(&place(Kind::S3), None, answer).unwrap();
            assert_eq!((refusal.message.as_str(), refusal.help.as_str()), (message, help));
        };
        let wrong = Answer { region: Some("eu-west-1".to_owned()), ..answer(301, "PermanentRedirect") };
        let message = "the bucket `lake` is in the region `eu-west-1`, and the request was for `us-east-1`";
        check(&wrong, message, "Set `region: eu-west-1`.");
        let message = "the credentials are not accepted (SignatureDoesNotMatch)";
        check(&answer(403, "SignatureDoesNotMatch"), message, "Check the keys in `KEY` and `SECRET`.");
        let message = "there is no bucket `lake` (NoSuchBucket)";
        check(&answer(404, "NoSuchBucket"), message, "Create the bucket, or correct `bucket`: Rivet creates none.");
    }
}
