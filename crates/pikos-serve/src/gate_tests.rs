use super::*;

fn gate(listen: Option<IpAddr>) -> Gate {
    Gate::new(7456, listen).expect("the system has random numbers")
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().expect("a value"));
    }
    headers
}

#[test]
fn only_names_that_nobody_else_can_point_here_are_ours() {
    let here = gate(None);
    let anywhere = gate("0.0.0.0".parse().ok());
    let there = gate("192.0.2.7".parse().ok());
    for (host, expected) in [
        ("127.0.0.1:7456", [true, true, true]),
        ("localhost:9000", [true, true, true]),
        ("LOCALHOST", [true, true, true]),
        ("[::1]:7456", [true, true, true]),
        ("192.0.2.7:7456", [false, true, true]),
        ("192.0.2.8:7456", [false, true, false]),
        ("evil.example:7456", [false, false, false]),
        ("localhost.evil.example", [false, false, false]),
        ("127.0.0.1.evil.example", [false, false, false]),
        ("user@localhost", [false, false, false]),
        ("localhost@evil.example", [false, false, false]),
        ("localhost:x", [false, false, false]),
        ("", [false, false, false]),
        ("2130706433", [false, false, false]),
        ("localhost.", [false, false, false]),
    ] {
        assert_eq!([&here, &anywhere, &there].map(|gate| gate.is_ours(host)), expected, "{host}");
    }
}

#[test]
fn without_the_token_nothing_is_had() {
    let gate = gate(None);
    let token = gate.token().to_owned();
    let host = ("host", "127.0.0.1:7456");
    let bearer = format!("Bearer {token}");
    let cookie = format!("other=1; pikos-7456={token}");
    assert_eq!(gate.check(&headers(&[host, ("authorization", &bearer)]), None), Ok(Pass::Known));
    assert_eq!(gate.check(&headers(&[host, ("cookie", &cookie)]), None), Ok(Pass::Known));
    assert_eq!(gate.check(&headers(&[host]), Some(&token)), Ok(Pass::Address { is_led: false }));
    let mut wrong = token.clone();
    wrong.replace_range(63.., if token.ends_with('0') { "1" } else { "0" });
    let others_cookie = format!("pikos-7457={token}");
    for headers in [
        headers(&[host]),
        headers(&[host, ("authorization", &format!("Bearer {wrong}"))]),
        headers(&[host, ("authorization", &format!("Basic {token}"))]),
        headers(&[host, ("authorization", "Bearer ")]),
        headers(&[host, ("cookie", &others_cookie)]),
        headers(&[host, ("cookie", &format!("pikos-7456={}", &token[1..]))]),
    ] {
        assert_eq!(gate.check(&headers, Some(&wrong)), Err(Refusal::NoToken), "{headers:?}");
        assert_eq!(gate.check(&headers, None), Err(Refusal::NoToken), "{headers:?}");
    }
}

#[test]
fn another_sites_page_gets_nothing_even_with_the_cookie() {
    let gate = gate(None);
    let cookie = format!("pikos-7456={}", gate.token());
    let with = |more: &[(&'static str, &str)]| {
        let mut all = vec![("host", "127.0.0.1:7456"), ("cookie", cookie.as_str())];
        all.extend(more);
        gate.check(&headers(&all), None)
    };
    assert_eq!(
        with(&[("origin", "http://127.0.0.1:7456"), ("sec-fetch-site", "same-origin")]),
        Ok(Pass::Known)
    );
    assert_eq!(with(&[("sec-fetch-site", "none")]), Ok(Pass::Known));
    for origin in [
        "http://evil.example",
        "null",
        "https://127.0.0.1:7456",
        "http://127.0.0.1:3000",
        "http://localhost:7456",
        "http://127.0.0.1",
        "",
    ] {
        assert_eq!(with(&[("origin", origin)]), Err(Refusal::OtherSite), "{origin}");
    }
    for site in ["cross-site", "same-site", "", "None"] {
        assert_eq!(with(&[("sec-fetch-site", site)]), Err(Refusal::OtherSite), "{site}");
    }
    let twice = [("origin", "http://127.0.0.1:7456"), ("origin", "http://evil.example")];
    assert_eq!(with(&twice), Err(Refusal::OtherSite));
    assert_eq!(with(&[("host", "127.0.0.1:7456")]), Err(Refusal::NoHost));
}

#[test]
fn who_clicks_on_the_address_comes_in() {
    let gate = gate(None);
    let led = headers(&[
        ("host", "127.0.0.1:7456"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ]);
    assert_eq!(gate.check(&led, Some(gate.token())), Ok(Pass::Address { is_led: true }));
    assert_eq!(gate.check(&led, Some("guess")), Err(Refusal::OtherSite));
    assert_eq!(gate.check(&led, None), Err(Refusal::OtherSite));
    let fetched =
        headers(&[("host", "127.0.0.1:7456"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")]);
    assert_eq!(gate.check(&fetched, Some(gate.token())), Err(Refusal::OtherSite));
}

#[test]
fn what_a_browser_is_started_with_opens_the_door_once() {
    let gate = gate(None);
    let host = headers(&[("host", "127.0.0.1:7456")]);
    let once = gate.once();
    assert_ne!(once, gate.token());
    assert_eq!(gate.check(&host, Some("wrong")), Err(Refusal::NoToken));
    assert_eq!(gate.check(&host, Some(&once)), Ok(Pass::Address { is_led: false }));
    assert_eq!(gate.check(&host, Some(&once)), Err(Refusal::NoToken));
    assert_eq!(gate.check(&host, Some("")), Err(Refusal::NoToken));
    assert_eq!(gate.check(&host, Some(gate.token())), Ok(Pass::Address { is_led: false }));
}
