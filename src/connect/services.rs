//! The services that Ferry speaks, and what their connections can be told.

use crate::config::Service;

/// All of them. A service's name is also that of a connection that is there without any configuration.
pub const SERVICES: &[Service] = &[
    Service {
        name: "nimble",
        url: "https://app.nimble.com/api/v1",
        keys: &[
            "token",
            "client_id",
            "client_secret",
            "refresh_token",
            "redirect_uri",
            "oauth_authorize_url",
            "oauth_token_url",
        ],
    },
    Service { name: "nethunt", url: "https://nethunt.com/api/v1/zapier", keys: &["email", "key"] },
];
