//! Profiles on social networks: from an address to the handle in it, and back.

use super::Problem;
use super::web;

/// What a profile becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `ada`.
    #[default]
    Handle,
    /// `https://x.com/ada`.
    Url,
}

/// How profiles are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Social {
    /// The form to write.
    pub form: Form,
    /// The network that a handle belongs to; an address says it by itself.
    pub network: Option<&'static Network>,
}

/// A network: where its profiles are, and how they are called.
#[derive(Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name in a mapping.
    pub name: &'static str,
    /// Hosts without `www.`, `m.` and the like; the first is the one written.
    hosts: &'static [&'static str],
    /// What stands before the handle of a person.
    before: &'static str,
    /// Other beginnings of a path that are kept as part of the handle: `company/acme`.
    kinds: &'static [&'static str],
    /// Further beginnings that say nothing and are left out.
    drop: &'static [&'static str],
}

/// The networks that are known.
pub const NETWORKS: [Network; 15] = [
    network("x", &["x.com", "twitter.com"], "", &[], &["@", "#!/"]),
    network("twitter", &["x.com", "twitter.com"], "", &[], &["@", "#!/"]),
    network("linkedin", &["linkedin.com"], "in/", &["company/", "school/", "showcase/", "pub/"], &[]),
    network("facebook", &["facebook.com", "fb.com", "fb.me"], "", &["groups/", "pages/", "people/"], &[]),
    network("instagram", &["instagram.com", "instagr.am"], "", &[], &["@"]),
    network("youtube", &["youtube.com"], "@", &["channel/", "c/", "user/"], &[]),
    network("tiktok", &["tiktok.com"], "@", &[], &[]),
    network("threads", &["threads.net", "threads.com"], "@", &[], &[]),
    network("github", &["github.com"], "", &[], &["@"]),
    network("telegram", &["t.me", "telegram.me"], "", &[], &["@", "s/"]),
    network("bluesky", &["bsky.app"], "profile/", &[], &["@"]),
    network("pinterest", &["pinterest.com"], "", &[], &["@"]),
    network("xing", &["xing.com"], "profile/", &["pages/", "companies/"], &[]),
    network("vk", &["vk.com"], "", &[], &["@"]),
    network("medium", &["medium.com"], "@", &[], &[]),
];

const fn network(
    name: &'static str,
    hosts: &'static [&'static str],
    before: &'static str,
    kinds: &'static [&'static str],
    drop: &'static [&'static str],
) -> Network {
    Network { name, hosts, before, kinds, drop }
}

impl Network {
    /// The network of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        NETWORKS.iter().find(|network| network.name == name)
    }
}

impl Social {
    /// Writes a profile given by its address or its handle.
    ///
    /// # Errors
    /// When the address is of no network that is known or of another than wanted, or names no profile; when a
    /// handle is to become an address and the network is not said.
    pub fn apply(self, text: &str) -> Result<String, Problem> {
        let text = text.trim();
        let (network, handle) = match web::parse(text, "https").filter(|_| text.contains(['/', '.'])) {
            Some(url) => match of_url(&url) {
                Some((network, handle)) => (Some(network), handle),
                // `ada.byron` is a handle on several networks, and a host as well.
                None if !text.contains('/') && self.network.is_some() => (self.network, bare(text)),
                None => return Err(Problem::new("is no profile on a network that is known").hint(known())),
            },
            None => (self.network, bare(text)),
        };
        let same = |a: &Network, b: &Network| a.hosts == b.hosts;
        if let (Some(wanted), Some(found)) = (self.network, network)
            && !same(wanted, found)
        {
            return Err(Problem::new(format!("is a profile on {}, not on {}", found.name, wanted.name)));
        }
        let valid = !handle.is_empty()
            && handle.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '%'));
        if !valid {
            return Err(Problem::new("names no profile"));
        }
        match (self.form, network) {
            (Form::Handle, _) => Ok(handle),
            (Form::Url, Some(network)) => {
                let kind = network.kinds.iter().any(|kind| handle.starts_with(kind));
                let before = if kind { "" } else { network.before };
                let www = if network.hosts[0] == "linkedin.com" { "www." } else { "" };
                Ok(format!("https://{www}{}/{before}{handle}", network.hosts[0]))
            }
            (Form::Url, None) => Err(Problem::new("is a handle, and its network is not said")
                .hint("such as `social = { to = \"url\", network = \"linkedin\" }`")),
        }
    }
}

