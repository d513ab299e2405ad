//! Boxes that the readers of `mux` pass over: those of encryption. Nothing here trusts a length.

/// A box: its kind, where it begins, and what it holds from `start` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) kind: [u8; 4],
    pub(super) at: usize,
    pub(super) start: usize,
    pub(super) body: &'a [u8],
}

impl<'a> Found<'a> {
    /// The boxes inside, behind the first `skip` bytes.
    pub(super) fn boxes(&self, skip: usize) -> impl Iterator<Item = Found<'a>> + use<'a> {
        boxes(self.body.get(skip..).unwrap_or_default(), self.start.saturating_add(skip))
    }

    /// The first box inside of this kind.
    pub(super) fn first(&self, kind: &[u8; 4]) -> Option<Found<'a>> {
        self.boxes(0).find(|found| &found.kind == kind)
    }

    pub(super) fn fields(&self) -> Fields<'a> {
        Fields { rest: self.body }
    }
}

/// The boxes of `bytes`, the first of which is byte `at` of all; they end where one is broken.
pub(super) fn boxes<'a>(mut bytes: &'a [u8], mut at: usize) -> impl Iterator<Item = Found<'a>> + use<'a> {
    std::iter::from_fn(move || {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (size, header) = match u32::from_be_bytes(*size) {
            0 => (bytes.len(), 8),
            1 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 16),
            size => (size as usize, 8),
        };
        let (whole, after) = bytes.split_at_checked(size)?;
        let found = Found { kind: *kind, at, start: at + header, body: whole.get(header..)? };
        (bytes, at) = (after, at + size);
        Some(found)
    })
}

/// Fields, read one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.bytes(2)?.first_chunk()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.bytes(4)?.first_chunk()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(*self.bytes(8)?.first_chunk()?))
    }

    /// Version and flags of a full box.
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some(((word >> 24) as u8, word & 0xff_ffff))
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }
}
