//! Signatures by the Standard Webhooks scheme: `HMAC-SHA256` over `id.timestamp.body`, so that who is sent something knows
//! who sent it, and when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";
/// The scheme allows secrets of 24 to 64 bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret from random bytes.
#[must_use]
pub fn secret_of(bytes: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes))
}

/// The bytes of a secret.
pub(super) fn key(secret: &str) -> Result<Vec<u8>> {
    let bytes = secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
    bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len())).ok_or_else(|| {
        let (least, most) = (SECRET_BYTES.start(), SECRET_BYTES.end());
        let detail = format!("secret: it is {SECRET_PREFIX} and {least} to {most} bytes in base64");
        Error::invalid("/secret", detail)
    })
}

/// The value of the header `webhook-signature`.
pub(super) fn signature(key: &[u8], id: &str, timestamp_seconds: i64, body: &str) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{timestamp_seconds}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_example_of_the_scheme_has_its_signature() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        for wrong in
            ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La*"]
        {
            let error = key(wrong).unwrap_err().to_string();
            assert!(wrong.len() < 7 || !error.contains(wrong), "{error}");
        }
        assert_eq!(key(&secret_of(&[7; 32])).unwrap(), [7; 32]);
    }
}
