package bpe

// Symbol maps every byte to a printable rune of its own, as GPT-2 and CLIP do, so that symbols are valid text; Byte maps it back.
var Symbol, Byte = symbols()

func symbols() (symbol [256]string, back map[rune]byte) {
	back = map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !Printable(b) {
			r = next
			next++
		}
		symbol[b], back[r] = string(r), byte(b)
	}
	return symbol, back
}

// Printable says whether a byte stands for itself, as a character of Latin-1.
func Printable(b int) bool {
	return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE && b <= 0xFF
}
