package learning

import "math"

// EqualTexts says what equal texts do to a batch, given the token ids of each. share is the share of texts that have an equal one
// in the batch. Every other pair of them is a false negative: the loss pushes a picture away from a text that is right. floor is
// the loss, in nats, that a batch cannot be below: a picture whose text is there k times costs at least ln k, either way.
func EqualTexts(ids [][]int32) (share, floor float64) {
	counts := map[string]int{}
	keys := make([]string, len(ids))
	for i, row := range ids {
		key := make([]byte, 0, 4*len(row))
		for _, id := range row {
			key = append(key, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
		}
		keys[i] = string(key)
		counts[keys[i]]++
	}
	for _, key := range keys {
		if k := counts[key]; k > 1 {
			share += 1 / float64(len(ids))
			floor += math.Log(float64(k)) / float64(len(ids))
		}
	}
	return share, floor
}

// MaskedChance is the loss, in nats, of a model that tells nothing apart, in a batch of n pairs in which some texts are no negatives
// of some pictures: mask [n*n], by pictures, is above 0.5 there. The diagonal is never masked.
func MaskedChance(mask []float32, n int) float64 {
	left := make([]int, 2*n) // texts that a picture is compared with, then pictures that a text is
	for i := range n {
		for j := range n {
			if i == j || mask[i*n+j] <= 0.5 {
				left[i]++
				left[n+j]++
			}
		}
	}
	sum := 0.0
	for _, k := range left {
		sum += math.Log(float64(k))
	}
	return sum / float64(2*n)
}
