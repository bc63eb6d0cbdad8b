package unclip

import "math"

// Dot is the dot product of two vectors of one length.
func Dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// Unit is v scaled to length 1; zeros stay zeros.
func Unit(v []float32) []float32 {
	length := math.Max(math.Sqrt(Dot(v, v)), 1e-12)
	out := make([]float32, len(v))
	for i := range v {
		out[i] = float32(float64(v[i]) / length)
	}
	return out
}

// Slerp goes from the unit vector a to the unit vector b along the great circle, the share between 0 and 1 of its angle (section 3.2; Shoemake 1985):
//
//	(sin((1-share) angle) a + sin(share angle) b) / sin(angle)
//
// Where the two are the same, or opposite, so that there is no one such circle, it goes straight.
func Slerp(a, b []float32, share float64) []float32 {
	angle := math.Acos(math.Max(-1, math.Min(1, Dot(a, b))))
	ofA, ofB := 1-share, share
	if s := math.Sin(angle); s > 1e-6 {
		ofA, ofB = math.Sin((1-share)*angle)/s, math.Sin(share*angle)/s
	}
	out := make([]float32, len(a))
	for i := range a {
		out[i] = float32(ofA*float64(a[i]) + ofB*float64(b[i]))
	}
	return out
}
