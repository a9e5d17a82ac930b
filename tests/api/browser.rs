//! A browser without a screen: it keeps its cookie, fills forms, and follows nothing by itself.

use reqwest::Method;
use reqwest::header::{COOKIE, HeaderMap};

use crate::harness::{Answer, Call, Platform, operator};
use offboard::domain::passwords::Password;
use offboard::model::id::UserId;

/// A password that is good enough.
pub const PASSWORD: &str = "correct horse battery";

/// What a browser sends with a form of our own page.
pub const OWN_PAGE: [(&str, &str); 2] = [("sec-fetch-site", "same-origin"), ("origin", "http://localhost")];

pub struct Browser<'p> {
    pub platform: &'p Platform,
    /// `name=value`, as it is sent back.
    pub cookie: Option<String>,
}

impl<'p> Browser<'p> {
    pub fn new(platform: &'p Platform) -> Self {
        Self { platform, cookie: None }
    }

    /// Somebody who has just signed in.
    pub async fn signed_in(platform: &'p Platform, email: &str) -> Self {
        let mut browser = Self::new(platform);
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{answer:?}");
        browser
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("email", email), ("password", password)]).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, Some(fields), &OWN_PAGE).await
    }

    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        fields: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let answer = self.call(method, path, fields, headers).send().await;
        if let Some(cookie) = set_cookie(&answer.headers) {
            self.cookie = Some(cookie).filter(|cookie| !cookie.ends_with('='));
        }
        answer
    }

    pub fn call(&self, method: Method, path: &str, fields: Option<&[(&str, &str)]>, headers: &[(&str, &str)]) -> Call {
        let mut call = self.platform.call(method, path);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        if let Some(cookie) = &self.cookie {
            call = call.header(COOKIE.as_str(), cookie);
        }
        match fields {
            None => call,
            Some(fields) => {
                let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                call.header("content-type", "application/x-www-form-urlencoded").body(form)
            }
        }
    }

    /// Whether the session opens anything: a page and our API say the same.
    pub async fn is_let_in(&mut self) -> bool {
        let cookie = self.cookie.clone();
        let (page, api) = (self.get("/settings/sessions").await, self.get("/api/v1/me").await);
        self.cookie = cookie;
        match (page.status.as_u16(), api.status.as_u16()) {
            (200, 200) => true,
            (303, 401) => {
                assert!(page.header("location").starts_with("/sign-in"), "{page:?}");
                false
            }
            other => panic!("page and API differ: {other:?}"),
        }
    }
}

fn set_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies: Vec<&str> = headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cookies.len() <= 1, "{cookies:?}");
    cookies.first().map(|cookie| cookie.split(';').next().unwrap().to_owned())
}

impl Platform {
    /// Gives somebody the password that [`Browser::signed_in`] uses.
    pub async fn with_password(&self, user: UserId) {
        self.directory.set_password(&operator(), user, Password::new(PASSWORD.to_owned())).await.unwrap();
    }
}

impl Answer {
    /// Asserts that a form was taken, and gives where the browser is sent on to.
    pub fn sent_on(&self) -> &str {
        assert_eq!(self.status, 303, "{self:?}");
        self.header("location")
    }

    /// Asserts that the page is for who has signed in, and sends others to sign in.
    pub fn asks_to_sign_in(&self) {
        assert!(self.sent_on().starts_with("/sign-in"), "{self:?}");
    }

    /// The first attribute value after this text in the page, unescaped as far as addresses need it.
    pub fn value_after(&self, mark: &str) -> String {
        let rest = self.body.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {}", self.body)).1;
        rest.split(['"', '<', '&']).next().unwrap().to_owned()
    }
}
