package pointing

import (
	"math"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// The kinds of maps.
const (
	AttentionMap = "attention" // alpha of the word's own step
	PlaceMap     = "place"     // the one place that hard attention took
	GradientMap  = "gradient"  // of the word's log p with respect to the picture
)

// Pointed is how well a kind of map points at what words name. Everything is a mean over words that name an object which is
// there, with a 95% bootstrap interval over scenes.
//
// A word that may mean several objects ([scenes.Named]) points well at any of them: the box is then all their boxes together.
// A word that names what is not there at all is left out, and counted in Missing.
type Pointed struct {
	Map       string     `json:"map"`
	Words     int        `json:"words"`
	Missing   int        `json:"missing"`
	Share     stats.Mean `json:"share"`     // of the map that lies in the box, 0..1
	Uniform   stats.Mean `json:"uniform"`   // the same of an even map: the box's share of the picture
	Ratio     stats.Mean `json:"ratio"`     // Share / Uniform
	Elsewhere stats.Mean `json:"elsewhere"` // of the map that lies in boxes of objects that the word does not mean, outside the box
	Hits      stats.Mean `json:"hits"`      // words whose map is largest in the box
	Chance    stats.Mean `json:"chance"`    // hits of an even map
}

// mapKind finds the map [L] of word number word of caption i, or nil.
type mapKind struct {
	name string
	of   func(i, word int) []float64
}

// attentionMaps are the kinds that an attention has. The first is what it looked with: hard attention looked at one
// place, the likeliest, and its weights are the second.
func attentionMaps(attention captioning.Attention, all []written) []mapKind {
	weights := func(i, word int) []float64 { return all[i].maps[word] }
	soft := mapKind{AttentionMap, weights}
	if attention == captioning.AttentionHard {
		return []mapKind{{PlaceMap, func(i, word int) []float64 { return peak(weights(i, word)) }}, soft}
	}
	return []mapKind{soft}
}

func nouns(n scenes.Named) []int      { return []int{n.Noun} }
func adjectives(n scenes.Named) []int { return n.Adjectives }

// tally sums what the words of one scene came to.
type tally struct{ words, missing, share, even, elsewhere, hits, chance float64 }

// pointed plays the game with some of the words of captions.
func pointed(all []written, kind mapKind, words func(scenes.Named) []int) Pointed {
	tallies := make([]tally, len(all))
	p := Pointed{Map: kind.name}
	for i, w := range all {
		tallies[i] = w.tally(func(word int) []float64 { return kind.of(i, word) }, words)
		p.Words += int(tallies[i].words)
		p.Missing += int(tallies[i].missing)
	}
	if p.Words == 0 {
		return p
	}
	over := func(part, whole func(tally) float64) stats.Mean {
		return stats.Bootstrap(len(all), func(pick []int) float64 {
			a, b := 0.0, 0.0
			for _, i := range pick {
				a, b = a+part(tallies[i]), b+whole(tallies[i])
			}
			return a / math.Max(b, 1e-12)
		})
	}
	count := func(t tally) float64 { return t.words }
	share, even := func(t tally) float64 { return t.share }, func(t tally) float64 { return t.even }
	p.Share, p.Uniform, p.Ratio = over(share, count), over(even, count), over(share, even)
	p.Elsewhere = over(func(t tally) float64 { return t.elsewhere }, count)
	p.Hits, p.Chance = over(func(t tally) float64 { return t.hits }, count), over(func(t tally) float64 { return t.chance }, count)
	return p
}

// tally plays the game with the words of one caption.
func (w written) tally(of func(word int) []float64, words func(scenes.Named) []int) (t tally) {
	everything := make([]int, len(w.scene.Objects))
	for k := range everything {
		everything[k] = k
	}
	anywhere := cover(w.scene, everything, w.grid)
	for _, named := range w.named {
		some := words(named)
		if len(named.Objects) == 0 {
			t.missing += float64(len(some))
			continue
		}
		in, middle := cover(w.scene, named.Objects, w.grid), centres(w.scene, named.Objects, w.grid)
		for _, word := range some {
			m := of(word)
			if m == nil {
				continue
			}
			t.words++
			t.share, t.even = t.share+inBox(m, in), t.even+mean(in)
			t.elsewhere += inBox(m, anywhere) - inBox(m, in)
			t.hits, t.chance = t.hits+hit(m, middle), t.chance+mean(middle)
		}
	}
	return t
}

// rounded keeps four digits behind the point: enough to be drawn.
func rounded(m []float64) []float64 {
	out := make([]float64, len(m))
	for i, v := range m {
		out[i] = math.Round(v*1e4) / 1e4
	}
	return out
}
