package observatory

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// numbers are written as one JSON string, with a blank between each two: coordinates of many points would fill a page with their lines else.
type numbers []float64

// MarshalJSON implements [json.Marshaler].
func (n numbers) MarshalJSON() ([]byte, error) {
	words := make([]string, len(n))
	for i, v := range n {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("expected finite numbers, found %g", v)
		}
		words[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return json.Marshal(strings.Join(words, " "))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *numbers) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("expected numbers in a string: %w", err)
	}
	*n = nil
	for _, word := range strings.Fields(text) {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return fmt.Errorf("expected a number, found %q", word)
		}
		*n = append(*n, v)
	}
	return nil
}

func rounded(v float64, decimals int) float64 {
	unit := math.Pow(10, float64(decimals))
	return math.Round(v*unit) / unit
}