fn known() -> String {
    let names: Vec<_> = NETWORKS.iter().map(|network| network.name).collect();
    format!("known are {}", names.join(", "))
}

/// A handle as people write it, without the `@` before it.
fn bare(text: &str) -> String {
    text.trim_start_matches('@').trim_end_matches('/').to_owned()
}

fn of_url(url: &url::Url) -> Option<(&'static Network, String)> {
    let host = url.host_str()?;
    let below =
        |known: &str| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let network = NETWORKS.iter().find(|network| network.hosts.iter().any(|known| below(known)))?;
    // Facebook's profiles without a name.
    if url.path() == "/profile.php" {
        let id = url.query_pairs().find(|(key, _)| key == "id").map(|(_, id)| id.into_owned());
        return Some((network, id.unwrap_or_default()));
    }
    let fragment = url.fragment().filter(|fragment| fragment.starts_with("!/"));
    let path = fragment.map_or(url.path(), |fragment| &fragment[1..]).trim_start_matches('/');
    let rest = network.drop.iter().fold(path, |path, start| path.strip_prefix(start).unwrap_or(path));
    let kind = network.kinds.iter().find(|kind| rest.starts_with(**kind)).copied().unwrap_or("");
    let rest = &rest[kind.len()..];
    let rest = if kind.is_empty() { rest.strip_prefix(network.before).unwrap_or(rest) } else { rest };
    let name = rest.split('/').next().unwrap_or_default().trim_start_matches('@');
    let name = web::decode(name, false).unwrap_or_else(|_| name.to_owned());
    Some((network, if name.is_empty() { name } else { format!("{kind}{name}") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_in_addresses_and_written_as_such() {
        let cases = [
            ("https://twitter.com/ada", "ada", "https://x.com/ada"),
            ("http://www.twitter.com/#!/ada", "ada", "https://x.com/ada"),
            ("x.com/ada/status/1", "ada", "https://x.com/ada"),
            ("https://uk.linkedin.com/in/ada-byron/", "ada-byron", "https://www.linkedin.com/in/ada-byron"),
            ("linkedin.com/company/acme", "company/acme", "https://www.linkedin.com/company/acme"),
            ("https://m.facebook.com/ada.byron?ref=x", "ada.byron", "https://facebook.com/ada.byron"),
            ("https://www.facebook.com/profile.php?id=12", "12", "https://facebook.com/12"),
            ("instagram.com/ada_b", "ada_b", "https://instagram.com/ada_b"),
            ("https://youtube.com/@ada", "ada", "https://youtube.com/@ada"),
            ("https://www.youtube.com/channel/UC1", "channel/UC1", "https://youtube.com/channel/UC1"),
            (
                "https://bsky.app/profile/ada.example.org",
                "ada.example.org",
                "https://bsky.app/profile/ada.example.org",
            ),
        ];
        for (text, handle, url) in cases {
            let to = |form| Social { form, network: None }.apply(text);
            assert_eq!(to(Form::Handle).as_deref(), Ok(handle), "{text}");
            assert_eq!(to(Form::Url).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn a_handle_needs_its_network_to_become_an_address() {
        let to = |network: &str, form| Social { form, network: Network::named(network) };
        assert_eq!(to("twitter", Form::Url).apply("@ada").as_deref(), Ok("https://x.com/ada"));
        assert_eq!(to("linkedin", Form::Url).apply("ada").as_deref(), Ok("https://www.linkedin.com/in/ada"));
        assert_eq!(to("instagram", Form::Handle).apply("ada.byron").as_deref(), Ok("ada.byron"));
        assert_eq!(to("x", Form::Handle).apply("https://twitter.com/ada").as_deref(), Ok("ada"));
        assert!(to("", Form::Url).apply("ada").is_err());
        for text in ["https://github.com/ada", "https://example.org/ada", "https://x.com/", "ada byron", ""] {
            assert!(to("x", Form::Handle).apply(text).is_err(), "{text}");
        }
    }
}
