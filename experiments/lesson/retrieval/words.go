package retrieval

import (
	"strings"

	"github.com/glimpse-ml/glimpse/captioning/metrics"
)

// Kind is what a word speaks of.
type Kind string

// The kinds of words.
const (
	Number Kind = "number"
	Colour Kind = "colour"
	Who    Kind = "people, animals"
	Action Kind = "action"
	Thing  Kind = "thing, place"
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{Number, Colour, Who, Action, Thing} }

// word is a content word of a caption. Two words are compatible where they share a meaning: a child may be a boy, a person a woman, many three.
type word struct {
	kind     Kind
	text     string // one for all words of a meaning: man for men and guys
	meanings []string
}

// listed are the words of a closed kind: synonyms with one text, and its meanings where they are not itself alone.
type listed struct {
	text     string
	synonyms string
	meanings string
}

var numbers = []listed{
	{"one", "one single lone alone", "1"}, {"two", "two pair couple both", "2"}, {"three", "three trio", "3"}, {"four", "four", "4"}, {"five", "five", "5"}, {"six", "six", "6"},
	{"many", "many group crowd several bunch team various numerous lots seven eight nine ten", "many 3 4 5 6"},
}

var colours = []listed{
	{"white", "white", ""}, {"black", "black", ""}, {"brown", "brown", ""}, {"tan", "tan beige", "tan brown"}, {"golden", "gold golden", "golden yellow brown"}, {"red", "red maroon", ""},
	{"blue", "blue navy turquoise", ""}, {"green", "green", ""}, {"yellow", "yellow", ""}, {"orange", "orange", ""}, {"pink", "pink", ""}, {"purple", "purple", ""},
	{"grey", "grey gray silver", ""}, {"blond", "blond blonde", ""},
}

var anyone = "man woman boy girl"

var beings = []listed{
	{"man", "man men guy guys male males gentleman gentlemen dude", ""}, {"woman", "woman women lady ladies female females", ""}, {"boy", "boy boys", ""}, {"girl", "girl girls", ""},
	{"child", "child children kid kids toddler toddlers baby babies youngster youngsters", "boy girl"},
	{"person", "person persons people someone somebody adult adults teenager teenagers youth youths player players rider riders biker bikers cyclist cyclists surfer surfers skier skiers hiker hikers" +
		" climber climbers skater skaters skateboarder skateboarders snowboarder snowboarders swimmer swimmers runner runners", anyone},
	{"dog", "dog dogs puppy puppies greyhound greyhounds poodle retriever labrador terrier dalmatian collie", ""}, {"horse", "horse horses pony", ""}, {"bird", "bird birds duck ducks seagull seagulls", ""}, {"cat", "cat cats kitten", ""},
	{"cow", "cow cows bull bulls", ""}, {"sheep", "sheep goat goats", ""},
}

// closed are all words of the closed kinds, by their spelling.
func closed() map[string]word {
	all := map[string]word{}
	for kind, list := range map[Kind][]listed{Number: numbers, Colour: colours, Who: beings} {
		for _, l := range list {
			meanings := strings.Fields(l.meanings)
			if len(meanings) == 0 {
				meanings = []string{l.text}
			}
			for i := range meanings {
				meanings[i] = string(kind) + " " + meanings[i]
			}
			for _, spelling := range strings.Fields(l.synonyms) {
				all[spelling] = word{kind, l.text, meanings}
			}
		}
	}
	return all
}

// functionWords say nothing of what is to be seen, or the same of nearly everything.
const functionWords = `a an the this that these those some any each every all another other others no not
	i he she it they we you him her them his hers its their theirs who which what whose there here
	in on at of to from with without by for into onto off over under up down out through across along around behind beside near nearby next between against above below
	toward towards about after before during while as than then inside outside past upon within front back side top bottom middle left right background foreground
	and or but if so too very also just is are was were be being been am has have having had do does doing done did can could will would get gets getting
	wear wears wearing worn dressed something someone's thing things what's s t look looks looking appear appears seem seems picture photo photograph camera
	small large big little young old tall long`

// reader reads captions.
type reader struct {
	closed   map[string]word
	function map[string]bool
	actions  map[string]bool // stems
}

// notActions end in -ing, or are things that have a verb of the same stem.
const notActions = "building clothing railing evening morning wedding ceiling string ring king wing spring anything nothing everything painting drawing parking lightning sling"

// newReader learns from captions which words are actions: those of which at least a fifth are written with -ing, by their stems.
func newReader(captions []string) *reader {
	r := &reader{closed: closed(), function: map[string]bool{}, actions: map[string]bool{}}
	for _, w := range strings.Fields(functionWords) {
		r.function[w] = true
	}
	all, going := map[string]int{}, map[string]int{}
	for _, caption := range captions {
		for _, w := range split(caption) {
			s := metrics.Stem(w)
			all[s]++
			if strings.HasSuffix(w, "ing") && len(w) > 5 {
				going[s]++
			}
		}
	}
	for s, n := range going {
		if 5*n >= all[s] {
			r.actions[s] = true
		}
	}
	for _, w := range strings.Fields(notActions) {
		delete(r.actions, metrics.Stem(w))
	}
	return r
}

// split is a caption in lower-case words of letters.
func split(caption string) []string {
	return strings.FieldsFunc(strings.ToLower(caption), func(c rune) bool { return c < 'a' || c > 'z' })
}

// read are a caption's content words, each once.
func (r *reader) read(caption string) (words []word) {
	seen := map[string]bool{}
	for _, w := range split(caption) {
		if r.function[w] {
			continue
		}
		found, ok := r.closed[w]
		if !ok {
			s := metrics.Stem(w)
			found = word{Thing, w, []string{s}}
			if r.actions[s] {
				found.kind = Action
			}
		}
		key := strings.Join(found.meanings, " ")
		if !seen[key] {
			seen[key] = true
			words = append(words, found)
		}
	}
	return words
}

// fits says whether a word is compatible with one of those given.
func (w word) fits(words []word) bool {
	for _, other := range words {
		for _, m := range other.meanings {
			for _, own := range w.meanings {
				if m == own {
					return true
				}
			}
		}
	}
	return false
}

// verdict is a caption judged by what others say of a photograph.
type verdict struct {
	words   int    // content words of the caption
	missing []word // of them, those that no other caption has
	instead []word // words of the closed kinds that at least half of the others have, and the caption has not
}

// judge judges a caption by the captions of a photograph.
func judge(caption []word, others [][]word) verdict {
	v := verdict{words: len(caption)}
	var all []word
	count := map[string]int{}
	for _, other := range others {
		all = append(all, other...)
		for _, w := range other {
			count[string(w.kind)+w.text]++
		}
	}
	for _, w := range caption {
		if !w.fits(all) {
			v.missing = append(v.missing, w)
		}
	}
	for _, w := range all {
		key := string(w.kind) + w.text
		if isClosed(w.kind) && 2*count[key] >= len(others) && !w.fits(caption) {
			v.instead = append(v.instead, w)
			count[key] = 0 // once is enough
		}
	}
	return v
}

func isClosed(k Kind) bool { return k == Number || k == Colour || k == Who }

// has says whether something of a kind is missing.
func (v verdict) has(k Kind) bool {
	for _, w := range v.missing {
		if w.kind == k {
			return true
		}
	}
	return false
}

// covered is the share of the caption's content words that others have too; 1 of none.
func (v verdict) covered() float64 {
	if v.words == 0 {
		return 1
	}
	return 1 - float64(len(v.missing))/float64(v.words)
}
