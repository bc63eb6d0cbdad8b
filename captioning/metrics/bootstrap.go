package metrics

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// How many resamples can be asked for. Papers take 1,000 to 10,000.
const (
	FewestResamples = 100
	MostResamples   = 1_000_000
)

// Bootstrap is every corpus score with its 95% interval, by name: the percentile bootstrap (Efron 1979) over pictures,
// with so many resamples, [FewestResamples] to [MostResamples], and a seed. A resample draws as many pictures as there
// are, with repetitions, and sums their counts, so BLEU and METEOR-like are those of the resampled corpus. The document
// frequencies of CIDEr-D stay those of the whole set: its interval says how it varies with the pictures scored, not
// with the references counted.
func (e *Evaluation) Bootstrap(resamples int, seed uint64) (map[string]stats.Mean, error) {
	draws, err := newDraws(len(e.parts), resamples, seed)
	if err != nil {
		return nil, err
	}
	samples := map[string][]float64{}
	for range resamples {
		pick := draws.next()
		for _, s := range e.sum(pick).scores(len(pick)).List() {
			samples[s.Name] = append(samples[s.Name], s.Value)
		}
	}
	out := map[string]stats.Mean{}
	for _, s := range e.Corpus.List() {
		out[s.Name] = percentiles(s.Value, samples[s.Name], len(e.parts))
	}
	return out, nil
}

// sum is the parts of the pictures that pick names.
func (e *Evaluation) sum(pick []int) parts {
	var sum parts
	for _, i := range pick {
		sum = sum.plus(e.parts[i])
	}
	return sum
}

// Difference is how much higher a corpus score of one system is than that of another.
type Difference struct {
	stats.Mean         // the difference and its 95% interval; above 0 the first system is better
	Better     float64 `json:"better"` // share of resamples in which the first system scores higher, 0 to 1
}

// Compare is every corpus score of system a less that of system b on the same pictures, by name: the paired bootstrap
// (Koehn 2004), in which both systems are scored on the same resampled pictures. It is narrower than two intervals
// apart, since hard pictures are hard for both. It gives an error unless both have the same image_ids in the same
// order.
func Compare(a, b *Evaluation, resamples int, seed uint64) (map[string]Difference, error) {
	if err := samePictures(a, b); err != nil {
		return nil, err
	}
	draws, err := newDraws(len(a.parts), resamples, seed)
	if err != nil {
		return nil, err
	}
	samples, better := map[string][]float64{}, map[string]int{}
	for range resamples {
		pick := draws.next()
		other := b.sum(pick).scores(len(pick)).List()
		for i, s := range a.sum(pick).scores(len(pick)).List() {
			samples[s.Name] = append(samples[s.Name], s.Value-other[i].Value)
			if s.Value > other[i].Value {
				better[s.Name]++
			}
		}
	}
	out := map[string]Difference{}
	other := b.Corpus.List()
	for i, s := range a.Corpus.List() {
		out[s.Name] = Difference{percentiles(s.Value-other[i].Value, samples[s.Name], len(a.parts)), float64(better[s.Name]) / float64(resamples)}
	}
	return out, nil
}

func samePictures(a, b *Evaluation) error {
	if len(a.PerImage) != len(b.PerImage) {
		return fmt.Errorf("expected captions of the same pictures, found %d and %d", len(a.PerImage), len(b.PerImage))
	}
	for i := range a.PerImage {
		if a.PerImage[i].ID != b.PerImage[i].ID {
			return fmt.Errorf("expected captions of the same pictures in the same order, found image_id %s and %s in place %d", a.PerImage[i].ID, b.PerImage[i].ID, i+1)
		}
	}
	return nil
}

// draws picks pictures with repetitions.
type draws struct {
	rng  *rand.Rand
	pick []int
}

func newDraws(pictures, resamples int, seed uint64) (*draws, error) {
	if pictures == 0 {
		return nil, errors.New("expected at least one picture, found none")
	}
	if resamples < FewestResamples || resamples > MostResamples {
		return nil, fmt.Errorf("expected %d to %d resamples, found %d", FewestResamples, MostResamples, resamples)
	}
	return &draws{rand.New(rand.NewPCG(seed, 95)), make([]int, pictures)}, nil
}

func (d *draws) next() []int {
	for i := range d.pick {
		d.pick[i] = d.rng.IntN(len(d.pick))
	}
	return d.pick
}

// percentiles is a value with the interval that leaves 2.5% of the samples out on either side.
func percentiles(value float64, samples []float64, n int) stats.Mean {
	slices.Sort(samples)
	out := len(samples) / 40
	return stats.Mean{Value: value, Low: samples[out], High: samples[len(samples)-1-out], N: n}
}
