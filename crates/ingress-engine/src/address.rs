//! What a request is about: addresses, protocols, services and listeners.
use core::fmt;

/// An IPv4 or IPv6 address, in the engine's one form of sixteen bytes. `::ffff:a.b.c.d` is the IPv4 address `a.b.c.d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address([u32; 4]);

impl Address {
    /// The IPv4 address of four bytes, most significant first.
    pub const fn v4(bytes: [u8; 4]) -> Address {
        Address([0, 0, 0xffff, u32::from_be_bytes(bytes)])
    }

    /// The IPv6 address of sixteen bytes, most significant first.
    pub const fn v6(b: [u8; 16]) -> Address {
        Address([
            u32::from_be_bytes([b[0], b[1], b[2], b[3]]),
            u32::from_be_bytes([b[4], b[5], b[6], b[7]]),
            u32::from_be_bytes([b[8], b[9], b[10], b[11]]),
            u32::from_be_bytes([b[12], b[13], b[14], b[15]]),
        ])
    }

    /// The address of four words, most significant first.
    pub const fn from_words(words: [u32; 4]) -> Address {
        Address(words)
    }

    /// Its four words, most significant first.
    pub const fn words(self) -> [u32; 4] {
        self.0
    }
}

/// A protocol of the transport layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// IANA's number.
    pub const fn number(self) -> u32 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        }
    }
}

/// A service, by the identity that the kernel has of it. Never make one of bytes that the service sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject(u64);

impl Subject {
    /// The service of this name, as the policy writes it.
    pub const fn of(name: &str) -> Subject {
        // FNV-1a-64, http://www.isthe.com/chongo/tech/comp/fnv/
        let bytes = name.as_bytes();
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x100_0000_01b3);
            i += 1;
        }
        Subject(hash)
    }

    /// The service whose name has this FNV-1a-64, where the kernel has no more than that.
    pub const fn from_hash(hash: u64) -> Subject {
        Subject(hash)
    }

    /// FNV-1a-64 of its name.
    pub const fn hash(self) -> u64 {
        self.0
    }
}

/// The number of a listener of the policy, or of the group of listeners that share a port.
/// Of a number that the policy does not have, every answer is a deny (`bad_listener`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener(u32);

impl Listener {
    /// The listener with this number, for example one that a connection's record has.
    pub const fn from_number(number: u32) -> Listener {
        Listener(number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_engines_form() {
        assert_eq!(Address::v4([198, 51, 100, 7]).words(), [0, 0, 0xffff, 0xc633_6407]);
        let mut mapped = [0; 16];
        mapped[10..].copy_from_slice(&[0xff, 0xff, 198, 51, 100, 7]);
        assert_eq!(Address::v6(mapped), Address::v4([198, 51, 100, 7]));
        let bytes = [0x20, 1, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        assert_eq!(Address::v6(bytes).words(), [0x2001_0db8, 0x0102_0304, 0x0506_0708, 0x090a_0b0c]);
        assert_ne!(Address::v6(bytes), Address::v6([0; 16]));
    }

    #[test]
    fn a_subject_is_the_hash_of_its_name() {
        // Of the authors' test vectors.
        for (name, hash) in [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] {
            assert_eq!(Subject::of(name).hash(), hash);
        }
        assert_eq!(Subject::of("ingressd"), Subject::from_hash(0xbf71_cd04_b2ec_8134));
        assert_ne!(Subject::of("ingressd"), Subject::of("Ingressd"));
    }
}
