//! Which addresses a host's name stands for: asked now and then, not for every request.
//!
//! The engine asks before it looks for a kept-alive connection, so each request would cost a look-up in the system,
//! and a thread that waits for it. A name's addresses are good for [`GOOD_FOR`]; then, and after a failure, the
//! system is asked again.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long addresses are remembered.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// A resolver that remembers what the system answered.
#[derive(Debug)]
pub(super) struct Remembering<R = DefaultResolver> {
    system: R,
    known: Mutex<HashMap<(String, u16), Known>>,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    asked: Instant,
}

impl<R> Remembering<R> {
    /// Remembers what `system` answers.
    pub(super) fn new(system: R) -> Self {
        Self { system, known: Mutex::default() }
    }

    fn remembered(&self, name: &(String, u16)) -> Option<Vec<SocketAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|known| known.asked.elapsed() < GOOD_FOR).map(|known| known.addresses.clone())
    }
}

impl<R: Resolver> Resolver for Remembering<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let Some(name) = name(uri) else { return self.system.resolve(uri, config, timeout) };
        let written = name.0.trim_matches(['[', ']']).parse::<IpAddr>();
        let addresses = match written {
            Ok(address) => Some(vec![SocketAddr::new(address, name.1)]),
            Err(_) => self.remembered(&name),
        };
        if let Some(addresses) = addresses {
            let mut found = self.empty();
            addresses.into_iter().for_each(|address| found.push(address));
            return Ok(found);
        }
        // What fails here failed before there was a connection, and the engine does not tell.
        let found = self.system.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            other => other,
        })?;
        let known = Known { addresses: found.to_vec(), asked: Instant::now() };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name, known);
        Ok(found)
    }
}

/// The host and port that a request goes to; none for a scheme that has no port of its own.
fn name(uri: &Uri) -> Option<(String, u16)> {
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, Some("http")) => 80,
        (None, _) => return None,
    };
    Some((uri.host()?.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers with an address, unless it is asked for too often.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Resolver for Counting {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                return Err(ureq::Error::HostNotFound);
            }
            let mut found = self.empty();
            found.push(SocketAddr::from(([192, 0, 2, 1], 443)));
            Ok(found)
        }
    }

    fn ask(names: &Remembering<Counting>, uri: &str) -> Option<SocketAddr> {
        let timeout = NextTimeout::default();
        names.resolve(&uri.parse().unwrap(), &Config::default(), timeout).ok().map(|found| found[0])
    }

    #[test]
    fn a_name_is_asked_for_once_unless_it_was_not_found() {
        let names = Remembering::new(Counting::default());
        assert_eq!(ask(&names, "https://crm.example/a"), None);
        for path in ["a", "b", "c"] {
            let found = ask(&names, &format!("https://crm.example/{path}"));
            assert_eq!(found, Some(SocketAddr::from(([192, 0, 2, 1], 443))));
        }
        assert_eq!(names.system.0.load(Ordering::Relaxed), 2);
        ask(&names, "https://crm.example:8443/");
        assert_eq!(names.system.0.load(Ordering::Relaxed), 3, "another port is another name");
    }

    #[test]
    fn an_address_is_no_name() {
        let names = Remembering::new(Counting::default());
        assert_eq!(ask(&names, "http://127.0.0.1:81/"), Some(SocketAddr::from(([127, 0, 0, 1], 81))));
        assert_eq!(ask(&names, "http://[::1]/"), Some(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 80))));
        assert_eq!(names.system.0.load(Ordering::Relaxed), 0);
    }
}
