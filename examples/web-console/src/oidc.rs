//! Login at an identity provider by `OpenID` Connect: the authorization code flow with PKCE.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenClaims, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse,
};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tracing::warn;

use crate::WebConsole;
use crate::error::AppError;
use crate::limits::LOGINS_AT_PROVIDER_FROM;
use crate::passwords::{hex, unhex};
use crate::peer::Peer;

/// The path to which the provider leads browsers back.
const CALLBACK: &str = "/login/oidc/callback";

/// The cookie of a login that has begun.
const COOKIE: &str = "hcc-oidc";

/// How long a login at the provider may take.
const LOGIN_LIFETIME: Duration = Duration::from_mins(10);

/// How long what the provider says about itself is kept. Providers publish new keys before they use
/// them.
const METADATA_LIFETIME: Duration = Duration::from_mins(5);

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const MAX_RESPONSE_BYTES: u64 = 1 << 20;

/// The signatures that are accepted. Those with a shared secret are not.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// An identity provider at which users log in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Oidc {
    /// The address of the provider, below which it describes itself.
    pub issuer: String,
    /// The id of the web console there.
    pub client_id: String,
    /// The secret of the web console there, if it has one.
    pub client_secret: Option<SecretString>,
    /// The claim that is the name of the user: `preferred_username`, `sub`, `email` if it is
    /// verified, or another one.
    pub claim: String,
    /// What the button calls the provider.
    pub label: String,
    known: Arc<Mutex<Option<(Instant, CoreProviderMetadata)>>>,
}

impl Oidc {
    /// Describes a provider, which calls users by their `preferred_username`.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            client_secret: None,
            claim: "preferred_username".to_owned(),
            label: "single sign-on".to_owned(),
            known: Arc::default(),
        }
    }
}

