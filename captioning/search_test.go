package captioning

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// toy is a decoder without a picture: what it says depends on the words so far, and is drawn for each beginning anew.
// With few levels many words are equally likely.
type toy struct {
	V, maxLen, levels int
	seed              uint64
}

func drawToy(t *rapid.T) toy {
	return toy{V: rapid.IntRange(3, 5).Draw(t, "V"), maxLen: rapid.IntRange(1, 4).Draw(t, "maxLen"),
		levels: rapid.SampledFrom([]int{1, 2, 1000}).Draw(t, "levels"), seed: rapid.Uint64().Draw(t, "seed")}
}

// logits are what the toy says after these words, and the logarithm of the sum of their exponentials.
func (m toy) logits(ids []int32) (logits []float32, logSum float32) {
	key := m.seed
	for _, id := range ids {
		key = key*31 + uint64(id) + 1
	}
	rng := rand.New(rand.NewPCG(key, 1))
	sum := 0.0
	for range m.V {
		x := float32(rng.IntN(m.levels)) * 5 / float32(m.levels)
		logits = append(logits, x)
		sum += math.Exp(float64(x))
	}
	return logits, float32(math.Log(sum))
}

// run lets a search write captions of what the toy says.
func (m toy) run(t *rapid.T, s search, rows int) []Caption {
	states := make([][]int32, rows)
	words, parents := make([]int32, rows), make([]int32, rows)
	for range m.maxLen + 1 {
		said := said{V: m.V, L: 1}
		for row := range states {
			logits, logSum := m.logits(states[row])
			said.logits, said.logSums = append(said.logits, logits...), append(said.logSums, logSum)
			said.alphas = append(said.alphas, alphaOf(states[row]))
		}
		more, err := s.read(said, words, parents)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return s.captions()
		}
		next := make([][]int32, rows)
		for row := range next {
			next[row] = append(slices.Clone(states[parents[row]]), words[row])
		}
		states = next
	}
	t.Fatalf("the search goes on after %d words", m.maxLen)
	return nil
}

// alphaOf stands for where the toy looked after these words.
func alphaOf(ids []int32) float32 {
	sum := float32(0)
	for _, id := range ids {
		sum = 3*sum + float32(id) + 1
	}
	return sum
}

// reference is beam search written down as golden/captioning/attention/README.md has it: all continuations are made
// and sorted.
func (m toy) reference(k int, rule BeamRule) []Caption {
	var finished []Caption
	live := []Caption{{}}
	byScore := func(x, y Caption) int {
		if x.LogProb != y.LogProb {
			return int(math.Copysign(1, y.LogProb-x.LogProb))
		}
		return 0
	}
	for step := 0; step < m.maxLen && len(live) > 0; step++ {
		if rule == Shrink && len(finished) == k ||
			rule == Pool && len(finished) >= k && live[0].LogProb <= finished[k-1].LogProb {
			break
		}
		keep := k
		if rule == Shrink {
			keep -= len(finished)
		}
		var all []Caption
		for word := range int32(m.V) { // the order of equals
			for _, l := range live {
				logits, logSum := m.logits(l.IDs)
				c := Caption{IDs: append(slices.Clone(l.IDs), word), LogProb: l.LogProb - float64(logSum) + float64(logits[word]), Finished: word == End}
				c.Alphas = append(slices.Clone(l.Alphas), []float32{alphaOf(l.IDs)})
				all = append(all, c)
			}
		}
		slices.SortStableFunc(all, byScore)
		live = nil
		for _, c := range all[:min(keep, len(all))] {
			if c.Finished {
				finished = append(finished, c)
			} else {
				live = append(live, c)
			}
		}
		slices.SortStableFunc(finished, byScore)
	}
	all := append(finished, live...)
	if rule == Pool {
		slices.SortStableFunc(all, byScore)
	}
	return all[:min(k, len(all))]
}

func same(t *rapid.T, what string, got, want []Caption) {
	t.Helper()
	show := func(all []Caption) string {
		text := ""
		for _, c := range all {
			text += fmt.Sprintf("%v %v %.9f %v\n", c.IDs, c.Finished, c.LogProb, c.Alphas)
		}
		return text
	}
	if show(got) != show(want) {
		t.Fatalf("%s: got\n%swant\n%s", what, show(got), show(want))
	}
}

func (m toy) beam(t *rapid.T, k int, rule BeamRule) []Caption {
	return m.run(t, newBeamSearch(BeamOptions{K: k, Rule: rule}, nil, m.maxLen), k)
}

func TestBeamIsAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, k := drawToy(t), rapid.IntRange(1, 7).Draw(t, "k")
		for _, rule := range []BeamRule{Shrink, Pool} {
			same(t, string(rule), m.beam(t, k, rule), m.reference(k, rule))
		}
	})
}

