//! Values that stand for others, so that data can be shared: the same value and key always give the same, and
//! nobody without the key can tell which value it was.
//!
//! Both are HMAC-SHA256 of the value. A hash is its hexadecimal text; a mask keeps the format: digits stay
//! digits, letters letters of the same case, everything else stays. A mail address gets a domain below
//! `.example`, which no mail ever reaches. A mask of few letters may meet another's; a hash of 16 does not.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The fewest characters of a key; fewer could be guessed.
pub const SHORTEST_KEY: usize = 16;

/// A secret key, which has no way to be printed.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// The key of a text; `None` where it is too short.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let long = secret.chars().count() >= SHORTEST_KEY;
        long.then(|| Hmac::new_from_slice(secret.as_bytes()).ok().map(Self)).flatten()
    }

    fn digest(&self, text: &str, counter: u32) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(&counter.to_be_bytes());
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The first `length` hexadecimal digits, 64 at most, of the value's hash.
    #[must_use]
    pub fn hash(&self, text: &str, length: usize) -> String {
        let mut made: String = self.digest(text, 0).iter().map(|byte| format!("{byte:02x}")).collect();
        made.truncate(length);
        made
    }

    /// The value with other letters and digits in the places of its own.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let mut stream = Stream { key: self, text, counter: 0, block: [0; 32], used: 32 };
        match text.rsplit_once('@') {
            Some((local, domain)) if !local.is_empty() && domain.contains('.') && !domain.contains(' ') => {
                let name = domain.rsplit_once('.').map_or(domain, |(name, _)| name);
                format!("{}@{}.example", stream.masked(local), stream.masked(name))
            }
            _ => stream.masked(text),
        }
    }
}

/// The bytes that choose what stands in for each letter of one value.
struct Stream<'a> {
    key: &'a Key,
    text: &'a str,
    counter: u32,
    block: [u8; 32],
    used: usize,
}

impl Stream<'_> {
    fn masked(&mut self, text: &str) -> String {
        text.chars().map(|c| self.instead(c)).collect()
    }

    fn instead(&mut self, c: char) -> char {
        let alphabet: (char, u32) = match c {
            '0'..='9' => ('0', 10),
            'а'..='я' | 'ё' | 'і' | 'ї' | 'є' | 'ґ' => ('а', 32),
            'А'..='Я' | 'Ё' | 'І' | 'Ї' | 'Є' | 'Ґ' => ('А', 32),
            c if c.is_lowercase() => ('a', 26),
            c if c.is_uppercase() => ('A', 26),
            c if c.is_numeric() => ('0', 10),
            c if c.is_alphabetic() => ('a', 26),
            c => return c,
        };
        let (first, size) = alphabet;
        char::from_u32(u32::from(first) + self.below(size)).unwrap_or(first)
    }

    /// A number below `size`, each as likely as another.
    fn below(&mut self, size: u32) -> u32 {
        let fair = 256 / size * size;
        loop {
            if self.used == self.block.len() {
                self.counter += 1;
                (self.block, self.used) = (self.key.digest(self.text, self.counter), 0);
            }
            let byte = u32::from(self.block[self.used]);
            self.used += 1;
            if byte < fair {
                return byte % size;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::new("correct horse battery staple").unwrap()
    }

    #[test]
    fn the_same_value_and_key_give_the_same() {
        let other = Key::new("another horse battery staple").unwrap();
        assert_eq!(key().mask("Ada Byron"), key().mask("Ada Byron"));
        assert_ne!(key().mask("Ada Byron"), other.mask("Ada Byron"));
        assert_ne!(key().hash("Ada", 64), key().hash("ada", 64));
        assert_eq!(key().hash("Ada", 16).len(), 16);
        assert!(Key::new("short").is_none());
        assert!(!format!("{:?}", key()).contains("horse"));
    }

    #[test]
    fn mail_addresses_lead_nowhere() {
        let masked = key().mask("ada.byron@mail.example.org");
        assert!(masked.ends_with(".example") && masked.contains('@') && !masked.contains("ada"), "{masked}");
    }

    proptest! {
        #[test]
        fn a_mask_keeps_the_format(text in "[a-zA-Z0-9 +().,'-]{0,40}") {
            let kind = |c: char| match c {
                c if c.is_ascii_digit() => '0',
                c if c.is_ascii_lowercase() => 'a',
                c if c.is_ascii_uppercase() => 'A',
                c => c,
            };
            let shape = |text: &str| text.chars().map(kind).collect::<String>();
            prop_assert_eq!(shape(&key().mask(&text)), shape(&text));
        }
    }
}
