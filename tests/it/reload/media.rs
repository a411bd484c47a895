//! The times in fragments of one track.

/// When a fragment begins and how long it lasts, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub begins: u64,
    pub lasts: u64,
}

/// The boxes that `data` is made of, by their types.
fn boxes(mut data: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let size = number(data, 0) as usize;
        assert!(
            size >= 8 && size <= data.len(),
            "a box of {size} bytes in {}",
            data.len()
        );
        let (whole, rest) = data.split_at(size);
        found.push((&whole[4..8], &whole[8..]));
        data = rest;
    }
    found
}

fn only<'a>(data: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let mut found = boxes(data).into_iter().filter(|(known, _)| known == kind);
    let (Some((_, body)), None) = (found.next(), found.next()) else {
        panic!("one {} is expected", String::from_utf8_lossy(kind));
    };
    body
}

fn number(data: &[u8], at: usize) -> u32 {
    let bytes = data[at..at + 4].try_into().expect("four bytes");
    u32::from_be_bytes(bytes)
}

/// Each fragment of a segment or part.
pub fn spans(data: &[u8]) -> Vec<Span> {
    let all = boxes(data);
    let fragments = all.iter().filter(|(kind, _)| kind == b"moof");
    fragments
        .map(|(_, moof)| span(only(moof, b"traf")))
        .collect()
}

/// Of one track fragment (ISO/IEC 14496-12, 8.8.7, 8.8.8 and 8.8.12).
fn span(traf: &[u8]) -> Span {
    let (tfhd, tfdt, trun) = (
        only(traf, b"tfhd"),
        only(traf, b"tfdt"),
        only(traf, b"trun"),
    );
    let begins = match tfdt[0] {
        0 => number(tfdt, 4).into(),
        _ => u64::from(number(tfdt, 4)) << 32 | u64::from(number(tfdt, 8)),
    };
    let flags = number(trun, 0);
    let samples = number(trun, 4);
    let first = 8 + [0x1, 0x4].iter().filter(|flag| flags & **flag != 0).count() * 4;
    let fields = [0x100, 0x200, 0x400, 0x800];
    let width = fields.iter().filter(|flag| flags & **flag != 0).count() * 4;
    let lasts = match flags & 0x100 {
        0 => u64::from(default_duration(tfhd)) * u64::from(samples),
        _ => (0..samples as usize)
            .map(|index| u64::from(number(trun, first + index * width)))
            .sum(),
    };
    Span { begins, lasts }
}

fn default_duration(tfhd: &[u8]) -> u32 {
    let flags = number(tfhd, 0);
    assert!(flags & 0x8 != 0, "no sample says how long it is");
    let before = 8 * usize::from(flags & 0x1 != 0) + 4 * usize::from(flags & 0x2 != 0);
    number(tfhd, 8 + before)
}
