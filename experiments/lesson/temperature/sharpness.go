package temperature

import (
	"math"
	"slices"
)

// Sharpness says how the softmax over a batch's texts looks, as means over its pictures. The pull of InfoNCE on the cosine of picture i and
// text j is p_ij / tau for j != i ("Understanding the Behaviour of Contrastive Loss", Wang and Liu 2021, arXiv 2012.09740, equation 4): of all
// that pushes texts away, the text j has the share p_ij / (1 - p_ii).
type Sharpness struct {
	Entropy float64 `json:"entropy"` // of the softmax, nats; ln N when it is even
	Own     float64 `json:"own"`     // probability of the picture's own text
	Hardest float64 `json:"hardest"` // share of the push that the likeliest wrong text gets, 0..1
	Tenth   float64 `json:"tenth"`   // and the tenth of the wrong texts that are likeliest
	N       int     `json:"n"`       // texts
}

// sharpness looks at cosines [N][N], a picture a row, its own text on the diagonal, at the temperature tau.
func sharpness(cosines [][]float32, tau float64) Sharpness {
	n := len(cosines)
	s := Sharpness{N: n}
	for i, row := range cosines {
		p := softmax(row, tau)
		entropy := 0.0
		for _, v := range p {
			if v > 0 {
				entropy -= v * math.Log(v)
			}
		}
		wrong := slices.Delete(slices.Clone(p), i, i+1)
		slices.Sort(wrong)
		slices.Reverse(wrong)
		all, first := sum(wrong), sum(wrong[:max(1, len(wrong)/10)])
		s.Entropy += entropy / float64(n)
		s.Own += p[i] / float64(n)
		if all > 0 {
			s.Hardest += wrong[0] / all / float64(n)
			s.Tenth += first / all / float64(n)
		}
	}
	return s
}

// softmax of cosines over tau.
func softmax(cosines []float32, tau float64) []float64 {
	largest := slices.Max(cosines)
	p := make([]float64, len(cosines))
	for j, c := range cosines {
		p[j] = math.Exp(float64(c-largest) / tau)
	}
	all := sum(p)
	for j := range p {
		p[j] /= all
	}
	return p
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}
