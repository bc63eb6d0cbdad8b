package metrics

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// What the Stanford tokenizer is known to do, rule by rule, and what coco-caption drops.
func TestTokenizeRules(t *testing.T) {
	for raw, want := range map[string]string{
		"":                       "",
		" \t\n ":                 "",
		"... , - -- ; : . ? ! '": "",

		// words and sentences
		"A Dog RUNS.":                  "a dog runs",
		"one dog.Two dogs":             "one dog.two dogs",
		"A cat,a dog;a bird:all":       "a cat a dog a bird all",
		"Swing the bat.,":              "swing the bat.",
		"Wow!! What?! Really?":         "wow !! what ?! really",
		"Crème brûlée, jalapeño":       "crème brûlée jalapeño",
		"A cafe\u0301":                 "a cafe\u0301",
		"Собака бежит. 猫が走る。":          "собака бежит 猫が走る 。",
		"Indo\u00ADnesian ship":        "indonesian ship",
		"You cannot; I'm gonna. Gimme": "you can not i 'm gon na gim me",
		"'Twas late, 'tis so":          "'t was late 't is so",

		// contractions and apostrophes
		"It's the boy's dogs' bowl":          "it 's the boy 's dogs bowl",
		"it’s a child’s toy, isn’t it":       "it 's a child 's toy is n't it",
		"don't can't won't ain't":            "do n't ca n't wo n't ai n't",
		"they're we've I'll you'd":           "they 're we 've i 'll you 'd",
		"class of '90":                       "class of '90",
		"They'd've":                          "they 'd 've",
		"The 1950's and the '60s":            "the 1950 's and the '60s",
		"Get 'em, y'all, c'mon":              "get 'em y' all c'mon",
		"O'Brien at five o'clock in Hawai'i": "o'brien at five o'clock in hawai'i",
		"rock 'n' roll":                      "rock 'n' roll",
		"a 'stop' sign":                      "a stop sign",
		"a sign with 'dead end' on it":       "a sign with dead end on it",
		"a cat's":                            "a cat 's",

		// quotes
		`a sign "STOP" here`:         "a sign stop here",
		"a sign “STOP” ‘or’ «go»":    "a sign stop or go",
		"``quoted'' words":           "quoted words",
		"a 12\" pizza &quot;x&quot;": "a 12 pizza x",

		// hyphens and dashes
		"A black-and-white t-shirt":    "a black-and-white t-shirt",
		"dogs - and cats -- run":       "dogs and cats run",
		"dogs — and cats – run---on":   "dogs and cats run on",
		"a semi- circle, -----":        "a semi circle -----",
		"anti- war":                    "anti- war",
		"a 10,000-seat hall":           "a 10,000-seat hall",
		"so ...very... good. . . now…": "so very good now",

		// abbreviations
		"Mr. Smith of St. Paul":         "mr. smith of st. paul",
		"Main St.":                      "main st.",
		"the U.S. flag at 5 p.m.":       "the u.s. flag at 5 p.m.",
		"J. Smith, Ph.D.":               "j. smith ph.d.",
		"dogs, cats, etc.":              "dogs cats etc.",
		"a T.V. on Jan. 5 vs. the T.V.": "a t.v. on jan. 5 vs. the t.v.",
		"No. I see no. 7 and fig.2":     "no i see no. 7 and fig. 2",
		"Miss. and Wash. state":         "miss. and wash. state",
		"what they miss. Now wash.":     "what they miss now wash",
		"The art. Is in the op. So":     "the art is in the op so",

		// numbers
		"1,000.50 at 10:30":        "1,000.50 at 10:30",
		"at 4:45pm, 84km, 2nd, 3d": "at 4:45 pm 84km 2nd 3d",
		"1/2 of 3-1/2 and 24/7":    `1\/2 of 3-1\/2 and 24\/7`,
		"2 1/2 cups":               "2\u00A01\\/2 cups",
		"½ a cup, 2¾":              `1\/2 a cup 2 3\/4`,
		"on 7/4/2012, -5 or +3 .5": `on 7\/4\/2012 -5 or +3 .5`,
		"call (555) 123-4567":      "call -lrb-555-rrb-\u00A0123-4567",
		"$5, US$10, £3, 5¢, €2":    "$ 5 us$ 10 # 3 5 cents $ 2",
		"50% off #1 & more":        "50 % off # 1 & more",
		"2x4s and a 7up":           "2x4s and a 7up",

		// marks
		"(a) [b] {c}":                "-lrb- a -rrb- -lsb- b -rsb- -lcb- c -rcb-",
		"and/or black/dark-blue":     `and\/or black\/dark-blue`,
		"a man w/ a hat / coat":      `a man w \/ a hat \/ coat`,
		"AT&T, B&W, a&b, R&amp;D":    "at&t b&w a & b r&d",
		`<a href="b (c)" d>e</a>`:    "<a\u00A0href=\"b\u00A0(c)\"\u00A0d> e </a>",
		"*wow* ~ 2+2=4 ^ | <b>":      `\* wow \* ~ 2 +2 = 4 ^ | <b>`,
		"happy :) sad :-( wink ;-)":  "happy :-rrb- sad :--lrb- wink ;--rrb-",
		"colors:(red":                "colors -lrb- red",
		"3 &lt; 4 &gt; 2&nbsp;x":     "3 < 4 > 2 x",
		"a dog 🐕 runs\x00\x7f\u200b": "a dog runs",

		// links
		"see http://a.org/b?c=1.":     `see http:\/\/a.org\/b?c=1`,
		"www.example.com, dogs.com.":  "www.example.com dogs.com",
		"mail a.b@example.org now":    "mail a.b@example.org now",
		"@dogs love #dogs and # dogs": "@dogs love #dogs and # dogs",
	} {
		if got := Tokenize(raw); got != want {
			t.Errorf("%q: expected %q, found %q", raw, want, got)
		}
	}
}

