package scenes

import (
	"image"
	"math/rand/v2"
)

const (
	tries    = 60 // places tried for one object before the whole layout is begun again
	restarts = 10 // layouts begun before the objects are put into the four quarters
)

// pair is a colour and a shape.
type pair struct {
	colour Colour
	shape  Shape
}

// seenPairs and unseenPairs are the two sides of HeldOut.
var seenPairs, unseenPairs = splitPairs()

func splitPairs() (seen, unseen []pair) {
	for _, p := range palette {
		for _, shape := range shapes {
			if p.heldOut == shape {
				unseen = append(unseen, pair{p.name, shape})
			} else {
				seen = append(seen, pair{p.name, shape})
			}
		}
	}
	return seen, unseen
}

// compose chooses the objects of scene i and their places.
func (c Config) compose(i int) Scene {
	r := rand.New(c.stream(i, forLayout))
	s := Scene{Index: i, Side: c.Size, cfg: c, owner: make([]uint8, c.Size*c.Size)}
	s.Background = backgrounds[r.IntN(len(backgrounds))]
	n := c.MinObjects + r.IntN(c.MaxObjects-c.MinObjects+1)
	things := c.choose(r, n)
	if !s.scatter(r, things) {
		s.quarter(things)
	}
	s.measure()
	return s
}

// choose picks n objects without places. One object in four copies the colour and shape of an earlier one, so
// that there is something to count.
func (c Config) choose(r *rand.Rand, n int) []Object {
	things := make([]Object, n)
	special := r.IntN(n) // the object that must be a held-out pair, in the split Unseen
	for k := range things {
		p := seenPairs[r.IntN(len(seenPairs))]
		if c.Split == Unseen {
			if j := r.IntN(len(seenPairs) + len(unseenPairs)); j < len(unseenPairs) {
				p = unseenPairs[j]
			}
		}
		if k > 0 && r.IntN(4) == 0 {
			earlier := things[r.IntN(k)]
			p = pair{earlier.Colour, earlier.Shape}
		}
		if c.Split == Unseen && k == special {
			p = unseenPairs[r.IntN(len(unseenPairs))]
		}
		things[k] = Object{
			Shape: p.shape, Colour: p.colour,
			Size: sizes[r.IntN(len(sizes))], Texture: textures[r.IntN(len(textures))],
		}
		thousandths := 92 + r.IntN(19) // radius 5.9 to 7.0 of 64 pixels
		if things[k].Size == Large {
			thousandths = 156 + r.IntN(25) // radius 10.0 to 11.5
		}
		radius := c.Size * subpixels * thousandths / 1000
		turn := r.IntN(61) - 30 // up to 13 degrees either way
		things[k].stencil = cut(p.shape, radius, turn, r.IntN(subpixels), r.IntN(subpixels))
	}
	return things
}

// scatter puts the objects at random places, and says whether it found any.
func (s *Scene) scatter(r *rand.Rand, things []Object) bool {
	for range restarts {
		s.Objects = s.Objects[:0]
		clear(s.owner)
		for _, o := range things {
			if !s.placeSomewhere(r, o) {
				break
			}
		}
		if len(s.Objects) == len(things) {
			return true
		}
	}
	return false
}

// placeSomewhere tries random places for one more object. One pixel at the picture's edge always stays free.
func (s *Scene) placeSomewhere(r *rand.Rand, o Object) bool {
	for range tries {
		corner := image.Pt(1+r.IntN(s.Side-1-o.stencil.w), 1+r.IntN(s.Side-1-o.stencil.h))
		if s.fits(o, corner) {
			s.place(o, corner)
			return true
		}
	}
	return false
}

// quarter puts each object into a quarter of the picture of its own: the layout of last resort, always possible
// because no stencil is wider than half of the picture.
func (s *Scene) quarter(things []Object) {
	s.Objects = s.Objects[:0]
	clear(s.owner)
	quarter := s.Side / 2
	for k, o := range things {
		x, y := k%2*quarter, (k+1)/2%2*quarter
		s.place(o, image.Pt(x+(quarter-o.stencil.w)/2, y+(quarter-o.stencil.h)/2))
	}
}

// at is the object with its stencil's corner at a pixel of the picture.
func (o Object) at(corner image.Point) Object {
	o.corner = corner
	o.Full = o.stencil.solid.Add(corner)
	return o
}

// rect is the part of the picture that the stencil lies on: the full box and the soft edge around it.
func (o Object) rect() image.Rectangle {
	return image.Rect(0, 0, o.stencil.w, o.stencil.h).Add(o.corner)
}

// fits says whether one more object may be put in front of the others: the centres must be far enough apart for
// a relation to hold, objects of one colour must not touch (they would melt into one), and whatever the new
// object hides must stay in sight for the greater part.
func (s *Scene) fits(o Object, corner image.Point) bool {
	o = o.at(corner)
	overlap := false
	for _, other := range s.Objects {
		if !s.apart(o, other) {
			return false
		}
		if o.rect().Inset(-1).Overlaps(other.rect()) {
			if !s.cfg.Occlusion || o.Colour == other.Colour {
				return false
			}
			overlap = true
		}
	}
	return !overlap || s.hidesLittle(o)
}

// hidesLittle says whether every other object would stay in sight by MinVisible behind o.
func (s *Scene) hidesLittle(o Object) bool {
	var lost [MostObjects]int
	o.each(func(x, y int) {
		if owner := s.owner[y*s.Side+x]; owner > 0 {
			lost[owner-1]++
		}
	})
	for k, other := range s.Objects {
		if float64(other.seen-lost[k]) < MinVisible*float64(other.pixels) {
			return false
		}
	}
	return true
}

// place puts the object in front of the others.
func (s *Scene) place(o Object, corner image.Point) {
	s.Objects = append(s.Objects, o.at(corner))
	k := len(s.Objects) - 1
	s.Objects[k].each(func(x, y int) {
		at := &s.owner[y*s.Side+x]
		if *at > 0 {
			s.Objects[*at-1].seen--
		}
		*at = uint8(k + 1)
		s.Objects[k].pixels++
		s.Objects[k].seen++
	})
}

// each calls f for every pixel that the object covers by half or more.
func (o Object) each(f func(x, y int)) {
	for i, cover := range o.stencil.cover {
		if cover >= half {
			f(o.corner.X+i%o.stencil.w, o.corner.Y+i/o.stencil.w)
		}
	}
}

// measure fills in what is known only when all objects have their places: the boxes of what is in sight.
func (s *Scene) measure() {
	for k := range s.Objects {
		o := &s.Objects[k]
		o.each(func(x, y int) {
			if int(s.owner[y*s.Side+x]) == k+1 {
				o.Box = o.Box.Union(image.Rect(x, y, x+1, y+1))
			}
		})
		o.Visible = float64(o.seen) / float64(o.pixels)
	}
}
