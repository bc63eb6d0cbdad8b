package scenes

import (
	"math/rand/v2"
	"slices"
)

const captionsPerScene = 5 // as in Flickr8k and COCO

// Caption puts the scene into words, in a phrasing and with details that the random source chooses. It is always
// true of the scene.
func (s Scene) Caption(r *rand.Rand) string {
	return s.phrased(r, s.form(r), false).String()
}

// Captions lists up to five different captions, the same at every call. The first says the most that the
// configuration allows: every object, or both objects of a pair, with size and texture.
func (s Scene) Captions() []string {
	r := rand.New(s.cfg.stream(s.Index, forCaptions))
	captions := []string{s.phrased(r, s.fullest(), true).String()}
	for range 3 * captionsPerScene {
		if len(captions) == captionsPerScene {
			break
		}
		if c := s.Caption(r); !slices.Contains(captions, c) {
			captions = append(captions, c)
		}
	}
	return captions
}

// form chooses one of the allowed phrasings that fit the number of objects.
func (s Scene) form(r *rand.Rand) Phrasing {
	if len(s.Objects) == 1 {
		return SayOne
	}
	total := 0
	weights := [...]struct {
		form   Phrasing
		weight int
	}{{SayRelations, 7}, {SayLists, 7}, {SayCounts, 4}, {SayOne, 2}}
	for _, w := range weights {
		if s.cfg.Phrasing&w.form != 0 {
			total += w.weight
		}
	}
	if total == 0 {
		return SayOne
	}
	n := r.IntN(total)
	for _, w := range weights {
		if s.cfg.Phrasing&w.form != 0 {
			if n -= w.weight; n < 0 {
				return w.form
			}
		}
	}
	return SayOne
}

// fullest is the allowed phrasing that says most.
func (s Scene) fullest() Phrasing {
	order := [...]Phrasing{SayLists, SayRelations, SayCounts}
	if len(s.Objects) == 2 {
		order = [...]Phrasing{SayRelations, SayLists, SayCounts}
	}
	for _, form := range order {
		if len(s.Objects) > 1 && s.cfg.Phrasing&form != 0 {
			return form
		}
	}
	return SayOne
}

// phrased makes a statement of the given form. With full, nothing that could be said of the objects named is left out.
func (s Scene) phrased(r *rand.Rand, form Phrasing, full bool) statement {
	var st statement
	switch form {
	case SayRelations:
		st = s.relation(r, full)
	case SayLists:
		st = s.list(r, full)
	case SayCounts:
		st = s.counted(r)
	default:
		st.groups = []phrase{s.described(r, r.IntN(len(s.Objects)), full)}
	}
	if s.cfg.Phrasing&SayOpenings != 0 && !st.verb {
		switch r.IntN(4) {
		case 0:
			st.opening = thereIs
		case 1:
			st.opening = aPictureOf
		}
	}
	return st
}

// described is a phrase that fits object k: colour and shape always, size and texture at times.
func (s Scene) described(r *rand.Rand, k int, full bool) phrase {
	o := s.Objects[k]
	p := phrase{colour: o.Colour, shape: o.Shape}
	if full || r.IntN(2) == 0 {
		p.size = o.Size
	}
	if o.Texture != Plain && (full || r.IntN(2) == 0) {
		p.texture = o.Texture
	}
	return p
}

// relation says how two objects lie to each other, along the direction in which they are further apart.
func (s Scene) relation(r *rand.Rand, full bool) statement {
	order := r.Perm(len(s.Objects))
	a, b := order[0], order[1]
	d := s.Objects[a].offset(s.Objects[b])
	place := LeftOf
	switch {
	case abs(d.X) >= abs(d.Y) && d.X > 0:
		place = RightOf
	case abs(d.Y) > abs(d.X) && d.Y > 0:
		place = Below
	case abs(d.Y) > abs(d.X):
		place = Above
	}
	return statement{
		groups: []phrase{s.described(r, a, full), s.described(r, b, full)},
		place:  place,
		verb:   r.IntN(3) == 0,
		toThe:  (place == LeftOf || place == RightOf) && r.IntN(3) == 0,
	}
}

// list names every object. Equal phrases become a number ("two red circles"), if it is the number of all objects
// that fit: with a third, striped, red circle in the scene they stay "a red circle and a red circle".
func (s Scene) list(r *rand.Rand, full bool) statement {
	var groups []phrase
	for _, k := range r.Perm(len(s.Objects)) {
		groups = append(groups, s.described(r, k, full))
	}
	var merged []phrase
	for _, p := range groups {
		same := 0
		for _, q := range groups {
			if p == q {
				same++
			}
		}
		if same > 1 && s.count(p) == same {
			p.count = same
			if slices.Contains(merged, p) {
				continue
			}
		}
		merged = append(merged, p)
	}
	return statement{groups: merged}
}

// counted says how many objects share a shape, a colour or both, or how many there are; and at times names one
// of the others besides.
func (s Scene) counted(r *rand.Rand) statement {
	o := s.Objects[r.IntN(len(s.Objects))]
	options := [...]phrase{
		{colour: o.Colour, shape: o.Shape}, {shape: o.Shape}, {colour: o.Colour}, {},
	}
	// Prefer the phrase that says most: two red circles rather than two circles.
	var p phrase
	for _, p = range options {
		if p.count = s.count(p); p.count > 1 && r.IntN(4) > 0 {
			break
		}
	}
	st := statement{groups: []phrase{p}}
	if k := r.IntN(len(s.Objects)); !p.fits(s.Objects[k]) {
		st.groups = append(st.groups, s.described(r, k, false))
	}
	return st
}
