package lesson

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Exercise says whether a reader's function has found what it should have: "NAME: right", or "NAME: not yet" with what was expected and
// what was found. Numbers, also those in slices, may be apart by the tolerance; everything else must be equal. A cell never
// fails by it.
//
//	lesson.Exercise("entropy", entropy([]float64{.5, .5}), math.Ln2, 1e-9)
func Exercise[T any](name string, found, expected T, tolerance float64) {
	fmt.Println(exercise(name, reflect.ValueOf(&found).Elem(), reflect.ValueOf(&expected).Elem(), tolerance))
}

func exercise(name string, found, expected reflect.Value, tolerance float64) string {
	where, f, e, equal := firstDifference("", found, expected, tolerance)
	if equal {
		return name + ": right"
	}
	if where != "" {
		where = " at " + where
	}
	left, right := inWords(e, f)
	return fmt.Sprintf("%s: not yet: expected %s%s, found %s", name, left, where, right)
}

// firstDifference is where two values differ first, as an index such as [2][0], with the two values there.
func firstDifference(at string, f, e reflect.Value, tolerance float64) (where string, found, expected reflect.Value, equal bool) {
	switch {
	case f.CanFloat():
		a, b := f.Float(), e.Float()
		return at, f, e, a == b || math.Abs(a-b) <= tolerance || math.IsNaN(a) && math.IsNaN(b)
	case f.Kind() == reflect.Slice || f.Kind() == reflect.Array:
		if f.Len() != e.Len() {
			return at, reflect.ValueOf(f.Len()), reflect.ValueOf(fmt.Sprintf("%d values", e.Len())), false
		}
		for i := range f.Len() {
			if where, found, expected, equal = firstDifference(fmt.Sprintf("%s[%d]", at, i), f.Index(i), e.Index(i), tolerance); !equal {
				return where, found, expected, false
			}
		}
		return at, f, e, true
	case f.CanInt():
		return at, f, e, math.Abs(float64(f.Int())-float64(e.Int())) <= tolerance
	}
	return at, f, e, reflect.DeepEqual(f.Interface(), e.Interface())
}

// inWords are two values with as many digits as it takes to tell them apart, four at least.
func inWords(a, b reflect.Value) (string, string) {
	if !a.CanFloat() || !b.CanFloat() {
		return strings.TrimSpace(fmt.Sprint(a)), strings.TrimSpace(fmt.Sprint(b))
	}
	for digits := 4; ; digits++ {
		left, right := strconv.FormatFloat(a.Float(), 'g', digits, 64), strconv.FormatFloat(b.Float(), 'g', digits, 64)
		if left != right || digits == 17 {
			return left, right
		}
	}
}
