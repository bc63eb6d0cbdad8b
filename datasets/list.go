package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// Problem is something in a data set's files that is not as it should be and left an example, or a part of one,
// out. Opening goes on, because one lost picture in a million must not stop a lesson; nothing is dropped without one.
type Problem struct {
	Where string `json:"where"` // file, line or example
	What  string `json:"what"`  // a sentence: what was expected, what was found, what became of it
}

func (p Problem) String() string { return p.Where + ": " + p.What }

// Problems lists what was found wrong when ds was opened, nil for a data set that cannot have any.
func Problems(ds Dataset) []Problem {
	if r, ok := ds.(interface{ Problems() []Problem }); ok {
		return r.Problems()
	}
	return nil
}

// list is a data set whose examples were listed when it was opened.
type list struct {
	name        string
	n           int
	at          func(i int) Example
	problems    []Problem
	fingerprint func() string
}

func (l *list) Name() string        { return l.name }
func (l *list) Len() int            { return l.n }
func (l *list) At(i int) Example    { return l.at(i) }
func (l *list) Problems() []Problem { return l.problems }
func (l *list) Fingerprint() string { return l.fingerprint() }

// newList is a data set of the given examples. size tells how many bytes picture i has; it is asked for only when
// the fingerprint is wanted, because on a large data set it costs a system call each.
func newList(name string, examples []Example, problems []Problem, size func(i int) int64) *list {
	return &list{
		name:     name,
		n:        len(examples),
		at:       func(i int) Example { return examples[i] },
		problems: problems,
		fingerprint: sync.OnceValue(func() string {
			h := newHash()
			for i, e := range examples {
				h.add(e, size(i))
			}
			return h.sum()
		}),
	}
}

// fileSize is the size for a fingerprint; a file that has vanished since must change it, hence -1.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

// hasher makes fingerprints. Every string is preceded by its length, so that no two lists of strings are the same
// bytes.
type hasher struct{ w io.Writer }

func newHash() hasher { return hasher{sha256.New()} }

func (h hasher) text(s string) { fmt.Fprintf(h.w, "%d:%s", len(s), s) }

func (h hasher) add(e Example, size int64) {
	h.text(e.ID)
	fmt.Fprintf(h.w, "%d %d;", size, len(e.Captions))
	for _, c := range e.Captions {
		h.text(c)
	}
	h.text(e.Label)
	fmt.Fprintf(h.w, "%d;", len(e.Attributes))
	for _, key := range sortedKeys(e.Attributes) {
		h.text(key)
		h.text(e.Attributes[key])
	}
}

func (h hasher) sum() string {
	return hex.EncodeToString(h.w.(interface{ Sum([]byte) []byte }).Sum(nil))
}

// Limit is the first n examples of ds, or all of them when there are fewer.
func Limit(ds Dataset, n int) Dataset {
	n = max(0, n)
	if n >= ds.Len() {
		return ds
	}
	return derived(fmt.Sprintf("%s[:%d]", ds.Name(), n), n, ds.At, Problems(ds), func(h hasher) {
		h.text(ds.Fingerprint())
		fmt.Fprintf(h.w, "limit %d", n)
	})
}

// Subset is the examples of ds at the given indices, in their order. It fails for an index that ds does not have.
func Subset(ds Dataset, indices []int) (Dataset, error) {
	for _, i := range indices {
		if i < 0 || i >= ds.Len() {
			return nil, fmt.Errorf("expected indices of %s from 0 to %d, found %d", ds.Name(), ds.Len()-1, i)
		}
	}
	indices = append([]int(nil), indices...)
	name := fmt.Sprintf("%s[%d examples]", ds.Name(), len(indices))
	return derived(name, len(indices), func(i int) Example { return ds.At(indices[i]) }, Problems(ds), func(h hasher) {
		h.text(ds.Fingerprint())
		fmt.Fprint(h.w, "subset ", indices)
	}), nil
}

// Concat is the examples of several data sets, one after the other. An ID that occurs in two of them is preceded
// by the name of its own.
func Concat(sets ...Dataset) Dataset {
	var names []string
	var problems []Problem
	starts := []int{0}
	seen, twice := map[string]bool{}, map[string]bool{}
	for _, ds := range sets {
		names = append(names, ds.Name())
		problems = append(problems, Problems(ds)...)
		starts = append(starts, starts[len(starts)-1]+ds.Len())
		for i := range ds.Len() {
			id := ds.At(i).ID
			twice[id] = seen[id]
			seen[id] = true
		}
	}
	at := func(i int) Example {
		k := 0
		for i >= starts[k+1] {
			k++
		}
		e := sets[k].At(i - starts[k])
		if twice[e.ID] {
			e.ID = sets[k].Name() + "/" + e.ID
		}
		return e
	}
	return derived(strings.Join(names, "+"), starts[len(sets)], at, problems, func(h hasher) {
		for _, ds := range sets {
			h.text(ds.Fingerprint())
		}
	})
}

func derived(name string, n int, at func(int) Example, problems []Problem, write func(hasher)) *list {
	return &list{name: name, n: n, at: at, problems: problems, fingerprint: sync.OnceValue(func() string {
		h := newHash()
		write(h)
		return h.sum()
	})}
}
