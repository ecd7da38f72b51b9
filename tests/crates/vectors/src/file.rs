//! The form of the file is described in tests/os/vectors.ts.

pub struct Part<'a> {
    records: &'a [u8],
    names: &'a [u8],
    pub policy: &'a [u8],
    pub manifest: &'a [u8],
    pub seed: [u32; 4],
}

pub struct Record<'a> {
    pub op: u32,
    pub arguments: [u32; 8],
    pub name: Option<&'a [u8]>,
    /// Verdict, reason, code, rule and listener.
    pub due: [u32; 5],
}

fn word(bytes: &[u8], index: usize) -> u32 {
    let at = 4 * index;
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub fn part(file: &[u8], number: u32) -> Part<'_> {
    assert!(word(file, 0) == 0x5647_4e49 && number < word(file, 1));
    let all = &file[word(file, 2 + 2 * number as usize) as usize..];
    let size = |index: usize| word(all, index) as usize;
    let rounded = |bytes: usize| (bytes + 3) & !3;
    let records = 32;
    let names = records + 64 * size(0);
    let policy = names + rounded(size(1));
    let manifest = policy + rounded(size(2));
    Part {
        records: &all[records..names],
        names: &all[names..names + size(1)],
        policy: &all[policy..policy + size(2)],
        manifest: &all[manifest..manifest + size(3)],
        seed: [word(all, 4), word(all, 5), word(all, 6), word(all, 7)],
    }
}

impl<'a> Part<'a> {
    pub fn count(&self) -> usize {
        self.records.len() / 64
    }

    pub fn record(&self, index: usize) -> Record<'a> {
        let bytes = &self.records[64 * index..64 * (index + 1)];
        let at = word(bytes, 9) as usize;
        Record {
            op: word(bytes, 0),
            arguments: core::array::from_fn(|i| word(bytes, 1 + i)),
            name: match word(bytes, 10) {
                u32::MAX => None,
                length => Some(&self.names[at..at + length as usize]),
            },
            due: core::array::from_fn(|i| word(bytes, 11 + i)),
        }
    }
}
