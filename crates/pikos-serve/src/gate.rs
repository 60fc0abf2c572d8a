//! Who may ask for anything: looked at before the path is.
//!
//! A page of another site can make the browser send requests here, with the cookie if it counts as the same site; it can have a
//! name of its own point at this host. So a request must name this host as we do, must not say that it comes from elsewhere, and
//! must have the token.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::uri::Authority;
use subtle::ConstantTimeEq;

use crate::error::ServeError;
use crate::parse::cookie;

/// What a browser says of where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Bytes of a token.
const TOKEN: usize = 32;

/// Keeps the door.
pub struct Gate {
    token: String,
    /// Opens it once: what a browser is started with can be read by all users of this host, for as long as it runs.
    once: Mutex<Option<String>>,
    cookie: String,
    /// The address of `--listen`.
    listen: Option<IpAddr>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It names no host, or several.
    NoHost,
    /// It names another host.
    OtherHost,
    /// It comes from another site's page.
    OtherSite,
    /// It has no token, or a wrong one.
    NoToken,
}

/// What is known of a request that may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It has the token, in its cookie or in a header.
    Known,
    /// It has the token in its address; and whether another site's page led here.
    Address {
        /// A cookie that is set now would not be sent after a redirect.
        is_led: bool,
    },
}

impl Gate {
    /// With a new token.
    pub fn new(port: u16, listen: Option<IpAddr>) -> Result<Self, ServeError> {
        let once = Mutex::new(Some(random()?));
        Ok(Self { token: random()?, once, cookie: format!("pikos-{port}"), listen })
    }

    /// The token, for the address to print.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What stands in its place in an address that is opened once.
    pub fn once(&self) -> String {
        self.once.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// What makes a browser keep the token.
    pub fn set_cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, self.token)
    }

    /// Looks at a request. `offered` is a token in its address, where one is taken.
    pub fn check(&self, headers: &HeaderMap, offered: Option<&str>) -> Result<Pass, Refusal> {
        let host = only(headers, &HOST).ok_or(Refusal::NoHost)?;
        if !self.is_ours(host) {
            return Err(Refusal::OtherHost);
        }
        if headers.contains_key(ORIGIN) {
            let origin = only(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
            if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
                return Err(Refusal::OtherSite);
            }
        }
        let has_address = offered.is_some_and(|offered| self.is_token(offered) || self.is_once(offered));
        let mut is_led = false;
        if headers.contains_key(&FETCH_SITE)
            && !matches!(only(headers, &FETCH_SITE), Some("same-origin" | "none"))
        {
            // Somebody clicked on the address where it was pasted.
            is_led = has_address && only(headers, &FETCH_MODE) == Some("navigate");
            if !is_led {
                return Err(Refusal::OtherSite);
            }
        }
        match has_address {
            true => {
                let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
                once.take_if(|once| offered.is_some_and(|offered| is_same(once, offered)));
                Ok(Pass::Address { is_led })
            }
            false if self.has_token(headers) => Ok(Pass::Known),
            false => Err(Refusal::NoToken),
        }
    }

    /// Whether a `Host` means us: by a name that no other can have pointed here. The port may be that of a tunnel.
    fn is_ours(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if host.contains('@') {
            return false;
        }
        let name = authority.host();
        if name.len() != host.len() && authority.port_u16().is_none() {
            return false;
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        if bare.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let Ok(ip) = bare.parse::<IpAddr>() else { return false };
        ip.is_loopback() || self.listen.is_some_and(|listen| listen == ip || listen.is_unspecified())
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let text = |value: &hyper::header::HeaderValue| value.to_str().map(str::to_owned).ok();
        let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(text);
        let mut bearer = bearer.filter_map(|text| text.strip_prefix("Bearer ").map(str::to_owned));
        let mut cookies = headers.get_all(COOKIE).iter().filter_map(text);
        bearer.any(|token| self.is_token(&token))
            || cookies.any(|text| cookie(&text, &self.cookie).any(|token| self.is_token(token)))
    }

    fn is_token(&self, text: &str) -> bool {
        is_same(&self.token, text)
    }

    fn is_once(&self, text: &str) -> bool {
        let once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        once.as_ref().is_some_and(|once| is_same(once, text))
    }
}

/// In a time that doesn't tell how much of it was right.
fn is_same(token: &str, text: &str) -> bool {
    token.as_bytes().ct_eq(text.as_bytes()).into()
}

fn random() -> Result<String, ServeError> {
    let mut bytes = [0; TOKEN];
    getrandom::fill(&mut bytes).map_err(ServeError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let value = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(value)
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
