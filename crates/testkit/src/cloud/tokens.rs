//! Tokens for the databases of clusters: RS256, as the Cloud signs them, with a key that this process made for itself.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;

/// Its name in the set of keys.
const KEY_ID: &str = "local-cloud";

/// The user of the database that tokens speak for.
const USERNAME: &str = "gc_admin";

/// PKCS#8 puts a head of that many bytes before an RSA key of 2048 bits: version, algorithm, lengths. What follows is the
/// key as signing wants it.
const PKCS8_HEAD: usize = 26;

struct Signer {
    private: EncodingKey,
    public: DecodingKey,
    modulus: String,
    exponent: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    username: String,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// The one key of this process: it takes a moment to make, and nothing outlives the process that it signed.
fn signer() -> Result<&'static Signer, Answer> {
    static SIGNER: OnceLock<Option<Signer>> = OnceLock::new();
    SIGNER.get_or_init(make).as_ref().ok_or_else(|| Answer::refusal(500, "An error occured."))
}

fn make() -> Option<Signer> {
    let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
    let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let exponent = pair.public_key().exponent().big_endian_without_leading_zero().to_vec();
    Some(Signer {
        private: EncodingKey::from_rsa_der(der.as_ref().get(PKCS8_HEAD..)?),
        public: DecodingKey::from_rsa_raw_components(&modulus, &exponent),
        modulus: BASE64_URL_SAFE_NO_PAD.encode(modulus),
        exponent: BASE64_URL_SAFE_NO_PAD.encode(exponent),
    })
}

/// The set of public keys.
pub(super) fn jwks() -> Result<Value, Answer> {
    let signer = signer()?;
    Ok(json!({"keys": [{
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": KEY_ID,
        "n": signer.modulus,
        "e": signer.exponent,
    }]}))
}

/// Where the set of public keys is, which is the issuer as well.
fn issuer(endpoint: &str) -> String {
    format!("{endpoint}/api/v2/meta/jwk/")
}

/// A token for a cluster, which expires.
pub(super) fn sign(
    endpoint: &str,
    cluster: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
    lives: TimeDelta,
) -> Result<(String, DateTime<Utc>), Answer> {
    let expiry = now + lives;
    let claims = Claims {
        iss: issuer(endpoint),
        aud: cluster.to_string(),
        sub: user.to_string(),
        username: USERNAME.to_owned(),
        iat: now.timestamp(),
        exp: expiry.timestamp(),
        jti: Uuid::new_v4(),
    };
    let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
    let token = jsonwebtoken::encode(&header, &claims, &signer()?.private);
    token.map(|token| (token, expiry)).map_err(|_| Answer::refusal(500, "An error occured."))
}

/// Whether a token is of this Cloud, for this cluster, and good now.
pub(super) fn is_good(token: &str, endpoint: &str, cluster: Uuid, now: DateTime<Utc>) -> bool {
    let Ok(signer) = signer() else { return false };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[cluster.to_string()]);
    validation.set_issuer(&[issuer(endpoint)]);
    // By the Cloud's own clock, below: it may be a simulated one.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &signer.public, &validation);
    claims.is_ok_and(|token| now.timestamp() < token.claims.exp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_cluster_and_its_time() {
        let now: DateTime<Utc> = "2026-07-10T10:00:00Z".parse().unwrap();
        let cluster = Uuid::new_v4();
        let (token, expiry) = sign("http://here", cluster, Uuid::nil(), now, TimeDelta::hours(1)).unwrap();
        assert!(is_good(&token, "http://here", cluster, now));
        assert!(!is_good(&token, "http://here", cluster, expiry));
        assert!(!is_good(&token, "http://here", Uuid::new_v4(), now));
        assert!(!is_good(&token, "http://elsewhere", cluster, now));
        let (head, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
        assert!(!is_good(&forged, "http://here", cluster, now));
    }
}
