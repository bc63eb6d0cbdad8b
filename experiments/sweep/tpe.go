package sweep

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Constants of the tree-structured Parzen estimator. gamma is the paper's share of good settings (section 4.1); the others are those
// of its authors' program hyperopt.
const (
	tpeGamma      = 0.15
	tpeStart      = 10 // settings that are drawn at random first
	tpeCandidates = 24 // draws from the density of good settings, of which the most promising is taken
)

// tpe is the tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011, section 4): the settings that are finished
// are cut at the quantile gamma of their losses into good and bad ones; p(x|y) is a density l(x) of the good and g(x) of the bad
// (equation 2); the expected improvement grows with l(x)/g(x) (equation 3 and what follows it), so of draws from l the one with the
// largest ratio is taken. Dimensions are independent, so that each has its own draws. Failed settings are bad.
func tpe(s *Spec, i int, finished []Score) (Proposal, bool) {
	rng := randomOf(s, i)
	if len(finished) < tpeStart {
		return Proposal{Settings: randomSetting(s, rng)}, true
	}
	sorted := slices.Clone(finished)
	slices.SortStableFunc(sorted, func(a, b Score) int { return cmp.Compare(a.Loss, b.Loss) })
	cut := int(math.Ceil(tpeGamma * float64(len(sorted))))
	settings := map[string]string{}
	for _, d := range s.Over {
		var good, bad []string
		for rank, score := range sorted {
			if rank < cut && !math.IsInf(score.Loss, 1) {
				good = append(good, score.Settings[d.Key])
			} else {
				bad = append(bad, score.Settings[d.Key])
			}
		}
		if d.list != nil {
			settings[d.Key] = likelyValue(d, good, bad, rng)
		} else {
			settings[d.Key] = likelyNumber(d, good, bad, rng)
		}
	}
	return Proposal{Settings: settings}, true
}

// likelyValue chooses from a list. The densities are counts, with one more for each value: the prior (section 4.2).
func likelyValue(d Dimension, good, bad []string, rng *rand.Rand) string {
	share := func(of []string, value string) float64 {
		n := 1.0
		for _, v := range of {
			if v == value {
				n++
			}
		}
		return n / float64(len(of)+len(d.list))
	}
	best, ratio := "", math.Inf(-1)
	for range tpeCandidates {
		u, value := rng.Float64(), d.list[len(d.list)-1]
		for _, v := range d.list {
			if u -= share(good, v); u < 0 {
				value = v
				break
			}
		}
		if r := share(good, value) / share(bad, value); r > ratio {
			best, ratio = value, r
		}
	}
	return best
}

// likelyNumber chooses from a range.
func likelyNumber(d Dimension, good, bad []string, rng *rand.Rand) string {
	l, g := newParzen(d, good), newParzen(d, bad)
	best, ratio := 0.0, math.Inf(-1)
	for range tpeCandidates {
		u := l.draw(rng)
		if r := math.Log(l.density(u)) - math.Log(g.density(u)); r > ratio {
			best, ratio = u, r
		}
	}
	return d.format(d.fromUnit(best))
}

// parzen is the adaptive Parzen estimator of section 4.2: equally weighted normal distributions, one at each observation and one for
// the prior, as wide as the larger of the distances to their neighbours, cut to the unit interval.
type parzen struct{ mean, width []float64 }

func newParzen(d Dimension, values []string) parzen {
	var p parzen
	for _, v := range values {
		p.mean = append(p.mean, min(max(d.toUnit(parseNumber(v)), 0), 1))
	}
	p.mean = append(p.mean, 0.5) // the prior: as wide as the interval
	slices.Sort(p.mean)
	prior, _ := slices.BinarySearch(p.mean, 0.5)
	narrow := 1 / math.Min(100, float64(len(p.mean)+1))
	for i, m := range p.mean {
		left, right := m, 1-m
		if i > 0 {
			left = m - p.mean[i-1]
		}
		if i+1 < len(p.mean) {
			right = p.mean[i+1] - m
		}
		w := min(max(left, right, narrow), 1)
		if i == prior {
			w = 1
		}
		p.width = append(p.width, w)
	}
	return p
}

func (p parzen) draw(rng *rand.Rand) float64 {
	i := rng.IntN(len(p.mean))
	for {
		if u := p.mean[i] + p.width[i]*rng.NormFloat64(); u >= 0 && u < 1 {
			return u
		}
	}
}

func (p parzen) density(u float64) float64 {
	sum := 0.0
	for i, m := range p.mean {
		z := (u - m) / p.width[i]
		inside := (math.Erf((1-m)/(p.width[i]*math.Sqrt2)) - math.Erf(-m/(p.width[i]*math.Sqrt2))) / 2
		sum += math.Exp(-z*z/2) / (p.width[i] * math.Sqrt(2*math.Pi) * inside)
	}
	return sum / float64(len(p.mean))
}
