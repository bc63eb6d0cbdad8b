package metrics

import "strings"

// abbreviations keep their point wherever they stand. Those that are also words have a capital here and are
// abbreviations only so written.
var abbreviations = setOf(
	// months and days
	"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed", "thu", "thurs", "fri",
	// states of the USA
	"ala", "ariz", "Ark", "calif", "colo", "conn", "dak", "Del", "fla", "ga", "Ill", "ind", "kan", "kans", "ky", "La", "Mass", "md", "mich",
	"minn", "Miss", "mo", "mont", "neb", "nev", "okla", "Ore", "Pa", "penn", "tenn", "Tex", "va", "vt", "Wash", "wis", "wisc", "wyo",
	// companies and institutions
	"inc", "co", "cos", "corp", "pty", "ppty", "pte", "ltd", "plc", "rt", "bancorp", "dept", "bhd", "assn", "univ", "intl", "sys", "bros", "elec", "natl", "invt",
	// titles
	"mr", "mrs", "ms", "dr", "drs", "prof", "profs", "sen", "sens", "rep", "reps", "atty", "attys", "lt", "col", "gen", "messrs", "gov", "govs",
	"adm", "rev", "maj", "sgt", "cpl", "pvt", "capt", "pres", "lieut", "hon", "brig", "cmdr", "comdr", "pfc", "spc", "supt", "supts", "det", "jr", "sr", "esq", "ph",
	// places
	"st", "ste", "ave", "blvd", "rd", "mt", "ft",
	// others
	"etc", "al", "seq", "est", "ext", "tel", "sq", "vs", "cf", "alex", "wm", "jos", "cie", "ph.d", "ed.d",
)

// numberedAbbreviations keep their point before a number only ("no. 7").
var numberedAbbreviations = setOf("no", "nos", "fig", "figs", "ca", "prop", "art", "arts", "para", "paras", "sec", "secs", "sect", "sects", "pp", "op", "approx")

func setOf(words ...string) map[string]bool {
	set := map[string]bool{}
	for _, w := range words {
		set[w] = true
	}
	return set
}

// abbreviation: "st.", "mr.", "etc.", "ph.d.".
func abbreviation(rest string) match {
	best := 0
	for size := 0; size < len(rest) && size < len("bancorp."); size++ { // the longest one
		if rest[size] != '.' {
			if !isASCIILetter(rest[size]) {
				break
			}
			continue
		}
		written := rest[:size]
		lower := strings.ToLower(written)
		if abbreviations[lower] || size > 0 && abbreviations[strings.ToUpper(written[:1])+lower[1:]] && written[0] != lower[0] {
			best = size + 1
		}
	}
	return asIs(rest, best)
}

// abbreviationBeforeNumber: "no. 7", "fig.2".
func abbreviationBeforeNumber(rest string) match {
	size := asciiLetters(rest)
	if !strings.HasPrefix(rest[size:], ".") || !numberedAbbreviations[strings.ToLower(rest[:size])] {
		return match{}
	}
	size++
	r, blank := firstRune(rest[size:])
	if !isBlank(r) {
		blank = 0
	}
	if n := digit(rest[size+blank:]); n > 0 {
		return before(rest, size, blank+n)
	}
	return match{}
}

// acronymSize is single letters with a point after each ("u.s.", "p.m.", "b.").
func acronymSize(rest string) int {
	size := 0
	for size+1 < len(rest) && isASCIILetter(rest[size]) && rest[size+1] == '.' {
		size += 2
	}
	return size
}

func acronym(rest string) match { return asIs(rest, acronymSize(rest)) }
