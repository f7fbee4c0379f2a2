//! The block format of LZ4, of which a program that only unpacks needs a few lines. Recordings repeat themselves: they
//! become a sixteenth of their size.

/// More than this is no demo.
const LONGEST: usize = 16 << 20;

/// The bytes that were packed; `None` if they were not packed so.
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut input = packed.iter().copied();
    let mut out: Vec<u8> = Vec::new();
    loop {
        // Two counts: of bytes that follow as they are, and of bytes to repeat.
        let token = usize::from(input.next()?);
        for _ in 0..count(token >> 4, &mut input)? {
            out.push(input.next()?);
        }
        // The last sequence has nothing to repeat.
        let Some(low) = input.next() else { return Some(out) };
        let back = usize::from(low) | usize::from(input.next()?) << 8;
        let length = count(token & 15, &mut input)?.checked_add(4)?;
        let start = out.len().checked_sub(back)?;
        if out.len().checked_add(length)? > LONGEST {
            return None;
        }
        // What is repeated may be what was just written.
        for at in start..start + length {
            out.push(*out.get(at)?);
        }
    }
}

/// A count of 15 goes on in the bytes that follow, up to the first that is not 255.
fn count(first: usize, input: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut count = first;
    if first == 15 {
        loop {
            let more = input.next()?;
            count = count.checked_add(usize::from(more))?;
            if more != 255 {
                break;
            }
        }
    }
    Some(count)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn put_count(count: usize, out: &mut Vec<u8>) {
        if let Some(mut rest) = count.checked_sub(15) {
            while rest >= 255 {
                out.push(255);
                rest -= 255;
            }
            out.push(u8::try_from(rest).unwrap());
        }
    }

    fn put(literals: &[u8], repeat: Option<(usize, usize)>, out: &mut Vec<u8>) {
        let nibble = |count: usize| u8::try_from(count.min(15)).unwrap();
        let repeated = repeat.map_or(0, |(_, length)| length - 4);
        out.push(nibble(literals.len()) << 4 | nibble(repeated));
        put_count(literals.len(), out);
        out.extend(literals);
        if let Some((back, _)) = repeat {
            out.extend(u16::try_from(back).unwrap().to_le_bytes());
            put_count(repeated, out);
        }
    }

    /// Packs with the longest of the latest repetitions at each place.
    pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut seen: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        let (mut out, mut done, mut at) = (Vec::new(), 0, 0);
        // As LZ4 has it, the last repetition begins 12 bytes before the end at the latest and leaves 5.
        let end = bytes.len().saturating_sub(12);
        while at < end {
            let room = bytes.len() - 5 - at;
            let length = |from: usize| (0..room).take_while(|i| bytes[from + i] == bytes[at + i]).count();
            let earlier = seen.get(&bytes[at..at + 4]).into_iter().flatten().rev().take(128);
            let best = earlier.filter(|from| at - **from <= 65535).map(|from| (length(*from), *from)).max();
            let step = match best.filter(|(length, _)| *length >= 4) {
                Some((length, from)) => {
                    put(&bytes[done..at], Some((at - from, length)), &mut out);
                    done = at + length;
                    length
                }
                None => 1,
            };
            for passed in at..at + step {
                seen.entry(&bytes[passed..passed + 4]).or_default().push(passed);
            }
            at += step;
        }
        put(&bytes[done..], None, &mut out);
        out
    }

    #[test]
    fn what_was_packed_comes_back() {
        let repeated = b"{\"kind\":\"Pod\"},".repeat(5000);
        let mixed: Vec<u8> = (0..3000_u32).flat_map(|n| format!("{}-{n}", n % 7).into_bytes()).collect();
        for bytes in [&b""[..], b"a", b"abcabcabcabcabcabcabc", &[7; 300], &repeated, &mixed] {
            let packed = pack(bytes);
            assert_eq!(unpack(&packed).as_deref(), Some(bytes));
        }
        assert!(pack(&repeated).len() < 400);
    }

    #[test]
    fn the_format_is_that_of_lz4() {
        // Made with the program `lz4` 1.10: the block within its frame.
        assert_eq!(unpack(b"\x13a\x01\x00\x50aaaaa").as_deref(), Some(&b"aaaaaaaaaaaaa"[..]));
        assert_eq!(unpack(b"\x10a").as_deref(), Some(&b"a"[..]));
    }

    #[test]
    fn what_is_no_packed_text_is_refused() {
        for broken in [&b""[..], b"\x20a", b"\x10a\x02\x00", b"\x10a\x01", b"\xf0\xff", b"\x1fa\x01\x00\xff"]
        {
            assert_eq!(unpack(broken), None, "{broken:?}");
        }
    }
}
