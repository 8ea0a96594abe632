//! The character set of names in zip archives that do not say that their names are UTF-8.

/// The characters of the bytes from 0x80 on, as the first PCs had them.
const HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Converts a name to text.
pub(super) fn decode(name: &[u8]) -> String {
    name.iter()
        .filter_map(|byte| match byte.checked_sub(0x80) {
            None => Some(char::from(*byte)),
            Some(high) => HIGH.chars().nth(high.into()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_one_character() {
        assert_eq!(HIGH.chars().count(), 128);
        let all: Vec<u8> = (0..=255).collect();
        let text = decode(&all);
        assert_eq!(text.chars().count(), 256);
        assert_eq!(decode(b"caf\x82 \x8e.txt"), "café Ä.txt");
    }
}
