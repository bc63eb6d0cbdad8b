package metrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// shownGrams is how many n-grams the text of an explanation names as what CIDEr-D came from.
const shownGrams = 8

// String is the explanation as a short text: the caption, its references by number, then for each length of n-grams
// what was credited (with the numbers of the references that have it) and what was not, and the n-grams that most of
// CIDEr-D came from.
func (x *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "picture %s: %q\n", x.Picture.ID, x.Picture.Candidate)
	for i, reference := range x.Picture.References {
		fmt.Fprintf(&b, "  reference %d: %q\n", i+1, reference)
	}
	for n := 1; n <= maxN; n++ {
		x.writeLength(&b, n)
	}
	fmt.Fprintf(&b, "BLEU-1 to 4: %.3f, %.3f, %.3f, %.3f\n", x.Scores.Bleu1, x.Scores.Bleu2, x.Scores.Bleu3, x.Scores.Bleu4)
	fmt.Fprintf(&b, "CIDEr-D: %.3f", x.Scores.CIDEr)
	for i, g := range x.largest() {
		separator := ", "
		if i == 0 {
			separator = ", most of it from "
		}
		fmt.Fprintf(&b, "%s%q %.3f", separator, g.Text, g.CIDEr)
	}
	b.WriteString("\n")
	return b.String()
}

// writeLength writes what was credited of the n-grams of one length.
func (x *Explanation) writeLength(b *strings.Builder, n int) {
	var credited, not []string
	correct, all := 0, 0
	for _, g := range x.Grams {
		if g.N != n {
			continue
		}
		correct += g.Credited
		all += g.Count
		if g.Credited > 0 {
			credited = append(credited, fmt.Sprintf("%s%s (%s)", g.Text, times(g.Credited), numbersOf(g.References)))
		}
		if g.Credited < g.Count {
			not = append(not, g.Text+times(g.Count-g.Credited))
		}
	}
	if all == 0 {
		return
	}
	fmt.Fprintf(b, "%d-grams: %d of %d credited\n", n, correct, all)
	for _, list := range [...]struct {
		title string
		grams []string
	}{{"in reference", credited}, {"not credited", not}} {
		if len(list.grams) > 0 {
			fmt.Fprintf(b, "  %s: %s\n", list.title, strings.Join(list.grams, ", "))
		}
	}
}

func times(count int) string {
	if count == 1 {
		return ""
	}
	return fmt.Sprintf(" x%d", count)
}

// numbersOf are places from 0 as numbers from 1.
func numbersOf(places []int) string {
	numbers := make([]string, len(places))
	for i, p := range places {
		numbers[i] = fmt.Sprint(p + 1)
	}
	return strings.Join(numbers, ", ")
}

// largest are the n-grams that CIDEr-D came from, the largest parts first.
func (x *Explanation) largest() []Gram {
	var grams []Gram
	for _, g := range x.Grams {
		if g.CIDEr > 0 {
			grams = append(grams, g)
		}
	}
	slices.SortStableFunc(grams, func(a, b Gram) int { return cmp.Compare(b.CIDEr, a.CIDEr) })
	return grams[:min(len(grams), shownGrams)]
}
