package metrics

import "strings"

// thingSize is letters and digits, with hyphens or underscores between ("t-shirt", "2-story", "3d"); a part may have
// the prefix d', o' or l' ("o'clock").
func thingSize(rest string) int {
	size := thingPart(rest)
	if size == 0 {
		return 0
	}
	for {
		r, n := firstRune(rest[size:])
		if !strings.ContainsRune("-_\u058A\u2010\u2011", r) {
			return size
		}
		part := thingPart(rest[size+n:])
		if part == 0 {
			return size
		}
		size += n + part
	}
}

func thingPart(rest string) int {
	if oneOfBytes(rest, "dDoOlL") {
		if n := looseApostrophe(rest[1:]); n > 0 {
			tail := rest[1+n:]
			if first := alphanumeric(tail); first > 0 && alphanumeric(tail[first:]) > 0 {
				return 1 + n + alphanumerics(tail)
			}
		}
	}
	return alphanumerics(rest)
}

func thing(rest string) match { return asIs(rest, thingSize(rest)) }

// hyphenatedSize is a word with hyphens whose first part may hold points and commas ("10,000-seat", "St.-Tropez") and
// whose others may end in a decimal or be an acronym.
func hyphenatedSize(rest string) int {
	if alphanumeric(rest) == 0 {
		return 0
	}
	size := run(rest, func(s string) int {
		if oneOfBytes(s, ".,") {
			return 1
		}
		return alphanumeric(s)
	})
	whole := 0
	for strings.HasPrefix(rest[size:], "-") {
		part := rest[size+1:]
		n := acronymSize(part)
		if n == 2 { // one letter and a point is no acronym here
			n = 0
		}
		if plain := alphanumerics(part); plain > n {
			n = plain
			if strings.HasPrefix(part[n:], ".") {
				if decimals := digits(part[n+1:]); decimals > 0 {
					n += 1 + decimals
				}
			}
		}
		if n == 0 {
			break
		}
		size += 1 + n
		whole = size
	}
	return whole
}

func hyphenated(rest string) match { return asIs(rest, hyphenatedSize(rest)) }

// slashed: two or three words or numbers with slashes between, each with up to two hyphens ("and/or",
// "black/dark-blue"). The slash is written \/, as in the treebank.
func slashed(rest string) match {
	size := slashPart(rest)
	whole := 0
	for range 2 {
		slash := slashSize(rest[size:])
		if slash == 0 {
			break
		}
		part := slashPart(rest[size+slash:])
		if part == 0 {
			break
		}
		size += slash + part
		whole = size
	}
	return escaped(asIs(rest, whole))
}

func slashPart(rest string) int {
	size := alphanumerics(rest)
	if size == 0 {
		return 0
	}
	for range 2 {
		if !strings.HasPrefix(rest[size:], "-") {
			break
		}
		n := letters(rest[size+1:])
		if n == 0 {
			break
		}
		size += 1 + n
	}
	return size
}

func slashSize(rest string) int {
	switch {
	case strings.HasPrefix(rest, `\/`):
		return 2
	case strings.HasPrefix(rest, "/"):
		return 1
	}
	return 0
}

// escaped writes \ before every slash and star of a token that has none yet.
func escaped(m match) match {
	var b strings.Builder
	for i, r := range m.token {
		if (r == '/' || r == '*') && (i == 0 || m.token[i-1] != '\\') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	m.token = b.String()
	return m
}

// capitalsSize is capitals with & or + between ("AT&T").
func capitalsSize(rest string) int {
	capitals := func(s string) int {
		n := 0
		for n < len(s) && 'A' <= s[n] && s[n] <= 'Z' {
			n++
		}
		return n
	}
	size, whole := capitals(rest), 0
	for size > 0 && size < len(rest) {
		sign := 0
		switch {
		case strings.HasPrefix(rest[size:], "&amp;"):
			sign = len("&amp;")
		case oneOfBytes(rest[size:], "&+"):
			sign = 1
		}
		n := capitals(rest[size+sign:])
		if sign == 0 || n == 0 {
			break
		}
		size += sign + n
		whole = size
	}
	return whole
}

func capitalsWithSign(rest string) match {
	m := asIs(rest, capitalsSize(rest))
	m.token = strings.ReplaceAll(m.token, "&amp;", "&")
	return m
}