/// Claims beyond the standard ones.
#[derive(Debug, Deserialize, Serialize)]
struct OtherClaims(BTreeMap<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        OtherClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type ProviderClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A login that has begun, in a cookie: only this browser can finish it.
#[derive(Deserialize, Serialize)]
struct Begun {
    state: String,
    nonce: String,
    verifier: String,
}

/// What the provider says.
#[derive(Deserialize)]
pub(crate) struct Callback {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    error: Option<String>,
    iss: Option<String>,
}

type BoxError = Box<dyn Error + Send + Sync>;

/// Leads the browser to the provider.
pub(crate) async fn begin(
    State(console): State<WebConsole>,
    peer: Peer,
) -> Result<Response, AppError> {
    let oidc = console.oidc()?;
    // Each may cost a request to the provider.
    console
        .count(LOGINS_AT_PROVIDER_FROM, &peer.network())
        .await?;
    let client = console.provider(oidc).await;
    let client = client.map_err(|error| provider_failed(&*error))?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (address, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["profile", "email"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let begun = Begun {
        state: state.into_secret(),
        nonce: nonce.secret().clone(),
        verifier: verifier.into_secret(),
    };
    let begun = serde_json::to_vec(&begun).expect("its fields are strings");
    let cookie = console.set_cookie(COOKIE, &hex(&begun).into(), LOGIN_LIFETIME);
    let cookie = [(header::SET_COOKIE, cookie)];
    Ok((cookie, Redirect::to(address.as_str())).into_response())
}

/// Finishes a login that this browser has begun.
pub(crate) async fn finish(
    State(console): State<WebConsole>,
    peer: Peer,
    headers: HeaderMap,
    Query(callback): Query<Callback>,
) -> Result<Response, AppError> {
    let oidc = console.oidc()?;
    let begun = console.cookie(&headers, COOKIE);
    let begun = begun
        .and_then(|cookie| serde_json::from_slice::<Begun>(&unhex(cookie.expose_secret())?).ok());
    let begun = begun.ok_or(AppError::NotLoggedIn)?;
    if begun.state != callback.state {
        return Err(AppError::CsrfFailed);
    }
    let name = match console.name_at_provider(oidc, begun, callback).await {
        Ok(name) => name,
        Err(error) => {
            let what = "login at provider";
            console
                .audit_peer(&peer, None, what, None, "failed")
                .await?;
            return Err(provider_failed(&*error));
        }
    };
    let user = console.accounts.user(&name).await?;
    let Some(user) = user.filter(|user| !user.disabled) else {
        console
            .audit_peer(&peer, Some(&name), "login", None, "no_account")
            .await?;
        return Err(AppError::NoAccount(name));
    };
    let mut response = console.log_in(&peer, &headers, &user).await?;
    let cookie = console.set_cookie(COOKIE, &"".into(), Duration::ZERO);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Logs the causes, which may help an administrator but not the user.
fn provider_failed(error: &(dyn Error + Send + Sync + 'static)) -> AppError {
    let mut causes = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    warn!(
        error = causes.join(": "),
        "login at the identity provider failed"
    );
    AppError::ProviderFailed
}

impl WebConsole {
    fn oidc(&self) -> Result<&Oidc, AppError> {
        self.settings.oidc.as_ref().ok_or(AppError::NotFound)
    }

    /// Returns a client of the provider, which describes itself.
    async fn provider(&self, oidc: &Oidc) -> Result<ProviderClient, BoxError> {
        let mut known = oidc.known.lock().await;
        let metadata = match &*known {
            Some((since, metadata)) if since.elapsed() < METADATA_LIFETIME => metadata.clone(),
            _ => {
                let issuer = IssuerUrl::new(oidc.issuer.clone())?;
                let metadata = CoreProviderMetadata::discover_async(issuer, &send).await?;
                *known = Some((Instant::now(), metadata.clone()));
                metadata
            }
        };
        drop(known);
        let secret = oidc.client_secret.as_ref();
        let secret = secret.map(|it| ClientSecret::new(it.expose_secret().to_owned()));
        let id = ClientId::new(oidc.client_id.clone());
        let (origin, base) = (&self.settings.origin, &self.settings.base_path);
        let back = RedirectUrl::new(format!("{origin}{base}{CALLBACK}"))?;
        let client = ProviderClient::from_provider_metadata(metadata, id, secret);
        Ok(client.set_redirect_uri(back))
    }

    /// Exchanges the code for the identity of the user.
    async fn name_at_provider(
        &self,
        oidc: &Oidc,
        begun: Begun,
        callback: Callback,
    ) -> Result<String, BoxError> {
        if let Some(error) = callback.error {
            return Err(format!("the provider refused it: {error:?}").into());
        }
        if callback.iss.is_some_and(|issuer| issuer != oidc.issuer) {
            return Err("the response is from another provider".into());
        }
        let client = self.provider(oidc).await?;
        let tokens = client
            .exchange_code(AuthorizationCode::new(callback.code))?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier))
            .request_async(&send)
            .await?;
        let id_token = tokens.id_token().ok_or("the provider sent no ID token")?;
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = id_token.claims(&verifier, &Nonce::new(begun.nonce))?;
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
            let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)?;
            if hash != *expected {
                return Err("the access token belongs to another ID token".into());
            }
        }
        let name = name(claims, &oidc.claim);
        name.ok_or_else(|| format!("the ID token has no usable claim {:?}", oidc.claim).into())
    }
}

/// Returns the claim that names the user.
fn name(claims: &IdTokenClaims<OtherClaims, CoreGenderClaim>, claim: &str) -> Option<String> {
    match claim {
        "sub" => Some(claims.subject().as_str().to_owned()),
        "preferred_username" => claims.preferred_username().map(|it| it.as_str().to_owned()),
        // Anyone can claim an address that is not verified.
        "email" if claims.email_verified() == Some(true) => {
            claims.email().map(|it| it.as_str().to_owned())
        }
        "email" => None,
        other => {
            let OtherClaims(others) = claims.additional_claims();
            others.get(other)?.as_str().map(str::to_owned)
        }
    }
}

/// Sends a request to the provider.
async fn send(request: HttpRequest) -> Result<HttpResponse, RequestFailed> {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            // A redirect could lead to what only this machine can reach.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT);
        client.build().expect("the settings are valid")
    });
    let mut response = CLIENT.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_RESPONSE_BYTES {
            return Err(RequestFailed::TooLong);
        }
    }
    let mut found = HttpResponse::new(body);
    *found.status_mut() = response.status();
    *found.headers_mut() = response.headers().clone();
    Ok(found)
}

/// Why the provider has not responded.
#[derive(Debug, thiserror::Error)]
enum RequestFailed {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the response is too long")]
    TooLong,
}
