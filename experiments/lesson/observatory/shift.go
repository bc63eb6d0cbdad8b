package observatory

import (
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Shift is what a model is worth when its modalities are moved towards each other or apart along the gap: a picture x becomes
// unit(x - lambda*gap), a text y becomes unit(y + lambda*gap) (Liang et al. 2022, section 4.2). Half of the gap each, lambda 0.5, closes it.
type Shift struct {
	Lambda   float64          `json:"lambda"`
	Gap      float64          `json:"gap"`       // what is left of it, along its old direction: negative where the two have changed sides
	Losses   []float64        `json:"losses"`    // InfoNCE, nats: at the model's own temperature, then at those of the configuration
	At1      stats.Proportion `json:"recall_1"`  // picture to text
	At10     stats.Proportion `json:"recall_10"` //
	TextAt10 stats.Proportion `json:"text_recall_10"`
	ZeroShot stats.Proportion `json:"zero_shot"` // n is 0 where there are no classes
}

// Changes are a shift's figures less those without a shift, paired by picture.
type Changes struct {
	At1      stats.Mean `json:"recall_1"`
	At10     stats.Mean `json:"recall_10"`
	ZeroShot stats.Mean `json:"zero_shot"` // n is 0 where there are no classes
}

// Shifted are the shifts of a trained model.
type Shifted struct {
	Shifts  []Shift `json:"shifts"`
	Closed  Changes `json:"closed"`  // by lambda 0.5
	Centred Shift   `json:"centred"` // every modality less its own centroid, which leaves neither gap nor cone
	Scale   float64 `json:"scale"`   // the model's own 1/temperature
	Pairs   int     `json:"pairs"`   // that the losses are of
	Texts   int     `json:"texts"`   // that are searched
}

// shiftable are unit embeddings to be moved. Class vectors are texts, which are moved as such; labels are -1 for pictures without a class.
type shiftable struct {
	images, texts, classes [][]float32
	owner, labels          []int
	firsts                 []int // the first text of each picture that has one
	pictures               []int // those pictures
}

func newShiftable(e *evaluate.Embedded, classes [][]float32, labels []int) *shiftable {
	s := &shiftable{images: unit(e.Images), texts: unit(e.Texts), classes: unit(classes), owner: e.Owner, labels: labels}
	last := -1
	for text, owner := range e.Owner {
		if owner != last {
			s.firsts, s.pictures, last = append(s.firsts, text), append(s.pictures, owner), owner
		}
	}
	return s
}

// centroids are those of the pictures that have texts, and of the first text of each.
func (s *shiftable) centroids() (images, texts []float64) {
	return centroid(pick(s.images, s.pictures)), centroid(pick(s.texts, s.firsts))
}

// along are the embeddings moved by lambda along the gap, see [Shift].
func (s *shiftable) along(gap []float64, lambda float64) *shiftable {
	m := *s
	m.images, m.texts, m.classes = moved(s.images, gap, -lambda), moved(s.texts, gap, lambda), moved(s.classes, gap, lambda)
	return &m
}

// moved are unit(row + factor*by).
func moved(rows [][]float32, by []float64, factor float64) [][]float32 {
	out := make([][]float32, len(rows))
	for i, row := range rows {
		out[i] = make([]float32, len(row))
		for d, v := range row {
			out[i][d] = float32(float64(v) + factor*by[d])
		}
	}
	return unit(out)
}

// hits are, per picture, whether its text is found and its class is told.
type hits struct{ at1, at10, class []float64 }

// shiftsOf moves the embeddings by each lambda. The gap is that of all pictures and the first text of each.
func shiftsOf(s *shiftable, lambdas, taus []float64, scale float64, batch int) Shifted {
	out := Shifted{Scale: scale, Pairs: min(batch, len(s.firsts)), Texts: len(s.texts)}
	mi, mt := s.centroids()
	gap := minus(mi, mt)
	scales := []float64{scale}
	for _, tau := range taus {
		scales = append(scales, 1/tau)
	}
	var still, closed hits
	for _, lambda := range lambdas {
		shift, found := s.along(gap, lambda).measure(gap, scales, batch)
		shift.Lambda = lambda
		out.Shifts = append(out.Shifts, shift)
		switch lambda {
		case 0:
			still = found
		case 0.5:
			closed = found
		}
	}
	out.Closed = Changes{paired(closed.at1, still.at1), paired(closed.at10, still.at10), paired(closed.class, still.class)}
	m := *s
	m.images, m.texts, m.classes = moved(s.images, mi, -1), moved(s.texts, mt, -1), moved(s.classes, mt, -1)
	out.Centred, _ = m.measure(gap, scales, batch)
	return out
}

func pick(rows [][]float32, which []int) [][]float32 {
	out := make([][]float32, len(which))
	for i, w := range which {
		out[i] = rows[w]
	}
	return out
}

// paired is the mean of a less b, unit by unit.
func paired(a, b []float64) stats.Mean {
	differences := make([]float64, len(a))
	for i := range a {
		differences[i] = a[i] - b[i]
	}
	return stats.NewMean(differences)
}

// measure says what embeddings are worth as they are; gap is the direction along which what is left of it is measured.
func (s *shiftable) measure(gap []float64, scales []float64, batch int) (Shift, hits) {
	var out Shift
	var found hits
	images, texts := pick(s.images, s.pictures), pick(s.texts, s.firsts)
	out.Gap = dot(minus(centroid(images), centroid(texts)), gap) / max(length(gap), 1e-12)
	n := min(batch, len(images))
	cosines := clip.Similarities(images[:n], texts[:n])
	for _, scale := range scales {
		out.Losses = append(out.Losses, infoNCE(cosines, scale))
	}
	mine := func(image, text int) bool { return s.owner[text] == image }
	all := clip.Similarities(s.images, s.texts)
	ranks := clip.Ranks(all, mine)
	back := clip.Ranks(transposed(all), func(text, image int) bool { return mine(image, text) })
	out.At1, out.At10, out.TextAt10 = clip.AtK(ranks, 1), clip.AtK(ranks, 10), clip.AtK(back, 10)
	for _, rank := range ranks {
		found.at1, found.at10 = append(found.at1, indicator(rank <= 1)), append(found.at10, indicator(rank <= 10))
	}
	if len(s.classes) == 0 {
		return out, found
	}
	right := 0
	for i, class := range clip.Predicted(clip.Similarities(s.images, s.classes)) {
		if s.labels[i] < 0 {
			continue
		}
		found.class = append(found.class, indicator(class == s.labels[i]))
		right += int(found.class[len(found.class)-1])
	}
	out.ZeroShot = stats.NewProportion(right, len(found.class))
	return out, found
}

func indicator(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// infoNCE is the loss of cosines [N][N] with the pairs on the diagonal, the mean of both directions, nats (Radford et al. 2021, figure 3).
func infoNCE(cosines [][]float32, scale float64) (loss float64) {
	n := len(cosines)
	columns := transposed(cosines)
	for i := range cosines {
		for _, row := range [][]float32{cosines[i], columns[i]} {
			largest, sum := float64(slices.Max(row)), 0.0
			for _, c := range row {
				sum += math.Exp(scale * (float64(c) - largest))
			}
			loss += (math.Log(sum) - scale*(float64(row[i])-largest)) / float64(2*n)
		}
	}
	return loss
}

func transposed(m [][]float32) [][]float32 {
	out := make([][]float32, len(m[0]))
	for j := range out {
		out[j] = make([]float32, len(m))
		for i := range m {
			out[j][i] = m[i][j]
		}
	}
	return out
}
