use super::super::RedirectKind::{CustomScheme, Https, Loopback};
use super::super::RedirectRefusal as R;
use super::super::redirect::{custom_redirect_uri, find_match, sound};
use super::super::{RedirectRefusal, RedirectRules};

#[test]
fn loopback_matches_any_port_and_all_else_exactly() {
    let registered = [
        "http://localhost/callback",
        "http://127.0.0.1:33418/",
        "http://[::1]:1/cb?flow=a",
        "https://claude.ai/api/mcp/auth_callback",
        "https://localhost:8443/cb",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ]
    .map(str::to_owned);
    let matched = |asked: &str| find_match(&registered, asked).map(|matched| matched.kind);

    for (asked, kind) in [
        ("http://localhost/callback", Loopback),
        ("http://localhost:1/callback", Loopback),
        ("http://localhost:65535/callback", Loopback),
        ("http://127.0.0.1:33418/", Loopback),
        ("http://127.0.0.1:50000/", Loopback),
        ("http://127.0.0.1/", Loopback),
        ("http://[::1]:9/cb?flow=a", Loopback),
        ("https://claude.ai/api/mcp/auth_callback", Https),
        ("https://localhost:8443/cb", Https),
        ("cursor://anysphere.cursor-mcp/oauth/callback", CustomScheme),
    ] {
        assert_eq!(matched(asked), Ok(kind), "{asked}");
    }

    for asked in [
        "http://localhost:1/callback/",
        "http://localhost:1/other",
        "http://localhost:1/callback?x=1",
        "http://localhost:1/Callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:1",
        "http://[::1]:9/cb",
        "http://[::1]:9/cb?flow=b",
        "https://localhost:8444/cb",
        "https://claude.ai/api/mcp/auth_callback/",
        "https://claude.ai/api/mcp/auth_callback?x=1",
        "https://claude.ai:443/api/mcp/auth_callback",
        "https://CLAUDE.ai/api/mcp/auth_callback",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
        "https://evil.example/?https://claude.ai/api/mcp/auth_callback",
        "cursor://anysphere.cursor-mcp/oauth/callback?x=1",
        "cursor://anysphere.cursor-mcp/oauth/callbacks",
    ] {
        assert_eq!(
            matched(asked),
            Err(RedirectRefusal::NotRegistered),
            "{asked}"
        );
    }
}

#[test]
fn what_a_loopback_address_is_cannot_be_disputed() {
    let registered = ["http://localhost/callback".to_owned()];
    for asked in [
        "http://localhost.evil.example/callback",
        "http://localhost:80@evil.example/callback",
        "http://localhost@evil.example/callback",
        "http://localhost:/callback",
        "http://localhost:99999/callback",
        "http://localhost:-1/callback",
        "http://localhost:+1/callback",
        "http://localhost:1\\@evil.example/callback",
        "http://localhost:1/callback#fragment",
        "http://localhost:1/x/../callback",
        "http://localhost:1/x/%2e%2e/callback",
        "http://localhost:1/callback\n",
        " http://localhost:1/callback",
        "http:///localhost/callback",
        "http:localhost/callback",
        "HTTP://localhost/callback",
        "http://127.1/callback",
        "http://0x7f.0.0.1/callback",
        "http://[::ffff:127.0.0.1]/callback",
        "//localhost/callback",
        "",
    ] {
        assert!(find_match(&registered, asked).is_err(), "{asked:?}");
    }
}

#[test]
fn what_may_not_be_registered_is_refused_with_its_reason() {
    let rules = RedirectRules::new([]);
    let long = format!("https://client.example/{}", "x".repeat(2048));
    for (uri, reason) in [
        ("javascript:alert(1)", R::DangerousScheme),
        ("JavaScript:alert(1)", R::DangerousScheme),
        ("data:text/html,hello", R::DangerousScheme),
        ("vbscript:x", R::DangerousScheme),
        ("file:///etc/passwd", R::DangerousScheme),
        ("blob:https://x/1", R::DangerousScheme),
        ("about:blank", R::DangerousScheme),
        ("https://client.example/cb#x", R::Fragment),
        ("https://client.example/cb#", R::Fragment),
        ("https://user@client.example/cb", R::UserInformation),
        ("https://user:word@client.example/cb", R::UserInformation),
        ("https://@client.example/cb", R::UserInformation),
        ("https://*.client.example/cb", R::Malformed),
        ("https://client.example/*", R::Malformed),
        ("https://client.example/a b", R::Malformed),
        ("https://client.example\\cb", R::Malformed),
        ("https://клиент.example/cb", R::Malformed),
        ("https:client.example/cb", R::Malformed),
        ("https:/consent?x=1", R::Malformed),
        ("/callback", R::Malformed),
        ("", R::Malformed),
        ("https://client.example/a/../cb", R::DotSegment),
        ("https://client.example/a/%2E%2e/cb", R::DotSegment),
        ("https://client.example/./cb", R::DotSegment),
        ("http://client.example/cb", R::PlainHttp),
        ("http://127.0.0.2/cb", R::PlainHttp),
        ("http://192.168.0.1/cb", R::PlainHttp),
        (
            "vscode://vscode.github-authentication/did-authenticate",
            R::UnknownCustomScheme,
        ),
        ("com.example.app:/callback", R::UnknownCustomScheme),
        (
            "cursor://anysphere.cursor-mcp/oauth/other",
            R::UnknownCustomScheme,
        ),
        (long.as_str(), R::TooLong),
    ] {
        assert_eq!(rules.check(uri), Err(reason), "{uri}");
    }
}

#[test]
fn custom_schemes_are_taken_exactly_as_listed() {
    let rules = RedirectRules::new(["com.example.app:/callback".to_owned()]);
    for uri in [
        "com.example.app:/callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ] {
        assert_eq!(rules.check(uri), Ok(CustomScheme), "{uri}");
    }
    assert!(rules.check("com.example.app:/callback2").is_err());
    assert_eq!(custom_redirect_uri("com.example.app:/callback"), Ok(()));
    assert_eq!(
        custom_redirect_uri("https://client.example/"),
        Err(RedirectRefusal::NotCustom)
    );
    assert_eq!(
        custom_redirect_uri("javascript:alert(1)"),
        Err(RedirectRefusal::DangerousScheme)
    );
}

#[test]
fn a_dot_in_the_query_is_nothing_special() {
    assert_eq!(sound("https://client.example/cb?next=/a/../b"), Ok(Https));
}
