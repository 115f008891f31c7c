//! The pixel formats that viewers can request.

/// A color with 8 bits each of red, green and blue.
pub(crate) type Color = [u8; 3];

/// A true-color pixel format: RFC 6143, section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PixelFormat {
    bytes_per_pixel: usize,
    big_endian: bool,
    /// Red, green and blue.
    channels: [Channel; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Channel {
    max: u16,
    shift: u8,
}

impl PixelFormat {
    /// The format that the server announces: 32 bits as `0x00RRGGBB`, little-endian.
    pub(crate) const NATIVE: Self = Self {
        bytes_per_pixel: 4,
        big_endian: false,
        channels: [
            Channel {
                max: 255,
                shift: 16,
            },
            Channel { max: 255, shift: 8 },
            Channel { max: 255, shift: 0 },
        ],
    };

    /// Parses the format that a viewer requests; `None` for color maps and invalid channels.
    pub(crate) fn from_wire(wire: &[u8; 16]) -> Option<Self> {
        let &[
            bits,
            _depth,
            big_endian,
            true_color,
            r0,
            r1,
            g0,
            g1,
            b0,
            b1,
            r,
            g,
            b,
            ..,
        ] = wire;
        let channel = |max: [u8; 2], shift| Channel {
            max: u16::from_be_bytes(max),
            shift,
        };
        let channels = [
            channel([r0, r1], r),
            channel([g0, g1], g),
            channel([b0, b1], b),
        ];

        let valid = true_color != 0
            && matches!(bits, 8 | 16 | 32)
            && channels.iter().all(|channel| channel.fits(bits));
        valid.then_some(Self {
            bytes_per_pixel: usize::from(bits / 8),
            big_endian: big_endian != 0,
            channels,
        })
    }

    /// Encodes the format for the server's announcement.
    pub(crate) fn to_wire(self) -> [u8; 16] {
        let bits = u8::try_from(self.bytes_per_pixel * 8).expect("a pixel has at most 32 bits");
        let depth = self
            .channels
            .iter()
            .map(|channel| channel.max.count_ones())
            .sum::<u32>();
        let depth = u8::try_from(depth).expect("three channels have at most 48 bits");
        let [[r0, r1], [g0, g1], [b0, b1]] = self.channels.map(|channel| channel.max.to_be_bytes());
        let [r, g, b] = self.channels.map(|channel| channel.shift);
        [
            bits,
            depth,
            self.big_endian.into(),
            1,
            r0,
            r1,
            g0,
            g1,
            b0,
            b1,
            r,
            g,
            b,
            0,
            0,
            0,
        ]
    }

    /// Encodes one pixel.
    pub(crate) fn pixel(self, color: Color) -> Pixel {
        let value = self
            .channels
            .iter()
            .zip(color)
            .map(|(channel, level)| {
                (u32::from(level) * u32::from(channel.max) / 255) << channel.shift
            })
            .sum::<u32>();
        let length = self.bytes_per_pixel;
        let mut bytes = [0; 4];
        if self.big_endian {
            bytes[..length].copy_from_slice(&value.to_be_bytes()[4 - length..]);
        } else {
            bytes[..length].copy_from_slice(&value.to_le_bytes()[..length]);
        }
        Pixel { bytes, length }
    }
}

impl Channel {
    fn fits(self, bits: u8) -> bool {
        self.shift < bits && u64::from(self.max) << self.shift < 1 << bits
    }
}

/// An encoded pixel of 1, 2 or 4 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pixel {
    bytes: [u8; 4],
    length: usize,
}

impl Pixel {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORANGE: Color = [0xff, 0x80, 0x00];

    #[test]
    fn announced_format_is_parsed_unchanged() {
        assert_eq!(
            PixelFormat::from_wire(&PixelFormat::NATIVE.to_wire()),
            Some(PixelFormat::NATIVE)
        );
        assert_eq!(
            PixelFormat::NATIVE.to_wire(),
            [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]
        );
    }

    #[test]
    fn pixels_follow_depth_and_byte_order() {
        let rgb565 = [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0];
        let mut rgb565_big_endian = rgb565;
        rgb565_big_endian[2] = 1;
        let bgr233 = [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0];

        for (format, pixel) in [
            (PixelFormat::NATIVE.to_wire(), &[0x00, 0x80, 0xff, 0x00][..]),
            (rgb565, &[0xe0, 0xfb]),
            (rgb565_big_endian, &[0xfb, 0xe0]),
            (bgr233, &[0b00_011_111]),
        ] {
            let format = PixelFormat::from_wire(&format).unwrap();
            assert_eq!(format.pixel(ORANGE).as_bytes(), pixel, "{format:?}");
        }
    }

    #[test]
    fn invalid_formats_are_rejected() {
        let color_map = [8, 8, 0, 0, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0];
        let odd_depth = [24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        let shifted_out = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 25, 8, 0, 0, 0, 0];
        let endless_shift = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 255, 8, 0, 0, 0, 0];

        for format in [color_map, odd_depth, shifted_out, endless_shift, [0; 16]] {
            assert_eq!(PixelFormat::from_wire(&format), None, "{format:?}");
        }
    }
}
