package sweep

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/spelling"
)

// Method proposes setting number i of a sweep, counted from 0, from the settings that are finished. It depends on its arguments
// alone. ready is false while it has to wait for others to finish.
type Method func(s *Spec, i int, finished []Score) (p Proposal, ready bool)

// Proposal is a setting to try.
type Proposal struct {
	Settings map[string]string // values by key, as --set takes them
	Rung     int               // of successive halving
}

// Score is what is known of a setting all of whose trials have ended.
type Score struct {
	Setting  int
	Rung     int
	Settings map[string]string
	Loss     float64 // mean over seeds, turned so that smaller is better; +Inf where a trial failed
}

// Methods are the names that --method takes.
func Methods() []string { return []string{"grid", "random", "tpe", "halving"} }

func methodNamed(name string) (Method, error) {
	switch name {
	case "grid":
		return grid, nil
	case "random":
		return random, nil
	case "tpe":
		return tpe, nil
	case "halving":
		return halving, nil
	}
	return nil, fmt.Errorf("expected one of the methods grid, random, tpe, halving, found %q; did you mean %q?", name, spelling.Nearest(name, Methods()))
}

// grid tries all combinations; the last dimension changes fastest.
func grid(s *Spec, i int, _ []Score) (Proposal, bool) {
	return Proposal{Settings: gridSetting(s, i)}, true
}

func gridSetting(s *Spec, i int) map[string]string {
	settings := map[string]string{}
	for _, d := range slices.Backward(s.Over) {
		values, _ := d.grid() // checked when the spec was
		settings[d.Key], i = values[i%len(values)], i/len(values)
	}
	return settings
}

// random draws each value by itself (Bergstra and Bengio 2012). Setting i of a sweep is always the same.
func random(s *Spec, i int, _ []Score) (Proposal, bool) {
	return Proposal{Settings: randomSetting(s, randomOf(s, i))}, true
}

func randomSetting(s *Spec, rng *rand.Rand) map[string]string {
	settings := map[string]string{}
	for _, d := range s.Over {
		settings[d.Key] = d.draw(rng)
	}
	return settings
}

// randomOf are the random numbers of setting i.
func randomOf(s *Spec, i int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(s.FirstSeed), uint64(i)))
}

// loss turns a metric so that smaller is better.
func (s *Spec) loss(metric float64) float64 {
	if s.Minimize {
		return metric
	}
	return -metric
}

// scores are the settings all of whose trials have ended, in order.
func (s *Spec) scores(trials []Trial, results map[int]Result) []Score {
	var all []Score
	for i := 0; (i+1)*s.Seeds <= len(trials); i++ {
		first := trials[i*s.Seeds]
		score := Score{Setting: i, Rung: first.Rung, Settings: first.Settings}
		ended := 0
		for n := i * s.Seeds; n < (i+1)*s.Seeds; n++ {
			r, ok := results[n]
			if !ok {
				break
			}
			ended++
			loss := math.Inf(1)
			if v, ok := r.Metrics[s.Metric]; ok && r.Status == Done {
				loss = s.loss(v)
			}
			score.Loss += loss / float64(s.Seeds)
		}
		if ended == s.Seeds {
			all = append(all, score)
		}
	}
	return all
}

// propose is trial n, or false while the method waits for results.
func (s *Sweep) propose(n int, trials []Trial, results map[int]Result) (Trial, bool) {
	i := n / s.Spec.Seeds
	t := Trial{Number: n, Setting: i, Seed: s.Spec.FirstSeed + int64(n%s.Spec.Seeds)}
	if n%s.Spec.Seeds > 0 {
		before := trials[n-1]
		t.Settings, t.Rung, t.Seen = before.Settings, before.Rung, before.Seen
		return t, true
	}
	scores := s.Spec.scores(trials, results)
	p, ready := s.method(&s.Spec, i, scores)
	t.Settings, t.Rung = p.Settings, p.Rung
	if s.Spec.Method == "tpe" || s.Spec.Method == "halving" {
		for _, score := range scores {
			t.Seen = append(t.Seen, score.Setting)
		}
	}
	return t, ready
}
