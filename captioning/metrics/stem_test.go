package metrics

import "testing"

// The examples that Porter 1980 gives at the rules, with what the whole algorithm makes of them.
func TestStem(t *testing.T) {
	for word, want := range map[string]string{
		// step 1a
		"caresses": "caress", "ponies": "poni", "ties": "ti", "caress": "caress", "cats": "cat",
		// step 1b
		"feed": "feed", "agreed": "agre", "plastered": "plaster", "bled": "bled", "motoring": "motor", "sing": "sing",
		"conflated": "conflat", "troubled": "troubl", "sized": "size", "hopping": "hop", "tanned": "tan", "falling": "fall",
		"hissing": "hiss", "fizzed": "fizz", "failing": "fail", "filing": "file",
		// step 1c
		"happy": "happi", "sky": "sky",
		// step 2
		"relational": "relat", "conditional": "condit", "rational": "ration", "valenci": "valenc", "hesitanci": "hesit", "digitizer": "digit",
		"conformabli": "conform", "radicalli": "radic", "differentli": "differ", "vileli": "vile", "analogousli": "analog",
		"vietnamization": "vietnam", "predication": "predic", "operator": "oper", "feudalism": "feudal", "decisiveness": "decis",
		"hopefulness": "hope", "callousness": "callous", "formaliti": "formal", "sensitiviti": "sensit", "sensibiliti": "sensibl",
		// step 3
		"triplicate": "triplic", "formative": "form", "formalize": "formal", "electriciti": "electr", "electrical": "electr", "hopeful": "hope", "goodness": "good",
		// step 4
		"revival": "reviv", "allowance": "allow", "inference": "infer", "airliner": "airlin", "gyroscopic": "gyroscop", "adjustable": "adjust",
		"defensible": "defens", "irritant": "irrit", "replacement": "replac", "adjustment": "adjust", "dependent": "depend", "adoption": "adopt",
		"homologou": "homolog", "communism": "commun", "activate": "activ", "angulariti": "angular", "homologous": "homolog", "effective": "effect", "bowdlerize": "bowdler",
		// step 5
		"probate": "probat", "rate": "rate", "cease": "ceas", "controll": "control", "roll": "roll",
		// the chain of examples in the paper's end, and words of captions
		"generalizations": "gener", "oscillators": "oscil", "riding": "ride", "rides": "ride", "running": "run", "dogs": "dog", "bicycle": "bicycl", "bicycles": "bicycl",
		// what is not stemmed
		"as": "as", "is": "is", "n't": "n't", "2010s": "2010s", "dogs-": "dogs-", "": "",
	} {
		if got := Stem(word); got != want {
			t.Errorf("%q: expected %q, found %q", word, want, got)
		}
	}
}