// checkTokens holds for any text.
func checkTokens(t interface{ Fatalf(string, ...any) }, raw string) {
	got := Tokenize(raw)
	if !utf8.ValidString(got) {
		t.Fatalf("%q: found %q, which is not UTF-8", raw, got)
	}
	if got == "" {
		return
	}
	for _, token := range strings.Split(got, " ") {
		marks := "\t\r\n()[]{}\""
		if tag := strings.ReplaceAll(token, "\u00A0", " "); markupForm.FindString(tag) == tag {
			marks = "\t\r\n" // a tag stays as it is written, with its quotes and brackets
		}
		if token == "" || slices.Contains(punctuation[:], token) || strings.ContainsAny(token, marks) {
			t.Fatalf("%q: found the token %q in %q", raw, token, got)
		}
	}
	if strings.ToLower(got) != got && strings.ToUpper(raw) != raw {
		t.Fatalf("%q: expected lower case, found %q", raw, got)
	}
}

func TestTokenizeAnyText(t *testing.T) {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{" ", "'", "’", ".", ",", "-", "/", "n't", "'s", "St.", "U.S", "1", "½", "&", "&amp;", "\"", "“", "(", "www.", "@", "#", "\\", ":)", "\xff", "\n", "é", "🐕"}),
		rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		checkTokens(t, strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), ""))
	})
}

// Tokens of plain words, small numbers (larger ones may become a telephone's), hyphens and contractions are their own
// tokens.
func TestTokenizeAgain(t *testing.T) {
	word := rapid.StringMatching(`[A-Za-z]{2,7}(-[a-z]{2,5})?|[A-Za-z]{2,6}('s|'re|'ll)?|[0-9]{1,2}|Mr\.|U\.S\.|do(n't)?|\(|\)`)
	rapid.Check(t, func(t *rapid.T) {
		raw := strings.Join(rapid.SliceOfN(word, 0, 10).Draw(t, "words"), rapid.SampledFrom([]string{" ", ", ", " -- "}).Draw(t, "between"))
		once := Tokenize(raw)
		if again := Tokenize(once); again != once {
			t.Fatalf("%q became %q, and that %q", raw, once, again)
		}
	})
}

// The work grows with the length of a text, not faster.
func TestTokenizeLongTexts(t *testing.T) {
	for _, piece := range []string{"a", "1.,", "a.", "-", "(", ",", "'", "a'", "@a", "a-", "<a ", "é", "1 ", "a/"} {
		checkTokens(t, strings.Repeat(piece, 20_000))
	}
}

func FuzzTokenize(f *testing.F) {
	for _, s := range []string{"A child's swing, \"twin-hulled\".", "(1/2 of) AT&T at 10:30 p.m.!", "don’t ’90s ½ …", "a@b.c www.x.org #x @y", "\xff&eacute;<b a='1'>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkTokens(t, raw) })
}

func BenchmarkTokenize(b *testing.B) {
	const caption = "A child's swing, \"twin-hulled\", on St. Mary's Rd. with two black-and-white dogs."
	for b.Loop() {
		Tokenize(caption)
	}
}