// every lists all captions of the toy, the likeliest first.
func (m toy) every() []Caption {
	var all []Caption
	var grow func(c Caption)
	grow = func(c Caption) {
		if len(c.IDs) == m.maxLen || c.Finished {
			all = append(all, c)
			return
		}
		logits, logSum := m.logits(c.IDs)
		for word := range int32(m.V) {
			grow(Caption{IDs: append(slices.Clone(c.IDs), word), LogProb: c.LogProb - float64(logSum) + float64(logits[word]), Finished: word == End})
		}
	}
	grow(Caption{})
	slices.SortStableFunc(all, func(x, y Caption) int {
		return int(math.Copysign(1, y.LogProb-x.LogProb))
	})
	return all
}

// A beam with room for everything finds everything: by both rules the same finished captions.
func TestWideBeamIsExhaustive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawToy(t)
		m.levels = 1_000_000 // no equals
		every := m.every()
		pool, shrink := m.beam(t, len(every), Pool), m.beam(t, len(every), Shrink)
		var finished []Caption
		for i := range every {
			pool[i].Alphas = nil
			if every[i].Finished {
				finished = append(finished, every[i])
			}
		}
		same(t, "pool", pool, every)
		for i := range finished {
			shrink[i].Alphas = nil
		}
		same(t, "shrink", shrink[:len(finished)], finished)
	})
}

// A beam of one is greedy; while nothing is finished the rules are the same.
func TestBeamsThatMustAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawToy(t)
		greedy := m.run(t, &greedySearch{line: &line{}, maxLen: m.maxLen}, 1)
		same(t, "shrink", m.beam(t, 1, Shrink), greedy)
		same(t, "pool", m.beam(t, 1, Pool), greedy)

		k := rapid.IntRange(1, 7).Draw(t, "k")
		endless, err := allowed(m.V, []int32{End})
		if err != nil {
			t.Fatal(err)
		}
		shrink := m.run(t, newBeamSearch(BeamOptions{K: k, Rule: Shrink}, endless, m.maxLen), k)
		same(t, "without an end", m.run(t, newBeamSearch(BeamOptions{K: k, Rule: Pool}, endless, m.maxLen), k), shrink)
		for _, c := range shrink {
			if c.Finished || slices.Contains(c.IDs, End) {
				t.Fatalf("got %v although the end word is forbidden", c.IDs)
			}
		}
	})
}

func TestBestKeepsTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		levels := rapid.SampledFrom([]float32{2, 5, 1e6}).Draw(t, "levels")
		k, rows, V := rapid.IntRange(1, 9).Draw(t, "k"), rapid.IntRange(1, 4).Draw(t, "rows"), rapid.IntRange(1, 30).Draw(t, "V")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		var b best
		b.reset(k)
		var all []continuation
		for row := range rows {
			logits := make([]float32, V)
			base := -float64(rng.IntN(3))
			for i := range logits {
				logits[i] = float32(rng.IntN(int(levels)))
				if rng.IntN(10) == 0 {
					logits[i] = float32(math.Inf(-1))
				}
				all = append(all, continuation{base + float64(logits[i]), int32(i), row})
			}
			b.offer(row, base, logits, nil)
		}
		slices.SortFunc(all, func(x, y continuation) int {
			if y.worse(x) {
				return -1
			}
			return 1
		})
		if got, want := b.sorted(), all[:min(k, len(all))]; !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// idle is a search that writes nothing for some steps.
type idle struct{ steps int }

func (s *idle) read(said, []int32, []int32) (bool, error) { s.steps--; return s.steps > 0, nil }
func (s *idle) captions() []Caption                       { return nil }

// Rows with nothing to write go on from themselves, step after step, while their picture is under way and after.
func TestIdleRowsStayInTheirPlace(t *testing.T) {
	const pictures, rows, V = 3, 4, 5
	w := &walker{sizes: sizes{vocab: V}, pictures: pictures, rows: rows}
	r := &round{walk: &walk{w: w}, places: make([]place, pictures), done: make([][]Caption, pictures),
		words: make([]int32, pictures*rows), parents: make([]int32, pictures*rows)}
	for i := range r.places {
		r.places[i] = place{search: &idle{steps: 2 + i}, picture: i}
		r.start(i)
	}
	for step := range 5 {
		if err := r.read(said{V: V, logits: make([]float32, pictures*rows*V), logSums: make([]float32, pictures*rows)}); err != nil {
			t.Fatal(err)
		}
		for row, parent := range r.parents {
			if parent != int32(row) {
				t.Errorf("step %d: row %d goes on from row %d", step, row, parent)
			}
		}
	}
}
